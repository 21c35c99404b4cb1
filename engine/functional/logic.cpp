// What numbers are (NaN, infinite, not 0) as bools, and bools of bools.
#include <regrad/engine/internal/called.h>
#include <regrad/engine/ops.h>

#include <limits>

namespace regrad {
namespace {

constexpr double inf = std::numeric_limits<double>::infinity();

Tensor zero(const Tensor& x) { return scalar(0, x.dtype()); }
Tensor truth(const Tensor& x) { return x.dtype() == DType::b8 ? x : ne(x, zero(x)); }
Tensor size_of(const Tensor& x) { return abs(x.detach()); }
Tensor infinity(const Tensor& x) { return scalar(inf, x.dtype()); }

}  // namespace

Tensor isnan(const Tensor& x) {
  const detail::Called as("isnan(x)", x);
  return ne(x, x);
}
Tensor isinf(const Tensor& x) {
  const detail::Called as("isinf(x)", x);
  return is_floating(x.dtype()) ? eq(size_of(x), infinity(x)) : zeros(x.shape(), DType::b8);
}
Tensor isfinite(const Tensor& x) {
  const detail::Called as("isfinite(x)", x);
  return is_floating(x.dtype()) ? lt(size_of(x), infinity(x)) : ones(x.shape(), DType::b8);
}
Tensor nan_to_num(const Tensor& x, double nan, std::optional<double> posinf,
                  std::optional<double> neginf) {
  const detail::Called as("nan_to_num(x)", x);
  if (!is_floating(x.dtype())) return x;
  const double largest = x.dtype() == DType::f32 ? std::numeric_limits<float>::max()
                                                 : std::numeric_limits<double>::max();
  const Tensor infinite = where(gt(x, zero(x)), scalar(posinf.value_or(largest), x.dtype()),
                                scalar(neginf.value_or(-largest), x.dtype()));
  return where(isfinite(x), x, where(isnan(x), scalar(nan, x.dtype()), infinite));
}

Tensor logical_not(const Tensor& x) {
  const detail::Called as("logical_not(x)", x);
  return eq(x, zero(x));
}
Tensor logical_and(const Tensor& a, const Tensor& b) {
  const detail::Called as("logical_and(a, b)", a, b);
  return minimum(truth(a), truth(b));
}
Tensor logical_or(const Tensor& a, const Tensor& b) {
  const detail::Called as("logical_or(a, b)", a, b);
  return maximum(truth(a), truth(b));
}
Tensor logical_xor(const Tensor& a, const Tensor& b) {
  const detail::Called as("logical_xor(a, b)", a, b);
  return ne(truth(a), truth(b));
}

}  // namespace regrad
