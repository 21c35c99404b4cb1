// Places of the largest, and what lies there.
#include <regrad/engine/autograd.h>
#include <regrad/engine/internal/called.h>
#include <regrad/engine/ops.h>
#include <regrad/engine/ops/elementwise.h>

#include <algorithm>
#include <string>

namespace regrad {
namespace {

using detail::Node;

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

constinit const Op argmax_op =
    row({.name = "argmax",
         .doc = "i64 place of the first largest in each row of the last dim",
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

}  // namespace regrad
