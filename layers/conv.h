// Convolution as a layer.
//
//   const Conv2d conv(Random(seed) / "conv", 3, 16, 3, {.padding = 1}, false);
//   Tensor y = conv(x);  // [N,3,H,W] -> [N,16,H,W]; [T,N,3,H,W] with per_task(conv, T)
#pragma once

#include <regrad/engine/conv.h>
#include <regrad/layers/init.h>
#include <regrad/layers/params.h>

#include <functional>

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

  Tensor operator()(const Tensor& x) const { return conv2d(x, weight, bias, options); }
  static void parts(auto& self, auto&& part) {
    part("weight", self.weight);
    part("bias", self.bias);
  }
};

// How a net's convolutions are evaluated, where it is not as themselves (quantize.h).
using Convolve = std::function<Tensor(const Conv2d&, const Tensor&)>;
inline Tensor convolve(const Convolve& how, const Conv2d& conv, const Tensor& x) {
  return how ? how(conv, x) : conv(x);
}

}  // namespace regrad
