// Sums, means and maxima over any dims: one row for each run of neighbours, in memory's order.
#include <regrad/engine/autograd.h>
#include <regrad/engine/internal/called.h>
#include <regrad/engine/ops.h>
#include <regrad/engine/ops/elementwise.h>
#include <regrad/engine/ops/reduce.h>

#include <algorithm>
#include <string>

namespace regrad {
namespace {

// x's dims as they lie in memory, the farthest first; those of one element stay in front. False
// where that is their own order, or elements repeat.
bool memory_order(const Tensor& x, Dims& order) {
  if (x.is_contiguous()) return false;
  for (int d = 0; d < x.dim(); ++d) {
    if (x.shape()[d] != 1 && x.strides()[d] == 0) return false;
    order.push_back(d);
  }
  const auto stride = [&](int64_t d) {
    return x.shape()[static_cast<int>(d)] == 1 ? INT64_MAX : x.strides()[static_cast<int>(d)];
  };
  std::stable_sort(&order[0], &order[0] + order.size(),
                   [&](int64_t a, int64_t b) { return stride(a) > stride(b); });
  return !std::is_sorted(order.begin(), order.end());
}

Tensor over_runs(const Op& op, const Tensor& x, unsigned set, bool keepdim, double divisor);

// The same on dims in memory's order, and back.
Tensor in_memory_order(const Op& op, const Tensor& x, const Dims& order, unsigned set, bool keepdim,
                       double divisor) {
  unsigned there = 0;
  Dims back = order;
  for (int i = 0; i < order.size(); ++i) {
    there |= (set >> order[i] & 1) << i;
    back[static_cast<int>(order[i])] = i;
  }
  const Tensor y = permute(over_runs(op, permute(x, order), there, true, divisor), back);
  if (keepdim) return y;
  Shape left;
  for (int d = 0; d < x.dim(); ++d)
    if (!(set >> d & 1)) left.push_back(x.shape()[d]);
  return reshape(y, left);
}

// One row for each run of neighbouring dims, the last first.
Tensor over_runs(const Op& op, const Tensor& x, unsigned set, bool keepdim, double divisor) {
  Dims order;
  if (set && memory_order(x, order)) return in_memory_order(op, x, order, set, keepdim, divisor);
  Tensor y = x;
  for (int end = x.dim(); end > 0;) {
    if (!(set >> (end - 1) & 1)) {
      --end;
      continue;
    }
    int first = end;
    while (first > 0 && (set >> (first - 1) & 1)) --first;
    const bool last = (set & ((1u << first) - 1)) == 0;
    y = apply(op, y, Run{first, end - first, keepdim, last ? divisor : 1});
    end = first;
  }
  return x.dim() == 0 ? affine(x, 1, 0) : y;
}

// Whether over_runs evaluates one row, but for dims of one element.
bool one_run(const Tensor& x, unsigned set) {
  Dims order;
  if (!memory_order(x, order)) {
    order = {};
    for (int d = 0; d < x.dim(); ++d) order.push_back(d);
  }
  int runs = 0;
  bool inside = false;
  for (int64_t d : order) {
    const bool in = set >> d & 1;
    if (in && x.shape()[static_cast<int>(d)] == 1) continue;
    runs += in && !inside;
    inside = in;
  }
  return runs <= 1;
}

}  // namespace

Tensor sum(const Tensor& x, const Dims& dims, bool keepdim) {
  const detail::Called as("sum(x)", x);
  if (x.dtype() > DType::i64) return sum(x.to(DType::i64), dims, keepdim);
  return over_runs(sum_op, x, dims_or_all(x, dims, "sum"), keepdim, 1);
}
Tensor mean(const Tensor& x, const Dims& dims, bool keepdim) {
  const detail::Called as("mean(x)", x);
  if (!is_floating(x.dtype()))
    throw DTypeError(std::string("mean: needs f32 or f64, not ") + name(x.dtype()));
  const unsigned set = dims_or_all(x, dims, "mean");
  int64_t n = 1;
  for (int d = 0; d < x.dim(); ++d)
    if (set >> d & 1) n *= x.shape()[d];
  return over_runs(sum_op, x, set, keepdim, static_cast<double>(n));
}
Tensor amax(const Tensor& x, const Dims& dims, bool keepdim) {
  const detail::Called as("amax(x)", x);
  if (x.dtype() > DType::i64) return amax(x.to(DType::i64), dims, keepdim).to(x.dtype());
  const unsigned set = dims_or_all(x, dims, "amax");
  Dims kept, reduced;
  for (int d = 0; d < x.dim(); ++d) (set >> d & 1 ? reduced : kept).push_back(d);
  if (one_run(x, set)) return over_runs(amax_op, x, set, keepdim, 1);
  // Dims with others between them become one, so that equal maxima share the gradient evenly.
  Dims order = kept;
  Shape rows, result;
  int64_t n = 1;
  for (int64_t d : kept) rows.push_back(x.size(d));
  for (int64_t d : reduced) order.push_back(d), n *= x.size(d);
  for (int d = 0; d < x.dim(); ++d)
    if (!(set >> d & 1) || keepdim) result.push_back(set >> d & 1 ? 1 : x.size(d));
  rows.push_back(n);
  return reshape(over_runs(amax_op, reshape(permute(x, order), rows), 1u << kept.size(), false, 1),
                 result);
}
// The dims of g that were broadcast, summed.
Tensor sum_to(const Tensor& g, const Shape& shape) {
  if (g.shape() == shape) return g;
  const int lead = g.dim() - shape.size();
  unsigned set = 0;
  for (int d = 0; d < g.dim(); ++d)
    if (d < lead || (shape[d - lead] == 1 && g.shape()[d] != 1)) set |= 1u << d;
  const Tensor y = over_runs(sum_op, g, set, true, 1);
  return lead ? reshape(y, shape) : y;
}

}  // namespace regrad
