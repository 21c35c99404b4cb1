// index_select, gather and scatter_add: gather and scatter_add are each other's transposes, so
// every order is there.
#include <regrad/engine/autograd.h>
#include <regrad/engine/internal/memory.h>
#include <regrad/engine/ops.h>
#include <regrad/engine/ops/list.h>

#include <algorithm>
#include <string>

namespace regrad {
namespace {

using detail::Node;

struct Along {
  int64_t dim;
};

void need_index(const Tensor& index, const char* op) {
  if (index.dtype() != DType::i64)
    throw DTypeError(std::string(op) + ": the index is " + name(index.dtype()) + ", must be i64");
}

int64_t wrap_index(int64_t i, int64_t n, const char* op) {
  if (i < -n || i >= n)
    throw ShapeError(std::string(op) + ": index " + std::to_string(i) +
                     " is outside a dim of size " + std::to_string(n));
  return i < 0 ? i + n : i;
}

// index has x's rank and is, but for dim, no larger than `other` in any dim.
void check_inside(const Shape& index, const Shape& other, int dim, const char* op) {
  bool fits = index.size() == other.size();
  for (int d = 0; fits && d < index.size(); ++d) fits = d == dim || index[d] <= other[d];
  if (!fits)
    throw ShapeError(std::string(op) + ": index " + str(index) + " on " + str(other) + ", dim " +
                     std::to_string(dim) + "; equal rank, and no larger but along dim");
}

// Calls f(offset in p, offset in q) for each element of index, row-major; p's offset has the index
// in place of the position along dim.
template <class F>
void each_indexed(const Tensor& index, int dim, const Shape& p_sizes, const Shape& p,
                  const Shape& q, const char* op, F&& f) {
  const Shape& s = index.shape();
  const int64_t total = s.numel();
  const int64_t* at = index.data<int64_t>();
  for (int64_t i = 0; i < total; ++i) {
    int64_t rest = i, a = 0, b = 0;
    for (int d = s.size() - 1; d >= 0; --d) {
      const int64_t k = rest % s[d];
      rest /= s[d];
      a += (d == dim ? wrap_index(at[i], p_sizes[d], op) : k) * p[d];
      b += k * q[d];
    }
    f(a, b);
  }
}

template <class T>
void gather_as(const Tensor& x, const Tensor& index, int dim, Node* y) {
  const T* from = static_cast<const T*>(x.node()->raw());
  T* out = static_cast<T*>(y->raw());
  each_indexed(index, dim, x.shape(), x.strides(), y->strides, "gather",
               [&](int64_t a, int64_t b) { out[b] = from[a]; });
}

void gather_infer(const Call& c) {
  const Tensor &x = c.in(0), &index = c.in(1);
  need_index(index, "gather");
  const int d = wrap_dim(c.attrs<Along>().dim, x.dim(), "gather");
  check_inside(index.shape(), x.shape(), d, "gather");
  c.out(index.shape(), x.dtype());
}
void gather_forward(const Call& c) {
  const NoGrad quiet;
  const Tensor& x = c.in(0);
  const Tensor index = c.in(1).contiguous();
  const int d = wrap_dim(c.attrs<Along>().dim, x.dim(), "gather");
  switch (item_size(x.dtype())) {
    case 8: return gather_as<int64_t>(x, index, d, c.node());
    case 4: return gather_as<int32_t>(x, index, d, c.node());
    default: return gather_as<uint8_t>(x, index, d, c.node());
  }
}

template <class T>
void scatter_as(const Tensor& index, const Tensor& source, int dim, Node* y) {
  T* out = y->ptr<T>();
  const T* from = source.node()->ptr<T>();
  each_indexed(index, dim, y->shape, y->strides, source.strides(), "scatter_add",
               [&](int64_t a, int64_t b) { out[a] += from[b]; });
}
// The same in double: a million f32 numbers that meet in one place would be 1% off.
constexpr int64_t many = 4096;
void scatter_many(const Tensor& index, const Tensor& source, int dim, Node* y) {
  const int64_t n = y->shape.numel();
  const detail::Scratch room(n * int64_t{sizeof(double)});
  double* sum = room.as<double>();
  float* out = y->ptr<float>();
  const float* from = source.node()->ptr<float>();
  std::copy(out, out + n, sum);
  each_indexed(index, dim, y->shape, y->strides, source.strides(), "scatter_add",
               [&](int64_t a, int64_t b) { sum[a] += static_cast<double>(from[b]); });
  for (int64_t i = 0; i < n; ++i) out[i] = static_cast<float>(sum[i]);
}
void scatter_infer(const Call& c) {
  const Tensor &x = c.in(0), &index = c.in(1), &source = c.in(2);
  need_index(index, "scatter_add");
  const int d = wrap_dim(c.attrs<Along>().dim, x.dim(), "scatter_add");
  check_inside(index.shape(), x.shape(), d, "scatter_add");
  check_inside(index.shape(), source.shape(), -1, "scatter_add");
  if (source.dtype() != x.dtype())
    throw DTypeError(std::string("scatter_add: source is ") + name(source.dtype()) + ", x is " +
                     name(x.dtype()));
  if (x.dtype() > DType::i64)
    throw DTypeError(std::string("scatter_add: ") + name(x.dtype()) + " has no arithmetic");
  c.out(x.shape(), x.dtype());
}
void scatter_forward(const Call& c) {
  const NoGrad quiet;
  const Tensor x = c.in(0).contiguous(), index = c.in(1).contiguous();
  const int d = wrap_dim(c.attrs<Along>().dim, x.dim(), "scatter_add");
  Node* y = c.node();
  std::memcpy(y->raw(), x.node()->raw(), static_cast<size_t>(x.numel() * item_size(x.dtype())));
  if (x.dtype() == DType::f32)
    return (index.shape()[d] > many ? scatter_many : scatter_as<float>)(index, c.in(2), d, y);
  if (x.dtype() == DType::f64) return scatter_as<double>(index, c.in(2), d, y);
  scatter_as<int64_t>(index, c.in(2), d, y);
}

// The gradient of a source that the index covers in part: zeros in the rest.
Tensor uncovered(const Tensor& g, const Shape& sizes) {
  Tensor s = g;
  for (int d = 0; d < sizes.size(); ++d)
    if (s.shape()[d] != sizes[d]) s = unslice(s, d, sizes[d], 0);
  return s;
}

void index_select_infer(const Call& c) {
  const Tensor &x = c.in(0), &index = c.in(1);
  need_index(index, "index_select");
  if (index.dim() != 1)
    throw ShapeError("index_select: the index must have one dim, not " + str(index.shape()));
  Shape sizes = x.shape();
  sizes[wrap_dim(c.attrs<Along>().dim, x.dim(), "index_select")] = index.numel();
  c.out(sizes, x.dtype());
}
void index_select_forward(const Call& c) {
  const NoGrad quiet;
  const Tensor x = c.in(0).contiguous(), index = c.in(1).contiguous();
  const int d = wrap_dim(c.attrs<Along>().dim, x.dim(), "index_select");
  int64_t outer = 1, inner = item_size(x.dtype());
  for (int i = 0; i < d; ++i) outer *= x.shape()[i];
  for (int i = d + 1; i < x.dim(); ++i) inner *= x.shape()[i];
  const int64_t n = x.shape()[d];
  const int64_t* at = index.data<int64_t>();
  auto* y = static_cast<char*>(c.node()->raw());
  const auto* from = static_cast<const char*>(x.node()->raw());
  for (int64_t i = 0; i < index.numel(); ++i) wrap_index(at[i], n, "index_select");
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t i = 0; i < index.numel(); ++i, y += inner)
      std::memcpy(y, from + (o * n + wrap_index(at[i], n, "index_select")) * inner,
                  static_cast<size_t>(inner));
}

// index [n] as an index of shape sizes, constant along all dims but one.
Tensor spread_index(const Tensor& index, const Shape& sizes, int dim) {
  Shape one = sizes;
  for (int i = 0; i < one.size(); ++i) one[i] = i == dim ? sizes[dim] : 1;
  return expand(reshape(index, one), sizes);
}

// Rows of g added where they came from, in their order: what scatter_add does, without an index of
// g's size. Of more than `many` it adds in double.
template <class T>
void add_rows(const T* g, const int64_t* at, int64_t count, int64_t outer, int64_t n, int64_t inner,
              T* y) {
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t i = 0; i < count; ++i, g += inner) {
      T* row = y + (o * n + wrap_index(at[i], n, "index_select")) * inner;
      for (int64_t j = 0; j < inner; ++j) row[j] += g[j];
    }
}
void index_select_fused(const Call& c, Tensor* out) {
  c.need_kept(c.in(1));
  const Tensor &x = c.in(0), index = c.in(1).contiguous(), g = c.g().contiguous();
  const int d = wrap_dim(c.attrs<Along>().dim, x.dim(), "index_select");
  out[0] = zeros(x.shape(), x.dtype());
  if (x.dtype() == DType::f32 && index.numel() > many) {
    out[0] = scatter_add(out[0], d, spread_index(index, g.shape(), d), g);
    return;
  }
  int64_t outer = 1, inner = 1;
  for (int i = 0; i < d; ++i) outer *= x.shape()[i];
  for (int i = d + 1; i < x.dim(); ++i) inner *= x.shape()[i];
  const int64_t *at = index.data<int64_t>(), count = index.numel(), n = x.shape()[d];
  x.dtype() == DType::f32
      ? add_rows(g.data<float>(), at, count, outer, n, inner, out[0].node()->ptr<float>())
      : add_rows(g.data<double>(), at, count, outer, n, inner, out[0].node()->ptr<double>());
}

// Multi-index of element i of a row-major shape.
Shape unravel(int64_t i, const Shape& s) {
  Shape at = s;
  for (int d = s.size() - 1; d >= 0; --d) {
    at[d] = i % s[d];
    i /= s[d];
  }
  return at;
}
size_t ravel(const Shape& at, const Shape& s) {
  int64_t i = 0;
  for (int d = 0; d < s.size(); ++d) i = i * s[d] + at[d];
  return static_cast<size_t>(i);
}
int64_t index_at(const RefIn& index, size_t i, int64_t n) {
  const auto v = static_cast<int64_t>(index.v[i]);
  return v < 0 ? v + n : v;
}

std::vector<double> index_select_reference(const RefCall& c) {
  const int d = wrap_dim(c.attrs<Along>().dim, c.out.size(), "");
  std::vector<double> y(static_cast<size_t>(c.out.numel()));
  for (size_t i = 0; i < y.size(); ++i) {
    Shape at = unravel(static_cast<int64_t>(i), c.out);
    at[d] = index_at(c.in[1], static_cast<size_t>(at[d]), c.in[0].shape[d]);
    y[i] = c.in[0].v[ravel(at, c.in[0].shape)];
  }
  return y;
}
std::vector<double> gather_reference(const RefCall& c) {
  const int d = wrap_dim(c.attrs<Along>().dim, c.out.size(), "");
  std::vector<double> y(static_cast<size_t>(c.out.numel()));
  for (size_t i = 0; i < y.size(); ++i) {
    Shape at = unravel(static_cast<int64_t>(i), c.out);
    at[d] = index_at(c.in[1], i, c.in[0].shape[d]);
    y[i] = c.in[0].v[ravel(at, c.in[0].shape)];
  }
  return y;
}
std::vector<double> scatter_reference(const RefCall& c) {
  const int d = wrap_dim(c.attrs<Along>().dim, c.out.size(), "");
  std::vector<double> y = c.in[0].v;
  for (size_t i = 0; i < c.in[1].v.size(); ++i) {
    const Shape from = unravel(static_cast<int64_t>(i), c.in[1].shape);
    Shape at = from;
    at[d] = index_at(c.in[1], i, c.out[d]);
    y[ravel(at, c.out)] += c.in[2].v[ravel(from, c.in[2].shape)];
  }
  return y;
}

constexpr Domain up_to(double n) { return {.low = -n, .high = n, .kind = Domain::index}; }

}  // namespace

constinit const Op index_select_op =
    row({.name = "index_select",
         .doc = "y = x[index] along a dim, index i64 [n]",
         .arity = 2,
         .keep = keep_1,
         .infer = index_select_infer,
         .forward = index_select_forward,
         .vjp = {[](const Call& c) {
                   const Tensor& x = c.in(0);
                   const int d = wrap_dim(c.attrs<Along>().dim, x.dim(), "index_select");
                   return scatter_add(zeros(x.shape(), x.dtype()), d,
                                      spread_index(c.in(1), c.g().shape(), d), c.g());
                 },
                 declared_zero},
         .fused = index_select_fused,
         .smooth = true,
         .reference = index_select_reference,
         .samples = [](Samples& s) {
           for (const auto& [x, n, d] :
                std::initializer_list<std::tuple<Shape, int64_t, int64_t>>{{{4}, 3, 0},
                                                                           {{4}, 1, 0},
                                                                           {{4}, 9, 0},
                                                                           {{3, 4}, 2, 0},
                                                                           {{4, 3}, 5, 0},
                                                                           {{3, 4}, 3, 1},
                                                                           {{3, 4}, 2, -1},
                                                                           {{2, 3, 2}, 4, 1},
                                                                           {{2, 3, 2}, 0, 1},
                                                                           {{1, 2}, 3, 0}})
             s.add({x, {n}}, {{}, up_to(static_cast<double>(x[static_cast<int>(d)]))}, Along{d});
           s.bad({{3}, {2, 2}}, Along{0});
         }});

constinit const Op gather_op =
    row({.name = "gather",
         .doc = "y[i][j] = x[index[i][j]][j] along a dim",
         .arity = 2,
         .keep = keep_1,
         .infer = gather_infer,
         .forward = gather_forward,
         .vjp = {[](const Call& c) {
                   return scatter_add(zeros(c.in(0).shape(), c.g().dtype()), c.attrs<Along>().dim,
                                      c.in(1), c.g());
                 },
                 declared_zero},
         .smooth = true,
         .reference = gather_reference,
         .samples = [](Samples& s) {
           for (const auto& [x, i, d] :
                std::initializer_list<std::tuple<Shape, Shape, int64_t>>{{{4}, {3}, 0},
                                                                         {{4}, {7}, 0},
                                                                         {{3, 4}, {2, 4}, 0},
                                                                         {{3, 4}, {5, 2}, 0},
                                                                         {{3, 4}, {3, 1}, 1},
                                                                         {{3, 4}, {2, 6}, -1},
                                                                         {{2, 3, 2}, {2, 4, 2}, 1},
                                                                         {{2, 3, 2}, {1, 2, 2}, 1},
                                                                         {{3}, {0}, 0},
                                                                         {{1, 1}, {1, 3}, 1}})
             s.add({x, i}, {{}, up_to(static_cast<double>(x[static_cast<int>(d)]))}, Along{d});
           s.bad({{3, 4}, {3}}, Along{0});
         }});

constinit const Op scatter_add_op = row(
    {.name = "scatter_add",
     .doc = "x with source added at index, in its order: the transpose of gather",
     .arity = 3,
     .keep = keep_1,
     .infer = scatter_infer,
     .forward = scatter_forward,
     .vjp = {[](const Call& c) { return c.g(); }, declared_zero,
             [](const Call& c) {
               return uncovered(gather(c.g(), c.attrs<Along>().dim, c.in(1)), c.in(2).shape());
             }},
     .smooth = true,
     .reference = scatter_reference,
     .samples = [](Samples& s) {
       for (const auto& [x, i, src, d] :
            std::initializer_list<std::tuple<Shape, Shape, Shape, int64_t>>{
                {{4}, {3}, {3}, 0},
                {{4}, {7}, {7}, 0},
                {{3, 4}, {2, 4}, {2, 4}, 0},
                {{3, 4}, {5, 2}, {5, 3}, 0},
                {{3, 4}, {3, 1}, {3, 2}, 1},
                {{3, 4}, {2, 6}, {2, 6}, -1},
                {{2, 3, 2}, {2, 4, 2}, {2, 4, 2}, 1},
                {{3}, {0}, {0}, 0},
                {{1, 1}, {1, 3}, {1, 3}, 1}})
         s.add({x, i, src}, {{}, up_to(static_cast<double>(x[static_cast<int>(d)])), {}}, Along{d});
       s.bad({{3, 4}, {3}, {3}}, Along{0});
     }});

Tensor index_select(const Tensor& x, int64_t dim, const Tensor& index) {
  return apply2(index_select_op, x, index, Along{dim});
}
Tensor gather(const Tensor& x, int64_t dim, const Tensor& index) {
  return apply2(gather_op, x, index, Along{dim});
}
Tensor scatter_add(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source) {
  return apply3(scatter_add_op, x, index, source, Along{dim});
}

}  // namespace regrad
