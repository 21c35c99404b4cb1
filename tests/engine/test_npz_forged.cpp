// Forged .npy and .npz files, zip bombs among them.
#include <doctest/doctest.h>

#include <regrad/datasets/npz.h>
#include <regrad/engine/io/npy.h>
#include <regrad/engine/ops.h>

#include <functional>

#include "../datasets/forge.h"
#include "../temp_folder.h"
#include "fail_each.h"

using namespace regrad;
using namespace regrad::test;

namespace {

std::string refused(const std::string& bytes, const std::string& words) {
  return complaint<IOError>([&] { parse_npz(bytes, "f.npz"); }, words);
}
std::string claim(const std::string& shape) {
  const std::string dict = "{'descr': '|u1', 'fortran_order': False, 'shape': " + shape + "}\n";
  return "\x93NUMPY\x01" + std::string(1, '\0') + le(dict.size(), 2) + dict;
}

}  // namespace

TEST_CASE("npy: cut at any byte, or any byte changed to any other") {
  const std::string whole = to_npy(arange(0, 6).reshape({2, 3}));
  const TempFolder folder;
  for (size_t n = 0; n < whole.size(); ++n) {
    CAPTURE(n);
    CHECK(complaint<IOError>([&] { parse_npy(whole.substr(0, n), "f.npy"); },
                             "f.npy: ends at byte ") == "");
    write_file(folder / "f.npy", whole.substr(0, n));
    CHECK(complaint<IOError>([&] { load_npy(folder / "f.npy"); }, "f.npy: ends at byte ") == "");
  }
  for (size_t at = 0; at < 128; ++at) {
    for (int change = 1; change < 256; ++change) {
      std::string forged = whole;
      forged[at] = static_cast<char>(forged[at] ^ change);
      try {
        const Tensor x = parse_npy(forged);
        CHECK(x.numel() * item_size(x.dtype()) <= 8 * 48);
      } catch (const IOError&) {
      }
    }
  }
  const std::string huge = claim("(9000000000000000000,)"), large = claim("(1000000000,)"),
                    header = "\x93NUMPY\x02" + std::string(1, '\0') + le(200'000'000, 4);
  CHECK(peak_of([&] {
          CHECK(complaint<IOError>([&] { parse_npy(huge, "f"); }, "f: byte ") == "");
        }) < 10000);
  CHECK(peak_of([&] {
          CHECK(complaint<IOError>([&] { parse_npy(large, "f"); }, "is larger than") == "");
        }) < 10000);
  CHECK(peak_of([&] {
          CHECK(complaint<IOError>([&] { parse_npy(header, "f"); },
                                   "byte 8: a header of 200000000 bytes") == "");
        }) < 10000);
  const std::string deep = "\x93NUMPY\x01" + std::string(1, '\0') + le(60000, 2) +
                           "{'shape': " + std::string(60000 - 10, '(');
  CHECK(complaint<IOError>([&] { parse_npy(deep, "f"); }, "byte 21: a size should stand here") ==
        "");
}

TEST_CASE("npz: a file cut at any byte is refused") {
  const TempFolder folder;
  for (const Deflate deflate : {Deflate::no, Deflate::yes}) {
    save_npz(folder / "a.npz", {{"x", arange(0, 6)}, {"y", ones({2, 2})}}, deflate);
    const std::string whole = read_file(folder / "a.npz");
    for (size_t n = 0; n < whole.size(); ++n) {
      CAPTURE(n);
      CHECK(refused(whole.substr(0, n), "f.npz") == "");
    }
    write_file(folder / "cut.npz", whole.substr(0, whole.size() / 2));
    CHECK(complaint<IOError>([&] { load_npz(folder / "cut.npz"); }, folder / "cut.npz") == "");
    for (size_t at = 0; at < whole.size(); ++at) {
      for (const int change : {1, 2, 4, 8, 16, 32, 64, 128, 255}) {
        std::string forged = whole;
        forged[at] = static_cast<char>(forged[at] ^ change);
        try {
          const size_t found = parse_npz(forged).tensors.size();
          CHECK(found <= 2);
        } catch (const IOError&) {
        }
      }
    }
  }
}

TEST_CASE("npz: zip bombs") {
  const TempFolder folder;
  const std::string path = folder / "bomb.npz";
  // One array of zeros, a thousand times its file.
  save_npz(path, {{"x", zeros({24 << 20}, DType::u8)}}, Deflate::yes);
  CHECK(std::filesystem::file_size(path) < 100'000);
  empty_cache();
  CHECK(peak_of([&] {
          CHECK(complaint<IOError>(
                    [&] { load_npz(path); },
                    path + "(x.npy): byte 128: an array of shape [25165824] is larger than") == "");
        }) < 1'000'000);
  // a caller that trusts the file may lift the limit
  CHECK(load_npz(path, 24 << 20)["x"].numel() == 24 << 20);
  CHECK_THROWS_AS(load_npz(path, (24 << 20) - 1), IOError);
  empty_cache();
  // Many, each small enough alone.
  std::vector<NamedTensor> many;
  for (int i = 0; i < 12; ++i) many.emplace_back(std::to_string(i), zeros({4 << 20}, DType::u8));
  save_npz(path, many, Deflate::yes);
  many.clear();
  empty_cache();
  const int64_t most = 64 * static_cast<int64_t>(std::filesystem::file_size(path)) + (16 << 20);
  CHECK(most < 12 * (4 << 20));
  CHECK(peak_of([&] {
          CHECK(complaint<IOError>([&] { load_npz(path); }, "is larger than") == "");
        }) < most + 1'000'000);
  empty_cache();
  // i1 becomes i64: what counts is what it becomes.
  const std::string dict = "{'descr': '|i1', 'fortran_order': False, 'shape': (4000000,)}\n";
  const std::string narrow =
      zip({{"x.npy", "\x93NUMPY\x01" + std::string(1, '\0') + le(dict.size(), 2) + dict}});
  CHECK(peak_of([&] { CHECK(refused(narrow, "is larger than") == ""); }) < 1'000'000);
  // One entry's bytes under a thousand names.
  std::vector<Entry> overlapping{{"0.npy", claim("(1000000,)") + std::string(1'000'000, '\0')}};
  const auto size = static_cast<int64_t>(overlapping[0].bytes.size()),
             crc = int64_t{crc32(overlapping[0].bytes)};
  for (int i = 1; i < 1000; ++i)
    overlapping.push_back({std::to_string(i) + ".npy", "", 0, size, crc, 0});
  const std::string quoted = zip(overlapping);
  const auto read = [&] {
    try {
      parse_npz(quoted);
    } catch (const IOError&) {
    }
  };
  CHECK(peak_of(read) < 65 * static_cast<int64_t>(quoted.size()) + (17 << 20));
  empty_cache();
  // The array ends, the entry goes on.
  const std::string longer = zip({{"x.npy", claim("(3,)") + std::string(5'000'000, '\0')}});
  CHECK(peak_of([&] {
          CHECK(refused(longer, "f.npz(x.npy): byte 69: the file goes on after the array's end") ==
                "");
        }) < 100'000);
}

TEST_CASE("npz: entries that lie, hide or do not belong") {
  const std::string x = claim("(3,)") + "abc";
  CHECK(parse_npz(zip({{"x.npy", x}}))["x"].to_vector() == std::vector<double>{97, 98, 99});
  CHECK(parse_npz(zip({})).tensors.empty());
  CHECK(parse_npz(zip({{"../../etc/x.npy", x}})).contains("../../etc/x"));  // a name, never a path
  CHECK(parse_npz(zip({{"folder/", ""}, {"folder/x.npy", x}})).tensors.size() == 1);
  CHECK(parse_npz(zip({{"\xff.npy", x}})).tensors[0].first == "\xff");
  CHECK(refused(zip({{"x.npy", x}, {"x.npy", x}}), "f.npz: entry 'x.npy' stands there twice") ==
        "");
  CHECK(refused(zip({{"x.npy", x}}) + zip({{"y.npy", x}}),
                "f.npz: " + std::to_string(zip({{"x.npy", x}}).size()) +
                    " bytes stand in front of the zip, such as another one") == "");
  CHECK(refused(zip({{"x.txt", x}}), "f.npz: entry 'x.txt' is no .npy file") == "");
  CHECK(refused(zip({{".npy", x}}), "is no .npy file") == "");
  CHECK(refused(zip({{"x.npy", "abc"}}), "f.npz(x.npy): ends at byte 3") == "");
  // checksum
  CHECK(refused(zip({{"x.npy", x, 0, -1, 12345}}), "f.npz(x.npy): ") == "");
  // encrypted
  CHECK(refused(zip({{"x.npy", x, 1}}), "f.npz(x.npy): ") == "");
  // shorter than it is
  CHECK(refused(zip({{"x.npy", x, 0, static_cast<int64_t>(x.size()) - 1}}), "f.npz(x.npy): ") ==
        "");
  // longer than the file
  CHECK(refused(zip({{"x.npy", claim("(9999999,)") + "abc", 0, 9'999'999 + 66}}),
                "f.npz(x.npy): ") == "");
  CHECK(refused("PK\x05\x06", "f.npz") == "");
  CHECK(refused("not a zip at all", "f.npz") == "");
  CHECK(refused("", "f.npz") == "");
}

TEST_CASE("npz: OutOfMemory at every allocation of ours, no half-written file") {
  const TempFolder folder;
  const std::string path = folder / "a.npz";
  const std::vector<NamedTensor> tensors{{"x", arange(0, 6).reshape({2, 3}).mT()},
                                         {"a long name that needs memory of its own", ones({4})}};
  save_npz(path, tensors, Deflate::yes);
  const std::string bytes = read_file(path);
  const std::function<void()> calls[] = {[&] { save_npz(path, tensors, Deflate::yes); },
                                         [&] { load_npz(path); }, [&] { parse_npz(bytes); }};
  const auto untouched = [&] {
    REQUIRE(read_file(path) == bytes);
    REQUIRE(!std::filesystem::exists(path + ".tmp"));
  };
  for (const auto& call : calls) CHECK(fail_each(call, untouched) > 5);
}
