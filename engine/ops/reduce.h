// What the rows over a run of neighbouring dims and the functions over any dims share.
// Internal to the engine.
#pragma once

#include <regrad/engine/ops/op.h>

namespace regrad {

// A run of neighbouring dims [first, first + count), and what the sum is divided by.
struct Run {
  int32_t first, count;
  bool keepdim;
  double divisor;
};

// Dims as a bit set; all where none are named.
inline unsigned dims_or_all(const Tensor& x, const Dims& dims, const char* op) {
  return dims.empty() ? (1u << x.dim()) - 1 : dim_set(dims, x.dim(), op);
}

}  // namespace regrad
