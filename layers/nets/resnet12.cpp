#include <regrad/layers/nets/resnet12.h>

namespace regrad {
namespace {
constexpr BatchNorm::Track own = BatchNorm::Track::never;
}  // namespace

Resnet12Block::Resnet12Block(const Random& r, int64_t in, int64_t out, DType t)
    : shortcut(he_conv(r / "shortcut", in, out, 1, 1, t)), shortcut_norm(out, own, t) {
  for (int i = 0; i < 3; ++i) {
    convs.push_back(he_conv(r / i, i == 0 ? in : out, out, 3, 1, t));
    norms.emplace_back(out, own, t);
  }
}
Tensor Resnet12Block::operator()(const Tensor& x, Context& ctx) const {
  Tensor y = x;
  for (size_t i = 0; i < convs.size(); ++i) {
    y = norms[i](convs[i](y, ctx), ctx);
    if (i + 1 < convs.size()) y = leaky_relu(y, 0.1);
  }
  return max_pool2d(leaky_relu(y + shortcut_norm(shortcut(x, ctx), ctx), 0.1), 2, ctx);
}

Resnet12::Resnet12(const Random& r, int64_t ways, const std::vector<int64_t>& channels,
                   int64_t in_channels, DType t) {
  int64_t in = in_channels;
  for (size_t i = 0; i < channels.size(); ++i) {
    blocks.emplace_back(r / static_cast<int64_t>(i), in, channels[i], t);
    in = channels[i];
  }
  linear = Linear(r / "linear", in, ways, true, t);
}
Tensor Resnet12::operator()(const Tensor& x, Context& ctx) const {
  Tensor y = x;
  for (const Resnet12Block& b : blocks) y = b(y, ctx);
  return linear(mean_over_pixels(y, ctx), ctx);
}

}  // namespace regrad
