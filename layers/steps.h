// Ops between a net's layers, as steps of its forward pass: what evaluates or records a net
// (Context::evaluate) sees them. As the ops of the same name without ctx.
#pragma once

#include <regrad/engine/freq.h>
#include <regrad/layers/context.h>

namespace regrad {

Tensor relu(Tensor x, Context& ctx);
Tensor add(const Tensor& a, const Tensor& b, Context& ctx);
Tensor max_pool2d(const Tensor& x, int kernel, Context& ctx);  // kernel x kernel, stride kernel
// Over pixels: [N,C,H,W] -> [N,C].
Tensor mean_over_pixels(const Tensor& x, Context& ctx);
// Of maps over frequencies: [N,C,F,T] -> [N,C,1,T], and -> [N,C,1,1].
Tensor mean_over_rows(const Tensor& x, Context& ctx);
Tensor mean_over_map(const Tensor& x, Context& ctx);
Tensor silu(const Tensor& x, Context& ctx);
Tensor broadcast_residual(const Tensor& x, const Tensor& row, const Tensor& residual, Context& ctx);
// Every stride-th pixel, and zero channels on both sides, so that there are `channels`.
Tensor subsample(const Tensor& x, int64_t stride, int64_t channels, Context& ctx);
// [N,C,H,W] -> [N,C H W]; [T,N,C,H,W] -> [T,N,C H W].
Tensor flatten_pixels(const Tensor& x, Context& ctx);

}  // namespace regrad
