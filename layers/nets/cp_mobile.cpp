#include <regrad/layers/nets/cp_mobile.h>

#include <cmath>
#include <string>

namespace regrad {
namespace {

// The multiple of 8 nearest to v, at least 8, and not more than a tenth below v.
int64_t to_eights(double v) {
  const int64_t near = std::max<int64_t>(8, static_cast<int64_t>(v + 4) / 8 * 8);
  return static_cast<double>(near) < 0.9 * v ? near + 8 : near;
}

// N(0, 2 / fan out), the fan as PyTorch counts it: of all output channels, groups or not.
Conv2d drawn(Conv2d conv, const Random& r) {
  const Shape& s = conv.weight.shape();
  const double fan_out = static_cast<double>(s[0] * s[2] * s[3]);
  conv.weight =
      normal(r / "weight", s, 0, std::sqrt(2 / fan_out), conv.weight.dtype()).requires_grad_();
  return conv;
}
ConvNorm conv_norm(const Random& r, int64_t in, int64_t out, int64_t kernel, Pair stride, DType t,
                   int64_t groups = 1) {
  ConvNorm c;
  c.conv = drawn(
      {r, in, out, kernel, {.stride = stride, .padding = kernel / 2, .groups = groups}, false, t},
      r);
  c.norm = BatchNorm(out, BatchNorm::Track::running, t);
  return c;
}

}  // namespace

ResponseNorm::ResponseNorm(DType t)
    : weight(zeros({1}, t).requires_grad_()), bias(zeros({1}, t).requires_grad_()) {}
Tensor ResponseNorm::operator()(const Tensor& x) const {
  // Where a channel is 0 throughout the norm has no derivative; 0 is PyTorch's.
  const Tensor squares = sum(square(x), {2, 3}, true), zero = zeros(squares.shape(), x.dtype()),
               none = eq(squares, zero),
               g = where(none, zero, sqrt(where(none, ones(squares.shape(), x.dtype()), squares)));
  return weight * (x * (g / (mean(g, {1}, true) + 1e-6))) + bias + x;
}

CpMobileBlock::CpMobileBlock(const Random& r, int64_t in, int64_t out, int64_t inside,
                             Pair stride_of, DType t)
    : expand(conv_norm(r / "expand", in, inside, 1, 1, t)),
      depthwise(conv_norm(r / "depthwise", inside, inside, 3, stride_of, t, inside)),
      project(drawn({r / "project", inside, out, 1, {}, false, t}, r / "project")),
      project_norm(out, BatchNorm::Track::running, t),
      response(t),
      stride(stride_of),
      shortcut(in == out) {}
Tensor CpMobileBlock::operator()(const Tensor& x, Context& ctx) const {
  Tensor y = project_norm(project(depthwise(expand(x, ctx), ctx), ctx), ctx);
  const bool strided = stride.h > 1 || stride.w > 1;
  if (shortcut) y = y + (strided ? avg_pool2d(x, 3, {.stride = stride, .padding = 1}) : x);
  return relu(response(y));
}

CpMobile::CpMobile(const Random& r, const CpMobileOptions& o) {
  if (o.classes < 1 || o.base_channels < 1 || !(o.channels_multiplier > 0) ||
      !(o.expansion_rate > 0))
    throw ConfigError("CpMobile: classes, channels, multiplier and expansion must be above 0");
  const DType t = o.dtype;
  const int64_t base = to_eights(static_cast<double>(o.base_channels));
  first = conv_norm(r / "first", 1, base / 4, 3, 2, t);
  second = conv_norm(r / "second", base / 4, base, 3, 2, t);
  int64_t in = base;
  for (int stage = 0; stage < 3; ++stage) {
    const int64_t out =
        to_eights(static_cast<double>(base) * std::pow(o.channels_multiplier, stage));
    for (int i = 0; i < 3 - stage; ++i) {
      const auto index = static_cast<int64_t>(blocks.size());
      blocks.emplace_back(r / "block" / index, in, out,
                          to_eights(static_cast<double>(in) * o.expansion_rate),
                          index == 1   ? Pair{2, 2}
                          : index == 3 ? Pair{2, 1}
                                       : Pair{1, 1},
                          t);
      in = out;
    }
  }
  classifier = drawn({r / "classifier", in, o.classes, 1, {}, false, t}, r / "classifier");
  classifier_norm = BatchNorm(o.classes, BatchNorm::Track::running, t);
}
Tensor CpMobile::operator()(const Tensor& x, Context& ctx) const {
  Tensor y = second(first(x, ctx), ctx);
  for (const CpMobileBlock& b : blocks) y = b(y, ctx);
  y = classifier_norm(classifier(y, ctx), ctx);
  return mean(y, {2, 3});
}

}  // namespace regrad
