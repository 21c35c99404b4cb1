// The third of the norm rows (norm.cpp), for rows whose derivatives need it.
#pragma once

#include <regrad/engine/tensor.h>

namespace regrad {

// P(g, h) = g - mean(g) - h mean(g h), means over dims.
Tensor norm_grad(const Tensor& g, const Tensor& h, const Dims& dims);

}  // namespace regrad
