// softmax and its kin: rows over the last dim.
#include <regrad/engine/autograd.h>
#include <regrad/engine/internal/called.h>
#include <regrad/engine/ops.h>
#include <regrad/engine/ops/elementwise.h>
#include <regrad/engine/ops/reduce.h>
#include <regrad/engine/parallel.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

namespace regrad {
namespace {

// Rows of the last dim.
void last_infer(const Call& c) {
  same(c);
  if (c.x().dim() == 0)
    throw ShapeError(std::string(c.node()->op->name) + ": a tensor without dims has no rows");
}
void logsumexp_infer(const Call& c) {
  last_infer(c);
  c.node()->shape.erase(c.node()->shape.size() - 1);
}
using RowKernel = void (*)(const void* x, int64_t rows, int64_t n, void* y);
void by_rows(const Call& c, RowKernel kernel, bool one_a_row) {
  const NoGrad quiet;
  const Tensor x = c.x().contiguous();
  const int64_t n = x.shape()[-1], rows = n ? x.numel() / n : c.node()->shape.numel(),
                item = item_size(x.dtype());
  if (rows == 0 || (n == 0 && !one_a_row)) return;
  const int64_t a_block = std::max<int64_t>(1, 8192 / std::max<int64_t>(n, 1));
  const auto* from = static_cast<const char*>(x.node()->raw());
  auto* y = static_cast<char*>(c.node()->raw());
  parallel_for((rows + a_block - 1) / a_block, [&](int64_t b) {
    kernel(from + b * a_block * n * item, std::min(a_block, rows - b * a_block), n,
           y + b * a_block * (one_a_row ? 1 : n) * item);
  });
}
int real(const Call& c) { return c.x().dtype() == DType::f64; }

// log sum exp of each row, and x - that.
double row_lse(const RefCall& c, size_t row, size_t n) {
  double top = -std::numeric_limits<double>::infinity(), total = 0;
  for (size_t j = 0; j < n; ++j) top = std::max(top, c.in[0].v[row * n + j]);
  for (size_t j = 0; j < n; ++j) total += std::exp(c.in[0].v[row * n + j] - top);
  return top + std::log(total);
}
std::vector<double> logsumexp_reference(const RefCall& c) {
  std::vector<double> y(static_cast<size_t>(c.out.numel()));
  for (size_t r = 0; r < y.size(); ++r)
    y[r] = row_lse(c, r, static_cast<size_t>(c.in[0].shape[-1]));
  return y;
}
std::vector<double> log_softmax_reference(const RefCall& c) {
  std::vector<double> y = c.in[0].v;
  const auto n = static_cast<size_t>(c.out[-1]);
  for (size_t i = 0; i < y.size(); ++i) y[i] -= row_lse(c, i / n, n);
  return y;
}
std::vector<double> softmax_reference(const RefCall& c) {
  std::vector<double> y = log_softmax_reference(c);
  for (double& v : y) v = std::exp(v);
  return y;
}
void row_samples(Samples& s) {
  for (const Shape& shape :
       {Shape{1}, Shape{3}, Shape{7}, Shape{17}, Shape{2, 3}, Shape{3, 5}, Shape{4, 1},
        Shape{2, 2, 3}, Shape{2, 1, 3}, Shape{1, 2, 1, 4}, Shape{0, 3}, Shape{33}, Shape{2, 2}})
    s.add({shape}, {{-3, 3}});
  s.bad({Shape{}});
}

// f on the last dim, for another one. A number is a vector of one.
template <class F>
Tensor on_last(const Tensor& x, int64_t dim, const char* op, F&& f) {
  if (x.dim() == 0) return wrap_dim(dim, 1, op), f(unsqueeze(x, 0)).squeeze(0);
  const int d = wrap_dim(dim, x.dim(), op);
  return d == x.dim() - 1 ? f(x) : transpose(f(transpose(x, d, -1)), d, -1);
}

}  // namespace

constinit const Op logsumexp_op =
    row({.name = "logsumexp",
         .doc = "y = log sum e^x over the last dim, dy/dx = softmax(x)",
         .keep = keep_0,
         .infer = logsumexp_infer,
         .forward = [](const Call& c) { by_rows(c, kernels::table().logsumexp[real(c)], true); },
         .vjp = {[](const Call& c) { return unsqueeze(c.g(), -1) * softmax(c.x(), -1); }},
         .smooth = true,
         .reference = logsumexp_reference,
         .samples = row_samples});

constinit const Op softmax_op =
    row({.name = "softmax",
         .doc = "y = e^x / sum e^x over the last dim, J^T g = y (g - <g, y>)",
         .keep = keep_y,
         .infer = last_infer,
         .forward = [](const Call& c) { by_rows(c, kernels::table().softmax[real(c)], false); },
         .vjp = {[](const Call& c) { return c.y() * (c.g() - sum(c.g() * c.y(), {-1}, true)); }},
         .smooth = true,
         .reference = softmax_reference,
         .samples = row_samples});

constinit const Op log_softmax_op =
    row({.name = "log_softmax",
         .doc = "y = x - log sum e^x over the last dim, J^T g = g - e^y sum g",
         .keep = keep_y,
         .infer = last_infer,
         .forward = [](const Call& c) { by_rows(c, kernels::table().log_softmax[real(c)], false); },
         .vjp = {[](const Call& c) { return c.g() - exp(c.y()) * sum(c.g(), {-1}, true); }},
         .smooth = true,
         .reference = log_softmax_reference,
         .samples = row_samples});

Tensor softmax(const Tensor& x, int64_t dim) {
  const detail::Called as("softmax(x)", x);
  return on_last(x, dim, "softmax", [](const Tensor& v) { return apply(softmax_op, v); });
}
Tensor log_softmax(const Tensor& x, int64_t dim) {
  const detail::Called as("log_softmax(x)", x);
  return on_last(x, dim, "log_softmax", [](const Tensor& v) { return apply(log_softmax_op, v); });
}
Tensor logsumexp(const Tensor& x, const Dims& dims, bool keepdim) {
  const detail::Called as("logsumexp(x)", x);
  if (x.dim() == 0) {
    dim_set(dims, 1, "logsumexp");  // a number is a vector of one
    return reshape(apply(logsumexp_op, unsqueeze(x, 0)), {});
  }
  // The named dims go last and become one.
  const unsigned set = dims_or_all(x, dims, "logsumexp");
  Dims order;
  Shape kept, result;
  for (int d = 0; d < x.dim(); ++d) {
    if (set >> d & 1) {
      if (keepdim) result.push_back(1);
    } else {
      order.push_back(d);
      kept.push_back(x.shape()[d]);
      result.push_back(x.shape()[d]);
    }
  }
  int64_t n = 1;
  for (int d = 0; d < x.dim(); ++d) {
    if (set >> d & 1) {
      order.push_back(d);
      n *= x.shape()[d];
    }
  }
  kept.push_back(n);
  return reshape(apply(logsumexp_op, reshape(permute(x, order), kept)), result);
}

}  // namespace regrad
