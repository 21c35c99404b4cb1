// What is composed of other ops, and so needs no row: losses and the linear map.
//
//   Tensor loss = cross_entropy(linear(x, weight, bias), target);      // x [N,in], weight [out,in], target i64 [N]
//
// Losses take one leading task dimension where `tasks` is set: [T, N, ...] with the mean over each task, giving [T].
#pragma once

#include <regrad/engine/ops.h>

namespace regrad {

enum class Reduction { none, mean, sum };

// y = x W^T + b. x [..,in], weight [out,in], bias [out] (may be undefined); or with a task each: x [T,N,in], weight [T,out,in], bias [T,out].
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias = {});

// Norms over dims, any layout. standardize: (x - mean) / sqrt(var + eps), with the variance divided by the number of elements;
// inv_std: 1 / sqrt(var + eps), dims kept with size 1. eps > 0. ShapeError: no dims, or no elements.
Tensor standardize(const Tensor& x, const Dims& dims, double eps = 1e-5);
Tensor inv_std(const Tensor& x, const Dims& dims, double eps = 1e-5);
// standardize over the last dims, which must be normalized_shape; times weight, plus bias (of that shape; may be undefined).
Tensor layer_norm(const Tensor& x, const Shape& normalized_shape, const Tensor& weight = {}, const Tensor& bias = {}, double eps = 1e-5);

// (input - target)^2. ShapeError where the shapes differ: a broadcast there is nearly always a mistake.
Tensor mse_loss(const Tensor& input, const Tensor& target, Reduction reduction = Reduction::mean);
// The mean over all but the first dim: [T].
Tensor mse_loss_by_task(const Tensor& input, const Tensor& target);

// -log softmax(input)[target]. input [..,classes], target i64 [..] in [0, classes). Mean over all rows.
Tensor cross_entropy(const Tensor& input, const Tensor& target, Reduction reduction = Reduction::mean);
// input [T,N,classes], target [T,N]: [T].
Tensor cross_entropy_by_task(const Tensor& input, const Tensor& target);

}  // namespace regrad
