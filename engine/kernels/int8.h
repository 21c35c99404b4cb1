// Convolution of 8-bit integers with sums in 32 bits, on the calling thread alone. One image, dense, channels last.
#pragma once

#include <regrad/engine/kernels/conv.h>

namespace regrad::kernels {

// For one shape. Weights s8 [o, c / groups, kh, kw]; packed and scratch: 64-byte aligned memory of the caller's.
class Int8Plan {
 public:
  virtual ~Int8Plan() = default;
  virtual void pack(const int8_t* weight, void* packed) const = 0;
  virtual void run(const void* x, const void* packed, void* scratch, int32_t* y) const = 0;  // x: s8 or u8
  int64_t packed_bytes = 0, scratch_bytes = 0;
};
// s.n is taken as 1. Without VNNI oneDNN adds products in pairs of 16 bits, which cut off at 32,767.
std::shared_ptr<const Int8Plan> int8_plan(const Conv& s, bool signed_x);

}  // namespace regrad::kernels
