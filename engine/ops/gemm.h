// One small product on the calling thread, with the scratch memory it needs.
#pragma once

#include <regrad/engine/kernels/kernels.h>
#include <regrad/engine/memory.h>

namespace regrad::detail {

// t: 0 for f32, 1 for f64.
inline void gemm(const kernels::Gemm& g, int t) {
  const int64_t bytes = kernels::table().gemm_scratch[t](g);
  if (bytes == 0) return kernels::table().gemm[t](g, nullptr);
  const Scratch scratch(bytes);
  kernels::table().gemm[t](g, scratch.as<void>());
}

}  // namespace regrad::detail
