#include <regrad/layers/nets/resnet.h>

namespace regrad {

BasicBlock::BasicBlock(const Random& r, int64_t in, int64_t out, int64_t stride, Shortcut kind,
                       DType t)
    : conv1(he_conv(r / "conv1", in, out, 3, stride, t)),
      conv2(he_conv(r / "conv2", out, out, 3, 1, t)),
      norm1(out, BatchNorm::Track::running, t),
      norm2(out, BatchNorm::Track::running, t) {
  if (kind == Shortcut::project && (stride != 1 || in != out)) {
    shortcut = he_conv(r / "shortcut", in, out, 1, stride, t);
    shortcut_norm = BatchNorm(out, BatchNorm::Track::running, t);
  }
}
// The shortcut comes first: an exported net lists its layers in this order.
Tensor BasicBlock::operator()(const Tensor& x, Context& ctx) const {
  const int64_t stride = conv1.options.stride.h, out = conv2.weight.size(-4);
  Tensor s = x;
  if (shortcut.weight.defined()) {
    s = shortcut_norm(shortcut(x, ctx), ctx);
  } else if (stride != 1 || out != x.size(-3)) {
    s = subsample(x, stride, out, ctx);
  }
  const Tensor y = conv2(norm1(conv1(x, ctx), ctx, {.relu = true}), ctx);
  return norm2(y, ctx, {.relu = true, .residual = s});
}

}  // namespace regrad
