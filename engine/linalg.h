// Linear algebra, differentiable to any order: decompositions and solutions of batches of matrices,
// by LAPACK.
//
//   auto [values, vectors] = eigh(cov);
//       // cov [.., n,n]: values [.., n] ascending, vectors [.., n,n] as columns
//   Tensor x = solve(a, b);                                   // a x = b
//   Tensor nll = slogdet(k).logabsdet + sum(y * solve(k, y));
//
// Matrices are the last two dims, all before them are batches. f32 and f64 (DTypeError otherwise);
// f32 is computed in f32. Sizes 0 and 1 are fine. ShapeError: not matrices, not square where a
// square one is needed, batches that do not fit, more than 23000 rows or columns.
// NumericError: an element that is NaN or infinite; a decomposition that does not exist (see
// below) or did not converge. The messages name the matrix of the batch and the place in it.
//
// Derivatives: values p and q that differ by at most 8 n eps times the largest magnitude (eps: the
// dtype's; n: the larger side of the matrix) count as equal, and the vectors that belong to equal
// values have no derivative: asking for one throws NumericError, which names the two. A vector
// whose gradient is all zeros is not asked for. So values alone have derivatives everywhere (equal
// ones each get the direction of their own vector, as in PyTorch), and so have vectors of single
// values beside equal ones, at first order; the next orders ask how all vectors move.
#pragma once

#include <optional>

#include <regrad/engine/tensor.h>

namespace regrad {

// Of the symmetric part (a + a^T) / 2, so that the gradient is symmetric. Each vector's entry of
// the largest magnitude is positive; of several that come within 1e-4 of it, the first is.
struct Eigh {
  Tensor values;   // [.., n], ascending
  Tensor vectors;  // [.., n,n], orthonormal columns: a vectors = vectors diag(values)
};
Eigh eigh(const Tensor& a);
Tensor eigvalsh(const Tensor& a);  // the values alone: faster

// a = u diag(s) vh for a [.., m,n], with k = min(m,n): the thin form (PyTorch's
// full_matrices=False). Signs as eigh's, by the columns of u; vh follows. Vectors have no
// derivative where a singular value is 0, or two are equal.
struct Svd {
  Tensor u;   // [.., m,k]
  Tensor s;   // [.., k], descending
  Tensor vh;  // [.., k,n]
};
Svd svd(const Tensor& a);
Tensor svdvals(const Tensor& a);  // the values alone: faster

// a = q r for a [.., m,n], with k = min(m,n) (PyTorch's mode="reduced"), by Householder's
// reflections; the signs of r's diagonal are LAPACK's. NumericError where a's gradient is recorded
// and its first k columns are not linearly independent: q and r have no derivative there.
struct Qr {
  Tensor q;  // [.., m,k], orthonormal columns
  Tensor r;  // [.., k,n], zeros below the diagonal
};
Qr qr(const Tensor& a);

// Moore and Penrose's inverse of a = u diag(s) vh [.., m,n]: vh^T diag(1 / s) u^T [.., n,m], with 0
// for 1 / s of values up to rtol times the largest one. rtol: by default max(m,n) eps, eps the
// dtype's (ConfigError below 0). Derivatives are those among matrices of a's rank; singular values
// may be equal.
Tensor pinv(const Tensor& a, std::optional<double> rtol = {});

// The x of the least |a x - b|, and of these the one of the least |x|: pinv(a, rcond) b. a [..,
// m,n]; b [.., m,r], or one vector [.., m] per matrix; equal batches (ShapeError). Any rank.
struct LeastSquares {
  Tensor solution;   // [.., n,r], or [.., n]
  Tensor residuals;  // [.., r], or [..]: sums of squares of a x - b (PyTorch: only where m > n)
  Tensor rank;       // [..], i64: how many singular values are above rcond s_0
  Tensor singular_values;  // [.., k], descending; without a graph
};
LeastSquares lstsq(const Tensor& a, const Tensor& b, std::optional<double> rcond = {});

// The lower triangular l with a positive diagonal and l l^T = (a + a^T) / 2. NumericError where
// that is not positive definite: the first pivot that is not positive.
Tensor cholesky(const Tensor& a);
// x with (l l^T) x = b (upper: (l^T l) x = b), from the factor l. b [.., n,r].
Tensor cholesky_solve(const Tensor& b, const Tensor& l, bool upper = false);

// x with a x = b. a [.., n,n]; b [.., n,r], whose batches broadcast with a's, or one vector [n], or
// as many vectors as matrices: [.., n] with a's batches (as in PyTorch, that reading comes first).
// NumericError where elimination with partial pivoting meets a pivot of exactly 0.
Tensor solve(const Tensor& a, const Tensor& b);
// The same for a triangular a: only the named triangle is read, and has a gradient. b [.., n,r].
// NumericError where the diagonal holds a 0.
Tensor solve_triangular(const Tensor& a, const Tensor& b, bool upper);
Tensor inverse(const Tensor& a);  // solve(a, I)

// det a = sign exp(logabsdet). Of a singular matrix: 0, sign 0 and -infinity; derivatives there
// throw NumericError. The sign's derivative is zero.
struct SlogDet {
  Tensor sign, logabsdet;  // [..]
};
SlogDet slogdet(const Tensor& a);
Tensor det(const Tensor& a);

}  // namespace regrad
