// cumsum, and argsort, on which sort and topk stand: an index op and a gather.
#include <regrad/engine/autograd.h>
#include <regrad/engine/internal/called.h>
#include <regrad/engine/internal/memory.h>
#include <regrad/engine/ops.h>
#include <regrad/engine/ops/elementwise.h>
#include <regrad/engine/ops/list.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

namespace regrad {
namespace {

using detail::Node;

struct Scan {
  int64_t dim;
  bool reverse;  // sums of what follows, the element itself included
};
struct Order {
  int64_t count;  // how many of each row
  bool descending;
};

struct Line {
  int64_t outer, n, inner;
};
Line line(const Shape& s, int dim) {
  Line l{1, s[dim], 1};
  for (int d = 0; d < dim; ++d) l.outer *= s[d];
  for (int d = dim + 1; d < s.size(); ++d) l.inner *= s[d];
  return l;
}

// Sums run in Total: in f32 those of a million numbers would be 1% off.
template <class T, class Total>
void cumsum_as(const T* x, const Line& l, bool reverse, T* y) {
  const detail::Scratch room(l.inner * int64_t{sizeof(Total)});
  Total* sum = room.as<Total>();
  for (int64_t o = 0; o < l.outer; ++o, x += l.n * l.inner, y += l.n * l.inner) {
    std::fill(sum, sum + l.inner, Total(0));
    for (int64_t k = 0; k < l.n; ++k) {
      const int64_t at = (reverse ? l.n - 1 - k : k) * l.inner;
      for (int64_t i = 0; i < l.inner; ++i)
        y[at + i] = static_cast<T>(sum[i] += static_cast<Total>(x[at + i]));
    }
  }
}
void cumsum_infer(const Call& c) {
  same_any(c);
  wrap_dim(c.attrs<Scan>().dim, c.x().dim(), "cumsum");
}
void cumsum_forward(const Call& c) {
  const NoGrad quiet;
  const Tensor x = c.x().contiguous();
  const Scan& s = c.attrs<Scan>();
  const Line l = line(x.shape(), wrap_dim(s.dim, x.dim(), "cumsum"));
  Node* y = c.node();
  switch (x.dtype()) {
    case DType::f32:
      return cumsum_as<float, double>(x.node()->ptr<float>(), l, s.reverse, y->ptr<float>());
    case DType::f64:
      return cumsum_as<double, double>(x.node()->ptr<double>(), l, s.reverse, y->ptr<double>());
    // wraps around
    default:
      return cumsum_as<uint64_t, uint64_t>(x.node()->ptr<uint64_t>(), l, s.reverse,
                                           y->ptr<uint64_t>());
  }
}
std::vector<double> cumsum_reference(const RefCall& c) {
  std::vector<double> y(c.in[0].v.size());
  const Scan& s = c.attrs<Scan>();
  const Line l = line(c.out, wrap_dim(s.dim, c.out.size(), ""));
  for (int64_t i = 0; i < c.out.numel(); ++i) {
    const int64_t k = i / l.inner % l.n;
    for (int64_t q = s.reverse ? k : 0; q < (s.reverse ? l.n : k + 1); ++q)
      y[static_cast<size_t>(i)] += c.in[0].v[static_cast<size_t>(i + (q - k) * l.inner)];
  }
  return y;
}

// Equal values keep their order; NaN is larger than every number (PyTorch's).
template <class T>
void argsort_as(const T* x, int64_t rows, int64_t n, const Order& o, int64_t* y) {
  std::vector<int64_t> index(static_cast<size_t>(n));
  for (int64_t r = 0; r < rows; ++r, x += n, y += o.count) {
    std::iota(index.begin(), index.end(), int64_t{0});
    const auto less = [](T a, T b) { return a < b || (a == a && b != b); };
    const auto first = [&](int64_t a, int64_t b) {
      if (o.descending ? less(x[b], x[a]) : less(x[a], x[b])) return true;
      if (o.descending ? less(x[a], x[b]) : less(x[b], x[a])) return false;
      return a < b;
    };
    std::partial_sort(index.begin(), index.begin() + o.count, index.end(), first);
    std::copy(index.begin(), index.begin() + o.count, y);
  }
}
void argsort_infer(const Call& c) {
  const Shape& s = c.x().shape();
  const Order& o = c.attrs<Order>();
  if (s.empty() || o.count < 0 || o.count > s[-1])
    throw ShapeError("argsort: " + std::to_string(o.count) + " elements of each row of " + str(s));
  detail::kernel_dtype(c, c.x().dtype());
  Shape out = s;
  out[-1] = o.count;
  c.out(out, DType::i64);
}
void argsort_forward(const Call& c) {
  const NoGrad quiet;
  const Tensor x = c.x().contiguous();
  if (x.numel() == 0) return;
  const int64_t n = x.shape()[-1], rows = x.numel() / n;
  auto* y = c.node()->ptr<int64_t>();
  switch (x.dtype()) {
    case DType::f32: return argsort_as(x.node()->ptr<float>(), rows, n, c.attrs<Order>(), y);
    case DType::f64: return argsort_as(x.node()->ptr<double>(), rows, n, c.attrs<Order>(), y);
    default: return argsort_as(x.node()->ptr<int64_t>(), rows, n, c.attrs<Order>(), y);
  }
}
std::vector<double> argsort_reference(const RefCall& c) {
  const Order& o = c.attrs<Order>();
  const int64_t n = c.in[0].shape[-1];
  std::vector<double> y;
  for (int64_t r = 0; n && r < c.in[0].shape.numel() / n; ++r) {
    const double* x = c.in[0].v.data() + r * n;
    // The place of an element is the number of those before it.
    std::vector<double> at(static_cast<size_t>(n));
    for (int64_t i = 0; i < n; ++i) {
      int64_t place = 0;
      for (int64_t j = 0; j < n; ++j)
        place += o.descending ? x[j] > x[i] || (x[j] == x[i] && j < i)
                              : x[j] < x[i] || (x[j] == x[i] && j < i);
      at[static_cast<size_t>(place)] = static_cast<double>(i);
    }
    y.insert(y.end(), at.begin(), at.begin() + o.count);
  }
  return y;
}

}  // namespace

constinit const Op cumsum_op =
    row({.name = "cumsum",
         .doc = "y_i = x_0 + .. + x_i along a dim, or from the end",
         .infer = cumsum_infer,
         .forward = cumsum_forward,
         .vjp = {[](const Call& c) {
           return apply(cumsum_op, c.g(), Scan{c.attrs<Scan>().dim, !c.attrs<Scan>().reverse});
         }},
         .smooth = true,
         .reference = cumsum_reference,
         .samples = [](Samples& s) {
           for (bool reverse : {false, true}) {
             for (const Shape& shape :
                  {Shape{1}, Shape{5}, Shape{17}, Shape{3, 4}, Shape{2, 3, 2}, Shape{0, 3}})
               s.add({shape}, {{}}, Scan{0, reverse});
             for (const Shape& shape : {Shape{3, 4}, Shape{2, 3, 2}, Shape{4, 1}})
               s.add({shape}, {{}}, Scan{-1, reverse});
             s.add({{2, 3, 2}}, {{}}, Scan{1, reverse});
           }
           s.bad({{3}}, Scan{1, false});
         }});

constinit const Op argsort_op =
    row({.name = "argsort",
         .doc = "i64 places of the first k in order along the last dim; equal ones keep theirs",
         .infer = argsort_infer,
         .forward = argsort_forward,
         .vjp = {declared_zero},
         .reference = argsort_reference,
         .samples = [](Samples& s) {
           for (bool descending : {false, true}) {
             for (const Shape& shape : {Shape{1}, Shape{5}, Shape{17}, Shape{3, 4}, Shape{2, 3, 2},
                                        Shape{1, 6}, Shape{0, 3}})
               s.add({shape}, {{.kind = Domain::distinct}}, Order{shape[-1], descending});
             for (const Shape& shape : {Shape{5}, Shape{3, 4}, Shape{2, 3, 2}, Shape{7, 2}})
               s.add({shape}, {{.kind = Domain::distinct}}, Order{2, descending});
             s.add({{9}}, {{.low = 0, .high = 3, .kind = Domain::index}}, Order{9, descending});
           }
           s.bad({{3}}, Order{4, false});
           s.bad({Shape{}}, Order{0, false});
         }});

namespace {

Extreme by_order(const Tensor& x, int64_t dim, int64_t count, bool descending, const char* op) {
  const int d = wrap_dim(dim, x.dim(), op);
  const bool last = d == x.dim() - 1;
  const Tensor numbers = x.dtype() > DType::i64 ? x.to(DType::i64) : x,
               rows = last ? numbers : transpose(numbers, d, -1);
  Tensor index = apply(argsort_op, rows, Order{count, descending});
  if (!last) index = transpose(index, d, -1);
  return {gather(x, d, index), index};
}

}  // namespace

Tensor cumsum(const Tensor& x, int64_t dim) {
  const detail::Called as("cumsum(x)", x);
  return apply(cumsum_op, x.dtype() > DType::i64 ? x.to(DType::i64) : x, Scan{dim, false});
}
// log2(n) rounds: after each an element is the product of the last 2 reach ones. No division, so
// zeros need no care.
Tensor cumprod(const Tensor& x, int64_t dim) {
  const detail::Called as("cumprod(x)", x);
  const int d = wrap_dim(dim, x.dim(), "cumprod");
  Tensor y = x.dtype() > DType::i64 ? x.to(DType::i64) : x;
  const int64_t n = y.size(d);
  for (int64_t reach = 1; reach < n; reach *= 2)
    y = cat({slice(y, d, 0, reach), slice(y, d, reach, n) * slice(y, d, 0, n - reach)}, d);
  return y;
}
Tensor argsort(const Tensor& x, int64_t dim, bool descending) {
  const detail::Called as("argsort(x)", x);
  return by_order(x, dim, x.size(dim), descending, "argsort").indices;
}
Extreme sort(const Tensor& x, int64_t dim, bool descending) {
  const detail::Called as("sort(x)", x);
  return by_order(x, dim, x.size(dim), descending, "sort");
}
Extreme topk(const Tensor& x, int64_t k, int64_t dim, bool largest) {
  const detail::Called as("topk(x)", x);
  if (k < 0 || k > x.size(dim))
    throw ShapeError("topk: k " + std::to_string(k) + " of dim " + std::to_string(dim) + " of " +
                     str(x.shape()));
  return by_order(x, dim, k, largest, "topk");
}

}  // namespace regrad
