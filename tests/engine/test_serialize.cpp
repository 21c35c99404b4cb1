// safetensors there and back: values, layouts, dtypes, names; nets; the file as the format's own
// library has it.
#include <doctest/doctest.h>

#include <regrad/engine/autograd.h>
#include <regrad/engine/ops.h>
#include <regrad/layers/linear.h>
#include <regrad/layers/serialize.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include <sys/stat.h>

#include "../temp_folder.h"

using namespace regrad;
using namespace regrad::test;

namespace {

std::string raw(const Tensor& t) {
  switch (t.dtype()) {
    case DType::f32:
      return {reinterpret_cast<const char*>(t.data<float>()), static_cast<size_t>(t.numel()) * 4};
    case DType::f64:
      return {reinterpret_cast<const char*>(t.data<double>()), static_cast<size_t>(t.numel()) * 8};
    case DType::i64:
      return {reinterpret_cast<const char*>(t.data<int64_t>()), static_cast<size_t>(t.numel()) * 8};
    case DType::u8:
      return {reinterpret_cast<const char*>(t.data<uint8_t>()), static_cast<size_t>(t.numel())};
    case DType::b8:
      return {reinterpret_cast<const char*>(t.data<bool>()), static_cast<size_t>(t.numel())};
  }
  return {};
}

// Same shape, dtype and bits, NaNs too.
bool same(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && a.dtype() == b.dtype() &&
         raw(a.contiguous()) == raw(b.contiguous());
}

std::vector<NamedTensor> zoo() {
  return {{"weight", normal(Random(1), {3, 4})},
          {"w64", normal(Random(2), {2, 1, 5}, 0, 1, DType::f64)},
          {"step", arange(-3, 4)},
          {"mask", gt(normal(Random(3), {7}), zeros({7}))},
          {"bytes", arange(0, 256).to(DType::u8)},
          {"scalar", scalar(0.1, DType::f64)},
          {"empty", zeros({0, 3})},
          {"odd", tensor({NAN, INFINITY, -0.0, 1e-45, -3.4e38})},
          {"turned", normal(Random(4), {3, 5}).mT()},
          {"part", slice(normal(Random(5), {6, 6}), 1, 2, 4)},
          {"spread", normal(Random(6), {1, 4}).expand({3, 4})},
          {"deep", normal(Random(7), {1, 2, 1, 2, 1, 2, 1, 2})},
          {"Stra\xc3\x9f"
           "e \"1\"\n\x01",
           tensor({1})}};
}

// A small file by hand: length, header, data.
std::string file_of(const std::string& json, const std::string& data = "") {
  const uint64_t n = json.size();
  std::string out(8, '\0');
  std::memcpy(out.data(), &n, 8);
  return out + json + data;
}

}  // namespace

TEST_CASE(
    "safetensors: every dtype, shape and layout comes back bit for bit, through memory and through "
    "a file") {
  const std::vector<NamedTensor> tensors = zoo();
  const Metadata metadata{{"format", "pt"}, {"\xe2\x82\xac", "a\\b\"c"}, {"", ""}};
  const TempFolder folder;
  save_safetensors(folder / "a.safetensors", tensors, metadata);
  const std::string bytes = to_safetensors(tensors, metadata);
  CHECK(read_file(folder / "a.safetensors") == bytes);
  for (const TensorFile& file :
       {parse_safetensors(bytes), load_safetensors(folder / "a.safetensors")}) {
    CHECK(file.metadata == metadata);
    REQUIRE(file.tensors.size() == tensors.size());
    for (const NamedTensor& entry : tensors) {
      const std::string& name = entry.first;  // clang 14 captures no structured binding
      const Tensor& t = entry.second;
      CAPTURE(name);
      CHECK(same(file[name], t));
      CHECK(file[name].is_contiguous());
      CHECK(file[name].is_leaf());
    }
  }
}

TEST_CASE(
    "safetensors: the bytes depend on nothing but names, values and metadata, and data lie at "
    "multiples of 8") {
  std::vector<NamedTensor> tensors = zoo();
  const std::string bytes = to_safetensors(tensors);
  std::reverse(tensors.begin(), tensors.end());
  CHECK(to_safetensors(tensors) == bytes);
  uint64_t n;
  std::memcpy(&n, bytes.data(), 8);
  CHECK(n % 8 == 0);
  const TensorFile file = parse_safetensors(bytes);
  std::vector<std::string> order;
  for (const auto& [name, t] : file.tensors) order.push_back(name);
  CHECK(order[0] == "step");  // i64, f64, f32, u8, bool; then by name
  CHECK(order[1] == "scalar");
  CHECK(order[2] == "w64");
  CHECK(order[order.size() - 2] == "bytes");
  CHECK(order.back() == "mask");
  CHECK(parse_safetensors(to_safetensors({})).tensors.empty());
}

TEST_CASE("safetensors: one tensor is read without the rest") {
  const TempFolder folder;
  save_safetensors(folder / "a", zoo(), {{"k", "v"}});
  const SafeTensors file(folder / "a");
  CHECK(file.names().size() == zoo().size());
  CHECK(file.metadata().at("k") == "v");
  CHECK(file.contains("deep"));
  CHECK(!file.contains("deeper"));
  for (const auto& [name, t] : zoo()) CHECK(same(file.read(name), t));
  CHECK(complaint<IOError>([&] { file.read("deeper"); }, "/a: has no tensor 'deeper'") == "");
  const int64_t before = memory_stats().live_bytes;
  const Tensor step = file.read("step");
  CHECK(memory_stats().live_bytes - before == 64);
}

TEST_CASE("safetensors: dtypes that are not ours are read without loss") {
  const auto one = [](const std::string& dtype, int n, const std::string& data) {
    return parse_safetensors(file_of("{\"x\":{\"dtype\":\"" + dtype + "\",\"shape\":[" +
                                         std::to_string(n) + "],\"data_offsets\":[0," +
                                         std::to_string(data.size()) + "]}}",
                                     data))["x"];
  };
  // binary16: 1, -2, smallest and largest subnormal, largest, infinity, -0
  const Tensor half =
      one("F16", 7, std::string("\x00\x3c\x00\xc0\x01\x00\xff\x03\xff\x7b\x00\x7c\x00\x80", 14));
  CHECK(half.dtype() == DType::f32);
  CHECK(half.to_vector() ==
        std::vector<double>{1, -2, 0x1p-24, 0x1p-14 - 0x1p-24, 65504, INFINITY, -0.0});
  CHECK(std::signbit(half.to_vector()[6]));
  CHECK(std::isnan(one("F16", 1, std::string("\x01\x7e", 2)).item()));
  CHECK(one("BF16", 2, std::string("\x80\x3f\x49\x40", 4)).to_vector() ==
        std::vector<double>{1, 3.140625});
  CHECK(one("I8", 2, "\x80\x7f").to_vector() == std::vector<double>{-128, 127});
  CHECK(one("I16", 1, std::string("\xff\xff", 2)).to_vector() == std::vector<double>{-1});
  CHECK(one("U16", 1, std::string("\xff\xff", 2)).to_vector() == std::vector<double>{65535});
  CHECK(one("I32", 1, std::string("\x00\x00\x00\x80", 4)).to_vector() ==
        std::vector<double>{-2147483648.0});
  CHECK(one("U32", 1, std::string("\xff\xff\xff\xff", 4)).to_vector() ==
        std::vector<double>{4294967295.0});
  CHECK(one("U32", 1, std::string("\xff\xff\xff\xff", 4)).dtype() == DType::i64);
  std::string many;
  for (int i = 0; i < 10000; ++i)
    many += std::string{static_cast<char>(i & 255), static_cast<char>(i >> 8)};
  CHECK(one("U16", 10000, many).to_vector() == arange(0, 10000).to_vector());
  for (const char* dtype : {"U64", "C64", "F8_E4M3", "F4", "f32", ""})
    CHECK(complaint<IOError>([&] { one(dtype, 0, ""); },
                             "tensor 'x' has dtype '" + std::string(dtype) + "'") == "");
}

TEST_CASE("safetensors: what cannot be written is refused") {
  const TempFolder folder;
  const std::string path = folder / "a";
  save_safetensors(path, {{"old", ones({2})}});
  const std::string old = read_file(path);
  CHECK(complaint<IOError>(
            [&] {
              save_safetensors(path,
                               {{"x", ones({1})}, {"y", ones({1})}, {"x", ones({1}, DType::i64)}});
            },
            "'x'") == "");
  CHECK(complaint<IOError>(
            [&] {
              save_safetensors(path, {{"__metadata__", ones({1})}});
            },
            "'__metadata__'") == "");
  CHECK(complaint<IOError>(
            [&] {
              save_safetensors(path, {{"\xff", ones({1})}});
            },
            "not UTF-8") == "");
  CHECK(complaint<IOError>(
            [&] {
              save_safetensors(path, {}, {{"k", "\xc3"}});
            },
            "not UTF-8") == "");
  CHECK(complaint<ShapeError>(
            [&] {
              save_safetensors(path, {{"x", Tensor()}});
            },
            "tensor 'x' is undefined") == "");
  CHECK(complaint<DiskError>([&] { save_safetensors(folder / "none/a", zoo()); },
                             folder / "none/a") == "");
  CHECK(complaint<IOError>([&] { load_safetensors(folder / "none"); },
                           folder / "none: cannot open the file: No such file") == "");
  CHECK(complaint<IOError>([&] { load_safetensors(folder.name()); }, "is no regular file") == "");
  CHECK(complaint<IOError>([] { load_safetensors("/dev/zero"); }, "is no regular file") == "");
  CHECK(complaint<DiskError>([&] { write_file("/dev/full/x", "abc"); }, "/dev/full/x") == "");
  CHECK(read_file(path) == old);
}

namespace {

struct Counted {
  Mlp body;
  Tensor mean;
  int64_t ignored = 0;
  static void parts(auto& self, auto&& part) {
    part("body", self.body);
    part("mean", self.mean, buffer);
  }
};
Counted counted(uint64_t seed) {
  return {Mlp(Random(seed), {2, 3, 1}, true), normal(Random(seed) / "mean", {3})};
}

}  // namespace

TEST_CASE("nets are saved and loaded whole: parameters, buffers, gradient flags") {
  const TempFolder folder;
  const Counted net = counted(1);
  save(net, folder / "net", {{"step", "7"}});
  const Counted back = load(counted(2), folder / "net");
  CHECK(named_tensors(back).size() == 5);
  for (size_t i = 0; i < 5; ++i) {
    const auto [name, t] = named_tensors(back)[i];
    const auto [old_name, old] = named_tensors(net)[i];
    CHECK(name == old_name);
    CHECK(same(t, old));
    CHECK(t.requires_grad() == old.requires_grad());
    CHECK(t.requires_grad() == (name != "mean"));
  }
  CHECK(load_safetensors(folder / "net").metadata.at("step") == "7");
  // What was read can be trained on: its buffers are its own.
  const Counted g = grad(sum(back.body(ones({4, 2}))), back);
  CHECK(g.body.layers[0].weight.shape() == Shape{3, 2});
}

TEST_CASE("nets: what is missing, too much or misshapen is named") {
  const TempFolder folder;
  const std::string path = folder / "net";
  const Counted net = counted(1);
  std::vector<NamedTensor> all = named_tensors(net);
  const auto with = [&](const std::vector<NamedTensor>& tensors) {
    save_safetensors(path, tensors);
    load(net, path);
  };
  const std::vector<NamedTensor> fewer(all.begin() + 1, all.end());
  CHECK(complaint<IOError>([&] { with(fewer); }, path + ": has no tensor 'body.layers.0.weight'") ==
        "");
  std::vector<NamedTensor> more = all;
  more.emplace_back("body.layers.2.weight", ones({1}));
  more.emplace_back("z", ones({1}));
  CHECK(complaint<IOError>([&] { with(more); },
                           path + ": the net has no tensor 'body.layers.2.weight', 'z'") == "");
  std::vector<NamedTensor> other = all;
  other[0].second = other[0].second.mT();
  CHECK(complaint<ShapeError>([&] { with(other); },
                              "'body.layers.0.weight' has shape [2,3], the net's has [3,2]") == "");
  other = all;
  other[4].second = other[4].second.to(DType::f64);
  CHECK(complaint<DTypeError>([&] { with(other); }, "'mean' is f64, the net's is f32") == "");
  // Two nets in one file.
  std::vector<NamedTensor> both = named_tensors(net, "a.");
  for (const NamedTensor& t : named_tensors(counted(3), "b.")) both.push_back(t);
  save_safetensors(path, both);
  CHECK(same(with_tensors(net, load_safetensors(path), "b.").mean, counted(3).mean));
  CHECK_THROWS_AS(load(net, path), IOError);
}

TEST_CASE("files: short writes are no loss, and a failed write names the file and how much") {
  CHECK(complaint<DiskError>(
            [] {
              struct Full {
                std::FILE* f = std::fopen("/dev/full", "w");
                ~Full() { std::fclose(f); }
              } full;
              write_all(fileno(full.f), "the/file", std::string(1000, 'x'));
            },
            "the/file: cannot write to the file: No space left on device; 1000 bytes are needed; "
            "free some space") == "");
  const TempFolder folder;
  write_file(folder / "x", {"ab", "", "cde"});
  CHECK(read_file(folder / "x") == "abcde");
  CHECK(!std::filesystem::exists(folder / "x.tmp"));
  std::filesystem::create_directory(folder / "y");
  CHECK(complaint<DiskError>([&] { write_file(folder / "y", "abc"); },
                             folder / "y: cannot put the new file in place") == "");
  CHECK(!std::filesystem::exists(folder / "y.tmp"));
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  std::filesystem::create_symlink("pipe", folder / "link");
  for (const char* name : {"pipe", "link"}) {
    CHECK(complaint<DiskError>([&] { write_file(folder / name, "abc"); },
                               std::string(name) + ": is no regular file") == "");
    CHECK(!std::filesystem::exists(folder / (std::string(name) + ".tmp")));
  }
  CHECK(std::filesystem::is_fifo(folder / "pipe"));
  CHECK(std::filesystem::is_symlink(folder / "link"));
  const InputFile file(folder / "x");
  char bytes[3];
  file.read(1, bytes, 3);
  CHECK(std::string(bytes, 3) == "bcd");
  CHECK(complaint<IOError>([&] { file.read(3, bytes, 3); },
                           "/x: ends at byte 5, where 1 more were to come") == "");
}
