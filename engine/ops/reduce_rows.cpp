// Sums and maxima over a run of neighbouring dims, as rows.
#include <regrad/engine/autograd.h>
#include <regrad/engine/ops.h>
#include <regrad/engine/ops/elementwise.h>
#include <regrad/engine/ops/reduce.h>
#include <regrad/engine/parallel.h>

#include <algorithm>
#include <limits>
#include <string>

namespace regrad {
namespace {

using detail::Node;

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
  if (detail::kernel_dtype(c, c.x().dtype()) == 2 && c.attrs<Run>().divisor != 1)
    throw DTypeError(std::string(c.node()->op->name) + ": integers have no mean");
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

}  // namespace

constinit const Op sum_op =
    row({.name = "sum",
         .doc = "y = sum of x over neighbouring dims / p, p 1 or the number of elements (mean)",
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

// At a NaN maximum the gradient is NaN (PyTorch's).
constinit const Op amax_op =
    row({.name = "amax",
         .doc = "the largest over neighbouring dims; equal ones share the gradient; NaN wins",
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

}  // namespace regrad
