// Views: strides change, data does not. slice and unslice are closed under differentiation.
#include <regrad/engine/autograd.h>
#include <regrad/engine/internal/called.h>
#include <regrad/engine/ops.h>
#include <regrad/engine/ops/elementwise.h>
#include <regrad/engine/ops/list.h>

#include <algorithm>
#include <string>

namespace regrad {
namespace {

struct Slice {
  int64_t dim, start, count, step;
};
struct Unslice {
  int64_t dim, size, start, step;
};

// Whether places start, start + step, .. (count of them) lie below size.
bool reaches(int64_t start, int64_t count, int64_t step, int64_t size) {
  int64_t last;
  return !__builtin_mul_overflow(count - 1, step, &last) &&
         !__builtin_add_overflow(start, last, &last) && last < size;
}

// Strides that show x's memory with other sizes; false where there are none.
bool view_strides(const Shape& from, const Shape& strides, const Shape& sizes, Shape& out) {
  out = contiguous_strides(sizes);
  if (sizes.numel() == 0) return true;
  // Neighbours of x that run on are one stretch; each stretch must be covered by whole new dims.
  int k = sizes.size() - 1;
  for (int d = from.size() - 1; d >= 0;) {
    int64_t length = from[d];
    const int64_t base = strides[d];
    int e = d - 1;
    for (; e >= 0 && (from[e] == 1 || length == 1 || strides[e] == length * base); --e) {
      if (length == 1) break;
      length *= from[e];
    }
    int64_t covered = 1;
    while (k >= 0 && (covered < length || sizes[k] == 1)) {
      out[k] = covered * base;
      covered *= sizes[k--];
    }
    if (covered != length) return false;
    d = e;
  }
  return true;  // equal numbers of elements: what is left of sizes are ones
}

Shape filled_in(const Tensor& x, const Shape& sizes) {
  Shape out = sizes;
  int open = -1;
  int64_t known = 1;
  for (int d = 0; d < out.size(); ++d) {
    if (out[d] != -1) {
      known *= out[d];
    } else if (open >= 0) {
      throw ShapeError("reshape: only one size may be -1, not " + str(sizes));
    } else {
      open = d;
    }
  }
  if (open >= 0 && known != 0 && x.numel() % known == 0) out[open] = x.numel() / known;
  for (int d = 0; d < out.size(); ++d)
    if (out[d] < -1) throw ShapeError("reshape: sizes cannot be negative, " + str(sizes));
  if ((open >= 0 && out[open] == -1) || out.numel() != x.numel()) {
    throw ShapeError("reshape: " + str(x.shape()) + " has " + std::to_string(x.numel()) +
                     " elements, which do not fill " + str(sizes));
  }
  return out;
}

void reshape_infer(const Call& c) {
  const Shape sizes = filled_in(c.x(), c.attrs<Shape>());
  Shape strides;
  if (!view_strides(c.x().shape(), c.x().strides(), sizes, strides))
    throw ShapeError("reshape: " + str(c.x().shape()) + " cannot be seen as " + str(sizes) +
                     " without a copy");
  c.view(sizes, strides, c.x().node()->offset);
  c.node()->dtype = c.x().dtype();
}

void permute_infer(const Call& c) {
  const Tensor& x = c.x();
  const Dims& order = c.attrs<Dims>();
  unsigned seen = 0;
  Shape sizes, strides;
  for (int64_t d : order) {
    const int w = wrap_dim(d, x.dim(), "permute");
    seen |= 1u << w;
    sizes.push_back(x.shape()[w]);
    strides.push_back(x.strides()[w]);
  }
  if (order.size() != x.dim() || seen != (1u << x.dim()) - 1)
    throw ShapeError("permute: dims " + str(order) + " do not name each dim of " + str(x.shape()) +
                     " once");
  c.view(sizes, strides, x.node()->offset);
  c.node()->dtype = x.dtype();
}

void expand_infer(const Call& c) {
  const Tensor& x = c.x();
  Shape sizes = c.attrs<Shape>();
  const int lead = sizes.size() - x.dim();
  Shape strides = sizes;
  for (int d = 0; d < sizes.size(); ++d) {
    const bool is_new = d < lead;
    if (!is_new && lead >= 0 && sizes[d] == -1) sizes[d] = x.shape()[d - lead];
    if (lead < 0 || sizes[d] < 0 ||
        (!is_new && x.shape()[d - lead] != 1 && x.shape()[d - lead] != sizes[d])) {
      throw ShapeError("expand: " + str(x.shape()) + " to " + str(c.attrs<Shape>()) +
                       "; sizes must be equal, or 1 before (new dims go in front)");
    }
    strides[d] = is_new || x.shape()[d - lead] == 1 ? 0 : x.strides()[d - lead];
  }
  if (lead < 0)
    throw ShapeError("expand: " + str(x.shape()) + " to " + str(sizes) + " would lose dims");
  contiguous_strides(sizes);  // ShapeError where 63 bits do not count the elements
  c.view(sizes, strides, x.node()->offset);
  c.node()->dtype = x.dtype();
}

void slice_infer(const Call& c) {
  const Tensor& x = c.x();
  const Slice& s = c.attrs<Slice>();
  const int d = wrap_dim(s.dim, x.dim(), "slice");
  if (s.start < 0 || s.count < 0 || s.step < 1 ||
      (s.count > 0 && !reaches(s.start, s.count, s.step, x.shape()[d]))) {
    throw ShapeError("slice: " + std::to_string(s.count) + " elements from " +
                     std::to_string(s.start) + " by " + std::to_string(s.step) +
                     " are not in dim " + std::to_string(d) + " of " + str(x.shape()));
  }
  Shape sizes = x.shape(), strides = x.strides();
  sizes[d] = s.count;
  // where there is one, nobody takes the step, which may be as long as any
  if (s.count > 1) strides[d] *= s.step;
  c.view(sizes, strides, x.node()->offset + (s.count ? s.start * x.strides()[d] : 0));
  c.node()->dtype = x.dtype();
}

void unslice_infer(const Call& c) {
  const Unslice& s = c.attrs<Unslice>();
  const Tensor& x = c.x();
  const int d = wrap_dim(s.dim, x.dim(), "unslice");
  const int64_t n = x.shape()[d];
  if (s.start < 0 || s.step < 1 || s.size < 0 || (n > 0 && !reaches(s.start, n, s.step, s.size))) {
    throw ShapeError("unslice: " + str(x.shape()) + " from " + std::to_string(s.start) + " by " +
                     std::to_string(s.step) + " does not fit size " + std::to_string(s.size));
  }
  Shape sizes = x.shape();
  sizes[d] = s.size;
  c.out(sizes, x.dtype());
}

void unslice_forward(const Call& c) {
  const Unslice& s = c.attrs<Unslice>();
  const NoGrad quiet;
  const Tensor x = c.x().contiguous();
  const int d = wrap_dim(s.dim, x.dim(), "unslice");
  int64_t outer = 1, inner = item_size(x.dtype());
  for (int i = 0; i < d; ++i) outer *= x.shape()[i];
  for (int i = d + 1; i < x.dim(); ++i) inner *= x.shape()[i];
  auto* y = static_cast<char*>(c.node()->raw());
  const auto* from = static_cast<const char*>(x.node()->raw());
  std::memset(y, 0, static_cast<size_t>(outer * s.size * inner));
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t i = 0; i < x.shape()[d]; ++i, from += inner)
      std::memcpy(y + (o * s.size + s.start + i * s.step) * inner, from,
                  static_cast<size_t>(inner));
}

// y[multi-index] = x[f(multi-index)], for references.
template <class F>
std::vector<double> remap(const RefCall& c, F&& source) {
  std::vector<double> y(static_cast<size_t>(c.out.numel()));
  const Shape steps = contiguous_strides(c.in[0].shape);
  for (size_t i = 0; i < y.size(); ++i) {
    Shape at = c.out;
    auto rest = static_cast<int64_t>(i);
    for (int d = c.out.size() - 1; d >= 0; --d) {
      at[d] = rest % c.out[d];
      rest /= c.out[d];
    }
    const Shape from = source(at);
    int64_t j = 0;
    for (int d = 0; d < from.size(); ++d) j += from[d] < 0 ? INT64_MIN / 8 : from[d] * steps[d];
    y[i] = j < 0 ? 0 : c.in[0].v[static_cast<size_t>(j)];
  }
  return y;
}

}  // namespace

constinit const Op reshape_op =
    row({.name = "reshape",
         .doc = "the same elements in other sizes",
         .layout = Layout::view,
         .infer = reshape_infer,
         .entry =
             [](const Tensor& x, const std::byte* a) {
               return reshape(x, *std::launder(reinterpret_cast<const Shape*>(a)));
             },
         .vjp = {[](const Call& c) { return reshape(c.g(), c.x().shape()); }},
         .smooth = true,
         .reference = [](const RefCall& c) { return c.in[0].v; },
         .samples =
             [](Samples& s) {
               for (const auto& [from, to] :
                    std::initializer_list<std::pair<Shape, Shape>>{{{}, {1}},
                                                                   {{6}, {2, 3}},
                                                                   {{2, 3}, {6}},
                                                                   {{2, 3}, {3, 2}},
                                                                   {{2, 3}, {3, -1}},
                                                                   {{2, 3, 2}, {2, 6}},
                                                                   {{2, 3, 2}, {6, 2}},
                                                                   {{2, 3, 2}, {2, 1, 3, 2}},
                                                                   {{4, 3}, {2, 2, 3}},
                                                                   {{0, 3}, {3, 0, 2}},
                                                                   {{1, 5}, {5}},
                                                                   {{2, 2, 2}, {8}}})
                 s.add({from}, {{}}, to);
               s.bad({{2, 3}}, Shape{4});
               s.bad({{2, 3}}, Shape{-1, -1});
               s.bad({{2, 3}}, Shape{-1, 4});
               s.bad({{2, 3}}, Shape{-2, -3});
             }});

constinit const Op permute_op =
    row({.name = "permute",
         .doc = "dims in another order",
         .layout = Layout::view,
         .infer = permute_infer,
         .vjp = {[](const Call& c) {
           const Dims& order = c.attrs<Dims>();
           Dims back = order;
           for (int i = 0; i < order.size(); ++i)
             back[wrap_dim(order[i], order.size(), "permute")] = i;
           return permute(c.g(), back);
         }},
         .smooth = true,
         .reference =
             [](const RefCall& c) {
               const Dims& order = c.attrs<Dims>();
               return remap(c, [&](const Shape& at) {
                 Shape from = at;
                 for (int i = 0; i < order.size(); ++i)
                   from[wrap_dim(order[i], order.size(), "")] = at[i];
                 return from;
               });
             },
         .samples =
             [](Samples& s) {
               for (const auto& [shape, order] :
                    std::initializer_list<std::pair<Shape, Dims>>{{{}, {}},
                                                                  {{4}, {0}},
                                                                  {{2, 3}, {1, 0}},
                                                                  {{2, 3}, {0, 1}},
                                                                  {{2, 3, 4}, {2, 0, 1}},
                                                                  {{2, 3, 4}, {1, 2, 0}},
                                                                  {{2, 3, 4}, {0, 2, 1}},
                                                                  {{2, 3, 2}, {-1, -2, 0}},
                                                                  {{1, 3, 2, 2}, {0, 2, 3, 1}},
                                                                  {{0, 3}, {1, 0}},
                                                                  {{1, 1}, {1, 0}}})
                 s.add({shape}, {{}}, order);
               s.bad({{2, 3}}, Dims{0});
               s.bad({{2, 3}}, Dims{0, 0});
               s.bad({{2, 3}}, Dims{0, 2});
             }});

constinit const Op expand_op =
    row({.name = "expand",
         .doc = "sizes of 1 repeated; gradients are summed",
         .layout = Layout::view,
         .infer = expand_infer,
         .vjp = {[](const Call& c) { return sum_to(c.g(), c.x().shape()); }},
         .smooth = true,
         .reference =
             [](const RefCall& c) {
               std::vector<double> y(static_cast<size_t>(c.out.numel()));
               for (size_t i = 0; i < y.size(); ++i)
                 y[i] = broadcast_at(c.in[0], c.out, static_cast<int64_t>(i));
               return y;
             },
         .samples =
             [](Samples& s) {
               for (const auto& [from, to] :
                    std::initializer_list<std::pair<Shape, Shape>>{{{}, {}},
                                                                   {{}, {3}},
                                                                   {{1}, {4}},
                                                                   {{3}, {2, 3}},
                                                                   {{2, 3}, {2, 3}},
                                                                   {{2, 1}, {2, 4}},
                                                                   {{1, 3}, {2, -1}},
                                                                   {{1, 3}, {2, 2, 3}},
                                                                   {{2, 1, 3}, {2, 2, 3}},
                                                                   {{1, 1}, {3, 2}},
                                                                   {{1, 3}, {0, 3}},
                                                                   {{3, 2}, {4, 3, 2}},
                                                                   {{3, 1, 2}, {3, 2, 2}},
                                                                   {{1, 2, 1}, {3, 2, 2}},
                                                                   {{2, 2, 2}, {2, 2, 2, 2}}})
                 s.add({from}, {{}}, to);
               s.bad({{2, 3}}, Shape{3});
               s.bad({{2, 3}}, Shape{4, 3});
               s.bad({{3}}, Shape{-1, 3});
             }});

constinit const Op slice_op =
    row({.name = "slice",
         .doc = "x[.., start + i step, ..]",
         .layout = Layout::view,
         .infer = slice_infer,
         .vjp = {[](const Call& c) {
           const Slice& s = c.attrs<Slice>();
           return unslice(c.g(), s.dim, c.x().size(s.dim), s.start, s.step);
         }},
         .smooth = true,
         .reference =
             [](const RefCall& c) {
               const Slice& s = c.attrs<Slice>();
               return remap(c, [&](Shape at) {
                 at[wrap_dim(s.dim, at.size(), "")] =
                     s.start + s.step * at[wrap_dim(s.dim, at.size(), "")];
                 return at;
               });
             },
         .samples =
             [](Samples& s) {
               for (const auto& [shape, a] :
                    std::initializer_list<std::pair<Shape, Slice>>{{{5}, {0, 1, 3, 1}},
                                                                   {{5}, {0, 0, 3, 2}},
                                                                   {{5}, {0, 4, 1, 1}},
                                                                   {{5}, {0, 2, 0, 1}},
                                                                   {{3, 4}, {0, 1, 2, 1}},
                                                                   {{3, 4}, {1, 0, 2, 3}},
                                                                   {{3, 4}, {-1, 1, 3, 1}},
                                                                   {{2, 3, 2}, {1, 0, 2, 2}},
                                                                   {{2, 3, 2}, {2, 1, 1, 1}},
                                                                   {{0, 3}, {1, 1, 2, 1}},
                                                                   {{1}, {0, 0, 1, 1}},
                                                                   {{4, 4}, {0, 1, 2, 2}}})
                 s.add({shape}, {{}}, a);
               s.bad({{5}}, Slice{0, 3, 3, 1});
               s.bad({{5}}, Slice{0, -1, 1, 1});
               s.bad({{5}}, Slice{0, 0, 2, 0});
               s.bad({{5}}, Slice{1, 0, 1, 1});
             }});

constinit const Op unslice_op =
    row({.name = "unslice",
         .doc = "zeros with x at start + i step: the transpose of slice",
         .infer = unslice_infer,
         .forward = unslice_forward,
         .vjp = {[](const Call& c) {
           const Unslice& s = c.attrs<Unslice>();
           return slice(c.g(), s.dim, s.start, s.start + s.step * c.x().size(s.dim), s.step);
         }},
         .smooth = true,
         .reference =
             [](const RefCall& c) {
               const Unslice& s = c.attrs<Unslice>();
               return remap(c, [&](Shape at) {
                 int64_t& i = at[wrap_dim(s.dim, at.size(), "")];
                 const int64_t n = c.in[0].shape[wrap_dim(s.dim, at.size(), "")];
                 i = i >= s.start && (i - s.start) % s.step == 0 && (i - s.start) / s.step < n
                         ? (i - s.start) / s.step
                         : -1;
                 return at;
               });
             },
         .samples =
             [](Samples& s) {
               for (const auto& [shape, a] :
                    std::initializer_list<std::pair<Shape, Unslice>>{{{3}, {0, 5, 1, 1}},
                                                                     {{3}, {0, 5, 0, 2}},
                                                                     {{1}, {0, 4, 3, 1}},
                                                                     {{2, 3}, {0, 4, 1, 1}},
                                                                     {{2, 3}, {1, 7, 0, 3}},
                                                                     {{2, 3}, {-1, 3, 0, 1}},
                                                                     {{2, 3, 2}, {1, 6, 1, 2}},
                                                                     {{2, 1, 2}, {2, 3, 1, 1}},
                                                                     {{0, 3}, {0, 2, 0, 1}},
                                                                     {{2, 2}, {0, 2, 0, 1}},
                                                                     {{2, 2, 2}, {0, 5, 0, 2}},
                                                                     {{4, 3}, {1, 5, 1, 1}}})
                 s.add({shape}, {{}}, a);
               s.bad({{3}}, Unslice{0, 3, 1, 1});
               s.bad({{3}}, Unslice{0, 9, 0, 0});
               s.bad({{3}}, Unslice{1, 9, 0, 1});
             }});

Tensor reshape(const Tensor& x, const Shape& sizes) {
  const detail::Called as("reshape(x)", x);
  if (x.shape() == sizes) return x;
  Shape strides;
  const Shape full = filled_in(x, sizes);
  return apply(reshape_op, view_strides(x.shape(), x.strides(), full, strides) ? x : contiguous(x),
               full);
}
Tensor flatten(const Tensor& x, int64_t first, int64_t last) {
  const detail::Called as("flatten(x)", x);
  if (x.dim() == 0) return reshape(x, {1});
  const int a = wrap_dim(first, x.dim(), "flatten"), b = wrap_dim(last, x.dim(), "flatten");
  if (a > b)
    throw ShapeError("flatten: first dim " + std::to_string(a) + " is behind the last, " +
                     std::to_string(b));
  Shape sizes;
  for (int d = 0; d < x.dim(); ++d) {
    if (d > a && d <= b) {
      sizes[sizes.size() - 1] *= x.shape()[d];
    } else {
      sizes.push_back(x.shape()[d]);
    }
  }
  return reshape(x, sizes);
}
Tensor permute(const Tensor& x, const Dims& dims) { return apply(permute_op, x, dims); }
Tensor transpose(const Tensor& x, int64_t a, int64_t b) {
  const detail::Called as("transpose(x)", x);
  Dims order;
  for (int d = 0; d < x.dim(); ++d) order.push_back(d);
  std::swap(order[wrap_dim(a, x.dim(), "transpose")], order[wrap_dim(b, x.dim(), "transpose")]);
  return apply(permute_op, x, order);
}
Tensor expand(const Tensor& x, const Shape& sizes) {
  const detail::Called as("expand(x)", x);
  return x.shape() == sizes ? x : apply(expand_op, x, sizes);
}
Tensor unsqueeze(const Tensor& x, int64_t dim) {
  const detail::Called as("unsqueeze(x)", x);
  Shape sizes = x.shape();
  sizes.insert(wrap_dim(dim, x.dim() + 1, "unsqueeze"), 1);
  return reshape(x, sizes);
}
Tensor squeeze(const Tensor& x, int64_t dim) {
  const detail::Called as("squeeze(x)", x);
  const int d = wrap_dim(dim, x.dim(), "squeeze");
  if (x.shape()[d] != 1) return x;
  Shape sizes = x.shape();
  sizes.erase(d);
  return reshape(x, sizes);
}
Tensor slice(const Tensor& x, int64_t dim, int64_t start, int64_t stop, int64_t step) {
  const detail::Called as("slice(x)", x);
  const int64_t n = x.size(dim);
  if (step < 1) throw ShapeError("slice: step " + std::to_string(step) + " must be at least 1");
  const auto inside = [n](int64_t i) { return std::clamp<int64_t>(i < 0 ? i + n : i, 0, n); };
  const int64_t a = inside(start), b = inside(stop);
  return apply(slice_op, x,
               Slice{wrap_dim(dim, x.dim(), "slice"), a, b > a ? (b - a - 1) / step + 1 : 0, step});
}
Tensor select(const Tensor& x, int64_t dim, int64_t index) {
  const detail::Called as("select(x)", x);
  const int64_t n = x.size(dim);
  if (index < -n || index >= n)
    throw ShapeError("select: index " + std::to_string(index) + " is outside dim " +
                     std::to_string(dim) + " of " + str(x.shape()));
  const int64_t i = index < 0 ? index + n : index;
  return squeeze(slice(x, dim, i, i + 1), dim);
}
Tensor unslice(const Tensor& x, int64_t dim, int64_t size, int64_t start, int64_t step) {
  const detail::Called as("unslice(x)", x);
  return apply(unslice_op, x, Unslice{wrap_dim(dim, x.dim(), "unslice"), size, start, step});
}

}  // namespace regrad
