// What elementwise rows share: walking up to four operands of any layout strip by strip, shape
// rules, references, samples.
#pragma once

#include <regrad/engine/kernels/kernels.h>
#include <regrad/engine/ops/op.h>

namespace regrad {

namespace detail {
// Runs the kernel over the call's output and inputs (broadcast to the output), in blocks where
// there is much to do.
void walk(const Call& c, kernels::Strip strip, const kernels::Params& params);
// 0, 1, 2 for f32, f64, i64; DTypeError naming op for the rest.
int kernel_dtype(const Call& c, DType t);
}  // namespace detail

// Parameters of a formula travel as the row's attributes.
inline kernels::Params params_of(const Call& c) { return c.attrs<kernels::Params>(); }

template <kernels::Unary K, bool with_params = false>
void unary(const Call& c) {
  detail::walk(c, kernels::table().unary[detail::kernel_dtype(c, c.x().dtype())][int(K)],
               with_params ? params_of(c) : kernels::Params{});
}
template <kernels::Binary K, bool with_params = false>
void binary(const Call& c) {
  detail::walk(c, kernels::table().binary[detail::kernel_dtype(c, c.x().dtype())][int(K)],
               with_params ? params_of(c) : kernels::Params{});
}
template <kernels::Compare K>
void compare(const Call& c) {
  detail::walk(c, kernels::table().compare[detail::kernel_dtype(c, c.x().dtype())][int(K)], {});
}

// Shape rules.
void same(const Call& c);            // one floating input; its shape and dtype
void same_any(const Call& c);        // one input of any arithmetic dtype (f32, f64, i64)
void broadcast_two(const Call& c);   // two of one arithmetic dtype; their broadcast
void broadcast_real(const Call& c);  // two of one floating dtype
void broadcast_mask(const Call& c);  // the same, and the result is b8

// References.
template <double (*F)(double)>
std::vector<double> pointwise(const RefCall& c) {
  std::vector<double> y(c.in[0].v.size());
  for (size_t i = 0; i < y.size(); ++i) y[i] = F(c.in[0].v[i]);
  return y;
}
// Value of a broadcast input at the output's i-th element.
double broadcast_at(const RefIn& in, const Shape& out, int64_t i);
template <double (*F)(double, double)>
std::vector<double> pointwise2(const RefCall& c) {
  std::vector<double> y(static_cast<size_t>(c.out.numel()));
  for (size_t i = 0; i < y.size(); ++i) {
    const auto at = static_cast<int64_t>(i);
    y[i] = F(broadcast_at(c.in[0], c.out, at), broadcast_at(c.in[1], c.out, at));
  }
  return y;
}

// Samples: shapes that reach every path (scalar, one element, short, odd, a vector and a tail,
// several dims, ones, empty), in the given domain.
template <class A = NoAttrs>
void unary_shapes(Samples& s, const Domain& d, const A& attrs = {}) {
  for (const Shape& shape :
       {Shape{},     Shape{1},       Shape{3},       Shape{7},          Shape{17},
        Shape{2, 3}, Shape{3, 5},    Shape{1, 4},    Shape{2, 3, 2},    Shape{2, 1, 3, 1},
        Shape{0},    Shape{2, 0, 3}, Shape{33},      Shape{2, 2},       Shape{4, 3},
        Shape{5, 2}, Shape{1, 3, 2}, Shape{2, 2, 2}, Shape{2, 2, 1, 2}, Shape{2, 3, 2, 2},
        Shape{3, 2}, Shape{2, 1, 4}, Shape{2, 5}})
    s.add({shape}, {d}, attrs);
}
// Pairs that broadcast in every way.
template <class A = NoAttrs>
void binary_shapes(Samples& s, const Domain& a, const Domain& b, const A& attrs = {}) {
  for (const auto& [p, q] : std::initializer_list<std::pair<Shape, Shape>>{{{}, {}},
                                                                           {{5}, {5}},
                                                                           {{2, 3}, {2, 3}},
                                                                           {{2, 3}, {3}},
                                                                           {{3}, {2, 3}},
                                                                           {{2, 3}, {}},
                                                                           {{}, {4}},
                                                                           {{2, 1}, {1, 3}},
                                                                           {{2, 1, 3}, {4, 1}},
                                                                           {{1}, {3}},
                                                                           {{0, 3}, {3}},
                                                                           {{2, 2, 3}, {2, 2, 3}},
                                                                           {{3, 2}, {3, 2}},
                                                                           {{4, 1}, {4, 3}},
                                                                           {{2, 3, 1}, {3, 2}},
                                                                           {{2, 2}, {2, 1, 2, 2}},
                                                                           {{2, 4}, {2, 4}},
                                                                           {{3, 1, 2}, {2, 2}}})
    s.add({p, q}, {a, b}, attrs);
  s.bad({{2, 3}, {2}}, attrs);
  s.bad({{3, 1}, {2, 4, 2}}, attrs);
}

// g summed down to a shape that was broadcast up.
Tensor sum_to(const Tensor& g, const Shape& shape);

}  // namespace regrad
