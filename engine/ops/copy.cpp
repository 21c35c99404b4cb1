// Rows that copy elements: contiguous, to, cat; stack is cat of unsqueezed views.
#include <regrad/engine/autograd.h>
#include <regrad/engine/internal/called.h>
#include <regrad/engine/ops.h>
#include <regrad/engine/ops/list.h>
#include <regrad/engine/parallel.h>

#include <algorithm>
#include <string>

namespace regrad {
namespace {

using detail::Node;

struct Target {
  DType dtype;
};
struct Along {
  int64_t dim;
};

// Calls f(pointer to element, index) for x's elements in row-major order, a row of the last dim at
// a time: f(first, stride, n, at).
template <class T, class F>
void each_row(const Node* x, F&& f) {
  const Shape &s = x->shape, &st = x->strides;
  const int64_t total = s.numel();
  if (total == 0) return;
  const int64_t n = s.empty() ? 1 : s[-1], step = s.empty() ? 1 : st[-1];
  int64_t at[max_dims] = {};
  const T* p = x->ptr<T>();
  for (int64_t i = 0; i < total; i += n) {
    f(p, step, n, i);
    for (int d = s.size() - 2; d >= 0; --d) {
      p += st[d];
      if (++at[d] < s[d]) break;
      p -= st[d] * s[d];
      at[d] = 0;
    }
  }
}

template <class From, class To>
To cast(From v) {
  if constexpr (std::is_same_v<To, bool>) {
    return v != From(0);
  } else {
    return static_cast<To>(v);
  }
}

template <class From, class To>
void copy(const Node* x, void* out) {
  To* y = static_cast<To*>(out);
  each_row<From>(x, [&](const From* p, int64_t step, int64_t n, int64_t at) {
    if (step == 1) {
      for (int64_t j = 0; j < n; ++j) y[at + j] = cast<From, To>(p[j]);
    } else {
      for (int64_t j = 0; j < n; ++j) y[at + j] = cast<From, To>(p[j * step]);
    }
  });
}

template <class From>
void copy_from(const Node* x, DType t, void* out) {
  switch (t) {
    case DType::f32: return copy<From, float>(x, out);
    case DType::f64: return copy<From, double>(x, out);
    case DType::i64: return copy<From, int64_t>(x, out);
    case DType::u8: return copy<From, uint8_t>(x, out);
    case DType::b8: return copy<From, bool>(x, out);
  }
}

// x's elements, row-major, as dtype t.
void copy_to(const Tensor& x, DType t, void* out) {
  const Node* n = x.node();
  switch (x.dtype()) {
    case DType::f32: return copy_from<float>(n, t, out);
    case DType::f64: return copy_from<double>(n, t, out);
    case DType::i64: return copy_from<int64_t>(n, t, out);
    case DType::u8: return copy_from<uint8_t>(n, t, out);
    case DType::b8: return copy_from<bool>(n, t, out);
  }
}

std::vector<double> itself(const RefCall& c) { return c.in[0].v; }

void cat_infer(const Call& c) {
  const Tensor& first = c.x();
  const int d = wrap_dim(c.attrs<Along>().dim, first.dim(), "cat");
  Shape sizes = first.shape();
  for (int i = 1; i < c.n_in(); ++i) {
    const Tensor& x = c.in(i);
    Shape expected = first.shape();
    if (x.dim() == first.dim()) expected[d] = x.shape()[d];
    if (x.shape() != expected)
      throw ShapeError("cat: shape " + str(x.shape()) + " beside " + str(first.shape()) +
                       "; all sizes but that of dim " + std::to_string(d) + " must be equal");
    if (x.dtype() != first.dtype())
      throw DTypeError(std::string("cat: ") + name(x.dtype()) + " beside " + name(first.dtype()));
    if (__builtin_add_overflow(sizes[d], x.shape()[d], &sizes[d]))
      throw ShapeError("cat: dim " + std::to_string(d) + " is longer than 63 bits count, from " +
                       str(x.shape()) + " on");
  }
  c.out(sizes, first.dtype());
}

void cat_forward(const Call& c) {
  const NoGrad quiet;
  const int d = wrap_dim(c.attrs<Along>().dim, c.x().dim(), "cat");
  int64_t outer = 1, inner = item_size(c.x().dtype());
  for (int i = 0; i < d; ++i) outer *= c.x().shape()[i];
  for (int i = d + 1; i < c.x().dim(); ++i) inner *= c.x().shape()[i];
  const int64_t pitch = c.node()->shape[d] * inner;
  auto* y = static_cast<char*>(c.node()->raw());
  for (int i = 0; i < c.n_in(); ++i) {
    const Tensor x = c.in(i).contiguous();
    const int64_t run = x.shape()[d] * inner;
    for (int64_t o = 0; o < outer; ++o)
      std::memcpy(y + o * pitch, static_cast<const char*>(x.node()->raw()) + o * run,
                  static_cast<size_t>(run));
    y += run;
  }
}

// The piece of g that is input c.index().
Tensor cat_vjp(const Call& c) {
  const int64_t d = c.attrs<Along>().dim;
  int64_t start = 0;
  for (int i = 0; i < c.index(); ++i) start += c.in(i).size(d);
  return slice(c.g(), d, start, start + c.in(c.index()).size(d));
}

std::vector<double> cat_reference(const RefCall& c) {
  const int d = wrap_dim(c.attrs<Along>().dim, c.out.size(), "");
  std::vector<double> y;
  int64_t outer = 1;
  for (int i = 0; i < d; ++i) outer *= c.out[i];
  for (int64_t o = 0; o < outer; ++o) {
    for (const RefIn& x : c.in) {
      const auto run = static_cast<int64_t>(x.v.size()) / outer;
      y.insert(y.end(), x.v.begin() + o * run, x.v.begin() + (o + 1) * run);
    }
  }
  return y;
}

}  // namespace

constinit const Op contiguous_op = row(
    {.name = "contiguous",
     .doc = "a row-major copy",
     .infer = [](const Call& c) { c.out(c.x().shape(), c.x().dtype()); },
     .forward = [](const Call& c) { copy_to(c.x(), c.x().dtype(), c.node()->raw()); },
     .vjp = {[](const Call& c) { return c.g(); }},
     .smooth = true,
     .reference = itself,
     .samples =
         [](Samples& s) {
           for (const Shape& shape : {Shape{}, Shape{1}, Shape{5}, Shape{2, 3}, Shape{3, 1},
                                      Shape{2, 3, 2}, Shape{2, 2, 2, 2}, Shape{0, 2}, Shape{1, 17},
                                      Shape{4, 4}, Shape{3, 2, 4}, Shape{2, 5, 1}, Shape{17}})
             s.add({shape}, {{}});
         }});

// Between f32 and f64 the gradient is cast back; to and from integers there is none.
constinit const Op to_op = row(
    {.name = "to",
     .doc = "another dtype; between f32 and f64 the gradient is cast back",
     .infer = [](const Call& c) { c.out(c.x().shape(), c.attrs<Target>().dtype); },
     .forward = [](const Call& c) { copy_to(c.x(), c.node()->dtype, c.node()->raw()); },
     .vjp = {[](const Call& c) { return to(c.g(), c.x().dtype()); }},
     .smooth = true,
     .reference = itself,
     .samples =
         [](Samples& s) {
           for (const Shape& shape : {Shape{}, Shape{1}, Shape{5}, Shape{2, 3}, Shape{3, 1},
                                      Shape{2, 3, 2}, Shape{2, 2, 2, 2}, Shape{0, 2}, Shape{1, 17},
                                      Shape{4, 4}, Shape{3, 2, 4}, Shape{2, 5, 1}, Shape{17}})
             s.add({shape}, {{}}, Target{DType::f64});
         }});

constinit const Op cat_op = row(
    {.name = "cat",
     .doc = "tensors one behind the other along a dim",
     .arity = -1,
     .infer = cat_infer,
     .forward = cat_forward,
     .vjp = {cat_vjp},
     .smooth = true,
     .reference = cat_reference,
     .samples = [](Samples& s) {
       for (const auto& [shapes, d] : std::initializer_list<std::pair<std::vector<Shape>, int64_t>>{
                {{{3}}, 0},
                {{{3}, {2}}, 0},
                {{{1}, {2}, {3}, {1}}, 0},
                {{{2, 3}, {1, 3}}, 0},
                {{{2, 3}, {2, 2}, {2, 1}}, 1},
                {{{2, 3}, {2, 3}}, -1},
                {{{2, 2, 3}, {2, 1, 3}}, 1},
                {{{0, 2}, {3, 2}}, 0},
                {{{2, 2}, {2, 2}, {2, 2}, {2, 2}, {2, 2}}, 0}})
         s.add(shapes, {{}}, Along{d});
       s.bad({{2, 3}, {3, 3, 1}}, Along{0});
       s.bad({{2, 3}, {2, 4}}, Along{0});
       s.bad({{2}, {2}}, Along{1});
     }});

Tensor contiguous(const Tensor& x) {
  const detail::Called as("contiguous(x)", x);
  return x.is_contiguous() ? x : apply(contiguous_op, x);
}
Tensor to(const Tensor& x, DType t) {
  const detail::Called as("to(x)", x);
  return x.dtype() == t ? x : apply(to_op, x, Target{t});
}

Tensor cat(TensorList list, int64_t dim) {
  const detail::Called as("cat(list)", list);
  if (list.size() == 0) throw ShapeError("cat: no tensors");
  return typed_memory([&] {
    std::vector<const Tensor*> in;
    for (const Tensor& x : list) in.push_back(&x);
    const Along along{dim};
    return apply(cat_op, in.data(), static_cast<int>(in.size()), &along, sizeof along);
  });
}
Tensor stack(TensorList list, int64_t dim) {
  const detail::Called as("stack(list)", list);
  return typed_memory([&] {
    std::vector<Tensor> rows;
    for (const Tensor& x : list) rows.push_back(unsqueeze(x, dim));
    return cat(rows, dim);
  });
}

}  // namespace regrad
