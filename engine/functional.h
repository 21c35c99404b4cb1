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

// (input - target)^2. ShapeError where the shapes differ: a broadcast there is nearly always a mistake.
Tensor mse_loss(const Tensor& input, const Tensor& target, Reduction reduction = Reduction::mean);
// The mean over all but the first dim: [T].
Tensor mse_loss_by_task(const Tensor& input, const Tensor& target);

// -log softmax(input)[target]. input [..,classes], target i64 [..] in [0, classes). Mean over all rows.
Tensor cross_entropy(const Tensor& input, const Tensor& target, Reduction reduction = Reduction::mean);
// input [T,N,classes], target [T,N]: [T].
Tensor cross_entropy_by_task(const Tensor& input, const Tensor& target);

}  // namespace regrad
