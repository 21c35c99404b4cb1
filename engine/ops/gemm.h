// One small product on the calling thread, with the scratch memory it needs.
#pragma once

#include <regrad/engine/kernels/kernels.h>

namespace regrad::detail {

// t: 0 for f32, 1 for f64. A long k is cut: each piece's sums in f32, added in double, so that a dot product of a million numbers is no running sum.
void gemm(const kernels::Gemm& g, int t);

}  // namespace regrad::detail
