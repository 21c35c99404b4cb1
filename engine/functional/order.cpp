// What lies in the middle: median and quantile, gathered from the sorted elements.
#include <regrad/engine/autograd.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/internal/called.h>
#include <regrad/engine/internal/decimal.h>

#include <cmath>
#include <string>

namespace regrad {
namespace {

// Which lines along d hold a NaN: it is the largest, so the last one of the sorted ones.
Tensor spoilt(const Tensor& sorted, int d) {
  const Tensor last = slice(sorted, d, sorted.size(d) - 1, sorted.size(d));
  return ne(last, last);
}

void need_elements(const Tensor& x, int d, const char* op) {
  if (x.size(d) == 0)
    throw ShapeError(std::string(op) + ": no elements along dim " + std::to_string(d) + " of " +
                     str(x.shape()));
}

}  // namespace

Extreme median(const Tensor& x, int64_t dim, bool keepdim) {
  const detail::Called as("median(x)", x);
  const int d = wrap_dim(dim, x.dim(), "median");
  need_elements(x, d, "median");
  Tensor index;
  {
    const NoGrad quiet;
    const Extreme sorted = sort(x, d);
    const int64_t n = x.size(d), middle = (n - 1) / 2;
    index = slice(sorted.indices, d, middle, middle + 1);
    if (is_floating(x.dtype()))
      index = where(spoilt(sorted.values, d), argmax(x, d, true), index);  // the first NaN
  }
  const Tensor values = gather(x, d, index);
  if (keepdim) return {values, index};
  return {squeeze(values, d), squeeze(index, d)};
}

Tensor median(const Tensor& x) {
  const detail::Called as("median(x)", x);
  const Tensor flat = reshape(x, {x.numel()});
  Tensor hit;
  {
    const NoGrad quiet;
    const Tensor value = median(flat, 0).values;
    hit = std::isnan(value.item()) ? ne(flat, flat) : eq(flat, value);
  }
  return amax(masked_select(flat, hit));  // equal ones share the gradient
}

Tensor quantile(const Tensor& x, const Tensor& q, std::optional<int64_t> dim, bool keepdim) {
  const detail::Called as("quantile(x, q)", x, q);
  if (!is_floating(x.dtype()) || q.dtype() != x.dtype())
    throw DTypeError(std::string("quantile: x and q are f32 or f64 alike, not ") + name(x.dtype()) +
                     " and " + name(q.dtype()));
  if (q.dim() > 1) throw ShapeError("quantile: q is a number or a vector, not " + str(q.shape()));
  for (double v : q.to_vector())
    if (!(v >= 0 && v <= 1)) throw ConfigError("quantile: q " + decimal(v) + " is outside [0, 1]");
  // One vector per quantile, along the last dim.
  const int d = dim ? wrap_dim(*dim, x.dim(), "quantile") : 0;
  const Tensor rows = dim ? transpose(x, d, -1) : reshape(x, {x.numel()});
  need_elements(rows, rows.dim() - 1, "quantile");
  const Tensor sorted = sort(rows, -1).values;
  const Tensor rank = reshape(q, {q.numel()}) * static_cast<double>(rows.size(-1) - 1);
  const Tensor low = floor(rank.detach());
  const Tensor below = index_select(sorted, -1, to(low, DType::i64)),
               above = index_select(sorted, -1, to(ceil(rank.detach()), DType::i64));
  const Tensor gap = above - below, zero = scalar(0, x.dtype());
  // From an infinity no step leads away, nor is there one between two.
  const Tensor step = where(isfinite(below), gap, zero);
  Tensor y = where(spoilt(sorted.detach(), sorted.dim() - 1), scalar(NAN, x.dtype()),
                   below + (rank - low) * step);
  // [.., q] to q in front; the reduced dim stays as one where it is kept.
  Shape sizes = x.shape();
  if (dim) {
    y = transpose(y, d, -1);
    sizes[d] = 1;
    Dims front{d};
    for (int k = 0; k < x.dim(); ++k)
      if (k != d) front.push_back(k);
    y = permute(y, front);
    if (!keepdim) sizes.erase(d);
  } else {
    sizes = Shape{};
    for (int k = 0; keepdim && k < x.dim(); ++k) sizes.push_back(1);
  }
  if (q.dim() == 1) sizes.insert(0, q.numel());
  return reshape(y, sizes);
}
Tensor quantile(const Tensor& x, double q, std::optional<int64_t> dim, bool keepdim) {
  const detail::Called as("quantile(x)", x);
  return quantile(x, scalar(q, x.dtype()), dim, keepdim);
}

}  // namespace regrad
