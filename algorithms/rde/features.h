// What every fit asks of the numbers it is given.
// Internal to algorithms/rde.
#pragma once

#include <string>
#include <vector>

#include <regrad/engine/tensor.h>

namespace regrad::rde::detail {

// A matrix of f32 or f64 with at least `rows` rows and one column, all finite; contiguous, without
// a graph. ShapeError, DTypeError, NumericError that names the place; `name` begins messages.
Tensor features(const Tensor& x, const std::string& name, int64_t rows = 0);
// Elements as f64, row-major.
std::vector<double> doubles(const Tensor& x);

}  // namespace regrad::rde::detail
