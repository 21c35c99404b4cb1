// What the image nets are built of.
#pragma once

#include <regrad/layers/conv.h>
#include <regrad/layers/norm.h>

namespace regrad {

// k x k with padding k/2, He's initial values (fan in), no bias. groups = in: depthwise. Stream: r
// / "weight".
Conv2d he_conv(const Random& r, int64_t in, int64_t out, int64_t kernel, int64_t stride = 1,
               DType t = DType::f32, int64_t groups = 1);

// n of depth = per_stage n + rest: the blocks of each of three stages. ConfigError: another depth.
int blocks_per_stage(int depth, int rest, int per_stage);

// relu(norm(conv(x)))
struct ConvNorm {
  Conv2d conv;
  BatchNorm norm;

  ConvNorm() = default;
  ConvNorm(const Random& r, int64_t in, int64_t out, int64_t kernel, int64_t stride = 1,
           DType t = DType::f32, int64_t groups = 1)
      : conv(he_conv(r, in, out, kernel, stride, t, groups)),
        norm(out, BatchNorm::Track::running, t) {}
  Tensor operator()(const Tensor& x, Context& ctx) const {
    return norm(conv(x, ctx), ctx, {.relu = true});
  }
  static void parts(auto& self, auto&& part) {
    part("conv", self.conv);
    part("norm", self.norm);
  }
};

}  // namespace regrad
