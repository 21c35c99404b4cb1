// Views: strides change, data does not. slice.cpp has those along one dim.
#include <regrad/engine/autograd.h>
#include <regrad/engine/internal/called.h>
#include <regrad/engine/ops.h>
#include <regrad/engine/ops/elementwise.h>
#include <regrad/engine/ops/list.h>

#include <algorithm>
#include <string>

namespace regrad {
namespace {

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

}  // namespace regrad
