// Forged safetensors files: each is an IOError that names file and byte, and none costs more memory
// than its size warrants.
#include <doctest/doctest.h>

#include <regrad/engine/io/serialize.h>
#include <regrad/engine/ops.h>

#include <cstring>

#include "../temp_folder.h"
#include "alloc_hook.h"

using namespace regrad;
using namespace regrad::test;

namespace {

std::string file_of(const std::string& json, const std::string& data = "") {
  const uint64_t n = json.size();
  std::string out(8, '\0');
  std::memcpy(out.data(), &n, 8);
  return out + json + data;
}
std::string entry(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return "{\"dtype\":\"" + dtype + "\",\"shape\":" + shape + ",\"data_offsets\":" + offsets + "}";
}
// One tensor 'x', or two.
std::string one(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return "{\"x\":" + entry(dtype, shape, offsets) + "}";
}
std::string two(const std::string& first, const std::string& second) {
  return "{\"x\":" + entry("U8", "[4]", first) + ",\"y\":" + entry("U8", "[4]", second) + "}";
}
const std::string four(4, '\1'), eight(8, '\1');

std::string refused(const std::string& bytes, const std::string& words) {
  std::string wrong = complaint<IOError>([&] { parse_safetensors(bytes, "f"); }, words);
  return wrong.empty() ? complaint<IOError>([&] { parse_safetensors(bytes, "f"); }, "f: ") : wrong;
}

std::string small_file() {
  return to_safetensors({{"weight", ones({2, 3})},
                         {"step", arange(0, 2)},
                         {"mask", gt(ones({3}), zeros({3}))},
                         {"none", zeros({0})}},
                        {{"k", "v"}});
}

}  // namespace

TEST_CASE("a file cut at any byte is refused, in memory and on disk") {
  const std::string whole = small_file();
  const TempFolder folder;
  for (size_t n = 0; n < whole.size(); ++n) {
    CAPTURE(n);
    const std::string cut = whole.substr(0, n);
    CHECK(refused(cut, "f: ") == "");
    write_file(folder / "cut", cut);
    CHECK(complaint<IOError>([&] { load_safetensors(folder / "cut"); }, folder / "cut: ") == "");
    CHECK(complaint<IOError>([&] { SafeTensors(folder / "cut"); }, folder / "cut: ") == "");
  }
  CHECK(refused(whole + '\0', "cover 43 bytes of data, but it has 44") == "");
}

TEST_CASE("any byte changed to any other: a file of the same form, or an IOError") {
  const std::string whole = small_file();
  int read = 0;
  for (size_t at = 0; at < whole.size(); ++at) {
    for (int change = 1; change < 256; ++change) {
      std::string forged = whole;
      forged[at] = static_cast<char>(forged[at] ^ change);
      try {
        read += parse_safetensors(forged).tensors.size() == 4;
      } catch (const IOError&) {
      }
    }
  }
  CHECK(read > 40 * 255 / 2);  // the data's bytes may be anything, save the bools
}

TEST_CASE("header lengths that lie") {
  const auto claims = [](uint64_t n, const std::string& rest) {
    std::string out(8, '\0');
    std::memcpy(out.data(), &n, 8);
    return out + rest;
  };
  CHECK(refused(claims(0, ""), "byte 8: the header does not start with '{'") == "");
  CHECK(refused(claims(3, "{}"), "byte 0: a header of 3 bytes in a file of 10") == "");
  CHECK(refused(claims(100'000'001, "{}"),
                "byte 0: a header of 100000001 bytes; at most 100000000 are allowed") == "");
  CHECK(refused(claims(uint64_t{1} << 63, "{}"), "at most 100000000") == "");
  CHECK(refused(claims(~uint64_t{0}, "{}"), "at most 100000000") == "");
  CHECK(refused(claims(~uint64_t{0} - 7, "{}"), "at most 100000000") == "");
  // 200 MB, claimed and really there; then a claim that is allowed, over nothing but zeros.
  const TempFolder folder;
  write_file(folder / "big", claims(200'000'000, "{"));
  CHECK(peak_of([&] {
          CHECK(complaint<IOError>([&] { load_safetensors(folder / "big"); },
                                   "big: byte 0: a header of 200000000 bytes") == "");
        }) < 10000);
  std::filesystem::resize_file(folder / "big", 300'000'000);
  CHECK(peak_of([&] {
          CHECK(complaint<IOError>([&] { load_safetensors(folder / "big"); },
                                   "big: byte 0: a header of 200000000 bytes") == "");
        }) < 10000);
  write_file(folder / "big", claims(90'000'000, "{"));
  CHECK(peak_of([&] {
          CHECK(complaint<IOError>([&] { load_safetensors(folder / "big"); }, "in a file of 9") ==
                "");
        }) < 10000);
  std::filesystem::resize_file(folder / "big", 1'000'000);
  write_file(folder / "big", claims(900'000, "{" + std::string(1'000'000, '\0')));
  CHECK(peak_of([&] {
          CHECK(complaint<IOError>([&] { load_safetensors(folder / "big"); },
                                   "big: byte 900007: the header ends with") == "");
        }) < 1'000'000);
}

TEST_CASE(
    "offsets that overlap, leave holes, run backwards or beyond, or cover less than the file") {
  CHECK(refused(file_of(two("[0,4]", "[0,4]"), eight),
                "tensor 'y': data_offsets [0,4] overlap data that end at 4") == "");
  CHECK(refused(file_of(two("[0,4]", "[2,6]"), eight), "overlap") == "");
  CHECK(refused(file_of(two("[0,4]", "[5,9]"), eight + "x"),
                "tensor 'y': data_offsets [5,9] leave a hole") == "");
  CHECK(refused(file_of(two("[1,5]", "[5,9]"), eight + "x"),
                "tensor 'x': data_offsets [1,5] leave a hole") == "");
  CHECK(refused(file_of(two("[4,0]", "[4,8]"), eight), "run backwards") == "");
  CHECK(refused(file_of(two("[0,4]", "[4,8]"), four),
                "tensor 'y': data_offsets [4,8] go beyond the file, which has 4 bytes") == "");
  CHECK(refused(file_of(two("[0,4]", "[4,8]"), eight + four),
                "cover 8 bytes of data, but it has 12") == "");
  CHECK(refused(file_of("{}", "x"), "cover 0 bytes of data, but it has 1") == "");
  // in any order they may stand
  CHECK(parse_safetensors(file_of(two("[4,8]", "[0,4]"), eight)).tensors[0].first == "y");
  CHECK(refused(file_of(one("U8", "[4]", "[0,18446744073709551615]"), four), "is too large") == "");
  CHECK(refused(file_of(one("U8", "[4]", "[0,18446744073709551616]"), four),
                "whole numbers below 2^63") == "");
  CHECK(refused(file_of(one("U8", "[4]", "[0,9223372036854775807]"), four), "go beyond the file") ==
        "");
  CHECK(refused(file_of(one("U8", "[4]", "[-4,0]"), four), "a negative number, -4") == "");
  CHECK(refused(file_of(one("U8", "[4]", "[0,4.0]"), four), "whole numbers") == "");
  CHECK(refused(file_of(one("U8", "[4]", "[0,4e0]"), four), "whole numbers") == "");
  CHECK(refused(file_of(one("U8", "[4]", "[0]"), four), "two numbers") == "");
  CHECK(refused(file_of(one("U8", "[4]", "[0,4,4]"), four), "two numbers") == "");
  CHECK(refused(file_of(one("U8", "[4]", "[]"), four), "two numbers") == "");
  CHECK(refused(file_of(one("U8", "[4]", "[0,\"4\"]"), four), "a string where none belongs") == "");
}

TEST_CASE("shapes that overflow or do not fill their range") {
  CHECK(refused(file_of(one("F32", "[2]", "[0,4]"), four),
                "do not hold shape [2] of 4-byte items") == "");
  CHECK(refused(file_of(one("F32", "[4294967296,4294967296]", "[0,0]")), "do not hold shape") ==
        "");
  CHECK(refused(file_of(one("F64", "[2305843009213693952]", "[0,0]")), "do not hold shape") == "");
  CHECK(refused(file_of(one("F32", "[0,9223372036854775807,2]", "[0,0]")), "do not hold shape") ==
        "");
  CHECK(refused(file_of(one("F32", "[-1]", "[0,4]"), four), "a negative number") == "");
  CHECK(refused(file_of(one("U8", "[1,1,1,1,1,1,1,1,4]", "[0,4]"), four),
                "more than 8 dimensions") == "");
  CHECK(refused(file_of(one("U8", "[[4]]", "[0,4]"), four), "an array where none belongs") == "");
  CHECK(refused(file_of(one("U8", "4", "[0,4]"), four), "a number where none belongs") == "");
  CHECK(refused(file_of(one("BOOL", "[2]", "[0,2]"), std::string("\1\2")),
                "tensor 'x': element 1 is 2; a bool is 0 or 1") == "");
}

TEST_CASE("names and keys that stand there twice") {
  const std::string e = entry("U8", "[0]", "[0,0]");
  CHECK(refused(file_of("{\"x\":" + e + ",\"y\":" + e + ",\"x\":" + e + "}"),
                "byte 164: tensor 'x': stands there twice") == "");
  CHECK(refused(file_of("{\"x\":" + e + ",\"\\u0078\":" + e + "}"),
                "tensor 'x': stands there twice") == "");
  CHECK(refused(
            file_of(
                "{\"x\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}"),
            "'dtype' stands there twice") == "");
  CHECK(
      refused(
          file_of("{\"x\":{\"dtype\":\"U8\",\"shape\":[0],\"shape\":[0],\"data_offsets\":[0,0]}}"),
          "'shape' stands there twice") == "");
  CHECK(refused(file_of("{\"__metadata__\":{\"k\":\"a\",\"k\":\"b\"}}"),
                "metadata 'k' stands there twice") == "");
  CHECK(refused(file_of("{\"__metadata__\":{},\"__metadata__\":{}}"),
                "\"__metadata__\" stands there twice") == "");
}

TEST_CASE("JSON of another form") {
  const std::string good = one("U8", "[4]", "[0,4]");
  for (const char* bad : {"[]", "\"x\"", " {}", "\n{}", "\xef\xbb\xbf{}", "1"})
    CHECK(refused(file_of(bad), "byte 8: the header does not start with '{'") == "");
  for (const char* tail : {"\n", "\t", "x", " x", "   \n"})
    CHECK(refused(file_of(good + tail, four), "ends with neither '}' nor spaces") == "");
  CHECK(refused(file_of(good + std::string(1, '\0'), four), "ends with neither") == "");
  CHECK(refused(file_of(good + good, four), "is no JSON") == "");
  CHECK(parse_safetensors(file_of(good + "     ", four)).tensors.size() == 1);
  CHECK(parse_safetensors(file_of("{ \"x\" :\n" + entry("U8", "[ 4 ]", "[0,\t4]") + "\r\n}", four))
            .tensors.size() == 1);
  CHECK(refused(file_of("{\"x\":1}"), "a number where none belongs") == "");
  CHECK(refused(file_of("{\"x\":null}"), "a null where none belongs") == "");
  CHECK(refused(file_of("{\"x\":[]}"), "an array where none belongs") == "");
  CHECK(refused(file_of("{\"x\":true}"), "a true or false") == "");
  CHECK(refused(file_of("{\"x\":{}}"), "tensor 'x': needs dtype, shape and data_offsets") == "");
  CHECK(refused(file_of("{\"x\":{\"dtype\":\"U8\",\"shape\":[0]}}"),
                "needs dtype, shape and data_offsets") == "");
  CHECK(refused(file_of("{\"x\":{\"dtype\":{},\"shape\":[0]}}"), "an object where none belongs") ==
        "");
  CHECK(refused(file_of("{\"x\":{\"dtype\":[\"U8\"]}}"), "an array where none belongs") == "");
  CHECK(refused(file_of("{\"x\":{\"dtype\":8}}"), "a number where none belongs") == "");
  CHECK(refused(file_of("{\"x\":{\"size\":8}}"), "unknown key 'size'") == "");
  CHECK(refused(file_of("{\"__metadata__\":{\"k\":1}}"), "a number where none belongs") == "");
  CHECK(refused(file_of("{\"__metadata__\":{\"k\":{}}}"), "an object where none belongs") == "");
  CHECK(refused(file_of("{\"__metadata__\":\"k\"}"), "a string where none belongs") == "");
  CHECK(refused(file_of("{\"x\xff\":" + entry("U8", "[0]", "[0,0]") + "}"), "is no JSON") == "");
  CHECK(refused(file_of("{\"\\ud800\":" + entry("U8", "[0]", "[0,0]") + "}"), "is no JSON") == "");
  CHECK(refused(file_of("{'x':{}}"), "is no JSON") == "");
  CHECK(refused(file_of("{\"x\":{},}"), "f: byte ") == "");
  CHECK(refused(
            file_of("{\"" + std::string(100'000, 'n') + "\":" + entry("U9", "[0]", "[0,0]") + "}"),
            "nnn...' has dtype 'U9'") == "");
}

TEST_CASE("nesting a million deep is refused where it begins, at no cost") {
  const std::string arrays = "{\"x\":{\"shape\":" + std::string(1'000'000, '[') + "}";
  std::string objects = "{";
  for (int i = 0; i < 200'000; ++i) objects += "\"x\":{";
  objects += "}";
  for (const std::string& json : {arrays, objects}) {
    const std::string bytes = file_of(json);
    CHECK(peak_of([&] { CHECK(refused(bytes, "f: byte ") == ""); }) < 20000);
  }
  const std::string metadata = file_of("{\"__metadata__\":" + std::string(1'000'000, '{') + "}");
  CHECK(refused(metadata, "f: byte ") == "");
}

TEST_CASE("memory stays in proportion to the file") {
  std::string json = "{";
  for (int i = 0; i < 20'000; ++i)
    json += (i ? ",\"" : "\"") + std::to_string(i) + "\":" + entry("U8", "[0]", "[0,0]");
  const std::string many = file_of(json + "}");  // the smallest tensors that there are
  CHECK(peak_of([&] { CHECK(parse_safetensors(many).tensors.size() == 20'000); }) <
        20 * static_cast<int64_t>(many.size()));
  const std::string broken = many.substr(0, many.size() - 1) + ",";
  CHECK(peak_of([&] { CHECK_THROWS_AS(parse_safetensors(broken), IOError); }) <
        6 * static_cast<int64_t>(many.size()));
  empty_cache();
  const std::string large = to_safetensors({{"x", zeros({1 << 20})}});
  empty_cache();
  CHECK(peak_of([&] { CHECK(parse_safetensors(large).tensors.size() == 1); }) <
        2 * static_cast<int64_t>(large.size()));
  const std::string bytes =
      file_of(one("I8", "[1000000]", "[0,1000000]"), std::string(1'000'000, '\1'));
  CHECK(peak_of([&] { CHECK(parse_safetensors(bytes).tensors.size() == 1); }) <
        10 * static_cast<int64_t>(bytes.size()));
}
