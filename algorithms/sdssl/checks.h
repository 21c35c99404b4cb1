// Checks and counts that the measures share. Internal to algorithms/sdssl.
#pragma once

#include <cstdint>

#include <regrad/engine/tensor.h>

namespace regrad::sdssl::detail {

// DTypeError unless floating, ShapeError at rows or columns that are not there, NumericError at NaN
// or infinity. what: the caller.
void check_features(const char* what, const Tensor& x);
// i64 [n] in [0, classes): DTypeError, ShapeError; ConfigError: classes below 1.
void check_labels(const char* what, const Tensor& labels, int64_t n, int64_t classes);
// [n,L,d] as it is, [n,d] as [n,1,d]; ShapeError otherwise.
Tensor by_layer(const char* what, const Tensor& x);
// Of two i64 [n], n above 0: the share of places where they are equal. 0 of none.
double share_of_equal(const Tensor& a, const Tensor& b);

}  // namespace regrad::sdssl::detail
