// Norms over any dims, and layer norm: dims come to the rows' [outer, m, inner] by views, or by one
// copy.
#include <regrad/engine/functional.h>
#include <regrad/engine/internal/called.h>
#include <regrad/engine/ops/norm.h>

#include <algorithm>
#include <string>

namespace regrad {
namespace {

// x seen as [outer, m, inner] with `dims` in the middle, and the way back.
struct Boxed {
  Tensor x;
  Dims order;     // of x's dims
  Shape ordered;  // their sizes, in that order
};
Boxed boxed(const Tensor& x, const Dims& dims, const char* op) {
  const unsigned set = dim_set(dims, x.dim(), op);
  if (set == 0)
    throw ShapeError(std::string(op) + ": no dims to standardize over in " + str(x.shape()));
  // Dims as they lie in memory; those of one element go where they disturb nobody.
  Dims order;
  for (int d = 0; d < x.dim(); ++d) order.push_back(d);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    const auto stride = [&](int64_t d) {
      return x.shape()[static_cast<int>(d)] == 1 ? INT64_MAX : x.strides()[static_cast<int>(d)];
    };
    return stride(a) > stride(b);
  });
  const auto in_set = [&](int64_t d) { return (set >> d & 1) != 0; };
  const auto size = [&](int64_t d) { return x.shape()[static_cast<int>(d)]; };
  // [outer, m, inner] takes one run of `dims`. Dims of one element separate nothing, whichever they
  // are.
  int runs = 0;
  bool inside = false;
  for (int64_t d : order) {
    if (size(d) == 1) continue;
    runs += in_set(d) && !inside;
    inside = in_set(d);
  }
  if (runs > 1)
    std::stable_partition(order.begin(), order.end(), [&](int64_t d) { return !in_set(d); });
  Boxed b{permute(x, order), order, {}};
  Shape sizes{1, 1, 1};
  int part = 0;
  for (int64_t d : order) {
    const int64_t n = size(d);
    b.ordered.push_back(n);
    if (n == 1) continue;
    if (in_set(d)) {
      part = std::max(part, 1);
    } else if (part == 1) {
      part = 2;
    }
    sizes[part] *= n;
  }
  b.x = reshape(b.x, sizes);
  return b;
}
Tensor unboxed(const Tensor& y, const Boxed& b, const Shape& ordered) {
  Dims back = b.order;
  for (int i = 0; i < b.order.size(); ++i) back[static_cast<int>(b.order[i])] = i;
  return permute(reshape(y, ordered), back);
}

}  // namespace

Tensor standardize(const Tensor& x, const Dims& dims, double eps) {
  const detail::Called as("standardize(x)", x);
  const Boxed b = boxed(x, dims, "standardize");
  return unboxed(standardize_box(b.x, eps), b, b.ordered);
}
Tensor inv_std(const Tensor& x, const Dims& dims, double eps) {
  const detail::Called as("inv_std(x)", x);
  const Boxed b = boxed(x, dims, "inv_std");
  Shape kept = b.ordered;
  for (int i = 0; i < kept.size(); ++i)
    for (int64_t d : dims)
      if (wrap_dim(d, x.dim(), "inv_std") == b.order[i]) kept[i] = 1;
  return unboxed(inv_std_box(b.x, eps), b, kept);
}

Tensor norm_grad(const Tensor& g, const Tensor& h, const Dims& dims) {
  const Boxed b = boxed(h, dims, "norm_grad");
  return unboxed(norm_grad(reshape(permute(g, b.order), b.x.shape()), b.x), b, b.ordered);
}

Tensor layer_norm(const Tensor& x, const Shape& normalized_shape, const Tensor& weight,
                  const Tensor& bias, double eps) {
  const detail::Called as("layer_norm(x, weight?, bias?)", x, weight, bias);
  const int n = normalized_shape.size(), lead = x.dim() - n;
  Dims dims;
  for (int i = 0; i < n; ++i) dims.push_back(lead + i);
  if (n == 0 || lead < 0 || Shape(x.shape().begin() + lead, x.shape().end()) != normalized_shape) {
    throw ShapeError("layer_norm: x " + str(x.shape()) + " does not end in normalized_shape " +
                     str(normalized_shape));
  }
  for (const auto& [t, what] : {std::pair{&weight, "weight"}, {&bias, "bias"}})
    if (t->defined() && t->shape() != normalized_shape)
      throw ShapeError(std::string("layer_norm: ") + what + " " + str(t->shape()) +
                       " for normalized_shape " + str(normalized_shape));
  Tensor y = standardize(x, dims, eps);
  if (weight.defined()) y = std::move(y) * weight;
  if (bias.defined()) y = std::move(y) + bias;
  return y;
}

}  // namespace regrad
