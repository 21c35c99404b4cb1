#include <regrad/layers/nets/bottleneck.h>

namespace regrad {

BottleneckBlock::BottleneckBlock(const Random& r, int64_t in, int64_t width, int64_t stride,
                                 Shortcut, DType t)
    : conv1(he_conv(r / "conv1", in, width, 1, 1, t)),
      conv2(he_conv(r / "conv2", width, width, 3, stride, t)),
      conv3(he_conv(r / "conv3", width, 4 * width, 1, 1, t)),
      norm1(width, BatchNorm::Track::running, t),
      norm2(width, BatchNorm::Track::running, t),
      norm3(4 * width, BatchNorm::Track::running, t) {
  if (stride != 1 || in != 4 * width) {
    shortcut = he_conv(r / "shortcut", in, 4 * width, 1, stride, t);
    shortcut_norm = BatchNorm(4 * width, BatchNorm::Track::running, t);
  }
}
Tensor BottleneckBlock::operator()(const Tensor& x, Context& ctx) const {
  const Tensor s = shortcut.weight.defined() ? shortcut_norm(shortcut(x, ctx), ctx) : x;
  const Tensor inner =
      norm2(conv2(norm1(conv1(x, ctx), ctx, {.relu = true}), ctx), ctx, {.relu = true});
  return norm3(conv3(inner, ctx), ctx, {.relu = true, .residual = s});
}

}  // namespace regrad
