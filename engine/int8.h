// Convolution by 8-bit integers, for inference: no gradients.
//
//   const Int8Range range{0, 6};                                  // of what comes in, from calibration
//   const Int8Conv2d conv(weight, bias, {.padding = 1}, range);
//   Tensor y = conv(x);                                           // f32 in and out
//
// Symmetric, one scale a tensor: q = round(v / s), halves to even. Weights: s = max|w| / 127, q in [-127, 127]. Inputs: where the range has no
// negative values s = high / 255, q in [0, 255]; else s = max(|low|, |high|) / 127, q in [-127, 127]; what lies outside is held to the ends.
#pragma once

#include <regrad/engine/conv.h>

#include <memory>

namespace regrad {

struct Int8Range {
  double low = 0, high = 0;
  bool is_signed() const { return low < 0; }
  double scale() const;  // 1 for a range of zeros only
};

// s q in the dtype of x, f32 or f64; zeros stay zero. The gradient goes to x as it is (straight through), at every
// order, save where x is cut off by more than s / 2: there it is 0.
Tensor fake_quantize(const Tensor& x, const Int8Range& range);
// q alone, whole numbers in the dtype of x, with 1 / s times that gradient.
Tensor int8_levels(const Tensor& x, const Int8Range& range);
// The range of a weight: -max|w| .. max|w|; of zeros only, that of scale 1.
Int8Range weight_range(const Tensor& w);

// y = s_x s_w conv2d(q_x, q_w) + bias, with whole numbers inside: as conv2d(fake_quantize(x), fake_quantize(w)), but for the last rounding.
class Int8Conv2d {
 public:
  Int8Conv2d() = default;
  // weight [O,C/groups,KH,KW] f32; bias [O] or undefined. DTypeError: not f32. ShapeError as conv2d.
  Int8Conv2d(const Tensor& weight, const Tensor& bias, const ConvOptions& options, const Int8Range& input);
  Tensor operator()(const Tensor& x) const;  // f32 [N,C,H,W] -> [N,O,OH,OW], channels last

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace regrad
