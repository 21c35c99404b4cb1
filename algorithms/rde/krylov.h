// The largest eigenvalues of a symmetric matrix and their vectors, by block Lanczos with full
// re-orthogonalization (Golub & Underwood 1977; Golub & Van Loan, section 10.3.6).
//
// V = [V_1, V_2, ..] grows by a block a step, V^T K V = T is block tridiagonal:
//   W = K V_j - V_j T_jj - V_(j-1) R_j^T,   W = V_(j+1) R_(j+1)
// and a pair (t, y) of T gives K's pair (t, V y), whose residual is |R_(j+1) y_last|. A vector's
// error is at most its residual over the gap to the next eigenvalue, and that is what stops it.
// Internal to algorithms/rde.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include <regrad/engine/random.h>

namespace regrad::rde::detail {

struct Eigenpairs {
  std::vector<double> values;   // [count], descending
  std::vector<double> vectors;  // [count, n], unit rows, whose entry of the largest magnitude is
                                // positive
  int64_t dimensions = 0;       // of the Krylov space
};

// apply(v, b, w): w = K v, both [n,b] row-major. tolerance: of a vector's error. No pairs where
// half of all dimensions are not enough for that. Where equal eigenvalues meet, any orthonormal
// vectors of their space are an answer. The same bits for any number of threads, if apply's are.
Eigenpairs largest(int64_t n, int64_t count,
                   const std::function<void(const double* v, int64_t b, double* w)>& apply,
                   double tolerance, const Random& random);

// All of them, by LAPACK; a [n,n] is destroyed. For matrices too small for the above.
Eigenpairs largest_of_all(int64_t n, int64_t count, double* a);

}  // namespace regrad::rde::detail
