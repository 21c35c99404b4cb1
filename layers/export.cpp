#include <regrad/engine/autograd.h>
#include <regrad/engine/error.h>
#include <regrad/layers/export.h>

#include <algorithm>
#include <string>

namespace regrad {
namespace {

using Layer = InferenceLayer;

// A norm out of training as scale x + shift.
struct Folded {
  Tensor scale, shift;
  explicit Folded(const Step& norm) {
    if (!norm.running.mean.defined())
      throw ConfigError("export: a batch norm without running statistics");
    const Tensor mean = norm.running.mean.to(DType::f64), var = norm.running.var.to(DType::f64);
    scale = norm.weight.detach().to(DType::f64) / sqrt(var + norm.after.eps);
    shift = norm.bias.detach().to(DType::f64) - mean * scale;
  }
};

// Notes the steps of a forward pass as layers, each merged into the one before it where that one
// has no other reader. Weights stay f64 until all is folded.
class Recorder {
 public:
  Recorder(const Tensor& x, const std::vector<LayerQuantization>& quantization)
      : values_{x}, number_{0}, quantization_(quantization) {}
  Tensor operator()(const Step& s, const std::function<Tensor()>& plain) {
    const Tensor y = plain();
    values_.push_back(y), number_.push_back(s.kind == Step::flatten ? number(s.x) : added(s));
    return y;
  }
  // In the order of their last step. y: the net's output, which is the last value.
  std::vector<Layer> layers(const Tensor& y);

 private:
  struct Noted {
    Step::Kind kind;
    Layer layer;
    bool merged = false;  // into a later one
    Tensor scale = {};    // of each output of a layer with levels, f64
  };

  // 0: the input; i + 1: of noted_[i].
  int number(const Tensor& v) const {
    for (size_t i = values_.size(); i-- > 0;)
      if (values_[i].node() == v.node()) return number_[i];
    throw ConfigError("export: a layer reads what no step of inference gives (of shape " +
                      str(v.shape()) + ")");
  }
  int added(const Step& s) {
    noted_.push_back({s.kind, layer_of(s)});
    if (s.kind == Step::conv || s.kind == Step::linear) quantize(s, noted_.back());
    if (s.kind == Step::norm && s.after.max_pool) {
      noted_.push_back(
          {Step::max_pool, pooled(static_cast<int>(noted_.size()), *s.after.max_pool)});
    }
    return static_cast<int>(noted_.size());
  }
  static Layer pooled(int from, const Window& w);
  Layer layer_of(const Step& s) const;
  void quantize(const Step& s, Noted& k);
  int readers(int v) const;
  Noted* into(const Noted& k);
  void merge(size_t i);

  std::vector<Tensor> values_;  // held, so that no other takes a tensor's address
  std::vector<int> number_;
  const std::vector<LayerQuantization>& quantization_;
  size_t quantized_ = 0;  // convolutions and linear maps so far
  std::vector<Noted> noted_ = {};
};

Layer Recorder::pooled(int from, const Window& w) {
  Layer l{.kind = Layer::max_pool, .from = from, .stride = w.stride, .padding = w.padding};
  if (w.kernel != w.stride) l.kernel = w.kernel;
  return l;
}

Layer Recorder::layer_of(const Step& s) const {
  Layer l{.from = number(s.x)};
  const auto bias = [&] {
    return s.bias.defined() ? s.bias.detach().to(DType::f64)
                            : zeros({s.weight.size(0)}, DType::f64);
  };
  switch (s.kind) {
    case Step::conv: {
      const ConvOptions& o = s.options;
      if (o.padding.same) throw ConfigError("export: padding is given in numbers, not as \"same\"");
      l.stride = o.stride.h, l.padding = o.padding.h, l.dilation = o.dilation.h;
      if (o.stride.w != o.stride.h) l.stride_w = o.stride.w;
      if (o.padding.w != o.padding.h) l.padding_w = o.padding.w;
      if (o.dilation.w != o.dilation.h) l.dilation_w = o.dilation.w;
      l.groups = o.groups;
      l.weight = s.weight.detach().to(DType::f64), l.bias = bias();
      break;
    }
    case Step::linear:
      l.kind = Layer::linear, l.weight = s.weight.detach().to(DType::f64), l.bias = bias();
      break;
    case Step::norm: {
      const Folded f(s);
      l.kind = Layer::affine, l.weight = f.scale, l.bias = f.shift, l.relu = s.after.relu;
      l.bands = s.bands;
      if (s.after.residual.defined()) l.residual = number(s.after.residual);
      break;
    }
    case Step::add: l.residual = number(s.other); break;
    case Step::max_pool: return pooled(l.from, s.window);
    case Step::mean: l.kind = Layer::mean; break;
    case Step::subsample:
      l.kind = Layer::subsample, l.stride = s.stride, l.channels = s.channels;
      break;
    case Step::silu: l.kind = Layer::silu; break;
    case Step::mean_rows: l.kind = Layer::mean_rows; break;
    case Step::broadcast:
      l.kind = Layer::add_row, l.row = number(s.row);
      if (s.other.defined()) l.residual = number(s.other);
      break;
    case Step::relu:
    case Step::flatten: break;
  }
  return l;
}

// Levels of weights [O, ..] and of inputs, by the next of the quantizations.
void Recorder::quantize(const Step& s, Noted& k) {
  const size_t i = quantized_++;
  if (i >= quantization_.size()) return;  // their number is checked in layers()
  const LayerQuantization& q = quantization_[i];
  const std::string where = "export: quantization of layer " + std::to_string(i) + ": ";
  for (const QuantizeOptions* o : {&q.weights, &q.inputs})
    if (o->scheme == Scheme::affine || o->bits > 8)
      throw ConfigError(where + "needs symmetric levels of at most 8 bits");
  const auto ranges = static_cast<int64_t>(q.input.size());
  if (ranges != 1 && ranges != k.layer.groups)
    throw ConfigError(where + std::to_string(ranges) + " ranges of inputs for " +
                      std::to_string(k.layer.groups) + " groups");
  InferenceLevels l{
      .bits = q.weights.bits, .input_bits = q.inputs.bits, .input_signed = q.input.is_signed()};
  for (int64_t g = 0; g < ranges; ++g)
    l.input_scale.push_back(
        static_cast<float>(levels_of(q.input.at(g, ranges), l.input_signed, q.inputs).scale));
  const Ranges of_weight = weight_ranges(s.weight, q.weights);
  for (const double v : quantized_levels(s.weight.detach(), of_weight, q.weights).to_vector())
    l.weight.push_back(static_cast<int8_t>(v));
  std::vector<double> scale;
  for (int64_t o = 0, outs = s.weight.size(0); o < outs; ++o)
    scale.push_back(levels_of(of_weight.at(o, outs), true, q.weights).scale);
  k.scale = tensor(scale, {s.weight.size(0)}, DType::f64);
  k.layer.levels = std::move(l);
}

int Recorder::readers(int v) const {
  int n = 0;
  for (const Noted& k : noted_)
    if (!k.merged) n += (k.layer.from == v) + (k.layer.residual == v) + (k.layer.row == v);
  return n;
}

// A norm's factor into the scales of outputs, which stay positive: a negative one turns the levels.
static void take_factor(InferenceLevels& l, Tensor& scale, const Tensor& factor) {
  const std::vector<double> f = factor.to_vector();
  const size_t each = l.weight.size() / std::max<size_t>(1, f.size());
  for (size_t o = 0; o < f.size(); ++o)
    for (size_t i = o * each; i < (o + 1) * each; ++i)
      if (f[o] < 0) l.weight[i] = static_cast<int8_t>(-l.weight[i]);
  scale = scale * abs(factor);
}

// Norm, sum and ReLU into the layer whose output they alone read.
void Recorder::merge(size_t i) {
  Noted& k = noted_[i];
  if (k.kind != Step::norm && k.kind != Step::add && k.kind != Step::relu) return;
  Noted* before = into(k);
  if (!before && k.kind == Step::add) std::swap(k.layer.from, k.layer.residual), before = into(k);
  if (!before) {
    if (k.kind == Step::norm && k.layer.residual < 0) return;  // a layer of its own
    throw ConfigError("export: a sum or ReLU of what is no layer's output, or has other readers");
  }
  Layer l = before->layer;
  k.scale = before->scale;
  if (k.kind == Step::norm) {
    if (l.levels) take_factor(*l.levels, k.scale, k.layer.weight);
    l.weight = l.weight * reshape(k.layer.weight, {k.layer.weight.numel(), 1, 1, 1});
    l.bias = l.bias * k.layer.weight + k.layer.bias;
  }
  l.relu = k.kind == Step::relu || k.layer.relu;
  if (k.layer.residual >= 0) l.residual = k.layer.residual;
  before->merged = true;
  k.kind = before->kind, k.layer = std::move(l);  // what follows may merge into it again
}

// The layer that k can be merged into, or nullptr.
Recorder::Noted* Recorder::into(const Noted& k) {
  if (k.layer.from == 0 || readers(k.layer.from) > 1) return nullptr;
  Noted& before = noted_[static_cast<size_t>(k.layer.from) - 1];
  if (before.layer.relu) return nullptr;
  const bool fits = k.kind == Step::relu ? before.layer.weight.defined()
                                         : before.kind == Step::conv && before.layer.residual < 0 &&
                                               k.layer.bands == 1;
  return fits ? &before : nullptr;
}

std::vector<Layer> Recorder::layers(const Tensor& y) {
  if (number(y) != static_cast<int>(noted_.size()))
    throw ConfigError("export: the net's output is not that of its last step");
  if (!quantization_.empty() && quantization_.size() != quantized_)
    throw ConfigError("export: quantization of " + std::to_string(quantization_.size()) +
                      " layers for a net of " + std::to_string(quantized_) +
                      " convolutions and linear maps");
  for (size_t i = 0; i < noted_.size(); ++i) merge(i);
  std::vector<int> now{0};
  std::vector<Layer> out;
  for (Noted& k : noted_) {
    if (!k.merged) {
      Layer& l = k.layer;
      l.from = now[static_cast<size_t>(l.from)];
      if (l.residual >= 0) l.residual = now[static_cast<size_t>(l.residual)];
      if (l.row >= 0) l.row = now[static_cast<size_t>(l.row)];
      if (l.levels) {
        for (const double x : k.scale.to_vector()) l.levels->scale.push_back(static_cast<float>(x));
        l.weight = weight_of(*l.levels, l.weight.shape());
      }
      if (l.weight.defined()) {
        l.weight = l.weight.to(DType::f32).contiguous();
        l.bias = l.bias.to(DType::f32).contiguous();
      }
      out.push_back(std::move(l));
    }
    now.push_back(static_cast<int>(out.size()));
  }
  return out;
}

// Whether filter o of a layer gives 0 for every image.
bool dead(const Layer& l, int64_t o) {
  const int64_t each = l.weight.numel() / l.weight.size(0);
  const float* v = l.weight.data<float>() + o * each;
  return l.relu && l.residual < 0 && l.bias.data<float>()[o] <= 0 &&
         std::all_of(v, v + each, [](float x) { return x == 0; });
}

// The filters `alive` alone.
void keep_filters(InferenceLevels& l, const std::vector<double>& alive) {
  const size_t each = l.weight.size() / l.scale.size();
  std::vector<int8_t> weight;
  std::vector<float> scale;
  for (const double a : alive) {
    const auto o = static_cast<size_t>(a);
    for (size_t i = 0; i < each; ++i) weight.push_back(l.weight[o * each + i]);
    scale.push_back(l.scale[o]);
  }
  l.weight = std::move(weight), l.scale = std::move(scale);
}
// The channels `alive` of each filter of weights `s`, [O,C,KH,KW].
void keep_channels(InferenceLevels& l, const std::vector<double>& alive, const Shape& s) {
  const auto channels = static_cast<size_t>(s[1]), each = static_cast<size_t>(s[2] * s[3]);
  std::vector<int8_t> kept;
  for (size_t o = 0; o < l.scale.size(); ++o)
    for (const double a : alive)
      for (size_t i = 0; i < each; ++i)
        kept.push_back(l.weight[(o * channels + static_cast<size_t>(a)) * each + i]);
  l.weight = std::move(kept);
}

// The one convolution that reads value v, or -1.
int only_reader(const std::vector<Layer>& layers, int v) {
  int found = -1;
  for (size_t i = 0; i < layers.size(); ++i) {
    if (layers[i].residual == v || layers[i].row == v) return -1;
    if (layers[i].from != v) continue;
    if (found >= 0 || layers[i].kind != Layer::conv || layers[i].groups != 1) return -1;
    found = static_cast<int>(i);
  }
  return found;
}

}  // namespace

std::vector<Layer> without_dead_filters(std::vector<Layer> layers) {
  const NoGrad quiet;
  for (size_t i = 0; i < layers.size(); ++i) {
    Layer& l = layers[i];
    const int reader =
        l.kind == Layer::conv && l.groups == 1 ? only_reader(layers, static_cast<int>(i) + 1) : -1;
    if (reader < 0) continue;
    std::vector<double> alive;
    for (int64_t o = 0; o < l.weight.size(0); ++o)
      if (!dead(l, o)) alive.push_back(static_cast<double>(o));
    if (alive.empty()) alive.push_back(0);  // a layer keeps one
    if (static_cast<int64_t>(alive.size()) == l.weight.size(0)) continue;
    const Tensor at = tensor(alive, {static_cast<int64_t>(alive.size())}, DType::i64);
    Layer& next = layers[static_cast<size_t>(reader)];
    if (l.levels) keep_filters(*l.levels, alive);
    if (next.levels) keep_channels(*next.levels, alive, next.weight.shape());
    l.weight = index_select(l.weight, 0, at).contiguous(),
    l.bias = index_select(l.bias, 0, at).contiguous();
    next.weight = index_select(next.weight, 1, at).contiguous();
  }
  return layers;
}

std::vector<Layer> recorded_layers(const std::function<Tensor(const Tensor&, Context&)>& forward,
                                   const Tensor& x,
                                   const std::vector<LayerQuantization>& quantization) {
  const NoGrad quiet;
  Recorder recorder(x, quantization);
  Context ctx{.evaluate = [&](const Step& s, const std::function<Tensor()>& plain) {
    return recorder(s, plain);
  }};
  return recorder.layers(forward(x, ctx));
}

InferenceInfo joined(InferenceInfo info, const ExportOptions& options) {
  if (info.classes.empty()) info.classes = options.classes;
  if (info.mean.empty()) info.mean = options.mean;
  if (info.deviation.empty()) info.deviation = options.deviation;
  if (info.about.empty()) info.about = options.about;
  return info;
}

InferenceNet export_net(const NamedNet& net, const NamedNetOptions& of,
                        const ExportOptions& options) {
  return export_net(net, InferenceInfo{of.in_channels, of.size, of.columns()}, options);
}

}  // namespace regrad
