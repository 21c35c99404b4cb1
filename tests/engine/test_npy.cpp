// .npy and .npz: there and back, versions, orders, dtypes, and what is refused.
#include <doctest/doctest.h>

#include <regrad/datasets/npz.h>
#include <regrad/engine/io/npy.h>
#include <regrad/engine/ops.h>
#include <regrad/engine/random.h>

#include "../temp_folder.h"

using namespace regrad;
using namespace regrad::test;

namespace {

// An .npy by hand: version 1.0 unless given, the dictionary, the items.
std::string npy(std::string header, const std::string& data, int major = 1) {
  std::string out = "\x93NUMPY";
  out += static_cast<char>(major);
  out += '\0';
  const size_t n = header.size();
  for (int i = 0; i < (major == 1 ? 2 : 4); ++i) out += static_cast<char>(n >> 8 * i & 255);
  return out + header + data;
}
std::string dict(const std::string& descr, const std::string& shape,
                 const std::string& order = "False") {
  return "{'descr': '" + descr + "', 'fortran_order': " + order + ", 'shape': " + shape + ", }\n";
}

const std::string two_floats("\x00\x00\x80\x3f\x00\x00\x00\xc0", 8);  // 1, -2

bool same(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && a.dtype() == b.dtype() && a.to_vector() == b.to_vector();
}

std::vector<NamedTensor> zoo() {
  return {{"w", normal(Random(1), {3, 4})},
          {"folder/step", arange(-3, 4)},
          {"mask", gt(normal(Random(3), {7}), zeros({7}))},
          {"\xc3\x9f", arange(0, 256).to(DType::u8).reshape({16, 16}).mT()},
          {"scalar", scalar(0.1, DType::f64)},
          {"empty", zeros({2, 0, 3}, DType::f64)}};
}

}  // namespace

TEST_CASE("npy: every dtype, shape and layout comes back; data begin at multiples of 64") {
  const TempFolder folder;
  for (const NamedTensor& entry : zoo()) {
    const std::string& name = entry.first;  // clang 14 captures no structured binding
    const Tensor& t = entry.second;
    CAPTURE(name);
    const std::string bytes = to_npy(t);
    CHECK((bytes.size() - static_cast<size_t>(t.numel() * item_size(t.dtype()))) % 64 == 0);
    CHECK(same(parse_npy(bytes), t));
    save_npy(folder / "x.npy", t);
    CHECK(read_file(folder / "x.npy") == bytes);
    CHECK(same(load_npy(folder / "x.npy"), t));
  }
  CHECK_THROWS_AS(to_npy(Tensor()), ShapeError);
  CHECK(complaint<IOError>([&] { load_npy(folder / "none"); }, "/none: cannot open") == "");
}

TEST_CASE("npy: versions, Fortran's order, spellings that Python allows, dtypes without loss") {
  for (int major = 1; major <= 3; ++major)
    CHECK(parse_npy(npy(dict("<f4", "(2,)"), two_floats, major)).to_vector() ==
          std::vector<double>{1, -2});
  CHECK(parse_npy(npy("{\"shape\":(1,2),'fortran_order':False,\"descr\":'=f4'}", two_floats))
            .shape() == Shape{1, 2});
  CHECK(parse_npy(npy(dict("<f4", "( 1 , 2 , )"), two_floats)).shape() == Shape{1, 2});
  const std::string bytes("\x00\x01\x02\x03\x04\x05", 6);
  const Tensor turned = parse_npy(npy(dict("|u1", "(2, 3)", "True"), bytes));
  CHECK(turned.to_vector() == std::vector<double>{0, 2, 4, 1, 3, 5});
  CHECK(turned.is_contiguous());
  CHECK(parse_npy(npy(dict("|u1", "(1, 2, 3)", "True"), bytes)).to_vector() ==
        std::vector<double>{0, 2, 4, 1, 3, 5});
  CHECK(parse_npy(npy(dict("<f2", "(1,)"), std::string("\x00\x3e", 2))).to_vector() ==
        std::vector<double>{1.5});
  CHECK(parse_npy(npy(dict("<i4", "()"), "\xff\xff\xff\xff")).dtype() == DType::i64);
  CHECK(parse_npy(npy(dict("<i4", "()"), "\xff\xff\xff\xff")).item() == -1);
  CHECK(parse_npy(npy(dict("|i1", "(2,)"), "\x80\x7f")).to_vector() ==
        std::vector<double>{-128, 127});
}

TEST_CASE("npy: what is not read is named, with its byte") {
  const auto refused = [](const std::string& bytes, const std::string& words) {
    return complaint<IOError>([&] { parse_npy(bytes, "x.npy"); }, words);
  };
  CHECK(refused(npy(dict("|O", "(2,)"), two_floats),
                "x.npy: byte 24: dtype '|O' holds Python objects") == "");
  CHECK(refused(npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,)}", two_floats),
                "records (structured dtypes)") == "");
  CHECK(refused(npy(dict(">f4", "(2,)"), two_floats), "'>f4' is big-endian") == "");
  for (const char* descr : {"<u8", "<c8", "|S4", "<U1", "<M8[ns]", "<f16", "f4", "<", ""})
    CHECK(refused(npy(dict(descr, "(2,)"), two_floats),
                  std::string("dtype '") + descr + "' is not read") == "");
  CHECK(refused(npy(dict("<f4", "(2)"), two_floats), "no tuple") == "");
  CHECK(refused(npy(dict("<f4", "(-2,)"), two_floats), "a size should stand here") == "");
  CHECK(refused(npy(dict("<f4", "(1, 1, 1, 1, 1, 1, 1, 2, 1)"), two_floats),
                "more than 8 dimensions") == "");
  CHECK(refused(npy(dict("<f4", "(99999999999999999999,)"), two_floats), "beyond 63 bits") == "");
  CHECK(refused(npy(dict("<f4", "(4611686018427387904, 4)"), two_floats),
                "shape [4611686018427387904,4] overflows") == "");
  CHECK(refused(npy(dict("<f4", "(0, 4611686018427387904, 4)"), ""), "overflows") == "");
  CHECK(refused(npy(dict("<f4", "(1000000000,)"), two_floats), "is larger than") == "");
  CHECK(refused(npy(dict("<f4", "(3,)"), two_floats),
                "x.npy: ends at byte 76, where 4 more were to come") == "");
  CHECK(refused(npy(dict("<f4", "(1,)"), two_floats),
                "x.npy: byte 72: the file goes on after the array's end") == "");
  CHECK(refused(npy(dict("|b1", "(2,)"), std::string("\x01\x02", 2)),
                "element 1 is 2; a bool is 0 or 1") == "");
  CHECK(refused(npy(dict("<f4", "(2,)") + "x", two_floats), "after the dictionary") == "");
  CHECK(refused(npy("{'descr': '<f4', 'shape': (2,)}", two_floats),
                "needs descr, fortran_order and shape") == "");
  CHECK(refused(npy("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}",
                    two_floats),
                "'descr' stands there twice") == "");
  CHECK(
      refused(npy("{'descr': '<f4', 'more': 1, 'fortran_order': False, 'shape': (2,)}", two_floats),
              "unknown key 'more'") == "");
  CHECK(refused(npy("{'descr': '<f4", two_floats), "a string without an end") == "");
  CHECK(refused(npy(dict("<f4", "(2,)", "1"), two_floats), "True or False should stand here") ==
        "");
  CHECK(refused(npy("[1]", ""), "'{' should stand here") == "");
  CHECK(refused(npy(dict("<f4", "(2,)"), two_floats, 4), "byte 6: version 4.0") == "");
  CHECK(refused("PK\x03\x04...............", "byte 0: is no .npy file") == "");
  CHECK(refused("", "x.npy: ends at byte 0") == "");
}

TEST_CASE("npz: stored and deflated, there and back, with the same bytes each time") {
  const TempFolder folder;
  for (const Deflate deflate : {Deflate::no, Deflate::yes}) {
    const std::string path = folder / "a.npz";
    save_npz(path, zoo(), deflate);
    const std::string bytes = read_file(path);
    save_npz(path, zoo(), deflate);
    CHECK(read_file(path) == bytes);
    for (const TensorFile& file : {load_npz(path), parse_npz(bytes)}) {
      CHECK(file.tensors.size() == zoo().size());
      for (const NamedTensor& entry : zoo()) {
        const std::string& name = entry.first;  // clang 14 captures no structured binding
        const Tensor& t = entry.second;
        CAPTURE(name);
        CHECK(same(file[name], t));
      }
    }
    CHECK(complaint<IOError>([&] { load_npz(path)["folder"]; },
                             path + ": has no tensor 'folder'") == "");
  }
  save_npz(folder / "none.npz", {});
  CHECK(load_npz(folder / "none.npz").tensors.empty());
  CHECK(parse_npz(read_file(folder / "none.npz")).tensors.empty());
  CHECK(complaint<IOError>(
            [&] {
              save_npz(folder / "b", {{"x", ones({1})}, {"x", ones({1})}});
            },
            "two tensors are named 'x'") == "");
  CHECK(complaint<IOError>(
            [&] {
              save_npz(folder / "b", {{"", ones({1})}});
            },
            "without a name") == "");
  CHECK(complaint<IOError>(
            [&] {
              save_npz(folder / "b", {{"\xff", ones({1})}});
            },
            "not UTF-8") == "");
  CHECK(complaint<ShapeError>(
            [&] {
              save_npz(folder / "b", {{"x", Tensor()}});
            },
            "tensor 'x' is undefined") == "");
  CHECK(complaint<DiskError>([&] { save_npz(folder / "none/b", zoo()); }, folder / "none/b") == "");
  CHECK(!std::filesystem::exists(folder / "b"));
}

TEST_CASE("npy: numbers as Python 2 wrote them") {
  const std::string six = two_floats + two_floats + two_floats;
  const Tensor wanted = tensor({1, -2, 1, -2, 1, -2}).reshape({2, 3});
  CHECK(same(parse_npy(npy(dict("<f4", "(2L, 3L)"), six)), wanted));
  CHECK(same(parse_npy(npy(dict("<f4", "(2L, 3)"), six)), wanted));
  CHECK(same(parse_npy(npy(dict("<f4", "(2L,)"), two_floats)), tensor({1, -2})));
  CHECK(same(parse_npy(npy(dict("<f4", "(2L,)", "True"), two_floats)), tensor({1, -2})));
  for (const char* shape : {"(L,)", "(2LL,)", "(2 L,)", "(-2L,)", "(2K,)"})
    CHECK_MESSAGE(complaint<IOError>([&] { parse_npy(npy(dict("<f4", shape), two_floats), "f"); },
                                     "f: byte ") == "",
                  shape);
}
