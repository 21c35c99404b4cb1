// The file of an InferenceNet. Metadata "layers" has a line per layer:
//
//   conv from=0 padding=1 relu=1 weight=16,3,3,3 bitmap=1
//   (and residual, row, stride, dilation, .., kernel where they are not the usual ones)
//   conv from=3 padding=1 relu=1 weight=64,64,3,3 bitmap=1 bits=4 inputs=4
//   (of a layer with levels; and signed=1, ranges of inputs, where they are not 0 and 1)
//
// "about.KEY" is an entry of InferenceInfo::about. Tensors hold all layers' numbers one after the
// other: "bias"; "values", of a layer with bitmap=1 the kept ones only; "mask", the bitmaps. Of
// layers with levels: "scale", those of inputs, then those of outputs; "levels", in place of
// values, each l + n in `bits` bits, n = 2^(bits-1) - 1, the lowest bit first, a layer from a whole
// byte on.
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
constexpr const char* about = "about.";  // opens the keys of InferenceInfo::about
constexpr std::array<const char*, 9> kinds = {
    "conv", "linear", "affine", "max_pool", "mean", "subsample", "silu", "mean_rows", "add_row"};
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
         field("row", l.row, plain.row) + field("stride", l.stride, plain.stride) +
         field("padding", l.padding, plain.padding) +
         field("dilation", l.dilation, plain.dilation) +
         field("stride_w", l.stride_w, plain.stride_w) +
         field("padding_w", l.padding_w, plain.padding_w) +
         field("dilation_w", l.dilation_w, plain.dilation_w) +
         field("bands", l.bands, plain.bands) + field("groups", l.groups, plain.groups) +
         field("channels", l.channels, plain.channels) + field("kernel", l.kernel, plain.kernel) +
         field("relu", l.relu, plain.relu) +
         (l.weight.defined() ? " weight=" + joined(l.weight.shape()) : "");
}
std::string fields_of(const InferenceLevels& l) {
  const auto ranges = static_cast<int64_t>(l.input_scale.size());
  return " bits=" + std::to_string(l.bits) + " inputs=" + std::to_string(l.input_bits) +
         (l.input_signed ? " signed=1" : "") +
         (ranges == 1 ? "" : " ranges=" + std::to_string(ranges));
}
int most_of(int bits) { return (1 << (bits - 1)) - 1; }

// All layers' weights one after the other: a bitmap for each that has enough zeros, kept values (of
// the others every value), and biases.
struct Packed {
  std::vector<uint8_t> mask = {}, levels = {};
  std::vector<float> values = {}, bias = {}, scale = {};

  // Whether the weight got a bitmap.
  bool add(const Layer& l) {
    const float *v = l.weight.data<float>(), *b = l.bias.data<float>();
    bias.insert(bias.end(), b, b + l.bias.numel());
    if (!l.levels) return add_kept(v, l.weight.numel(), 32, [&](float x) { values.push_back(x); });
    for (const auto* all : {&l.levels->input_scale, &l.levels->scale})
      scale.insert(scale.end(), all->begin(), all->end());
    const int bits = l.levels->bits;
    uint32_t open = 0;
    int used = 0;  // bits of it
    const bool has = add_kept(l.levels->weight.data(), l.weight.numel(), bits, [&](int8_t x) {
      open |= static_cast<uint32_t>(x + most_of(bits)) << used;
      for (used += bits; used >= 8; used -= 8, open >>= 8)
        levels.push_back(static_cast<uint8_t>(open));
    });
    if (used > 0) levels.push_back(static_cast<uint8_t>(open));
    return has;
  }

 private:
  // store(each that is not 0) and a bitmap, or store(each), whichever is smaller.
  template <class T, class F>
  bool add_kept(const T* v, int64_t n, int64_t bits, F&& store) {
    const int64_t kept = n - std::count(v, v + n, T(0)), bitmap = (n + 7) / 8 * 8;
    const bool pays = bits * kept + bitmap < bits * n;
    const size_t first = mask.size();
    if (pays) mask.resize(first + static_cast<size_t>(bitmap / 8), 0);
    for (int64_t i = 0; i < n; ++i) {
      if (pays && v[i] == T(0)) continue;
      if (pays) mask[first + static_cast<size_t>(i / 8)] |= static_cast<uint8_t>(1u << (i % 8));
      store(v[i]);
    }
    return pays;
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
    for (const auto& [key, value] : file_.metadata)
      if (key.rfind(about, 0) == 0) info.about[key.substr(std::string(about).size())] = value;
    std::vector<Layer> layers;
    for (const std::string& line : split(text("layers"), '\n'))
      layers.push_back(layer(line, layers.size()));
    check_all_used();
    if (mode == InferenceMode::integers &&
        std::none_of(layers.begin(), layers.end(), [](const Layer& l) { return l.levels; }))
      throw ConfigError(file_.where + ": its layers have no levels, which integers need");
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
    l.row = static_cast<int>(take("row", -1, 65536, l.row));
    l.stride = take("stride", 1, 64, l.stride), l.padding = take("padding", 0, 64, l.padding),
    l.dilation = take("dilation", 1, 64, l.dilation);
    l.stride_w = take("stride_w", 0, 64, l.stride_w);
    l.padding_w = take("padding_w", -1, 64, l.padding_w);
    l.dilation_w = take("dilation_w", 0, 64, l.dilation_w);
    l.bands = take("bands", 1, 65536, l.bands), l.groups = take("groups", 1, 65536, l.groups);
    l.channels = take("channels", 0, 65536, l.channels);
    l.kernel = take("kernel", 0, 64, l.kernel), l.relu = take("relu", 0, 1, l.relu) == 1;
    const auto weight = fields.find("weight");
    if (weight != fields.end()) {
      const Shape sizes = shape(weight->second, std::to_string(i));
      fields.erase(weight);
      const std::string where = "layer " + std::to_string(i);
      const bool bitmap = take("bitmap", 0, 1, 0) == 1;
      if (fields.count("bits")) {
        InferenceLevels q;
        q.bits = static_cast<int>(take("bits", 2, 8, 8));
        q.input_bits = static_cast<int>(take("inputs", 1, 8, 8));
        q.input_signed = take("signed", 0, 1, 0) == 1;
        const int64_t ranges = take("ranges", 1, most_weights, 1);
        l.levels = with_levels(std::move(q), sizes, ranges, bitmap, where);
        l.weight = zeros(sizes);  // InferenceNet fills it
      } else {
        l.weight = values(sizes, bitmap, where);
      }
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
    const T* first = t.data<T>() + at;
    if constexpr (std::is_floating_point_v<T>)
      if (!std::all_of(first, first + n, [](T v) { return std::isfinite(v); }))
        fail(where + ": '" + tensor + "' holds what is no finite number");
    at += n;
    return first;
  }
  Tensor next(const Shape& s, const char* tensor, int64_t& at, const std::string& where) {
    return from_data(take_from(tensor, s.numel(), at, where), s, DType::f32);
  }
  Tensor values(const Shape& s, bool bitmap, const std::string& where) {
    if (!bitmap) return next(s, "values", values_at_, where);
    const std::vector<int64_t> kept = kept_places(s.numel(), where);
    const float* v = take_from("values", static_cast<int64_t>(kept.size()), values_at_, where);
    std::vector<float> out(static_cast<size_t>(s.numel()), 0.0f);
    for (const int64_t i : kept) out[static_cast<size_t>(i)] = *v++;
    return from_data(out.data(), s, DType::f32);
  }

  std::vector<int64_t> kept_places(int64_t n, const std::string& where) {
    const int64_t bytes = (n + 7) / 8;
    const uint8_t* bits = take_from<uint8_t>("mask", bytes, mask_at_, where);
    std::vector<int64_t> kept;
    for (int64_t i = 0; i < 8 * bytes; ++i)
      if (bits[i / 8] >> (i % 8) & 1) kept.push_back(i);
    if (!kept.empty() && kept.back() >= n) fail(where + ": its bitmap keeps more than there is");
    return kept;
  }

  InferenceLevels with_levels(InferenceLevels q, const Shape& s, int64_t ranges, bool bitmap,
                              const std::string& where) {
    const auto scales = [&](int64_t n) {
      const float* v = take_from("scale", n, scale_at_, where);
      return std::vector<float>(v, v + n);
    };
    q.input_scale = scales(ranges), q.scale = scales(s[0]);
    const std::vector<int64_t> kept =
        bitmap ? kept_places(s.numel(), where) : std::vector<int64_t>();
    const int64_t n = s.numel(), count = bitmap ? static_cast<int64_t>(kept.size()) : n;
    const int64_t bytes = (count * q.bits + 7) / 8;
    const uint8_t* packed = take_from<uint8_t>("levels", bytes, levels_at_, where);
    const auto level = [&](int64_t k) {
      const int64_t bit = k * q.bits, at = bit / 8;
      const unsigned two = packed[at] | (at + 1 < bytes ? unsigned{packed[at + 1]} << 8 : 0u);
      const int v = static_cast<int>(two >> (bit % 8) & ((1u << q.bits) - 1)) - most_of(q.bits);
      if (v > most_of(q.bits)) fail(where + ": a level that its bits do not have");
      return static_cast<int8_t>(v);
    };
    if (count * q.bits % 8 && packed[bytes - 1] >> (count * q.bits % 8))
      fail(where + ": bits behind its last level");
    q.weight.assign(static_cast<size_t>(n), 0);
    for (int64_t k = 0; k < count; ++k)
      q.weight[static_cast<size_t>(bitmap ? kept[static_cast<size_t>(k)] : k)] = level(k);
    return q;
  }

  void check_all_used() const {
    std::vector<std::pair<const char*, int64_t>> used = {
        {"mask", mask_at_}, {"values", values_at_}, {"bias", bias_at_}};
    for (const auto& more : {std::pair{"scale", scale_at_}, {"levels", levels_at_}})
      if (file_.contains(more.first)) used.push_back(more);
    for (const auto& [tensor, at] : used)
      if (file_[tensor].numel() != at)
        fail(std::string("'") + tensor + "' has " + std::to_string(file_[tensor].numel()) +
             " entries, its layers use " + std::to_string(at));
  }

  const TensorFile& file_;
  int64_t mask_at_ = 0, values_at_ = 0, bias_at_ = 0, scale_at_ = 0, levels_at_ = 0;
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
    if (l.weight.defined()) lines += packed.add(l) ? " bitmap=1" : "";
    if (l.levels) lines += fields_of(*l.levels);
  }
  const auto row = [](const auto& v, DType t) {
    return from_data(v.data(), {static_cast<int64_t>(v.size())}, t);
  };
  const InferenceInfo& info = net.info();
  for (const std::string& c : info.classes) classes += (classes.empty() ? "" : "\n") + c;
  std::vector<NamedTensor> tensors = {{"mask", row(packed.mask, DType::u8)},
                                      {"values", row(packed.values, DType::f32)},
                                      {"bias", row(packed.bias, DType::f32)}};
  if (net.has_levels()) {
    tensors.emplace_back("scale", row(packed.scale, DType::f32));
    tensors.emplace_back("levels", row(packed.levels, DType::u8));
  }
  Metadata metadata = {{"format", format},
                       {"input", joined(Shape{info.channels, info.height, info.width})},
                       {"classes", classes},
                       {"mean", joined(info.mean)},
                       {"deviation", joined(info.deviation)},
                       {"layers", lines}};
  for (const auto& [key, value] : info.about) metadata[about + key] = value;
  save_safetensors(path, tensors, metadata);
}

InferenceNet load_inference(const std::string& path, InferenceMode mode) {
  const TensorFile file = load_safetensors(path);
  return Reader(file).net(mode);
}

}  // namespace regrad
