#include <regrad/engine/error.h>
#include <regrad/engine/kernels/kernels.h>
#include <regrad/engine/ops.h>
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
  inference::Plan sparse = {};  // of the way that is taken
  inference::DensePlan dense = {};
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
  for (Layer& l : layers) {
    if (l.weight.defined())
      l.weight = l.weight.detach().contiguous(), l.bias = l.bias.detach().contiguous();
  }
  p->cost = cost_of_layers(layers, p->sizes);
  p->vectors = all_vectors(layers);
  if (mode != InferenceMode::dense) p->sparse = inference::plan_of(layers, p->sizes);
  p->mode = mode == InferenceMode::automatic
                ? inference::faster_mode(layers, p->sparse, kernels::table().name)
                : mode;
  p->layers = std::move(layers), p->info = std::move(info);
  if (p->mode == InferenceMode::dense)
    p->sparse = {}, p->dense = inference::dense_plan_of(p->layers, p->sizes);
  parts_ = std::move(p);
}

const std::vector<InferenceLayer>& InferenceNet::layers() const {
  if (!parts_) throw ConfigError("inference: an empty net");
  return parts_->layers;
}
const InferenceInfo& InferenceNet::info() const { return layers(), parts_->info; }
InferenceMode InferenceNet::mode() const { return layers(), parts_->mode; }
InferenceNet::Cost InferenceNet::cost() const { return layers(), parts_->cost; }
InferenceNet InferenceNet::with_mode(InferenceMode mode) const {
  return InferenceNet(layers(), parts_->info, mode);
}

// Dense pictures: in eight blocks at least, where there are so many.
int64_t InferenceNet::images_a_block(bool dense, int64_t n) const {
  if (dense)
    return parts_->vectors ? parts_->dense.most
                           : std::min(parts_->dense.most, std::max<int64_t>(1, (n + 7) / 8));
  return parts_->vectors && n > 8 ? inference::wide : 1;
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
  const bool dense = parts_->mode == InferenceMode::dense;
  const Tensor rows = x.detach().contiguous();
  const int64_t n = x.size(0), block = images_a_block(dense, n);
  std::vector<float> y(static_cast<size_t>(n * out.numel()));
  parallel_for((n + block - 1) / block, [&](int64_t b) {
    const int64_t first = b * block, count = std::min(block, n - first);
    const float* from = rows.data<float>() + first * in.numel();
    float* to = y.data() + first * out.numel();
    if (dense) {
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
