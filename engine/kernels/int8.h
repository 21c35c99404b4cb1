// Convolution of 8-bit integers with sums in 32 bits, exact on every instruction set, on the
// calling thread alone. One image, channels last.
#pragma once

#include <regrad/engine/kernels/conv.h>

namespace regrad::kernels {

// For one shape. Weights s8 [o, c / groups, kh, kw]; x, packed and scratch: 64-byte aligned memory
// of the caller's.
class Int8Plan {
 public:
  virtual ~Int8Plan() = default;
  virtual void pack(const int8_t* weight, void* packed) const = 0;
  // y: room for int8_slack more
  virtual void run(const void* x, const void* packed, void* scratch, int32_t* y) const = 0;
  // Where x goes: row i of the image at element x_first + i x_row, of s16 where x_wide, else s8 or
  // u8. What lies between is to be zero.
  bool x_wide = false;
  int64_t x_first = 0, x_row = 0, x_bytes = 0;
  int64_t packed_bytes = 0, scratch_bytes = 0;
};
inline constexpr int64_t int8_slack = 64;  // elements

// Products added to 32 bits at once by oneDNN, where it has VNNI (its other kernels add pairs in 16
// bits, which cut off at 32,767), or 16-bit products by ours.
enum class Int8Way : uint8_t { vnni, wide };
Int8Way int8_way();              // as this CPU is, or as ONEDNN_MAX_CPU_ISA holds oneDNN
const char* int8_description();  // "8-bit convolutions by oneDNN (VNNI)"

// s.n is taken as 1.
std::shared_ptr<const Int8Plan> int8_wide_plan(const Conv& s);
std::shared_ptr<const Int8Plan> int8_plan(const Conv& s, bool signed_x, Int8Way way = int8_way());

}  // namespace regrad::kernels
