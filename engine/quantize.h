// Uniform quantization to whole numbers, simulated in floating point: any number of bits, one scale
// per tensor, per group of channels or per channel.
//
//   MinMaxObserver seen;
//   seen.observe(x);                                   // calibration, batch by batch
//   Tensor y = fake_quantize(x, seen.ranges(), {.bits = 4});
//   Tensor w = fake_quantize(weight, {.bits = 4, .per_channel = true});
//
// A value v is s l with a whole number l = round(v / s), halves to even, held to [least, most].
//   symmetric  no negative values: s = high / (2^b - 1), l in [0, 2^b - 1];
//              else n = 2^(b-1) - 1, s = max(|low|, |high|) / n, l in [-n, n]
//   affine     s = (high - low) / (2^b - 1), l in [-z, 2^b - 1 - z] with the zero point
//              z = round(-low / s); the range is widened to hold 0
// 0 is a level of every kind, so zeros stay zero. A NaN stays NaN; by a range that is not finite
// (of values that are not) all become NaN. Errors: ConfigError where bits lie outside 1..24 (f32
// holds no finer whole numbers), one bit is to hold a sign, or low is above high; DTypeError where
// x is not f32 or f64; ShapeError where ranges do not divide x.
#pragma once

#include <regrad/engine/ops.h>

#include <vector>

namespace regrad {

enum class Scheme { symmetric, affine };

struct QuantizeOptions {
  int bits = 8;
  Scheme scheme = Scheme::symmetric;
  // of weights: a scale for each output channel (dim 0), not one for all
  bool per_channel = false;
  // Where x is cut off by more than half a step the gradient is 0; false: it is passed everywhere.
  bool clip_gradient = true;
};

// Of values.
struct Range {
  double low = 0, high = 0;
  bool is_signed() const { return low < 0; }
};

// One range for all of a tensor, or one for each of several equal groups of channels, in turn.
class Ranges {
 public:
  Ranges(const Range& all) : by_group_{all} {}  // NOLINT: a range is ranges
  // dim: the channels', from the front. ConfigError: of no group.
  explicit Ranges(std::vector<Range> by_group, int dim = 1);
  // Whole numbers of a tensor are of one kind: where one range is signed, all are.
  bool is_signed() const;
  size_t size() const { return by_group_.size(); }
  int dim() const { return dim_; }
  // Per channel: its group's.
  const Range& at(int64_t channel, int64_t channels) const {
    return by_group_[static_cast<size_t>(channel) * by_group_.size() /
                     static_cast<size_t>(channels)];
  }

 private:
  std::vector<Range> by_group_;
  int dim_ = 1;
};

// The numbers l of a range: v = scale l. scale is 1 for a range within 1e-30 of 0, NaN for one that
// is not finite. is_signed: of the tensor's ranges (symmetric).
struct Levels {
  double scale = 1, least = 0, most = 0;
};
Levels levels_of(const Range& range, bool is_signed, const QuantizeOptions& options = {});

// s l in the dtype of x. The gradient goes to x as it is (straight through: ste), at every order.
Tensor fake_quantize(const Tensor& x, const Ranges& ranges, const QuantizeOptions& options = {});
// The same by the ranges of w itself (weight_ranges).
Tensor fake_quantize(const Tensor& w, const QuantizeOptions& options = {});
// l alone, in the dtype of x, with 1 / s times that gradient.
Tensor quantized_levels(const Tensor& x, const Ranges& ranges, const QuantizeOptions& options = {});

// Of a weight. symmetric: -max|w| .. max|w| (of zeros only, that of 8-bit scale 1); affine: its
// least and largest value. per_channel: for each of dim 0.
Ranges weight_ranges(const Tensor& w, const QuantizeOptions& options = {});

// Least and largest value, with 0, of all that was seen, for each group of channels of dim `dim`.
class MinMaxObserver {
 public:
  explicit MinMaxObserver(int64_t groups = 1, int dim = 1) : groups_(groups), dim_(dim) {}
  void observe(const Tensor& x);  // an empty x changes nothing. ShapeError: groups do not divide x
  Ranges ranges() const;          // ConfigError: nothing was seen

 private:
  int64_t groups_;
  int dim_;
  std::vector<Range> seen_;
};

}  // namespace regrad
