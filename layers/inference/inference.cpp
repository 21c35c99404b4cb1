#include <regrad/engine/autograd.h>
#include <regrad/engine/conv.h>
#include <regrad/engine/error.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/parallel.h>
#include <regrad/layers/inference/plan.h>

#include <algorithm>

namespace regrad {

using inference::Size;

struct InferenceNet::Parts {
  std::vector<InferenceLayer> layers;
  InferenceInfo info;
  InferenceMode mode = InferenceMode::dense;
  std::vector<Size> sizes = {};
  inference::Plan plan = {};  // of the sparse way
  bool vectors = false;       // all layers are linear, each on the one before
  Cost cost = {};
};

namespace {

using Layer = InferenceLayer;

int64_t nonzeros(const Tensor& t) {
  const float* v = t.data<float>();
  return t.numel() - std::count(v, v + t.numel(), 0.0f);
}

InferenceNet::Cost cost_of_layers(const std::vector<Layer>& layers, const std::vector<Size>& sizes) {
  InferenceNet::Cost c;
  for (size_t i = 0; i < layers.size(); ++i) {
    if (!layers[i].weight.defined()) continue;
    const int64_t kept = nonzeros(layers[i].weight), uses = layers[i].kind == Layer::conv ? sizes[i + 1].h * sizes[i + 1].w : 1;
    c.parameters += layers[i].weight.numel() + layers[i].bias.numel();
    c.nonzeros += kept + nonzeros(layers[i].bias);
    if (layers[i].kind == Layer::affine) continue;
    c.macs += layers[i].weight.numel() * uses;
    c.sparse_macs += kept * uses;
  }
  return c;
}

bool all_vectors(const std::vector<Layer>& layers) {
  for (size_t i = 0; i < layers.size(); ++i)
    if (layers[i].kind != Layer::linear || layers[i].from != static_cast<int>(i)) return false;
  return true;
}

Tensor per_channel(const Tensor& t) { return reshape(t, {t.numel(), 1, 1}); }

Tensor dense_layer(const Layer& l, const Tensor& x, const Tensor& residual) {
  Tensor y;
  switch (l.kind) {
    case Layer::conv: y = conv2d(x, l.weight, l.bias, {.stride = l.stride, .padding = l.padding, .groups = l.groups}); break;
    case Layer::linear: y = linear(flatten(x, 1), l.weight, l.bias); break;
    case Layer::affine: y = x * per_channel(l.weight) + per_channel(l.bias); break;
    case Layer::max_pool: y = max_pool2d(x, l.stride); break;
    case Layer::mean: y = mean(x, {-2, -1}); break;
    case Layer::subsample: {
      const Tensor small = slice(slice(x, -2, 0, x.size(-2), l.stride), -1, 0, x.size(-1), l.stride);
      const int64_t before = (l.channels - x.size(1)) / 2;
      y = pad(small.permute({0, 2, 3, 1}), {before, l.channels - x.size(1) - before}).permute({0, 3, 1, 2});
    }
  }
  if (residual.defined()) y = std::move(y) + residual;
  return l.relu ? relu(std::move(y)) : y;
}

Tensor run_dense(const std::vector<Layer>& layers, const Tensor& x) {
  const NoGrad quiet;
  std::vector<Tensor> values = {x};
  std::vector<size_t> last(layers.size() + 1, 0);  // that reads each value
  for (size_t i = 0; i < layers.size(); ++i) {
    last[static_cast<size_t>(layers[i].from)] = i;
    if (layers[i].residual >= 0) last[static_cast<size_t>(layers[i].residual)] = i;
  }
  for (size_t i = 0; i < layers.size(); ++i) {
    const Layer& l = layers[i];
    values.push_back(dense_layer(l, values[static_cast<size_t>(l.from)], l.residual >= 0 ? values[static_cast<size_t>(l.residual)] : Tensor()));
    for (size_t v = 0; v < values.size() - 1; ++v)
      if (last[v] == i) values[v] = {};
  }
  return values.back().contiguous();
}

}  // namespace

InferenceNet::InferenceNet(std::vector<InferenceLayer> layers, InferenceInfo info, InferenceMode mode) {
  auto p = std::make_shared<Parts>();
  p->sizes = inference::sizes_of(layers, info);
  for (Layer& l : layers) {
    if (l.weight.defined()) l.weight = l.weight.detach().contiguous(), l.bias = l.bias.detach().contiguous();
  }
  p->cost = cost_of_layers(layers, p->sizes);
  p->vectors = all_vectors(layers);
  const bool few = 4 * p->cost.sparse_macs < p->cost.macs;
  p->mode = mode == InferenceMode::automatic ? (few ? InferenceMode::sparse : InferenceMode::dense) : mode;
  p->layers = std::move(layers), p->info = std::move(info);
  if (p->mode == InferenceMode::sparse) p->plan = inference::plan_of(p->layers, p->sizes);
  parts_ = std::move(p);
}

const std::vector<InferenceLayer>& InferenceNet::layers() const {
  if (!parts_) throw ConfigError("inference: an empty net");
  return parts_->layers;
}
const InferenceInfo& InferenceNet::info() const { return layers(), parts_->info; }
InferenceMode InferenceNet::mode() const { return layers(), parts_->mode; }
InferenceNet::Cost InferenceNet::cost() const { return layers(), parts_->cost; }
InferenceNet InferenceNet::with_mode(InferenceMode mode) const { return InferenceNet(layers(), parts_->info, mode); }

Tensor InferenceNet::operator()(const Tensor& x) const {
  layers();
  const Size &in = parts_->sizes.front(), &out = parts_->sizes.back();
  const bool flat = x.dim() == 2 && in.h == 1 && in.w == 1;
  if (x.dtype() != DType::f32) throw DTypeError(std::string("inference: x is ") + name(x.dtype()) + ", the net takes f32");
  if (!(flat && x.size(1) == in.c) && !(x.dim() == 4 && x.size(1) == in.c && x.size(2) == in.h && x.size(3) == in.w))
    throw ShapeError("inference: x is " + str(x.shape()) + ", the net takes " + str(Shape{-1, in.c, in.h, in.w}));
  if (parts_->mode == InferenceMode::dense) return run_dense(parts_->layers, flat && !parts_->vectors ? reshape(x, {x.size(0), in.c, 1, 1}) : x);
  const Tensor rows = x.detach().contiguous();
  const int64_t n = x.size(0), block = parts_->vectors && n > 8 ? inference::wide : 1;
  std::vector<float> y(static_cast<size_t>(n * out.numel()));
  parallel_for((n + block - 1) / block, [&](int64_t b) {
    const int64_t first = b * block, count = std::min(block, n - first);
    const float* from = rows.data<float>() + first * in.numel();
    float* to = y.data() + first * out.numel();
    if (block > 1) {
      inference::run_vectors(parts_->layers, parts_->plan, from, count, to);
    } else {
      inference::run_image(parts_->layers, parts_->plan, from, to);
    }
  });
  const bool one = out.h == 1 && out.w == 1;
  return from_data(y.data(), one ? Shape{n, out.c} : Shape{n, out.c, out.h, out.w}, DType::f32);
}

}  // namespace regrad
