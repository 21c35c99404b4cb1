// Elements chosen by masks and indices. Places are computed without a graph; the values come by
// index_select and scatter_add, which are each other's derivatives.
#include <regrad/engine/autograd.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/internal/called.h>

#include <algorithm>
#include <string>

namespace regrad {
namespace {

Tensor places(const std::vector<int64_t>& at) { return tensor(at); }

void need_i64(const Tensor& index, const char* op) {
  if (index.dtype() != DType::i64)
    throw DTypeError(std::string(op) + ": the index is " + name(index.dtype()) + ", must be i64");
}

std::vector<int64_t> flat_nonzero(const Tensor& x) {
  const NoGrad quiet;
  const Tensor hit = to(ne(x, 0), DType::u8).contiguous();
  const uint8_t* p = hit.data<uint8_t>();
  std::vector<int64_t> out;
  for (int64_t i = 0; i < hit.numel(); ++i)
    if (p[i]) out.push_back(i);
  return out;
}

}  // namespace

Tensor nonzero(const Tensor& x) {
  const detail::Called as("nonzero(x)", x);
  const std::vector<int64_t> flat = flat_nonzero(x);
  const int n = x.dim();
  std::vector<int64_t> out(flat.size() * static_cast<size_t>(n));
  for (size_t i = 0; i < flat.size(); ++i) {
    int64_t rest = flat[i];
    for (int d = n - 1; d >= 0; --d) {
      out[i * static_cast<size_t>(n) + static_cast<size_t>(d)] = rest % x.shape()[d];
      rest /= x.shape()[d];
    }
  }
  return tensor(out, {static_cast<int64_t>(flat.size()), n});
}

Tensor masked_select(const Tensor& x, const Tensor& mask) {
  const detail::Called as("masked_select(x, mask)", x, mask);
  if (mask.dtype() != DType::b8 && mask.dtype() != DType::u8)
    throw DTypeError(std::string("masked_select: the mask is ") + name(mask.dtype()) +
                     ", must be b8 or u8");
  const Shape whole = broadcast(x.shape(), mask.shape(), "masked_select");
  const Tensor at = places(flat_nonzero(expand(mask, whole)));
  return index_select(reshape(expand(x, whole), {whole.numel()}), 0, at);
}

Tensor bincount(const Tensor& x, const Tensor& weights, int64_t minlength) {
  const detail::Called as("bincount(x, weights?)", x, weights);
  if (is_floating(x.dtype()) || x.dtype() == DType::b8)
    throw DTypeError(std::string("bincount: counts i64 or u8, not ") + name(x.dtype()));
  if (x.dim() != 1) throw ShapeError("bincount: needs a vector, not " + str(x.shape()));
  if (minlength < 0)
    throw ShapeError("bincount: minlength " + std::to_string(minlength) + " is below 0");
  if (weights.defined() && weights.shape() != x.shape())
    throw ShapeError("bincount: weights " + str(weights.shape()) + " for " + str(x.shape()));
  int64_t bins = minlength;
  for (int64_t i : x.to_vector<int64_t>()) {
    if (i < 0) throw ShapeError("bincount: " + std::to_string(i) + " is below 0");
    if (i == INT64_MAX) throw ShapeError("bincount: more bins than 63 bits count");
    bins = std::max(bins, i + 1);
  }
  const Tensor index = to(x, DType::i64);
  if (!weights.defined())
    return scatter_add(zeros({bins}, DType::i64), 0, index, ones(x.shape(), DType::i64));
  const Tensor w = is_floating(weights.dtype()) ? weights : to(weights, DType::f64);
  return scatter_add(zeros({bins}, w.dtype()), 0, index, w);
}

namespace {

// Element k of the result is element plan[k] of x's elements followed by source's: the last one
// that index leads there. one: the source is one number.
Tensor scatter_plan(const Tensor& x, int64_t dim, const Tensor& index, const Shape& source,
                    bool one) {
  need_i64(index, "scatter");
  const int d = wrap_dim(dim, x.dim(), "scatter"), n = x.dim();
  const Shape& s = index.shape();
  bool fits = s.size() == n && (one || source.size() == n);
  for (int k = 0; fits && k < n; ++k)
    fits = (k == d || s[k] <= x.shape()[k]) && (one || s[k] <= source[k]);
  if (!fits)
    throw ShapeError("scatter: index " + str(s) + " on x " + str(x.shape()) +
                     (one ? "" : " from source " + str(source)) + ", dim " + std::to_string(d) +
                     "; equal rank, no larger than source, nor than x but along dim");
  const Shape to = contiguous_strides(x.shape()), from = one ? Shape{} : contiguous_strides(source);
  std::vector<int64_t> plan(static_cast<size_t>(x.numel()));
  for (size_t i = 0; i < plan.size(); ++i) plan[i] = static_cast<int64_t>(i);
  const std::vector<int64_t> along = index.to_vector<int64_t>();
  for (size_t i = 0; i < along.size(); ++i) {
    auto rest = static_cast<int64_t>(i);
    int64_t a = 0, b = x.numel();
    for (int k = n - 1; k >= 0; --k) {
      int64_t at = rest % s[k];
      rest /= s[k];
      if (!one) b += at * from[k];
      if (k == d) {
        at = along[i];
        if (at < -x.shape()[d] || at >= x.shape()[d])
          throw ShapeError("scatter: index " + std::to_string(at) + " is outside a dim of size " +
                           std::to_string(x.shape()[d]));
        if (at < 0) at += x.shape()[d];
      }
      a += at * to[k];
    }
    plan[static_cast<size_t>(a)] = b;
  }
  return places(plan);
}

}  // namespace

Tensor scatter(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source) {
  const detail::Called as("scatter(x, index, source)", x, index, source);
  if (source.dtype() != x.dtype())
    throw DTypeError(std::string("scatter: source is ") + name(source.dtype()) + ", x is " +
                     name(x.dtype()));
  const Tensor plan = scatter_plan(x, dim, index, source.shape(), false);
  const Tensor all = cat({reshape(x, {x.numel()}), reshape(source, {source.numel()})}, 0);
  return reshape(index_select(all, 0, plan), x.shape());
}
Tensor scatter(const Tensor& x, int64_t dim, const Tensor& index, double value) {
  const detail::Called as("scatter(x, index)", x, index);
  const Tensor plan = scatter_plan(x, dim, index, {}, true);
  const Tensor all = cat({reshape(x, {x.numel()}), full({1}, value, x.dtype())}, 0);
  return reshape(index_select(all, 0, plan), x.shape());
}

Tensor index_add(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source,
                 double alpha) {
  const detail::Called as("index_add(x, index, source)", x, index, source);
  need_i64(index, "index_add");
  const int d = wrap_dim(dim, x.dim(), "index_add");
  Shape sizes = x.shape();
  sizes[d] = index.numel();
  if (index.dim() > 1 || source.shape() != sizes)
    throw ShapeError("index_add: index " + str(index.shape()) + " along dim " + std::to_string(d) +
                     " of " + str(x.shape()) + " needs a source " + str(sizes) + ", not " +
                     str(source.shape()));
  Shape one = sizes;
  for (int k = 0; k < one.size(); ++k)
    if (k != d) one[k] = 1;
  const Tensor at = expand(reshape(index, one), sizes);
  return scatter_add(x, d, at, alpha == 1 ? source : source * alpha);
}

Tensor embedding(const Tensor& index, const Tensor& weight, std::optional<int64_t> padding_idx) {
  const detail::Called as("embedding(index, weight)", index, weight);
  need_i64(index, "embedding");
  if (weight.dim() != 2)
    throw ShapeError("embedding: weight " + str(weight.shape()) + " must be [entries, size]");
  const int64_t n = weight.size(0);
  for (int64_t i : index.to_vector<int64_t>())
    if (i < 0 || i >= n)
      throw ShapeError("embedding: index " + std::to_string(i) + " is outside [0, " +
                       std::to_string(n) + ")");
  Shape sizes = index.shape();
  sizes.push_back(weight.size(1));
  const Tensor rows = reshape(index_select(weight, 0, reshape(index, {index.numel()})), sizes);
  if (!padding_idx) return rows;
  if (*padding_idx < -n || *padding_idx >= n)
    throw ShapeError("embedding: padding_idx " + std::to_string(*padding_idx) +
                     " is outside the weight's " + std::to_string(n) + " entries");
  const int64_t pad = *padding_idx < 0 ? *padding_idx + n : *padding_idx;
  return where(unsqueeze(eq(index, static_cast<double>(pad)), -1), rows.detach(), rows);
}

}  // namespace regrad
