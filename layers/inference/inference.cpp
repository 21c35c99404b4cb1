#include <regrad/engine/error.h>
#include <regrad/engine/kernels/int8.h>
#include <regrad/engine/kernels/kernels.h>
#include <regrad/engine/ops.h>
#include <regrad/engine/parallel.h>
#include <regrad/layers/inference/plan.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string>

namespace regrad {

using inference::Size;

Tensor weight_of(const InferenceLevels& l, const Shape& shape) {
  if (static_cast<int64_t>(l.weight.size()) != shape.numel() || shape.size() == 0 ||
      static_cast<int64_t>(l.scale.size()) != shape[0])
    throw ShapeError("weight_of: " + std::to_string(l.weight.size()) + " levels and " +
                     std::to_string(l.scale.size()) + " scales for " + str(shape));
  std::vector<float> w;
  for (size_t k = 0, each = l.weight.size() / l.scale.size(); k < l.weight.size(); ++k)
    w.push_back(l.scale[k / each] * static_cast<float>(l.weight[k]));
  return from_data(w.data(), shape, DType::f32);
}

struct InferenceNet::Parts {
  std::vector<InferenceLayer> layers;
  InferenceInfo info;
  InferenceMode mode = InferenceMode::dense;
  std::vector<Size> sizes = {};
  inference::Plan sparse = {};  // of the way that is taken
  inference::DensePlan dense = {};
  inference::IntegerPlan integers = {};
  bool vectors = false;  // all layers are linear, each on the one before
  Cost cost = {};
};

namespace {

using Layer = InferenceLayer;

int64_t nonzeros(const Tensor& t) {
  const float* v = t.data<float>();
  return t.numel() - std::count(v, v + t.numel(), 0.0f);
}

InferenceNet::Cost cost_of_layers(const std::vector<Layer>& layers,
                                  const std::vector<Size>& sizes) {
  InferenceNet::Cost c;
  for (size_t i = 0; i < layers.size(); ++i) {
    if (!layers[i].weight.defined()) continue;
    const int64_t kept = nonzeros(layers[i].weight),
                  uses = layers[i].kind == Layer::conv ? sizes[i + 1].h * sizes[i + 1].w : 1;
    c.parameters += layers[i].weight.numel() + layers[i].bias.numel();
    c.nonzeros += kept + nonzeros(layers[i].bias);
    if (layers[i].kind == Layer::affine) continue;
    c.macs += layers[i].weight.numel() * uses;
    c.sparse_macs += kept * uses;
  }
  return c;
}

void check_levels(const Layer& l, size_t i) {
  const InferenceLevels& q = *l.levels;
  const std::string where = "inference layer " + std::to_string(i) + ": ";
  const auto need = [&](bool fits, const char* what) {
    if (!fits) throw ConfigError(where + what);
  };
  need(l.kind == Layer::conv || l.kind == Layer::linear, "levels of what has no products");
  need(q.bits >= 2 && q.bits <= 8, "weights need 2 to 8 bits");
  need(q.input_bits >= (q.input_signed ? 2 : 1) && q.input_bits <= 8,
       "inputs need 1 to 8 bits, 2 at least where they are signed");
  const auto outs = static_cast<size_t>(l.weight.shape()[0]);
  const auto groups = static_cast<size_t>(l.kind == Layer::conv ? l.groups : 1);
  need(static_cast<int64_t>(q.weight.size()) == l.weight.numel() && q.scale.size() == outs,
       "levels of another shape than the weight's");
  need(q.input_scale.size() == 1 || q.input_scale.size() == groups,
       "scales of inputs are one, or one per group");
  for (const float s : q.scale) need(std::isfinite(s) && s >= 0, "a scale below 0 or not finite");
  for (const float s : q.input_scale)
    need(std::isfinite(s) && s > 0 && std::isfinite(1 / s),
         "a scale of inputs that is not positive");
  const int most = (1 << (q.bits - 1)) - 1,
            largest = (1 << (q.input_bits - (q.input_signed ? 1 : 0))) - 1;
  for (size_t o = 0, each = q.weight.size() / outs; o < outs; ++o) {
    int64_t sum = 0;
    for (size_t k = o * each; k < (o + 1) * each; ++k) {
      need(std::abs(q.weight[k]) <= most, "a level that its bits do not have");
      sum += std::abs(q.weight[k]);
    }
    if (sum * largest > INT32_MAX) throw ShapeError(where + "sums of levels can pass 32 bits");
  }
}

bool all_vectors(const std::vector<Layer>& layers) {
  for (size_t i = 0; i < layers.size(); ++i)
    if (layers[i].kind != Layer::linear || layers[i].from != static_cast<int>(i)) return false;
  return true;
}

}  // namespace

InferenceNet::InferenceNet(std::vector<InferenceLayer> layers, InferenceInfo info,
                           InferenceMode mode) {
  auto p = std::make_shared<Parts>();
  p->sizes = inference::sizes_of(layers, info);
  bool levels = false;
  for (size_t i = 0; i < layers.size(); ++i) {
    Layer& l = layers[i];
    if (l.levels) check_levels(l, i), l.weight = weight_of(*l.levels, l.weight.shape());
    if (l.weight.defined())
      l.weight = l.weight.detach().contiguous(), l.bias = l.bias.detach().contiguous();
    levels = levels || l.levels;
  }
  if (mode == InferenceMode::integers && !levels)
    throw ConfigError("inference: integers of a net without levels");
  p->cost = cost_of_layers(layers, p->sizes);
  p->vectors = all_vectors(layers);
  if (mode == InferenceMode::automatic || mode == InferenceMode::sparse)
    p->sparse = inference::plan_of(layers, p->sizes);
  p->mode = mode == InferenceMode::automatic
                ? inference::faster_mode(layers, p->sparse, kernels::table().name,
                                         kernels::int8_way() == kernels::Int8Way::vnni)
                : mode;
  p->layers = std::move(layers), p->info = std::move(info);
  if (p->mode != InferenceMode::sparse) p->sparse = {};
  if (p->mode == InferenceMode::dense) p->dense = inference::dense_plan_of(p->layers, p->sizes);
  if (p->mode == InferenceMode::integers)
    p->integers = inference::integer_plan_of(p->layers, p->sizes);
  parts_ = std::move(p);
}

const std::vector<InferenceLayer>& InferenceNet::layers() const {
  if (!parts_) throw ConfigError("inference: an empty net");
  return parts_->layers;
}
const InferenceInfo& InferenceNet::info() const { return layers(), parts_->info; }
InferenceMode InferenceNet::mode() const { return layers(), parts_->mode; }
bool InferenceNet::has_levels() const {
  return std::any_of(layers().begin(), layers().end(),
                     [](const Layer& l) { return l.levels.has_value(); });
}
InferenceNet::Cost InferenceNet::cost() const { return layers(), parts_->cost; }
InferenceNet InferenceNet::with_mode(InferenceMode mode) const {
  return InferenceNet(layers(), parts_->info, mode);
}

// Pictures, but by the sparse way: in eight blocks at least, where there are so many.
int64_t InferenceNet::images_a_block(int64_t n) const {
  const auto cut = [&](int64_t most) {
    return parts_->vectors ? most : std::min(most, std::max<int64_t>(1, (n + 7) / 8));
  };
  switch (parts_->mode) {
    case InferenceMode::dense: return cut(parts_->dense.most);
    case InferenceMode::integers: return cut(parts_->integers.most);
    default: return parts_->vectors && n > 8 ? inference::wide : 1;
  }
}

Tensor InferenceNet::operator()(const Tensor& x) const {
  layers();
  const Size &in = parts_->sizes.front(), &out = parts_->sizes.back();
  const bool flat = x.dim() == 2 && in.h == 1 && in.w == 1;
  if (x.dtype() != DType::f32)
    throw DTypeError(std::string("inference: x is ") + name(x.dtype()) + ", the net takes f32");
  if (!(flat && x.size(1) == in.c) &&
      !(x.dim() == 4 && x.size(1) == in.c && x.size(2) == in.h && x.size(3) == in.w))
    throw ShapeError("inference: x is " + str(x.shape()) + ", the net takes " +
                     str(Shape{-1, in.c, in.h, in.w}));
  const Tensor rows = x.detach().contiguous();
  const int64_t n = x.size(0), block = images_a_block(n);
  std::vector<float> y(static_cast<size_t>(n * out.numel()));
  parallel_for((n + block - 1) / block, [&](int64_t b) {
    const int64_t first = b * block, count = std::min(block, n - first);
    const float* from = rows.data<float>() + first * in.numel();
    float* to = y.data() + first * out.numel();
    if (parts_->mode == InferenceMode::integers) {
      inference::run_integers(parts_->layers, parts_->integers, from, count, to);
    } else if (parts_->mode == InferenceMode::dense) {
      inference::run_dense(parts_->layers, parts_->dense, from, count, to);
    } else if (block > 1) {
      inference::run_vectors(parts_->layers, parts_->sparse, from, count, to);
    } else {
      inference::run_image(parts_->layers, parts_->sparse, from, to);
    }
  });
  const bool one = out.h == 1 && out.w == 1;
  return from_data(y.data(), one ? Shape{n, out.c} : Shape{n, out.c, out.h, out.w}, DType::f32);
}

}  // namespace regrad
