// What convolution's rows, their passes and the public functions share.
// Internal to the engine.
#pragma once

#include <regrad/engine/kernels/conv.h>
#include <regrad/engine/ops/op.h>

#include <string>

namespace regrad {

struct ConvAttrs {
  int32_t stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w, groups;
  // of what the output shape does not follow from: x (conv2d_input) or the kernel (conv2d_weight)
  int32_t extent_h, extent_w;
};

// The row conv2d, as users call it after their options became attributes.
Tensor conv_y(const Tensor& x, const Tensor& w, const ConvAttrs& a);

// One pass over all tasks: of x, y (channels last) and weight (dense within a task) one is written.
void convolve(kernels::ConvPass pass, const kernels::Conv& s, const Tensor& x, const Tensor& y,
              const Tensor& weight);

// For errors: "[..] with [..]".
inline std::string both(const Shape& a, const Shape& b) { return str(a) + " with " + str(b); }

}  // namespace regrad
