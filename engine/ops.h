// The ops of regrad, in PyTorch's names. Each is differentiable to any order unless noted
// otherwise.
//
//   Tensor y = softmax(matmul(x, w.mT()) + b, -1);      // x [N,in], w [out,in], b [out]
//
// Dtypes: f32, f64 and, for arithmetic, comparisons and views, i64. Two tensors of different
// dtypes: integers and bools become the other's dtype; f32 with f64 is a DTypeError. A number never
// changes a tensor's dtype, save that an integer tensor with a fraction becomes f32.
// Shapes broadcast as in NumPy. Dims may be negative. ShapeError where shapes, dims or indices do
// not fit.
//
// Functions that take Tensor&& may put their result into that tensor's memory when nobody else sees
// it.
#pragma once

#include <optional>
#include <vector>

#include <regrad/engine/tensor.h>

namespace regrad {

// Arithmetic. add: a + alpha b.
Tensor add(const Tensor& a, const Tensor& b, double alpha = 1);
Tensor add(Tensor&& a, const Tensor& b, double alpha = 1);
Tensor sub(const Tensor& a, const Tensor& b, double alpha = 1);
Tensor sub(Tensor&& a, const Tensor& b, double alpha = 1);
Tensor mul(const Tensor& a, const Tensor& b);
Tensor mul(Tensor&& a, const Tensor& b);
Tensor div(const Tensor& a, const Tensor& b);
Tensor div(Tensor&& a, const Tensor& b);
// scale x + shift
Tensor affine(const Tensor& x, double scale, double shift);
Tensor affine(Tensor&& x, double scale, double shift);
Tensor neg(const Tensor& x);
Tensor reciprocal(const Tensor& x);

inline Tensor operator+(const Tensor& a, const Tensor& b) { return add(a, b); }
inline Tensor operator+(Tensor&& a, const Tensor& b) { return add(std::move(a), b); }
inline Tensor operator+(const Tensor& a, Tensor&& b) { return add(std::move(b), a); }
inline Tensor operator+(Tensor&& a, Tensor&& b) { return add(std::move(a), b); }
inline Tensor operator-(const Tensor& a, const Tensor& b) { return sub(a, b); }
inline Tensor operator-(Tensor&& a, const Tensor& b) { return sub(std::move(a), b); }
inline Tensor operator*(const Tensor& a, const Tensor& b) { return mul(a, b); }
inline Tensor operator*(Tensor&& a, const Tensor& b) { return mul(std::move(a), b); }
inline Tensor operator*(const Tensor& a, Tensor&& b) { return mul(std::move(b), a); }
inline Tensor operator*(Tensor&& a, Tensor&& b) { return mul(std::move(a), b); }
inline Tensor operator/(const Tensor& a, const Tensor& b) { return div(a, b); }
inline Tensor operator/(Tensor&& a, const Tensor& b) { return div(std::move(a), b); }
inline Tensor operator-(const Tensor& x) { return affine(x, -1, 0); }
inline Tensor operator-(Tensor&& x) { return affine(std::move(x), -1, 0); }
inline Tensor operator+(const Tensor& x, double s) { return affine(x, 1, s); }
inline Tensor operator+(Tensor&& x, double s) { return affine(std::move(x), 1, s); }
inline Tensor operator+(double s, const Tensor& x) { return affine(x, 1, s); }
inline Tensor operator-(const Tensor& x, double s) { return affine(x, 1, -s); }
inline Tensor operator-(Tensor&& x, double s) { return affine(std::move(x), 1, -s); }
inline Tensor operator-(double s, const Tensor& x) { return affine(x, -1, s); }
inline Tensor operator-(double s, Tensor&& x) { return affine(std::move(x), -1, s); }
inline Tensor operator*(const Tensor& x, double s) { return affine(x, s, 0); }
inline Tensor operator*(Tensor&& x, double s) { return affine(std::move(x), s, 0); }
inline Tensor operator*(double s, const Tensor& x) { return affine(x, s, 0); }
inline Tensor operator*(double s, Tensor&& x) { return affine(std::move(x), s, 0); }
Tensor operator/(const Tensor& x, double s);  // divided, not multiplied by a rounded 1/s
Tensor operator/(double s, const Tensor& x);
// The handle becomes another tensor; other handles keep the old one.
inline Tensor& operator+=(Tensor& a, const Tensor& b) { return a = add(a, b); }
inline Tensor& operator-=(Tensor& a, const Tensor& b) { return a = sub(a, b); }
inline Tensor& operator*=(Tensor& a, const Tensor& b) { return a = mul(a, b); }
inline Tensor& operator/=(Tensor& a, const Tensor& b) { return a = div(a, b); }
inline Tensor& operator+=(Tensor& a, double s) { return a = a + s; }
inline Tensor& operator-=(Tensor& a, double s) { return a = a - s; }
inline Tensor& operator*=(Tensor& a, double s) { return a = a * s; }
inline Tensor& operator/=(Tensor& a, double s) { return a = a / s; }

// Elementwise functions of a floating tensor. At kinks the derivative is PyTorch's.
Tensor abs(const Tensor& x);    // derivative sign(x)
Tensor sign(const Tensor& x);   // derivative zero
Tensor floor(const Tensor& x);  // floor, ceil, round: derivative zero; integers as they are
Tensor ceil(const Tensor& x);
Tensor round(const Tensor& x);  // halves to even
Tensor exp(const Tensor& x);
Tensor expm1(const Tensor& x);  // e^x - 1, accurate near 0
Tensor log(const Tensor& x);
Tensor log1p(const Tensor& x);  // log(1 + x), accurate near 0
Tensor log2(const Tensor& x);
Tensor log10(const Tensor& x);
Tensor sqrt(const Tensor& x);
Tensor rsqrt(const Tensor& x);  // 1/sqrt(x)
Tensor sin(const Tensor& x);    // radians
Tensor cos(const Tensor& x);
Tensor tan(const Tensor& x);
Tensor asin(const Tensor& x);  // NaN outside of [-1, 1]
Tensor acos(const Tensor& x);
Tensor atan(const Tensor& x);
Tensor sinh(const Tensor& x);
Tensor cosh(const Tensor& x);
Tensor tanh(const Tensor& x);
Tensor asinh(const Tensor& x);
Tensor acosh(const Tensor& x);  // NaN below 1
Tensor atanh(const Tensor& x);  // NaN outside of [-1, 1]
Tensor sinc(const Tensor& x);   // sin(pi x)/(pi x), 1 at 0; every derivative is right there too
Tensor sigmoid(const Tensor& x);
Tensor relu(const Tensor& x);  // derivative 0 at 0
Tensor relu(Tensor&& x);
Tensor erf(const Tensor& x);
Tensor erfc(const Tensor& x);      // 1 - erf(x), accurate where that is small
Tensor gelu(const Tensor& x);      // x Phi(x), the exact form
Tensor silu(const Tensor& x);      // x sigmoid(x)
Tensor softplus(const Tensor& x);  // log(1 + e^x)
Tensor square(const Tensor& x);
// Derivative 1 at both ends. One end may be left out: clamp(x, 0), clamp(x, {}, 1). ShapeError
// where both are, or low is above high.
Tensor clamp(const Tensor& x, std::optional<double> low, std::optional<double> high = {});
Tensor clamp_min(const Tensor& x, double low);
Tensor clamp_max(const Tensor& x, double high);
// NaN and infinities replaced (unless given, infinities by the largest number of x's dtype and the
// lowest one); no gradient goes to them. Integers as they are.
Tensor nan_to_num(const Tensor& x, double nan = 0, std::optional<double> posinf = {},
                  std::optional<double> neginf = {});
Tensor pow(const Tensor& x, double exponent);

// Elementwise functions of two tensors.
Tensor pow(const Tensor& x, const Tensor& exponent);
Tensor minimum(const Tensor& a, const Tensor& b);  // at ties each gets half the gradient; NaN wins
Tensor maximum(const Tensor& a, const Tensor& b);
Tensor atan2(const Tensor& y, const Tensor& x);      // the angle of (x, y); derivatives 0 at (0, 0)
Tensor logaddexp(const Tensor& a, const Tensor& b);  // log(e^a + e^b)
Tensor xlogy(const Tensor& x, const Tensor& y);      // x log y, 0 where x is 0
// a less the multiple of b nearest to it from below (remainder, of b's sign) or towards 0 (fmod, of
// a's sign). i64 too; NumericError where an integer is divided by 0.
Tensor remainder(const Tensor& a, const Tensor& b);
Tensor fmod(const Tensor& a, const Tensor& b);
// 0 where y <= 0, else g: relu's derivative, linear in g
Tensor relu_grad(const Tensor& g, const Tensor& y);

// Comparisons: b8, not differentiable. where: a where cond (b8 or u8) is not 0, else b.
Tensor eq(const Tensor& a, const Tensor& b);
Tensor ne(const Tensor& a, const Tensor& b);
Tensor lt(const Tensor& a, const Tensor& b);
Tensor le(const Tensor& a, const Tensor& b);
Tensor gt(const Tensor& a, const Tensor& b);
Tensor ge(const Tensor& a, const Tensor& b);
// With a number in x's dtype; integers with a fraction, and beyond 63 bits, in f64.
Tensor eq(const Tensor& x, double s);
Tensor ne(const Tensor& x, double s);
Tensor lt(const Tensor& x, double s);
Tensor le(const Tensor& x, double s);
Tensor gt(const Tensor& x, double s);
Tensor ge(const Tensor& x, double s);
// As operators: of elements, so also == and != (whether a handle holds a tensor: defined()).
inline Tensor operator==(const Tensor& a, const Tensor& b) { return eq(a, b); }
inline Tensor operator==(const Tensor& x, double s) { return eq(x, s); }
inline Tensor operator==(double s, const Tensor& x) { return eq(x, s); }
inline Tensor operator!=(const Tensor& a, const Tensor& b) { return ne(a, b); }
inline Tensor operator!=(const Tensor& x, double s) { return ne(x, s); }
inline Tensor operator!=(double s, const Tensor& x) { return ne(x, s); }
inline Tensor operator<(const Tensor& a, const Tensor& b) { return lt(a, b); }
inline Tensor operator<(const Tensor& x, double s) { return lt(x, s); }
inline Tensor operator<(double s, const Tensor& x) { return gt(x, s); }
inline Tensor operator<=(const Tensor& a, const Tensor& b) { return le(a, b); }
inline Tensor operator<=(const Tensor& x, double s) { return le(x, s); }
inline Tensor operator<=(double s, const Tensor& x) { return ge(x, s); }
inline Tensor operator>(const Tensor& a, const Tensor& b) { return gt(a, b); }
inline Tensor operator>(const Tensor& x, double s) { return gt(x, s); }
inline Tensor operator>(double s, const Tensor& x) { return lt(x, s); }
inline Tensor operator>=(const Tensor& a, const Tensor& b) { return ge(a, b); }
inline Tensor operator>=(const Tensor& x, double s) { return ge(x, s); }
inline Tensor operator>=(double s, const Tensor& x) { return le(x, s); }
Tensor where(const Tensor& cond, const Tensor& a, const Tensor& b);
// b8 too. Of any dtypes: what is not 0 (a NaN is not) counts as true.
Tensor isnan(const Tensor& x);
Tensor isinf(const Tensor& x);
Tensor isfinite(const Tensor& x);
Tensor logical_not(const Tensor& x);
Tensor logical_and(const Tensor& a, const Tensor& b);
Tensor logical_or(const Tensor& a, const Tensor& b);
Tensor logical_xor(const Tensor& a, const Tensor& b);

// Reductions over dims (none given: all; ShapeError where one is named twice). keepdim leaves them
// with size 1. Sums of u8 and b8 are i64; what is one of the elements (amax, max, sort, topk;
// minimum, maximum, where) has their dtype.
Tensor sum(const Tensor& x, const Dims& dims = {}, bool keepdim = false);
Tensor mean(const Tensor& x, const Dims& dims = {}, bool keepdim = false);  // of no elements: NaN
// equal maxima share the gradient; ShapeError over no elements
Tensor amax(const Tensor& x, const Dims& dims = {}, bool keepdim = false);
// i64, the first of equal maxima; not differentiable
Tensor argmax(const Tensor& x, int64_t dim, bool keepdim = false);
struct Extreme {
  Tensor values, indices;
};
Extreme max(const Tensor& x, int64_t dim, bool keepdim = false);  // the gradient goes to the index
Tensor max(const Tensor& x);                                      // amax over all dims
Tensor logsumexp(const Tensor& x, const Dims& dims, bool keepdim = false);
Tensor softmax(const Tensor& x, int64_t dim);
Tensor log_softmax(const Tensor& x, int64_t dim);

// Order: indices are i64 and not differentiable; values are gathered by them. Equal values keep
// their order; NaN is the largest.
Tensor argsort(const Tensor& x, int64_t dim, bool descending = false);
Extreme sort(const Tensor& x, int64_t dim, bool descending = false);
// sorted; ShapeError where k is not in [0, size]
Extreme topk(const Tensor& x, int64_t k, int64_t dim = -1, bool largest = true);
Tensor cumsum(const Tensor& x, int64_t dim);
// derivatives are right at zeros too
Tensor cumprod(const Tensor& x, int64_t dim);

// Views: no copy where strides allow.
Tensor reshape(const Tensor& x, const Shape& sizes);  // one size may be -1
Tensor flatten(const Tensor& x, int64_t first = 0, int64_t last = -1);
Tensor transpose(const Tensor& x, int64_t a, int64_t b);
Tensor permute(const Tensor& x, const Dims& dims);
Tensor expand(const Tensor& x, const Shape& sizes);  // -1 keeps a size
Tensor unsqueeze(const Tensor& x, int64_t dim);
// unchanged where that size is not 1
Tensor squeeze(const Tensor& x, int64_t dim);
// as Python's x[start:stop:step], step > 0
Tensor slice(const Tensor& x, int64_t dim, int64_t start, int64_t stop, int64_t step = 1);
Tensor select(const Tensor& x, int64_t dim, int64_t index);
// Zeros of size `size` along dim, with x in places start, start + step, ...: what slice's gradient
// is.
Tensor unslice(const Tensor& x, int64_t dim, int64_t size, int64_t start, int64_t step = 1);
Tensor contiguous(const Tensor& x);
Tensor to(const Tensor& x, DType t);

// Joining and indexing. index: i64; negative indices count from the end.
Tensor cat(TensorList list, int64_t dim);
// a new dim
Tensor stack(TensorList list, int64_t dim);
// index [n]
Tensor index_select(const Tensor& x, int64_t dim, const Tensor& index);
// index of x's rank, no larger than x but along dim
Tensor gather(const Tensor& x, int64_t dim, const Tensor& index);
// x with source added at index; in source's order
Tensor scatter_add(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source);

// Products. matmul as PyTorch's: vectors, matrices, batches that broadcast, any layout.
Tensor matmul(const Tensor& a, const Tensor& b);
// x w + b: x [..,n,k], w [..,k,m], b broadcast to [..,n,m].
Tensor addmm(const Tensor& b, const Tensor& x, const Tensor& w);
// x W^T + b of which each row's bits are its own: the same alone, and among any other rows. x
// [..,in], weight [out,in], bias [out], [n,out] with one row for each of x, or undefined.
Tensor linear_rows(const Tensor& x, const Tensor& weight, const Tensor& bias = {});

}  // namespace regrad
