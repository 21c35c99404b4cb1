#include <regrad/layers/nets/conv4.h>

namespace regrad {
namespace {

bool poolable(const Tensor& x) { return x.size(-1) > 1 && x.size(-2) > 1; }
int64_t pooled(int64_t size) { return size > 1 ? size / 2 : size; }
// Pixels of the map that head and cohead pool, after it.
int64_t last_pixels(const Conv4Options& o) {
  int64_t s = o.size;
  for (int i = 0; i < 4; ++i) s = pooled(s);
  return s * s;
}
constexpr int pooled_blocks = 3;

}  // namespace

ConvBlock::ConvBlock(const Random& r, int64_t in, int64_t out, bool with_bias, DType t)
    : conv(r / "conv", in, out, 3, {.padding = 1}, with_bias, t),
      norm(out, BatchNorm::Track::never, t) {}

Tensor ConvBlock::operator()(const Tensor& x, bool pool, Context& ctx) const {
  BatchNormOptions after{.relu = true};
  if (pool && poolable(x)) after.max_pool = Window{2, 2, 0};
  return norm(conv(x, ctx), ctx, after);
}

Conv4Body::Conv4Body(const Random& r, const Conv4Options& o) {
  for (int i = 0; i < 4; ++i)
    blocks.emplace_back(r / i, i == 0 ? o.in_channels : o.channels, o.channels, o.conv_bias,
                        o.dtype);
}
std::vector<Tensor> Conv4Body::activations(const Tensor& x) const {
  Context ctx;
  std::vector<Tensor> out;
  for (size_t i = 0; i < blocks.size(); ++i)
    out.push_back(blocks[i](i == 0 ? x : out.back(), i < pooled_blocks, ctx));
  return out;
}
Tensor Conv4Body::operator()(const Tensor& x, Context& ctx) const {
  Tensor y = x;
  for (size_t i = 0; i < blocks.size(); ++i) y = blocks[i](y, i < pooled_blocks, ctx);
  return y;
}

Conv4Head::Conv4Head(const Random& r, const Conv4Options& o, int64_t ways)
    : linear(r, o.channels * last_pixels(o), ways, true, o.dtype) {}
Tensor Conv4Head::operator()(const Tensor& features, Context& ctx) const {
  return linear(flatten_pixels(poolable(features) ? max_pool2d(features, 2, ctx) : features, ctx),
                ctx);
}

Conv4CoHead::Conv4CoHead(const Random& r, const Conv4Options& o, int64_t ways, int convs)
    : linear(r / "linear", o.channels * last_pixels(o), ways, true, o.dtype) {
  for (int i = 0; i < convs; ++i)
    blocks.emplace_back(r / "block" / i, o.channels, o.channels, o.conv_bias, o.dtype);
}
Tensor Conv4CoHead::operator()(const Tensor& features, Context& ctx) const {
  Tensor y = features;
  for (size_t i = 0; i < blocks.size(); ++i) y = blocks[i](y, i + 1 == blocks.size(), ctx);
  if (blocks.empty() && poolable(y)) y = max_pool2d(y, 2, ctx);
  return linear(flatten_pixels(y, ctx), ctx);
}

}  // namespace regrad
