#include <regrad/layers/conv.h>

#include <string>

namespace regrad {

Conv2d::Conv2d(const Random& r, int64_t in, int64_t out, Pair kernel, const ConvOptions& opts,
               bool with_bias, DType t)
    : options(opts) {
  if (opts.groups < 1 || in % opts.groups || out % opts.groups)
    throw ConfigError("Conv2d: " + std::to_string(opts.groups) + " groups do not divide " +
                      std::to_string(in) + " and " + std::to_string(out) + " channels");
  const int64_t fan_in = in / opts.groups * kernel.h * kernel.w;
  weight = init::torch_default(r / "weight", {out, in / opts.groups, kernel.h, kernel.w}, fan_in, t)
               .requires_grad_();
  if (with_bias) bias = init::torch_default(r / "bias", {out}, fan_in, t).requires_grad_();
}
Tensor Conv2d::operator()(const Tensor& x, Context& ctx) const {
  return evaluated(
      ctx,
      [&] {
        return Step{.kind = Step::conv, .x = x, .weight = weight, .bias = bias, .options = options};
      },
      [&] { return (*this)(x); });
}

}  // namespace regrad
