// What elementwise rows share: walking up to four operands of any layout strip by strip, by a
// kernel or a plain formula; what all of them repeat (unary_row, binary_row); shape rules,
// references, samples.
#pragma once

#include <regrad/engine/kernels/kernels.h>
#include <regrad/engine/ops/list.h>

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

// A formula without a kernel of its own: a plain loop by the C library, compiled for the baseline
// instruction set. F: a function of numbers of any floating type; one that takes Params behind them
// is given the row's attributes. A kernel comes later, where a benchmark shows the need.
template <auto F>
constexpr bool takes_params = std::is_invocable_v<decltype(F), double, const kernels::Params&>;
template <auto F, class T>
void formula1_strip(void* const* data, const int64_t* stride, int64_t n, const kernels::Params& p) {
  auto* y = static_cast<T*>(data[0]);
  const auto* x = static_cast<const T*>(data[1]);
  for (int64_t i = 0; i < n; ++i) {
    if constexpr (takes_params<F>)
      y[i * stride[0]] = T(F(x[i * stride[1]], p));
    else
      y[i * stride[0]] = T(F(x[i * stride[1]]));
  }
}
template <auto F>
void formula1(const Call& c) {
  detail::walk(c,
               c.x().dtype() == DType::f64 ? formula1_strip<F, double> : formula1_strip<F, float>,
               takes_params<F> ? params_of(c) : kernels::Params{});
}
template <auto F, class T>
void formula2_strip(void* const* data, const int64_t* stride, int64_t n, const kernels::Params&) {
  auto* y = static_cast<T*>(data[0]);
  const auto *a = static_cast<const T*>(data[1]), *b = static_cast<const T*>(data[2]);
  for (int64_t i = 0; i < n; ++i) y[i * stride[0]] = F(a[i * stride[1]], b[i * stride[2]]);
}
// integers: F is a formula of i64 too.
template <auto F, bool integers = false>
void formula2(const Call& c) {
  if constexpr (integers)
    if (c.x().dtype() == DType::i64) return detail::walk(c, formula2_strip<F, int64_t>, {});
  detail::walk(
      c, c.x().dtype() == DType::f64 ? formula2_strip<F, double> : formula2_strip<F, float>, {});
}

// Shape rules.
void same(const Call& c);            // one floating input; its shape and dtype
void same_any(const Call& c);        // one input of any arithmetic dtype (f32, f64, i64)
void broadcast_two(const Call& c);   // two of one arithmetic dtype; their broadcast
void broadcast_real(const Call& c);  // two of one floating dtype
void broadcast_mask(const Call& c);  // the same, and the result is b8

// Rows of one or two tensors, elementwise: what all of them repeat. They are f32 and f64 and smooth
// (their third order is checked too); those with kinks or steps are named so. What `op` has set
// stays.
consteval Op unary_row(Op op) {
  op.layout = Layout::elementwise;
  op.infer = op.infer ? op.infer : same;
  op.smooth = true;
  return row(op);
}
consteval Op binary_row(Op op) {
  op.arity = 2;
  op.infer = op.infer ? op.infer : broadcast_real;
  return unary_row(op);
}
consteval Op kinked(Op op) {
  op.smooth = false;
  return op;
}

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

// y[i, j, ..] = x[source(i, j, ..)], and 0 where a place is negative.
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
inline void between(Samples& s, double low, double high) {
  unary_shapes(s, {.low = low, .high = high});
}
inline void away_from_zero(Samples& s, double least = 0.1) {
  unary_shapes(s, {.away_from_zero = least});
}
// Pairs that broadcast in every way.
template <class A = NoAttrs>
void binary_shapes(Samples& s, const Domain& a = {}, const Domain& b = {}, const A& attrs = {}) {
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
