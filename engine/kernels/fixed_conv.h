// A convolution of a net that is fixed, f32, by oneDNN on the calling thread alone: weights are
// packed once, bias and residual are added while the sums are at hand.
#pragma once

#include <regrad/engine/kernels/conv.h>

namespace regrad::kernels {

// y = x * weight + bias (+ y as it was, where `adds` is set). Images are dense, channels last: x
// [n,h,w,c], y [n,oh,ow,o]. A matrix [o,c] times vectors is a convolution of 1 x 1 pixels. Any
// thread may run one.
class FixedConv {
 public:
  // weight [o, c / groups, kh, kw] and bias [o] are copied; they are packed as suits shape.n
  // images. Error where oneDNN refuses the shape, OutOfMemory.
  FixedConv(const Conv& shape, const float* weight, const float* bias, bool adds);
  int64_t scratch_bytes(int64_t n) const;
  // scratch: aligned to 64 bytes
  void run(int64_t n, const float* x, float* y, void* scratch) const;

 private:
  struct Parts;
  std::shared_ptr<const Parts> parts_;
};

}  // namespace regrad::kernels
