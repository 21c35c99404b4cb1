#include <regrad/engine/functional.h>
#include <regrad/engine/internal/called.h>

#include <algorithm>
#include <string>
#include <utility>

namespace regrad {

std::vector<Tensor> split(const Tensor& x, const std::vector<int64_t>& sizes, int64_t dim) {
  const detail::Called as("split(x)", x);
  std::vector<Tensor> out;
  int64_t at = 0;
  for (int64_t n : sizes) {
    if (n < 0) throw ShapeError("split: a piece of size " + std::to_string(n));
    out.push_back(slice(x, dim, at, n > INT64_MAX - at ? INT64_MAX : at + n));
    if (__builtin_add_overflow(at, n, &at))
      throw ShapeError("split: the sizes add up to more than 63 bits");
  }
  if (at != x.size(dim))
    throw ShapeError("split: the sizes add up to " + std::to_string(at) + ", dim " +
                     std::to_string(dim) + " of " + str(x.shape()) + " has another");
  return out;
}
std::vector<Tensor> split(const Tensor& x, int64_t size, int64_t dim) {
  const detail::Called as("split(x)", x);
  if (size < 1) throw ShapeError("split: pieces of size " + std::to_string(size) + "; at least 1");
  std::vector<int64_t> sizes;
  for (int64_t left = x.size(dim); left > 0; left -= size) sizes.push_back(std::min(left, size));
  if (sizes.empty()) sizes.push_back(0);
  return split(x, sizes, dim);
}
std::vector<Tensor> chunk(const Tensor& x, int64_t chunks, int64_t dim) {
  const detail::Called as("chunk(x)", x);
  if (chunks < 1) throw ShapeError("chunk: " + std::to_string(chunks) + " chunks; at least 1");
  return split(x, std::max<int64_t>(1, (x.size(dim) - 1) / chunks + 1), dim);
}

std::vector<Tensor> unbind(const Tensor& x, int64_t dim) {
  const detail::Called as("unbind(x)", x);
  const int d = wrap_dim(dim, x.dim(), "unbind");
  std::vector<Tensor> out;
  for (int64_t i = 0; i < x.size(d); ++i) out.push_back(select(x, d, i));
  return out;
}

std::vector<Tensor> meshgrid(TensorList axes, std::string_view indexing) {
  const detail::Called as("meshgrid(axes)", axes);
  if (indexing != "ij" && indexing != "xy")
    throw ConfigError("meshgrid: indexing is \"ij\" or \"xy\", not \"" + std::string(indexing) +
                      "\"");
  if (axes.size() == 0) throw ShapeError("meshgrid: no axes");
  Shape grid;
  for (const Tensor& axis : axes) {
    if (axis.dim() > 1)
      throw ShapeError("meshgrid: an axis is a number or a vector, not " + str(axis.shape()));
    if (axis.dtype() != axes[0].dtype())
      throw DTypeError(std::string("meshgrid: axes of ") + name(axes[0].dtype()) + " and " +
                       name(axis.dtype()));
    grid.push_back(axis.numel());
  }
  const bool swap = indexing == "xy" && grid.size() > 1;
  if (swap) std::swap(grid[0], grid[1]);
  std::vector<Tensor> out;
  for (int i = 0; i < grid.size(); ++i) {
    const int along = swap && i < 2 ? 1 - i : i;
    Shape sizes;
    for (int d = 0; d < grid.size(); ++d) sizes.push_back(d == along ? grid[d] : 1);
    out.push_back(expand(reshape(axes[i], sizes), grid));
  }
  return out;
}

Tensor flip(const Tensor& x, const Dims& dims) {
  const detail::Called as("flip(x)", x);
  dim_set(dims, x.dim(), "flip");  // ShapeError where one is named twice
  Tensor y = x;
  for (int64_t d : dims) {
    const int64_t n = x.size(d);
    y = index_select(y, d, arange(static_cast<double>(n - 1), -1, -1));
  }
  return y;
}
Tensor roll(const Tensor& x, int64_t shift, int64_t dim) {
  const detail::Called as("roll(x)", x);
  const int64_t n = x.size(dim);
  if (n == 0) return x;
  const int64_t by = (shift % n + n) % n;
  return by ? cat({slice(x, dim, n - by, n), slice(x, dim, 0, n - by)}, dim) : x;
}
Tensor repeat(const Tensor& x, const Shape& times) {
  const detail::Called as("repeat(x)", x);
  const int lead = times.size() - x.dim();
  if (lead < 0)
    throw ShapeError("repeat: " + str(times) + " has fewer entries than " + str(x.shape()) +
                     " has dims");
  if (std::any_of(times.begin(), times.end(), [](int64_t n) { return n < 0; }))
    throw ShapeError("repeat: " + str(times) + " times");
  // A dim at a time: [.., n, ..] -> [.., t, n, ..] by a view, and one copy to join the two.
  Shape padded = x.shape();
  for (int i = 0; i < lead; ++i) padded.insert(0, 1);
  Tensor y = reshape(x, padded);
  for (int d = 0; d < times.size(); ++d) {
    if (times[d] == 1) continue;
    Shape sizes = y.shape(), joined = y.shape();
    sizes.insert(d, times[d]);
    const Tensor wide = expand(unsqueeze(y, d), sizes);  // ShapeError where that is too much
    joined[d] *= times[d];
    y = reshape(wide, joined);
  }
  return y;
}

namespace {
// Where column - row <= diagonal (of the last two dims).
Tensor lower(const Tensor& x, int64_t diagonal, const char* op) {
  if (x.dim() < 2) throw ShapeError(std::string(op) + ": needs matrices, not " + str(x.shape()));
  const Tensor row = arange(0, static_cast<double>(x.shape()[-2])).reshape({-1, 1}),
               column = arange(0, static_cast<double>(x.shape()[-1])).reshape({1, -1});
  return column - row <= scalar(static_cast<double>(diagonal), DType::i64);
}
}  // namespace

Tensor tril(const Tensor& x, int64_t diagonal) {
  const detail::Called as("tril(x)", x);
  return where(lower(x, diagonal, "tril"), x, scalar(0, x.dtype()));
}
Tensor triu(const Tensor& x, int64_t diagonal) {
  const detail::Called as("triu(x)", x);
  return where(lower(x, diagonal - 1, "triu"), scalar(0, x.dtype()), x);
}

Tensor diagonal(const Tensor& x, int64_t offset, int64_t dim1, int64_t dim2) {
  const detail::Called as("diagonal(x)", x);
  const int a = wrap_dim(dim1, x.dim(), "diagonal"), b = wrap_dim(dim2, x.dim(), "diagonal");
  if (a == b) throw ShapeError("diagonal: both dims are " + std::to_string(a));
  Dims order;
  for (int d = 0; d < x.dim(); ++d)
    if (d != a && d != b) order.push_back(d);
  order.push_back(a);
  order.push_back(b);
  const Tensor matrices = permute(x, order);
  const int64_t rows = matrices.shape()[-2], columns = matrices.shape()[-1];
  const int64_t count = std::max<int64_t>(
      0, offset >= 0 ? std::min(rows, columns - offset) : std::min(rows + offset, columns));
  const int64_t first = offset >= 0 ? offset : -offset * columns;
  const Tensor flat = flatten(matrices, -2, -1);
  return count ? slice(flat, -1, first, first + (count - 1) * (columns + 1) + 1, columns + 1)
               : slice(flat, -1, 0, 0);
}
Tensor diag(const Tensor& x, int64_t offset) {
  const detail::Called as("diag(x)", x);
  if (x.dim() == 2) return diagonal(x, offset);
  if (x.dim() != 1) throw ShapeError("diag: needs a vector or a matrix, not " + str(x.shape()));
  int64_t n = x.size(0), shift = offset < 0 ? -offset : offset, all;
  if (offset == INT64_MIN || __builtin_add_overflow(n, shift, &n) ||
      __builtin_mul_overflow(n, n, &all))
    throw ShapeError("diag: offset " + std::to_string(offset) + " overflows 63 bits");
  const int64_t first = offset < 0 ? shift * n : shift;
  return reshape(unslice(x, 0, all, x.numel() ? first : 0, n + 1), {n, n});
}
Tensor outer(const Tensor& a, const Tensor& b) {
  const detail::Called as("outer(a, b)", a, b);
  if (a.dim() != 1 || b.dim() != 1)
    throw ShapeError("outer: needs two vectors, not " + str(a.shape()) + " and " + str(b.shape()));
  return unsqueeze(a, 1) * unsqueeze(b, 0);
}

}  // namespace regrad
