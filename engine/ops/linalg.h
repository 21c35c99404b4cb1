// What the linear algebra rows share: shape rules, the walk over a batch, errors that name the
// matrix, the sign of a vector, and over_gaps.
// Internal to the engine.
#pragma once

#include <regrad/engine/kernels/lapack.h>
#include <regrad/engine/ops/op.h>
#include <regrad/engine/parallel.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

namespace regrad::linalg {

// Shape rules. matrices: a floating x [.., m,n] that LAPACK can address; square: m = n. Both name
// op.
void need_matrices(const Tensor& x, const char* op);
void need_square(const Tensor& x, const char* op);
// a [.., n,n] and b [.., n,r] of one dtype: the shape of a^-1 b, with the batches broadcast.
Shape solution_shape(const Tensor& a, const Tensor& b, const char* op);

Shape batch_of(const Shape& s);                               // all but the last two dims
Shape with_matrix(const Shape& batch, int64_t m, int64_t n);  // [batch.., m,n]
// Where matrix i of the broadcast batch lies in the batch of an operand.
int64_t broadcast_batch(int64_t i, const Shape& out, const Shape& in);

// " of matrix [1,0]", or nothing for a single one.
std::string of_matrix(const Shape& batch, int64_t i);
// NumericError where a contiguous x [.., m,n] holds NaN or infinity in the part named.
enum class Part { all, lower, upper };
void need_finite(const Tensor& x, const char* op, const char* argument, Part part = Part::all);
// NumericError after a decomposition that did not converge.
[[noreturn]] void not_converged(const char* op, const Shape& batch, int64_t i);

template <class F>
void by_dtype(DType t, F&& f) {
  t == DType::f32 ? f(float{}) : f(double{});
}

// f(first, count) over blocks of `count` matrices, each of about n^3 work.
template <class F>
void by_matrices(int64_t matrices, int64_t n, F&& f) {
  constexpr int64_t work = int64_t{1} << 15;
  const int64_t a_block = std::max<int64_t>(1, work / std::max<int64_t>(1, n * n * n));
  parallel_for((matrices + a_block - 1) / a_block,
               [&](int64_t b) { f(b * a_block, std::min(a_block, matrices - b * a_block)); });
}

using detail::Scratch;

// 1 or -1, which makes the entry of the largest magnitude of v[0], v[step], .. positive: the first
// that comes within 1e-4 of it, so that rounding does not choose between equal ones.
template <class T>
T sign_of(const T* v, int64_t n, int64_t step) {
  T largest = 0;
  for (int64_t i = 0; i < n; ++i) largest = std::max(largest, std::abs(v[i * step]));
  for (int64_t i = 0; i < n; ++i)
    if (std::abs(v[i * step]) >= largest * T(1 - 1e-4)) return v[i * step] < 0 ? T(-1) : T(1);
  return 1;
}

// Values closer than this, relative to the largest magnitude, count as equal.
inline double equal_within(int64_t n, DType t) {
  return 8 * static_cast<double>(n) *
         (t == DType::f32 ? double{std::numeric_limits<float>::epsilon()}
                          : std::numeric_limits<double>::epsilon());
}
// Before a derivative of vectors: NumericError where two neighbours of the sorted values [.., k]
// (with_zero: or one of them and 0) are equal and g [.., p,k] has anything in their columns. side:
// the larger one of the matrix.
void need_distinct(const Tensor& values, const Tensor& g, int64_t side, bool with_zero,
                   const char* op, const char* what);

// x [.., k] as diagonal matrices [.., k,k].
Tensor diagonal_matrices(const Tensor& x);
// [n,n]: below where the row is larger than the column, on where equal, above where smaller.
Tensor triangle(int64_t n, double below, double on, double above, DType t);

// m [.., p,q] over the gaps of a [.., p] and b [.., q]: m_ij / (b_j - a_i), and 0 where m_ij is 0
// or, with Gaps::off_diagonal, where i = j. NumericError where another m_ij meets values that are
// equal (equal_within the larger of p and q). op: what the message names. Closed under
// differentiation:
//   d/dm = over_gaps(g); d/da_i = sum_j W_ij and d/db_j = -sum_i W_ij with W = over_gaps(g y)
enum class Gaps : int64_t { all, off_diagonal };
Tensor over_gaps(const Tensor& m, const Tensor& a, const Tensor& b, Gaps gaps, const char* op);

// Samples: shapes of square matrices, in the domain `spread` (op.h).
void square_samples(Samples& s);
inline constexpr Domain spread{.low = -0.5, .high = 0.5, .kind = Domain::spread};

}  // namespace regrad::linalg
