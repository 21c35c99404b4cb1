// Convolution by whole numbers of at most 8 bits, for inference: no gradients.
//
//   const Range range{0, 6};  // of what comes in, from calibration (quantize.h)
//   const Int8Conv2d conv(weight, bias, {.padding = 1}, range);
//   Tensor y = conv(x);                                           // f32 in and out
//
// Symmetric levels (quantize.h) of weights, at one scale or one per channel, and of inputs, at one
// scale or one for each group of a grouped convolution (each channel of a depthwise one), which a
// sum over the group lets out of the sum.
#pragma once

#include <regrad/engine/conv.h>
#include <regrad/engine/quantize.h>

#include <memory>

namespace regrad {

// How both are quantized. per_channel is the weights' alone.
struct Int8Options {
  QuantizeOptions weights = {}, inputs = {};
};

// y = s_x s_w conv2d(l_x, l_w) + bias, with whole numbers inside: as conv2d(fake_quantize(x),
// fake_quantize(w)), but for the last rounding. The integers are exact on every instruction set:
// with VNNI (as ONEDNN_MAX_CPU_ISA holds it) by oneDNN (but for a few shapes that 2.6.3 gets
// wrong), without it by 16-bit products; `--version` names which. A NaN counts as the lowest level.
class Int8Conv2d {
 public:
  Int8Conv2d() = default;
  // weight [O,C/groups,KH,KW] f32; bias [O] or undefined. DTypeError: not f32. ShapeError as
  // conv2d, where the ranges are neither one nor one per group, and where a sum of an output could
  // pass 32 bits (66,311 products and fewer never do). ConfigError: more than 8 bits, or affine.
  Int8Conv2d(const Tensor& weight, const Tensor& bias, const ConvOptions& options,
             const Ranges& input, const Int8Options& quantized = {});
  Tensor operator()(const Tensor& x) const;  // f32 [N,C,H,W] -> [N,O,OH,OW], channels last

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace regrad
