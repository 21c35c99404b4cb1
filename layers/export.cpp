#include <regrad/engine/autograd.h>
#include <regrad/engine/error.h>
#include <regrad/layers/export.h>

#include <algorithm>

namespace regrad {
namespace {

using Layer = InferenceLayer;

// A norm out of training as scale x + shift.
struct Folded {
  Tensor scale, shift;
  explicit Folded(const BatchNorm& n) {
    if (!n.running_mean.defined())
      throw ConfigError("export: a batch norm without running statistics");
    const NoGrad quiet;
    const Tensor mean = n.running_mean.to(DType::f64), var = n.running_var.to(DType::f64);
    scale = n.weight.detach().to(DType::f64) / sqrt(var + n.eps);
    shift = n.bias.detach().to(DType::f64) - mean * scale;
  }
};

// Lists a net's layers in their order; each call gives the number of the value it makes.
class Writer {
 public:
  int conv(const Conv2d& c, const BatchNorm* norm, int from, bool relu, int residual = -1) {
    const NoGrad quiet;
    if (c.options.padding.same)
      throw ConfigError("export: padding is given in numbers, not as \"same\"");
    Layer l;
    l.kind = Layer::conv, l.from = from, l.residual = residual, l.relu = relu;
    l.stride = c.options.stride.h, l.padding = c.options.padding.h, l.groups = c.options.groups;
    Tensor weight = c.weight.detach().to(DType::f64),
           bias = c.bias.defined() ? c.bias.detach().to(DType::f64)
                                   : zeros({weight.size(0)}, DType::f64);
    if (norm) {
      const Folded f(*norm);
      weight = weight * reshape(f.scale, {f.scale.numel(), 1, 1, 1});
      bias = bias * f.scale + f.shift;
    }
    return add(std::move(l), weight, bias);
  }
  int affine(const BatchNorm& norm, int from, bool relu) {
    Layer l;
    l.kind = Layer::affine, l.from = from, l.relu = relu;
    const Folded f(norm);
    return add(std::move(l), f.scale, f.shift);
  }
  int linear(const Linear& m, int from, bool relu = false) {
    Layer l;
    l.kind = Layer::linear, l.from = from, l.relu = relu;
    const Tensor w = m.weight.detach().to(DType::f64);
    return add(std::move(l), w,
               m.bias.defined() ? m.bias.detach().to(DType::f64) : zeros({w.size(0)}, DType::f64));
  }
  int max_pool(int from) { return simple(Layer::max_pool, from, 2, 0); }
  int mean(int from) { return simple(Layer::mean, from, 1, 0); }
  int subsample(int from, int64_t stride, int64_t channels) {
    return simple(Layer::subsample, from, stride, channels);
  }

  std::vector<Layer> layers = {};

 private:
  int simple(Layer::Kind kind, int from, int64_t stride, int64_t channels) {
    Layer l;
    l.kind = kind, l.from = from, l.stride = stride, l.channels = channels;
    layers.push_back(std::move(l));
    return static_cast<int>(layers.size());
  }
  int add(Layer l, const Tensor& weight, const Tensor& bias) {
    l.weight = weight.to(DType::f32).contiguous(), l.bias = bias.to(DType::f32).contiguous();
    layers.push_back(std::move(l));
    return static_cast<int>(layers.size());
  }
};

struct Exporter {
  Writer w = {};
  int64_t size = 0;  // of the image

  int block(const BasicBlock& b, int x) {
    int shortcut = x;
    const int64_t stride = b.conv1.options.stride.h, in = b.conv1.weight.size(1),
                  out = b.conv1.weight.size(0);
    if (b.shortcut.weight.defined()) {
      shortcut = w.conv(b.shortcut, &b.shortcut_norm, x, false);
    } else if (stride != 1 || in != out) {
      shortcut = w.subsample(x, stride, out);
    }
    return w.conv(b.conv2, &b.norm2, w.conv(b.conv1, &b.norm1, x, true), true, shortcut);
  }
  int block(const BottleneckBlock& b, int x) {
    const int shortcut =
        b.shortcut.weight.defined() ? w.conv(b.shortcut, &b.shortcut_norm, x, false) : x;
    return w.conv(b.conv3, &b.norm3,
                  w.conv(b.conv2, &b.norm2, w.conv(b.conv1, &b.norm1, x, true), true), true,
                  shortcut);
  }
  int block(const PreActBlock& b, int x) {
    const int a = w.affine(b.norm1, x, true), y = w.conv(b.conv1, &b.norm2, a, true);
    return w.conv(b.conv2, nullptr, y, false,
                  b.shortcut.weight.defined() ? w.conv(b.shortcut, nullptr, a, false) : x);
  }

  template <class Net>
  void residual(const Net& net) {
    int y = w.conv(net.conv, &net.norm, 0, true);
    for (const auto& b : net.blocks) y = block(b, y);
    w.linear(net.linear, w.mean(y));
  }
  void operator()(const Resnet& net) { residual(net); }
  void operator()(const BottleneckResnet& net) { residual(net); }
  void operator()(const WideResnet& net) {
    int y = w.conv(net.conv, nullptr, 0, false);
    for (const PreActBlock& b : net.blocks) y = block(b, y);
    w.linear(net.linear, w.mean(w.affine(net.norm, y, true)));
  }
  void operator()(const ChainNet& net) {
    int y = 0;
    int64_t now = size;
    for (size_t i = 0; i < net.convs.size(); ++i) {
      const Conv2d& c = net.convs[i].conv;
      y = w.conv(c, &net.convs[i].norm, y, true);
      now = (now - 1) / c.options.stride.h + 1;
      const bool pools = std::find(net.pooled.begin(), net.pooled.end(), i) != net.pooled.end();
      if (pools && now > 1) y = w.max_pool(y), now /= 2;
    }
    w.linear(net.linear, w.mean(y));
  }
  void operator()(const PixelMlp& net) {
    int y = 0;
    for (size_t i = 0; i < net.layers.size(); ++i)
      y = w.linear(net.layers[i], y, i + 1 < net.layers.size());
  }
};

// Whether filter o of a layer gives 0 for every image.
bool dead(const Layer& l, int64_t o) {
  const int64_t each = l.weight.numel() / l.weight.size(0);
  const float* v = l.weight.data<float>() + o * each;
  return l.relu && l.residual < 0 && l.bias.data<float>()[o] <= 0 &&
         std::all_of(v, v + each, [](float x) { return x == 0; });
}

// The one convolution that reads value v, or -1.
int only_reader(const std::vector<Layer>& layers, int v) {
  int found = -1;
  for (size_t i = 0; i < layers.size(); ++i) {
    if (layers[i].residual == v) return -1;
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
    l.weight = index_select(l.weight, 0, at).contiguous(),
    l.bias = index_select(l.bias, 0, at).contiguous();
    next.weight = index_select(next.weight, 1, at).contiguous();
  }
  return layers;
}

InferenceNet export_net(const NamedNet& net, const NamedNetOptions& of,
                        const ExportOptions& options) {
  Exporter e;
  e.size = of.size;
  std::visit([&](const auto& n) { e(n); }, net.net);
  std::vector<Layer> layers =
      options.remove_filters ? without_dead_filters(std::move(e.w.layers)) : std::move(e.w.layers);
  return InferenceNet(std::move(layers), {of.in_channels, of.size, of.size, options.classes,
                                          options.mean, options.deviation});
}

}  // namespace regrad
