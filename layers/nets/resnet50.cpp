#include <regrad/layers/nets/resnet50.h>

namespace regrad {

Resnet50::Resnet50(const Random& r, const ConvNetOptions& o, int64_t classes)
    : conv(he_conv(r / "conv", o.in_channels, o.width, 7, 2, o.dtype)),
      norm(o.width, BatchNorm::Track::running, o.dtype) {
  constexpr int64_t counts[] = {3, 4, 6, 3};
  int64_t in = o.width, made = 0;
  for (int64_t stage = 0; stage < 4; ++stage)
    for (int64_t i = 0; i < counts[stage]; ++i) {
      const int64_t width = o.width << stage, stride = stage > 0 && i == 0 ? 2 : 1;
      blocks.emplace_back(r / "block" / made++, in, width, stride, Shortcut::project, o.dtype);
      in = BottleneckBlock::expansion * width;
    }
  linear = Linear(r / "linear", in, classes, true, o.dtype);
}

Tensor Resnet50::operator()(const Tensor& x, Context& ctx) const {
  const Window pool{.kernel = 3, .stride = 2, .padding = 1};
  Tensor y = norm(conv(x, ctx), ctx, {.relu = true, .max_pool = pool});
  for (const BottleneckBlock& b : blocks) y = b(y, ctx);
  return linear(mean_over_pixels(y, ctx), ctx);
}

}  // namespace regrad
