// One small product on the calling thread, or one of few rows, with the scratch memory it needs.
#pragma once

#include <regrad/engine/kernels/kernels.h>

namespace regrad::detail {

// t: 0 for f32, 1 for f64. A long k is cut: each piece's sums in f32, added in double, so that a
// dot product of a million numbers is no running sum.
void gemm(const kernels::Gemm& g, int t);
// The same of few rows and a matrix as it lies: by its columns (w [k,n]), or by its rows (w [n,k]).
void gemv(const kernels::Gemv& g, bool columns, int t);

}  // namespace regrad::detail
