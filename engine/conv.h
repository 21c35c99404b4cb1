// Convolution, pooling and resampling of images, in PyTorch's names; differentiable to any order.
//
//   Tensor y = conv2d(x, weight, {}, {.padding = 1});
//       // x [N,C,H,W], weight [O,C,3,3] -> [N,O,H,W]
//   Tensor p = max_pool2d(relu(y), 2);                      // [N,O,H/2,W/2]
//
// Images are [N,C,H,W]; [C,H,W] is a batch of one; [T,N,C,H,W] has a task each, with weights
// [T,O,C/groups,KH,KW] (and bias [T,O]) or weights that all tasks share. In memory, channels are
// neighbours ("channels last"): results lie so, and other layouts are copied first. f32 or f64; f64
// runs by plain loops and is meant for checks. Errors are ShapeError and DTypeError as in ops.h.
#pragma once

#include <regrad/engine/ops.h>
#include <regrad/engine/random.h>

namespace regrad {

// Along height and width; one number means both.
struct Pair {
  int64_t h, w;
  Pair(int64_t both) : h(both), w(both) {}
  Pair(int64_t height, int64_t width) : h(height), w(width) {}
};

// Zeros around an image: one number, {height, width}, or PyTorch's words: "same" (the result is as
// large as x, for stride 1; of an odd number the larger half goes behind) and "valid" (none).
// ConfigError at another word.
struct Padding : Pair {
  bool same = false;
  Padding(int both) : Pair(both) {}
  Padding(int64_t both) : Pair(both) {}
  Padding(int64_t height, int64_t width) : Pair(height, width) {}
  Padding(Pair p) : Pair(p) {}
  template <size_t n>
  Padding(const char (&word)[n]) : Padding(of_word(word)) {}

 private:
  static Padding of_word(const char* word);
};

struct ConvOptions {
  Pair stride = 1;
  Padding padding = 0;
  Pair dilation = 1;
  int64_t groups = 1;
};

// y[n,o,i,j] = bias[o] + sum over c, p, q of weight[o,c,p,q] x[n, c, i stride - padding + p
// dilation, j ..], zeros outside of x; c runs over o's group. weight [O, C/groups, KH, KW]; groups
// == C: depthwise. OH = floor((H + 2 padding - dilation (KH - 1) - 1) / stride) + 1.
Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias = {},
              const ConvOptions& options = {});
// The same along one dimension: x [N,C,L], weight [O, C/groups, K]; the w of each option counts.
Tensor conv1d(const Tensor& x, const Tensor& weight, const Tensor& bias = {},
              const ConvOptions& options = {});
// conv2d's gradient with respect to its input: x [N,C,H,W], weight [C, O/groups, KH, KW] ->
// [N,O,OH,OW] with
// OH = (H - 1) stride - 2 padding + dilation (KH - 1) + output_padding + 1.
Tensor conv_transpose2d(const Tensor& x, const Tensor& weight, const Tensor& bias = {},
                        const ConvOptions& options = {}, Pair output_padding = 0);

// The same along one dimension: x [N,C,L], weight [C, O/groups, K].
Tensor conv_transpose1d(const Tensor& x, const Tensor& weight, const Tensor& bias = {},
                        const ConvOptions& options = {}, int64_t output_padding = 0);

// For as long as one lives, on this thread and in the pool's tasks that it starts: convolutions of
// f32 tensors, and their gradients of every order, multiply in bf16 (operands rounded to 8 bits of
// mantissa, sums in f32). Tensors stay f32 in memory, weights too. Off by default. ConfigError
// where the CPU does not multiply bf16.
class Bf16 {
 public:
  explicit Bf16(bool on = true);
  ~Bf16();
  Bf16(const Bf16&) = delete;
  Bf16& operator=(const Bf16&) = delete;

 private:
  bool before_;
};
bool bf16_available();

// Windows over each channel: [N,C,H,W] -> [N,C,OH,OW], OH = floor((H + 2 padding - dilation (kernel
// - 1) - 1) / stride) + 1. stride 0: the kernel's. ceil_mode: a last window that reaches beyond the
// padded image counts too, if it starts inside of the image or the padding in front; what lies
// beyond is left out.
struct PoolOptions {
  Pair stride = 0, padding = 0, dilation = 1;
  bool ceil_mode = false;
};
// The largest element; NaN is largest; of equals the first one gets the gradient. Padding is never
// the largest: ShapeError where a window, by dilation, holds nothing else.
Tensor max_pool2d(const Tensor& x, Pair kernel, const PoolOptions& options = {});
// The same, and where in its image [H,W] each largest element lies: i64, h W + w.
Extreme max_pool2d_with_indices(const Tensor& x, Pair kernel, const PoolOptions& options = {});
// The mean; count_include_pad: padding counts as zeros, else only what lies inside the image is
// divided by. dilation must be 1.
Tensor avg_pool2d(const Tensor& x, Pair kernel, const PoolOptions& options = {},
                  bool count_include_pad = true);
// Windows such that the output is of the given size: the i-th runs from floor(i H / OH) to ceil((i
// + 1) H / OH).
Tensor adaptive_avg_pool2d(const Tensor& x, Pair output);
Tensor adaptive_max_pool2d(const Tensor& x, Pair output);

// The same along one dimension: x [N,C,L]; the w of each option counts.
Tensor max_pool1d(const Tensor& x, int64_t kernel, const PoolOptions& options = {});
Tensor avg_pool1d(const Tensor& x, int64_t kernel, const PoolOptions& options = {},
                  bool count_include_pad = true);
Tensor adaptive_avg_pool1d(const Tensor& x, int64_t output);
Tensor adaptive_max_pool1d(const Tensor& x, int64_t output);

enum class Interpolation { nearest, bilinear, bicubic };
// Images of another size. nearest: element floor(i H / OH). bilinear: by the two nearest along each
// dim; bicubic: by the four nearest (a = -0.75, may overshoot); align_corners: corners keep their
// values (PyTorch's two conventions). OutOfMemory, before any table is made, where the output does
// not fit.
Tensor interpolate(const Tensor& x, Pair output, Interpolation mode = Interpolation::nearest,
                   bool align_corners = false);

// Whole channels of an image are 0 with probability p, else x / (1 - p). x [N,C,H,W]. ConfigError
// outside [0, 1].
Tensor dropout2d(const Tensor& x, double p, const Random& r);

}  // namespace regrad
