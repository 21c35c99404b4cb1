#include <regrad/layers/nets/cp_resnet.h>

#include <cmath>
#include <string>

namespace regrad {
namespace {

constexpr int64_t depth = 12;  // blocks

// k x k with padding k / 3, without bias; weights N(0, deviation^2).
Conv2d conv(const Random& r, int64_t in, int64_t out, int64_t k, double deviation, DType t) {
  Conv2d c(r, in, out, k, {.padding = k / 3}, false, t);
  c.weight = normal(r / "weight", c.weight.shape(), 0, deviation, t).requires_grad_();
  return c;
}
double of_fan_out(int64_t out, int64_t k) {
  return std::sqrt(2 / static_cast<double>(k * k * out));
}

}  // namespace

CpResnetBlock::CpResnetBlock(const Random& r, int64_t in, int64_t out, int64_t k1, int64_t k2,
                             DType t)
    : second(conv(r / "second", out, out, k2, 0, t)),
      second_norm(out, BatchNorm::Track::running, t) {
  first.conv = conv(r / "first", in, out, k1,
                    of_fan_out(out, k1) / std::sqrt(static_cast<double>(depth)), t);
  first.norm = BatchNorm(out, BatchNorm::Track::running, t);
  if (in == out) return;
  enter = conv(r / "enter", in, out, 1, of_fan_out(out, 1), t);
  enter_norm = BatchNorm(out, BatchNorm::Track::running, t);
}
Tensor CpResnetBlock::operator()(const Tensor& x, Context& ctx) const {
  const Tensor y = second_norm(second(first(x, ctx), ctx), ctx);
  return relu(y + (enter.weight.defined() ? enter_norm(enter(x, ctx), ctx) : x));
}

CpResnet::CpResnet(const Random& r, const CpResnetOptions& o) {
  if (o.rho < 0 || o.rho > 22)
    throw ConfigError("CpResnet: rho " + std::to_string(o.rho) + " lies outside 0 to 22");
  if (o.base_channels < 1 || o.classes < 1)
    throw ConfigError("CpResnet: channels and classes must be at least 1");
  head.conv = conv(r / "head", 1, o.base_channels, 5, std::sqrt(2.0 / 25), o.dtype);
  head.conv.options.stride = 2;
  head.norm = BatchNorm(o.base_channels, BatchNorm::Track::running, o.dtype);
  int64_t in = o.base_channels;
  for (int64_t i = 0; i < depth; ++i) {
    const int64_t out = o.base_channels << (i / 4);
    const auto kernel = [&](int64_t place) { return place <= o.rho ? 3 : 1; };
    blocks.emplace_back(r / "block" / i, in, out, i == 0 ? 3 : kernel(2 * i - 1),
                        i == 0 ? 1 : kernel(2 * i), o.dtype);
    in = out;
  }
  classifier = conv(r / "classifier", in, o.classes, 1, 0, o.dtype);
  classifier_norm = BatchNorm(o.classes, BatchNorm::Track::running, o.dtype);
}
Tensor CpResnet::operator()(const Tensor& x, Context& ctx) const {
  Tensor y = head(x, ctx);
  for (size_t i = 0; i < blocks.size(); ++i) {
    y = blocks[i](y, ctx);
    if (i == 0 || i == 1 || i == 3) y = max_pool2d(y, 2, {.stride = 2});
  }
  return mean(classifier_norm(classifier(y, ctx), ctx), {2, 3});
}

}  // namespace regrad
