// Convolution by 8-bit integers, for inference: no gradients.
//
//   const Int8Range range{0, 6};  // of what comes in, from calibration
//   const Int8Conv2d conv(weight, bias, {.padding = 1}, range);
//   Tensor y = conv(x);                                           // f32 in and out
//
// Symmetric: q = round(v / s), halves to even. Weights: one scale a tensor, s = max|w| / 127, q in
// [-127, 127]. Inputs: one scale a tensor, or one for each group of a grouped convolution (each
// channel of a depthwise one), which a sum over the group lets out of the sum. Where no range has
// negative values s = high / 255, q in [0, 255]; else s = max(|low|, |high|) / 127, q in [-127,
// 127]; what lies outside is held to the ends.
#pragma once

#include <regrad/engine/conv.h>

#include <memory>
#include <vector>

namespace regrad {

struct Int8Range {
  double low = 0, high = 0;
  bool is_signed() const { return low < 0; }
  double scale() const;  // 1 for a range within 1e-30 of 0
};

// Of [N,C,H,W]: a range for all channels, or one for each of several equal groups of channels, in
// turn. Integers of a tensor are of one kind: where one range is signed, all are.
class Int8Ranges {
 public:
  Int8Ranges(const Int8Range& all) : by_group_{all} {}          // NOLINT: a range is ranges
  explicit Int8Ranges(const std::vector<Int8Range>& by_group);  // ConfigError: of none
  bool is_signed() const { return by_group_[0].is_signed(); }
  size_t size() const { return by_group_.size(); }
  // Of a channel: its group's.
  const Int8Range& at(int64_t channel, int64_t channels) const {
    return by_group_[static_cast<size_t>(channel) * by_group_.size() /
                     static_cast<size_t>(channels)];
  }

 private:
  std::vector<Int8Range> by_group_;
};

// s q in the dtype of x, f32 or f64; zeros stay zero. The gradient goes to x as it is (straight
// through), at every order, save where x is cut off by more than s / 2: there it is 0. ShapeError:
// more than one range, and x is not [N,C,H,W] with a C that they divide.
Tensor fake_quantize(const Tensor& x, const Int8Ranges& ranges);
// q alone, whole numbers in the dtype of x, with 1 / s times that gradient.
Tensor int8_levels(const Tensor& x, const Int8Ranges& ranges);
// The range of a weight: -max|w| .. max|w|; of zeros only, that of scale 1.
Int8Range weight_range(const Tensor& w);

// y = s_x s_w conv2d(q_x, q_w) + bias, with whole numbers inside: as conv2d(fake_quantize(x),
// fake_quantize(w)), but for the last rounding. The integers are exact on every instruction set:
// with VNNI (as ONEDNN_MAX_CPU_ISA holds it) by oneDNN (but for a few shapes that 2.6.3 gets
// wrong), without it by 16-bit products; `--version` says which. A NaN counts as the lowest level.
class Int8Conv2d {
 public:
  Int8Conv2d() = default;
  // weight [O,C/groups,KH,KW] f32; bias [O] or undefined. DTypeError: not f32. ShapeError as
  // conv2d, where the ranges are neither one nor one a group, and where a sum of an output could
  // pass 32 bits (66,311 products and fewer never do).
  Int8Conv2d(const Tensor& weight, const Tensor& bias, const ConvOptions& options,
             const Int8Ranges& input);
  Tensor operator()(const Tensor& x) const;  // f32 [N,C,H,W] -> [N,O,OH,OW], channels last

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace regrad
