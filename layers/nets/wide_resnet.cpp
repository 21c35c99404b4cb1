#include <regrad/layers/nets/wide_resnet.h>

namespace regrad {

PreActBlock::PreActBlock(const Random& r, int64_t in, int64_t out, int64_t stride, DType t)
    : norm1(in, BatchNorm::Track::running, t),
      norm2(out, BatchNorm::Track::running, t),
      conv1(he_conv(r / "conv1", in, out, 3, stride, t)),
      conv2(he_conv(r / "conv2", out, out, 3, 1, t)) {
  if (stride != 1 || in != out) shortcut = he_conv(r / "shortcut", in, out, 1, stride, t);
}
Tensor PreActBlock::operator()(const Tensor& x, Context& ctx) const {
  const Tensor a = norm1(x, ctx, {.relu = true});
  const Tensor y = conv2(norm2(conv1(a, ctx), ctx, {.relu = true}), ctx);
  return add(y, shortcut.weight.defined() ? shortcut(a, ctx) : x, ctx);
}

WideResnet::WideResnet(const Random& r, const WideResnetOptions& o, int64_t classes)
    : conv(he_conv(r / "conv", o.in_channels, 16, 3, 1, o.dtype)) {
  const int n = blocks_per_stage(o.depth, 4, 6);
  int64_t in = 16;
  for (int stage = 0; stage < 3; ++stage)
    for (int i = 0; i < n; ++i) {
      const int64_t out = int64_t{16} * o.widen << stage;
      blocks.emplace_back(r / "block" / (stage * n + i), in, out, stage > 0 && i == 0 ? 2 : 1,
                          o.dtype);
      in = out;
    }
  norm = BatchNorm(in, BatchNorm::Track::running, o.dtype);
  linear = Linear(r / "linear", in, classes, true, o.dtype);
}
Tensor WideResnet::operator()(const Tensor& x, Context& ctx) const {
  Tensor y = conv(x, ctx);
  for (const PreActBlock& b : blocks) y = b(y, ctx);
  return linear(mean_over_pixels(norm(y, ctx, {.relu = true}), ctx), ctx);
}

}  // namespace regrad
