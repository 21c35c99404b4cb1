// Convolution kernels on dense channels-last images. Every call runs on the calling thread alone;
// the caller cuts the batch.
#pragma once

#include <stdint.h>

#include <memory>

namespace regrad::kernels {

// x [n, h, w, c], y [n, oh, ow, o], weights [o, c / groups, kh, kw] (PyTorch's order, dense). All
// dense, channels last.
struct Conv {
  int64_t n, c, h, w, o, oh, ow, kh, kw, stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w,
      groups;
  int64_t multiply_adds() const { return n * o * oh * ow * (c / groups) * kh * kw; }
};

// Which of x, y and weights is computed from the other two.
enum class ConvPass : uint8_t { y, x, weight };

// f64, plain loops. y (or x, or weights) is overwritten.
void conv_y(const Conv& s, const double* x, const double* weight, double* y);
void conv_x(const Conv& s, const double* y, const double* weight, double* x);
void conv_weight(const Conv& s, const double* x, const double* y, double* weight);

// f32, by oneDNN: one pass over a batch of n images in blocks of `block`, the last one shorter.
// Weights go through a format of oneDNN's own choice, "packed", the same for all blocks. Plans are
// shared between threads and kept in a bounded cache; any thread may run any block.
class ConvPlan {
 public:
  virtual ~ConvPlan() = default;
  int64_t packed_bytes = 0;   // of the weights in oneDNN's format
  int64_t scratch_bytes = 0;  // what each run needs beside its operands, aligned to 64 bytes
  virtual void pack(const float* weight, void* packed) const = 0;
  virtual void unpack(const void* packed, float* weight) const = 0;
  // Block b: x and y at that block's first image. `packed` is read (passes y and x) or overwritten
  // (pass weight).
  virtual void run(int64_t b, const float* x, const float* y, const void* packed,
                   void* scratch) const = 0;
};
// bf16: products of operands rounded to bf16 (to the nearest, ties to even), sums in f32; memory
// stays f32 on both sides.
std::shared_ptr<const ConvPlan> conv_plan(ConvPass pass, const Conv& whole, int64_t block,
                                          bool bf16);
// Whether this CPU multiplies bf16 (AVX-512 BF16 or AMX).
bool has_bf16();

// Plans kept now, at most conv_plans_kept.
inline constexpr int conv_plans_kept = 256;
int conv_plans();

const char* dnn_description();  // "oneDNN 2.6.3 for AVX2"

}  // namespace regrad::kernels
