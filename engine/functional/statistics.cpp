#include <regrad/engine/functional.h>
#include <regrad/engine/internal/called.h>
#include <regrad/engine/internal/decimal.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

namespace regrad {
namespace {

int64_t elements_over(const Tensor& x, const Dims& dims) {
  if (dims.empty()) return x.numel();
  int64_t n = 1;
  for (int64_t d : dims) n *= x.size(d);
  return n;
}

// x in the opposite order of size: -x, and of integers -1 - x, which has a value for the least of
// them too.
Tensor reversed(const Tensor& x) {
  return is_floating(x.dtype()) ? -x : affine(x.to(DType::i64), -1, -1);
}

Tensor number_like(const Tensor& x, double v) { return scalar(v, x.dtype()); }

// x^(1/p), with derivative 0 at 0: there the root is taken of 1.
Tensor safe_root(const Tensor& x, double p) {
  const Tensor zero = number_like(x, 0), gone = eq(x, zero);
  const Tensor safe = where(gone, number_like(x, 1), x);
  return where(gone, zero, p == 2 ? sqrt(safe) : pow(safe, 1 / p));
}

}  // namespace

Tensor var(const Tensor& x, const Dims& dims, double correction, bool keepdim) {
  const detail::Called as("var(x)", x);
  // About one of the elements first: equal ones are exactly 0, whatever their mean rounds to.
  Tensor one = x.detach();
  for (int d = 0; d < x.dim(); ++d)
    if (dims.empty() || std::any_of(dims.begin(), dims.end(),
                                    [&](int64_t k) { return wrap_dim(k, x.dim(), "var") == d; }))
      one = slice(one, d, 0, 1);
  const Tensor moved = elements_over(x, dims) ? x - one : x,
               centred = moved - mean(moved, dims, true);
  return sum(square(centred), dims, keepdim) /
         std::max(0.0, static_cast<double>(elements_over(x, dims)) - correction);
}
Tensor std(const Tensor& x, const Dims& dims, double correction, bool keepdim) {
  const detail::Called as("std(x)", x);
  return safe_root(var(x, dims, correction, keepdim), 2);
}

Tensor norm(const Tensor& x, double p, const Dims& dims, bool keepdim) {
  const detail::Called as("norm(x)", x);
  if (!(p > 0)) throw ConfigError("norm: p " + decimal(p) + " must be above 0");
  if (std::isinf(p)) return amax(abs(x), dims, keepdim);
  if (p == 1) return sum(abs(x), dims, keepdim);
  if (p == 2) return safe_root(sum(square(x), dims, keepdim), 2);
  // |x|^p: for p < 2 its second derivative at 0 is no number, so zeros are left out there.
  const Tensor zero = number_like(x, 0), gone = eq(x, zero);
  return safe_root(
      sum(where(gone, zero, pow(abs(where(gone, number_like(x, 1), x)), p)), dims, keepdim), p);
}

// Halves are multiplied until one element is left: only products, so zeros are no special case.
Tensor prod(const Tensor& x, int64_t dim, bool keepdim) {
  const detail::Called as("prod(x)", x);
  const int d = wrap_dim(dim, x.dim(), "prod");
  Tensor y = x.dtype() > DType::i64 ? x.to(DType::i64) : x;
  if (y.size(d) == 0) {
    y = sum(y, {d}, true) + 1;  // of nothing: 1, of x's graph
  }
  while (y.size(d) > 1) {
    const int64_t half = y.size(d) / 2;
    const Tensor pairs = slice(y, d, 0, half) * slice(y, d, half, 2 * half);
    y = y.size(d) % 2 ? cat({pairs, slice(y, d, 2 * half, y.size(d))}, d) : pairs;
  }
  return keepdim ? y : squeeze(y, d);
}

Tensor amin(const Tensor& x, const Dims& dims, bool keepdim) {
  const detail::Called as("amin(x)", x);
  return reversed(amax(reversed(x), dims, keepdim)).to(x.dtype());
}
Extreme min(const Tensor& x, int64_t dim, bool keepdim) {
  const detail::Called as("min(x)", x);
  const Tensor index = argmin(x, dim, true), values = gather(x, dim, index);
  if (keepdim) return {values, index};
  return {squeeze(values, dim), squeeze(index, dim)};
}
Tensor min(const Tensor& x) {
  const detail::Called as("min(x)", x);
  return amin(x);
}
Tensor argmin(const Tensor& x, int64_t dim, bool keepdim) {
  const detail::Called as("argmin(x)", x);
  return argmax(reversed(x), dim, keepdim);
}

Tensor any(const Tensor& x, const Dims& dims, bool keepdim) {
  const detail::Called as("any(x)", x);
  const Tensor hits = sum(to(ne(x, scalar(0, x.dtype())), DType::i64), dims, keepdim);
  return hits > scalar(0, DType::i64);
}
Tensor all(const Tensor& x, const Dims& dims, bool keepdim) {
  const detail::Called as("all(x)", x);
  const Tensor misses = sum(to(eq(x, scalar(0, x.dtype())), DType::i64), dims, keepdim);
  return eq(misses, scalar(0, DType::i64));
}

Tensor leaky_relu(const Tensor& x, double negative_slope) {
  const detail::Called as("leaky_relu(x)", x);
  return where(x > number_like(x, 0), x, x * negative_slope);
}
Tensor elu(const Tensor& x, double alpha) {
  const detail::Called as("elu(x)", x);
  return where(x <= number_like(x, 0),
               expm1(clamp(x, -std::numeric_limits<double>::infinity(), 0)) * alpha, x);
}

}  // namespace regrad
