// Convolution as a layer.
//
//   const Conv2d conv(Random(seed) / "conv", 3, 16, 3, {.padding = 1}, false);
//   Tensor y = conv(x);  // [N,3,H,W] -> [N,16,H,W]; [T,N,3,H,W] with per_task(conv, T)
#pragma once

#include <regrad/layers/context.h>
#include <regrad/layers/init.h>

namespace regrad {

// weight [O, C/groups, KH, KW] or [T, ...]; bias [O] or [T,O], or undefined.
struct Conv2d {
  Tensor weight, bias;
  ConvOptions options;

  Conv2d() = default;
  // PyTorch's initial values: both uniform in +-sqrt(1/fan_in), fan_in = C/groups KH KW. Streams: r
  // / "weight", r / "bias". ConfigError where groups do not divide both numbers of channels.
  Conv2d(const Random& r, int64_t in, int64_t out, Pair kernel, const ConvOptions& opts = {},
         bool with_bias = true, DType t = DType::f32);

  Tensor operator()(const Tensor& x, Context& ctx) const;
  Tensor operator()(const Tensor& x) const { return conv2d(x, weight, bias, options); }
  static void parts(auto& self, auto&& part) {
    part("weight", self.weight);
    part("bias", self.bias);
  }
};

}  // namespace regrad
