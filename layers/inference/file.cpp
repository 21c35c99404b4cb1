// The file of an InferenceNet. Metadata "layers" has a line per layer:
//
//   conv from=0 padding=1 relu=1 weight=16,3,3,3 bitmap=1
//   (and residual, stride, groups, channels, kernel where they are not the usual ones)
//
// Three tensors hold all layers' numbers one after the other: "bias"; "values", of a layer with
// bitmap=1 the kept ones only; "mask", the bitmaps.
#include <regrad/engine/error.h>
#include <regrad/engine/internal/split.h>
#include <regrad/engine/io/serialize.h>
#include <regrad/layers/inference/inference.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <map>

namespace regrad {
namespace {

using Layer = InferenceLayer;

constexpr const char* format = "regrad-inference-1";
constexpr std::array<const char*, 6> kinds = {"conv",     "linear", "affine",
                                              "max_pool", "mean",   "subsample"};
constexpr int64_t most_weights = int64_t{1} << 28;

std::string joined(const Shape& s) {
  std::string out;
  for (int d = 0; d < s.size(); ++d) out += (d ? "," : "") + std::to_string(s[d]);
  return out;
}

// Fields that stand at their defaults are left out: a small net's file is mostly weights.
std::string line_of(const Layer& l) {
  const Layer plain;
  const auto field = [](const char* name, int64_t value, int64_t usual) {
    return value == usual ? std::string() : " " + std::string(name) + "=" + std::to_string(value);
  };
  return kinds[l.kind] + field("from", l.from, -1) + field("residual", l.residual, plain.residual) +
         field("stride", l.stride, plain.stride) + field("padding", l.padding, plain.padding) +
         field("groups", l.groups, plain.groups) + field("channels", l.channels, plain.channels) +
         field("kernel", l.kernel, plain.kernel) + field("relu", l.relu, plain.relu) +
         (l.weight.defined() ? " weight=" + joined(l.weight.shape()) : "");
}

// All layers' weights one after the other: a bitmap for each that has enough zeros, kept values (of
// the others every value), and biases.
struct Packed {
  std::vector<uint8_t> mask = {};
  std::vector<float> values = {}, bias = {};

  // Whether the weight got a bitmap.
  bool add(const Tensor& w, const Tensor& b) {
    const float* v = w.data<float>();
    const int64_t n = w.numel(), kept = n - std::count(v, v + n, 0.0f), bitmap = (n + 7) / 8;
    bias.insert(bias.end(), b.data<float>(), b.data<float>() + b.numel());
    if (4 * kept + bitmap >= 4 * n) return values.insert(values.end(), v, v + n), false;
    const size_t first = mask.size();
    mask.resize(first + static_cast<size_t>(bitmap), 0);
    for (int64_t i = 0; i < n; ++i) {
      if (v[i] == 0) continue;
      mask[first + static_cast<size_t>(i / 8)] |= static_cast<uint8_t>(1u << (i % 8));
      values.push_back(v[i]);
    }
    return true;
  }
};

// Everything read is checked here, and by InferenceNet's constructor for how layers fit.
class Reader {
 public:
  explicit Reader(const TensorFile& file) : file_(file) {}

  InferenceNet net(InferenceMode mode) {
    if (text("format") != format)
      fail("its format is '" + text("format") + "', not " + format +
           "; regrad-sparse export makes such files");
    InferenceInfo info;
    const std::vector<std::string> input = split(text("input"), ',');
    if (input.size() != 3) fail("input: '" + text("input") + "' is not channels,height,width");
    info.channels = number(input[0], 1, 65536), info.height = number(input[1], 1, 65536),
    info.width = number(input[2], 1, 65536);
    info.classes = split(text("classes"), '\n');
    info.mean = reals("mean", info.channels), info.deviation = reals("deviation", info.channels);
    for (float d : info.deviation)
      if (d == 0) fail("a deviation of 0");
    if (info.mean.empty() != info.deviation.empty()) fail("mean without deviation, or the reverse");
    std::vector<Layer> layers;
    for (const std::string& line : split(text("layers"), '\n'))
      layers.push_back(layer(line, layers.size()));
    check_all_used();
    try {
      InferenceNet out(std::move(layers), std::move(info), mode);
      return out;
    } catch (const ShapeError& e) {
      fail(e.what());
    } catch (const ConfigError& e) {
      fail(e.what());
    } catch (const DTypeError& e) {
      fail(e.what());
    }
  }

 private:
  [[noreturn]] void fail(const std::string& why) const { throw IOError(file_.where + ": " + why); }

  const std::string& text(const std::string& key) const {
    const auto found = file_.metadata.find(key);
    if (found == file_.metadata.end())
      fail("its metadata have no '" + key + "'; is it a file that regrad-sparse export made?");
    return found->second;
  }

  int64_t number(const std::string& t, int64_t low, int64_t high) const {
    int64_t v = 0;
    const auto [end, error] = std::from_chars(t.data(), t.data() + t.size(), v);
    if (error != std::errc() || end != t.data() + t.size() || v < low || v > high)
      fail("'" + t + "' is not a whole number from " + std::to_string(low) + " to " +
           std::to_string(high));
    return v;
  }

  std::vector<float> reals(const std::string& key, int64_t count) const {
    std::vector<float> out;
    for (const std::string& t : split(text(key), ',')) {
      float v = 0;
      const auto [end, error] = std::from_chars(t.data(), t.data() + t.size(), v);
      if (error != std::errc() || end != t.data() + t.size() || !std::isfinite(v))
        fail(key + ": '" + t + "' is not a number");
      out.push_back(v);
    }
    if (!out.empty() && static_cast<int64_t>(out.size()) != count)
      fail(key + ": not one number per channel");
    return out;
  }

  Layer layer(const std::string& line, size_t i) {
    const std::vector<std::string> words = split(line, ' ');
    const auto kind = words.empty() ? kinds.end() : std::find(kinds.begin(), kinds.end(), words[0]);
    if (kind == kinds.end())
      fail("layer " + std::to_string(i) + " is '" + line + "', which names no kind of layer");
    Layer l;
    l.kind = static_cast<Layer::Kind>(kind - kinds.begin());
    std::map<std::string, std::string> fields;
    for (size_t w = 1; w < words.size(); ++w) {
      const size_t equals = words[w].find('=');
      if (equals == std::string::npos ||
          !fields.emplace(words[w].substr(0, equals), words[w].substr(equals + 1)).second)
        fail("layer " + std::to_string(i) + ": '" + words[w] +
             "' is not name=value, or is there twice");
    }
    const auto take = [&](const char* name, int64_t low, int64_t high, int64_t usual) {
      const auto found = fields.find(name);
      if (found == fields.end()) return usual;
      const int64_t v = number(found->second, low, high);
      fields.erase(found);
      return v;
    };
    if (!fields.count("from")) fail("layer " + std::to_string(i) + ": no from");
    l.from = static_cast<int>(take("from", 0, 65536, 0)),
    l.residual = static_cast<int>(take("residual", -1, 65536, l.residual));
    l.stride = take("stride", 1, 64, l.stride), l.padding = take("padding", 0, 64, l.padding),
    l.groups = take("groups", 1, 65536, l.groups);
    l.channels = take("channels", 0, 65536, l.channels);
    l.kernel = take("kernel", 0, 64, l.kernel), l.relu = take("relu", 0, 1, l.relu) == 1;
    const auto weight = fields.find("weight");
    if (weight != fields.end()) {
      const Shape sizes = shape(weight->second, std::to_string(i));
      fields.erase(weight);
      l.weight = take("bitmap", 0, 1, 0) ? unpacked(sizes, std::to_string(i))
                                         : next_values(sizes, std::to_string(i));
      l.bias = next({sizes[0]}, "bias", bias_at_, "layer " + std::to_string(i));
    }
    if (!fields.empty())
      fail("layer " + std::to_string(i) + ": unknown '" + fields.begin()->first + "'");
    return l;
  }

  Shape shape(const std::string& sizes, const std::string& name) const {
    Shape s;
    int64_t n = 1;
    const std::vector<std::string> dims = split(sizes, ',');
    if (dims.empty() || dims.size() > 4)
      fail("layer " + name + ": a weight of " + std::to_string(dims.size()) + " dims");
    for (const std::string& d : dims) {
      s.insert(s.size(), number(d, 1, most_weights));
      if ((n *= s[-1]) > most_weights) fail("layer " + name + ": more than 2^28 weights");
    }
    return s;
  }

  // The next numel(s) of a packed tensor.
  template <class T = float>
  const T* take_from(const char* tensor, int64_t n, int64_t& at, const std::string& where) {
    const Tensor& t = file_[tensor];
    if (t.dim() != 1 || t.dtype() != dtype_of<T>())
      fail(std::string(tensor) + " is " + name(t.dtype()) + " " + str(t.shape()) +
           ", not one row of " + name(dtype_of<T>()));
    if (n > t.numel() - at) fail(where + ": '" + tensor + "' ends too early");
    at += n;
    return t.data<T>() + (at - n);
  }
  Tensor next(const Shape& s, const char* tensor, int64_t& at, const std::string& where) {
    return from_data(take_from(tensor, s.numel(), at, where), s, DType::f32);
  }
  Tensor next_values(const Shape& s, const std::string& layer) {
    return next(s, "values", values_at_, "layer " + layer);
  }

  Tensor unpacked(const Shape& s, const std::string& layer) {
    const int64_t n = s.numel(), bytes = (n + 7) / 8;
    const std::string where = "layer " + layer;
    const uint8_t* bits = take_from<uint8_t>("mask", bytes, mask_at_, where);
    std::vector<float> out(static_cast<size_t>(n), 0.0f);
    for (int64_t i = 0; i < 8 * bytes; ++i) {
      if (!(bits[i / 8] >> (i % 8) & 1)) continue;
      if (i >= n) fail(where + ": its bitmap keeps more than there is");
      out[static_cast<size_t>(i)] = *take_from("values", 1, values_at_, where);
    }
    return from_data(out.data(), s, DType::f32);
  }

  void check_all_used() const {
    const std::pair<const char*, int64_t> used[] = {
        {"mask", mask_at_}, {"values", values_at_}, {"bias", bias_at_}};
    for (const auto& [tensor, at] : used)
      if (file_[tensor].numel() != at)
        fail(std::string("'") + tensor + "' has " + std::to_string(file_[tensor].numel()) +
             " entries, its layers use " + std::to_string(at));
  }

  const TensorFile& file_;
  int64_t mask_at_ = 0, values_at_ = 0, bias_at_ = 0;
};

std::string joined(const std::vector<float>& v) {
  std::string out;
  for (float x : v) {
    std::array<char, 32> text{};
    const auto end = std::to_chars(text.data(), text.data() + text.size(), x).ptr;
    out += (out.empty() ? "" : ",") + std::string(text.data(), end);
  }
  return out;
}

}  // namespace

void save_inference(const InferenceNet& net, const std::string& path) {
  Packed packed;
  std::string lines, classes;
  for (size_t i = 0; i < net.layers().size(); ++i) {
    const Layer& l = net.layers()[i];
    lines += (i ? "\n" : "") + line_of(l);
    if (l.weight.defined()) lines += packed.add(l.weight, l.bias) ? " bitmap=1" : "";
  }
  const auto row = [](const auto& v, DType t) {
    return from_data(v.data(), {static_cast<int64_t>(v.size())}, t);
  };
  const InferenceInfo& info = net.info();
  for (const std::string& c : info.classes) classes += (classes.empty() ? "" : "\n") + c;
  save_safetensors(path,
                   {{"mask", row(packed.mask, DType::u8)},
                    {"values", row(packed.values, DType::f32)},
                    {"bias", row(packed.bias, DType::f32)}},
                   {{"format", format},
                    {"input", joined(Shape{info.channels, info.height, info.width})},
                    {"classes", classes},
                    {"mean", joined(info.mean)},
                    {"deviation", joined(info.deviation)},
                    {"layers", lines}});
}

InferenceNet load_inference(const std::string& path, InferenceMode mode) {
  const TensorFile file = load_safetensors(path);
  return Reader(file).net(mode);
}

}  // namespace regrad
