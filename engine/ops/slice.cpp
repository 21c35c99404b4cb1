// Parts along one dim, and their transpose: slice and unslice are closed under differentiation.
#include <regrad/engine/autograd.h>
#include <regrad/engine/internal/called.h>
#include <regrad/engine/ops.h>
#include <regrad/engine/ops/elementwise.h>

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

}  // namespace

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
