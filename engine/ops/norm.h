// The norm rows (norm_rows.cpp), for the functions over any dims and for rows whose derivatives
// need the third. Internal to the engine.
#pragma once

#include <regrad/engine/tensor.h>

namespace regrad {

// Over the middle of [outer, m, inner].
Tensor standardize_box(const Tensor& x, double eps);
Tensor inv_std_box(const Tensor& x, double eps);
Tensor norm_grad(const Tensor& g, const Tensor& h);

// P(g, h) = g - mean(g) - h mean(g h), means over dims.
Tensor norm_grad(const Tensor& g, const Tensor& h, const Dims& dims);

}  // namespace regrad
