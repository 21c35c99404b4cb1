// Sums and maxima over dims; softmax and its kin over the last dim.
#include <regrad/engine/autograd.h>
#include <regrad/engine/internal/called.h>
#include <regrad/engine/ops.h>
#include <regrad/engine/ops/elementwise.h>
#include <regrad/engine/ops/list.h>
#include <regrad/engine/parallel.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

namespace regrad {
namespace {

using detail::Node;

// A run of neighbouring dims [first, first + count), and what the sum is divided by.
struct Run {
  int32_t first, count;
  bool keepdim;
  double divisor;
};

Shape reduced(const Shape& x, const Run& r, bool keepdim) {
  Shape out;
  for (int d = 0; d < x.size(); ++d) {
    if (d < r.first || d >= r.first + r.count) {
      out.push_back(x[d]);
    } else if (keepdim) {
      out.push_back(1);
    }
  }
  return out;
}

void check_run(const Call& c, const Run& r) {
  if (r.first < 0 || r.count < 0 || r.first + r.count > c.x().dim())
    throw ShapeError(std::string(c.node()->op->name) + ": no such dims in shape " +
                     str(c.x().shape()));
}
void sum_infer(const Call& c) {
  check_run(c, c.attrs<Run>());
  detail::kernel_dtype(c, c.x().dtype());
  c.out(reduced(c.x().shape(), c.attrs<Run>(), c.attrs<Run>().keepdim), c.x().dtype());
}
void amax_infer(const Call& c) {
  sum_infer(c);
  const Run& r = c.attrs<Run>();
  for (int d = r.first; d < r.first + r.count; ++d)
    if (c.x().shape()[d] == 0)
      throw ShapeError("amax: no elements along dim " + std::to_string(d) + " of " +
                       str(c.x().shape()));
}

// A run of dims as one: size and stride; false where their strides do not run on.
struct Dim {
  int64_t size = 1, stride = 1;
};
bool join(const Tensor& x, int first, int last, Dim& out) {
  for (int d = last - 1; d >= first; --d) {
    const int64_t n = x.shape()[d], s = x.strides()[d];
    if (n == 1) continue;
    if (out.size == 1) {
      out = {n, s};
    } else if (s == out.size * out.stride) {
      out.size *= n;
    } else {
      return false;
    }
  }
  return true;
}

using Reducer = void (*)(const void* x, int64_t rows, int64_t row_stride, int64_t n, void* y);
struct Kernels {
  Reducer rows, columns;
  int item;
};

// x as [outer, middle, inner]; the middle goes.
struct Box {
  Dim outer, middle, inner;
};

constexpr int64_t block = 65536;  // elements a parallel block reads

void reduce_rows(const Kernels& k, const char* x, const Box& b, char* y) {
  const int64_t pieces = (b.middle.size + block - 1) / block;
  if (pieces <= 1) {
    const int64_t rows = std::max<int64_t>(1, block / b.middle.size);
    parallel_for((b.outer.size + rows - 1) / rows, [&](int64_t i) {
      k.rows(x + i * rows * b.outer.stride * k.item, std::min(rows, b.outer.size - i * rows),
             b.outer.stride, b.middle.size, y + i * rows * k.item);
    });
    return;
  }
  // Long rows: partial results of fixed pieces, added in order.
  const detail::Scratch partial(b.outer.size * pieces * k.item);
  char* p = partial.as<char>();
  parallel_for(b.outer.size * pieces, [&](int64_t i) {
    const int64_t from = i % pieces * block;
    k.rows(x + (i / pieces * b.outer.stride + from) * k.item, 1, 0,
           std::min(block, b.middle.size - from), p + i * k.item);
  });
  k.rows(p, b.outer.size, pieces, pieces, y);
}

void reduce_columns(const Kernels& k, const char* x, const Box& b, char* y) {
  const int64_t n = b.inner.size, rows = std::max<int64_t>(16, block / n),
                pieces = (b.middle.size + rows - 1) / rows;
  if (pieces <= 1) {
    const int64_t boxes = std::max<int64_t>(1, block / (n * b.middle.size));
    parallel_for((b.outer.size + boxes - 1) / boxes, [&](int64_t i) {
      for (int64_t o = i * boxes; o < std::min(b.outer.size, (i + 1) * boxes); ++o)
        k.columns(x + o * b.outer.stride * k.item, b.middle.size, b.middle.stride, n,
                  y + o * n * k.item);
    });
    return;
  }
  const detail::Scratch partial(b.outer.size * pieces * n * k.item);
  char* p = partial.as<char>();
  parallel_for(b.outer.size * pieces, [&](int64_t i) {
    const int64_t from = i % pieces * rows;
    k.columns(x + (i / pieces * b.outer.stride + from * b.middle.stride) * k.item,
              std::min(rows, b.middle.size - from), b.middle.stride, n, p + i * n * k.item);
  });
  for (int64_t o = 0; o < b.outer.size; ++o)
    k.columns(p + o * pieces * n * k.item, pieces, n, n, y + o * n * k.item);
}

void reduce(const Tensor& input, const Run& r, const Kernels& k, Node* y) {
  if (y->shape.numel() == 0) return;
  if (input.numel() == 0)
    return void(std::memset(y->raw(), 0, static_cast<size_t>(y->shape.numel() * k.item)));
  const int end = r.first + r.count, dims = input.dim();
  Box b;
  Tensor x = input;
  const auto boxed = [&] {
    b = {};
    return join(x, 0, r.first, b.outer) && join(x, r.first, end, b.middle) &&
           join(x, end, dims, b.inner) &&
           (b.inner.size == 1 ? b.middle.size == 1 || b.middle.stride == 1 : b.inner.stride == 1);
  };
  if (!boxed()) {
    const NoGrad quiet;
    x = x.contiguous();
    boxed();
  }
  const auto* from = static_cast<const char*>(x.node()->raw());
  (b.inner.size == 1 ? reduce_rows : reduce_columns)(k, from, b, static_cast<char*>(y->raw()));
}

void sum_forward(const Call& c) {
  const int t = detail::kernel_dtype(c, c.x().dtype());
  const auto& table = kernels::table();
  const Run& r = c.attrs<Run>();
  Node* y = c.node();
  reduce(c.x(), r, {table.sum_rows[t], table.sum_columns[t], item_size(y->dtype)}, y);
  if (r.divisor == 1) return;
  void* data[] = {y->raw(), y->raw()};
  const int64_t ones[] = {1, 1};
  table.unary[t][int(kernels::Unary::div_scalar)](data, ones, y->shape.numel(), {r.divisor, 0});
}
void amax_forward(const Call& c) {
  const int t = detail::kernel_dtype(c, c.x().dtype());
  reduce(
      c.x(), c.attrs<Run>(),
      {kernels::table().max_rows[t], kernels::table().max_columns[t], item_size(c.node()->dtype)},
      c.node());
}

// g of the reduced shape, spread over x's.
Tensor spread(const Tensor& g, const Shape& x, const Run& r) {
  return expand(r.keepdim || r.count == 0 ? g : reshape(g, reduced(x, r, true)), x);
}

// Calls f(y index, x index) for all elements.
template <class F>
void each_reduced(const RefCall& c, const Run& r, F&& f) {
  const Shape& s = c.in[0].shape;
  int64_t middle = 1, inner = 1;
  for (int d = r.first; d < r.first + r.count; ++d) middle *= s[d];
  for (int d = r.first + r.count; d < s.size(); ++d) inner *= s[d];
  for (int64_t i = 0; i < s.numel(); ++i)
    f(static_cast<size_t>(i / (middle * inner) * inner + i % inner), static_cast<size_t>(i));
}
std::vector<double> sum_reference(const RefCall& c) {
  const Run& r = c.attrs<Run>();
  std::vector<double> y(static_cast<size_t>(c.out.numel()));
  each_reduced(c, r, [&](size_t o, size_t i) { y[o] += c.in[0].v[i] / r.divisor; });
  return y;
}
std::vector<double> amax_reference(const RefCall& c) {
  std::vector<double> y(static_cast<size_t>(c.out.numel()),
                        -std::numeric_limits<double>::infinity());
  each_reduced(c, c.attrs<Run>(), [&](size_t o, size_t i) { y[o] = std::max(y[o], c.in[0].v[i]); });
  return y;
}
void run_samples(Samples& s, const Domain& d) {
  s.add({{}}, {d}, Run{0, 0, false, 1});
  for (bool keep : {false, true}) {
    s.add({{5}}, {d}, Run{0, 1, keep, 1});
    s.add({{3, 4}}, {d}, Run{0, 1, keep, 1});
    s.add({{3, 4}}, {d}, Run{1, 1, keep, 1});
    s.add({{3, 4}}, {d}, Run{0, 2, keep, 1});
    s.add({{2, 3, 2}}, {d}, Run{1, 1, keep, 1});
    s.add({{2, 3, 2}}, {d}, Run{0, 2, keep, 1});
    s.add({{2, 1, 3, 2}}, {d}, Run{1, 2, keep, 1});
  }
  s.bad({{3, 4}}, Run{1, 2, false, 1});
  s.bad({{3}}, Run{-1, 1, false, 1});
}

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

template <class T>
void argmax_as(const Tensor& x, Node* y) {
  const T* row = x.data<T>();
  const int64_t n = x.shape()[-1];
  const auto is_nan = [](T v) { return v != v; };
  for (int64_t r = 0; r < y->shape.numel(); ++r, row += n) {
    int64_t best = 0;
    for (int64_t j = 1; j < n && !is_nan(row[best]); ++j)
      if (row[j] > row[best] || is_nan(row[j])) best = j;
    y->ptr<int64_t>()[r] = best;
  }
}
void argmax_forward(const Call& c) {
  const NoGrad quiet;
  const Tensor x = c.x().contiguous();
  switch (x.dtype()) {
    case DType::f32: return argmax_as<float>(x, c.node());
    case DType::f64: return argmax_as<double>(x, c.node());
    case DType::i64: return argmax_as<int64_t>(x, c.node());
    case DType::u8: return argmax_as<uint8_t>(x, c.node());
    case DType::b8: return argmax_as<bool>(x, c.node());
  }
}

}  // namespace

// y = sum of x over the run / divisor
constinit const Op sum_op =
    row({.name = "sum",
         .infer = sum_infer,
         .forward = sum_forward,
         .vjp = {[](const Call& c) {
           const Run& r = c.attrs<Run>();
           return spread(r.divisor == 1 ? c.g() : c.g() / r.divisor, c.x().shape(), r);
         }},
         .smooth = true,
         .reference = sum_reference,
         .samples = [](Samples& s) {
           run_samples(s, {});
           s.add({{3, 4}}, {{}}, Run{1, 1, false, 4});
           s.add({{2, 0}}, {{}}, Run{1, 1, false, 1});
         }});

// The gradient is shared by all elements equal to the maximum; at a NaN maximum it is NaN
// (PyTorch's).
constinit const Op amax_op =
    row({.name = "amax",
         .keep = keep_0 | keep_y,
         .infer = amax_infer,
         .forward = amax_forward,
         .vjp = {[](const Call& c) {
           const Run& r = c.attrs<Run>();
           const Tensor hit = eq(c.x(), spread(c.y(), c.x().shape(), r)),
                        each = to(hit, c.g().dtype());
           Dims dims;
           for (int d = r.first; d < r.first + r.count; ++d) dims.push_back(d);
           const Tensor count = r.count ? sum(each, dims, r.keepdim) : each;
           const auto over_x = [&](const Tensor& t) { return spread(t, c.x().shape(), r); };
           return where(hit, over_x(c.g() / count), over_x(count / count - 1));
         }},
         .reference = amax_reference,
         .samples = [](Samples& s) {
           run_samples(s, {.kind = Domain::distinct});
           s.bad({{2, 0}}, Run{1, 1, false, 1});
         }});

// The first largest of each row of the last dim.
constinit const Op argmax_op =
    row({.name = "argmax",
         .infer =
             [](const Call& c) {
               if (c.x().dim() == 0 || c.x().shape()[-1] == 0)
                 throw ShapeError("argmax: no elements in the last dim of " + str(c.x().shape()));
               Shape s = c.x().shape();
               s.erase(s.size() - 1);
               c.out(s, DType::i64);
             },
         .forward = argmax_forward,
         .vjp = {declared_zero},
         .reference =
             [](const RefCall& c) {
               std::vector<double> y;
               const int64_t n = c.in[0].shape[-1];
               for (auto at = c.in[0].v.begin(); at != c.in[0].v.end(); at += n)
                 y.push_back(static_cast<double>(std::max_element(at, at + n) - at));
               return y;
             },
         .samples =
             [](Samples& s) {
               for (const Shape& shape :
                    {Shape{1}, Shape{5}, Shape{17}, Shape{3, 4}, Shape{4, 3}, Shape{2, 2},
                     Shape{2, 33}, Shape{0, 3}, Shape{7, 1}, Shape{1, 6}, Shape{2, 3, 2},
                     Shape{3, 2, 4}, Shape{2, 1, 5}, Shape{2, 2, 2, 3}})
                 s.add({shape}, {{.kind = Domain::distinct}});
               s.bad({Shape{2, 0}});
             }});

// y = log sum exp x, dy/dx = softmax(x)
constinit const Op logsumexp_op =
    row({.name = "logsumexp",
         .keep = keep_0,
         .infer = logsumexp_infer,
         .forward = [](const Call& c) { by_rows(c, kernels::table().logsumexp[real(c)], true); },
         .vjp = {[](const Call& c) { return unsqueeze(c.g(), -1) * softmax(c.x(), -1); }},
         .smooth = true,
         .reference = logsumexp_reference,
         .samples = row_samples});

// J^T g = y (g - <g, y>)
constinit const Op softmax_op =
    row({.name = "softmax",
         .keep = keep_y,
         .infer = last_infer,
         .forward = [](const Call& c) { by_rows(c, kernels::table().softmax[real(c)], false); },
         .vjp = {[](const Call& c) { return c.y() * (c.g() - sum(c.g() * c.y(), {-1}, true)); }},
         .smooth = true,
         .reference = softmax_reference,
         .samples = row_samples});

// J^T g = g - e^y sum g
constinit const Op log_softmax_op =
    row({.name = "log_softmax",
         .keep = keep_y,
         .infer = last_infer,
         .forward = [](const Call& c) { by_rows(c, kernels::table().log_softmax[real(c)], false); },
         .vjp = {[](const Call& c) { return c.g() - exp(c.y()) * sum(c.g(), {-1}, true); }},
         .smooth = true,
         .reference = log_softmax_reference,
         .samples = row_samples});

namespace {

// Dims as a bit set; all where none are named.
unsigned dim_set(const Tensor& x, const Dims& dims, const char* op) {
  return dims.empty() ? (1u << x.dim()) - 1 : dim_set(dims, x.dim(), op);
}

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

// f on the last dim, for another one. A number is a vector of one.
template <class F>
Tensor on_last(const Tensor& x, int64_t dim, const char* op, F&& f) {
  if (x.dim() == 0) return wrap_dim(dim, 1, op), f(unsqueeze(x, 0)).squeeze(0);
  const int d = wrap_dim(dim, x.dim(), op);
  return d == x.dim() - 1 ? f(x) : transpose(f(transpose(x, d, -1)), d, -1);
}

}  // namespace

Tensor sum(const Tensor& x, const Dims& dims, bool keepdim) {
  const detail::Called as("sum(x)", x);
  if (x.dtype() > DType::i64) return sum(x.to(DType::i64), dims, keepdim);
  return over_runs(sum_op, x, dim_set(x, dims, "sum"), keepdim, 1);
}
Tensor mean(const Tensor& x, const Dims& dims, bool keepdim) {
  const detail::Called as("mean(x)", x);
  if (!is_floating(x.dtype()))
    throw DTypeError(std::string("mean: needs f32 or f64, not ") + name(x.dtype()));
  const unsigned set = dim_set(x, dims, "mean");
  int64_t n = 1;
  for (int d = 0; d < x.dim(); ++d)
    if (set >> d & 1) n *= x.shape()[d];
  return over_runs(sum_op, x, set, keepdim, static_cast<double>(n));
}
Tensor amax(const Tensor& x, const Dims& dims, bool keepdim) {
  const detail::Called as("amax(x)", x);
  if (x.dtype() > DType::i64) return amax(x.to(DType::i64), dims, keepdim).to(x.dtype());
  const unsigned set = dim_set(x, dims, "amax");
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
Tensor argmax(const Tensor& x, int64_t dim, bool keepdim) {
  const detail::Called as("argmax(x)", x);
  const int d = wrap_dim(dim, x.dim(), "argmax");
  if (x.dim() > 0 && x.size(d) == 0)
    throw ShapeError("argmax: no elements along dim " + std::to_string(d) + " of " +
                     str(x.shape()));
  // The rank drops by one: the last dim's place stays free for the one that was moved.
  Tensor y = unsqueeze(apply(argmax_op, d == x.dim() - 1 ? x : transpose(x, d, -1)), -1);
  if (d != x.dim() - 1) y = transpose(y, d, -1);
  return keepdim ? y : squeeze(y, d);
}
Extreme max(const Tensor& x, int64_t dim, bool keepdim) {
  const detail::Called as("max(x)", x);
  const Tensor index = argmax(x, dim, true);
  const Tensor values = gather(x, dim, index);
  if (keepdim) return {values, index};
  return {squeeze(values, dim), squeeze(index, dim)};
}
Tensor max(const Tensor& x) {
  const detail::Called as("max(x)", x);
  return amax(x);
}
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
  const unsigned set = dim_set(x, dims, "logsumexp");
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
