// What batch_norm's row and its passes share. Internal to the engine.
#pragma once

#include <regrad/engine/functional.h>
#include <regrad/engine/ops/pool.h>

namespace regrad {

struct NormAttrs {
  double eps;
  bool relu, pooled;
  PoolAttrs pool;
};

// The row's kernels.
void batch_norm_forward(const Call& c);
void batch_norm_fused(const Call& c, Tensor* out);

// What the forward pass of a batch_norm node found: the places of the largest in each window, u8,
// as a constant; means and variances.
Tensor batch_norm_places(const Call& c);
BatchStatistics batch_norm_statistics(const Tensor& y, const Tensor& x);

}  // namespace regrad
