// LAPACK as OpenBLAS carries it, always on the calling thread alone. T is float or double; sizes
// are at least 1 and at most lapack_max.
// Each function returns LAPACK's info: 0 where all went well, else k > 0, whose meaning stands
// beside it.
#pragma once

#include <stdint.h>

namespace regrad::kernels {

inline constexpr int64_t lapack_max = 23000;  // the workspace of svd then still has a 32-bit length

// Symmetric a [n,n] -> w [n], ascending; with vectors, row j of a becomes the unit eigenvector of
// w[j] (without, a is destroyed).
// k: not converged. Scratch in bytes.
template <class T>
int64_t eigh_scratch(bool vectors, int64_t n);
template <class T>
int64_t eigh(bool vectors, int64_t n, T* a, T* w, void* scratch);

// a [m,n], row-major and destroyed -> s [k], descending, k = min(m,n); where u is given, u [m,k]
// row-major and v [k,n] with the right vectors as rows. k: not converged.
template <class T>
int64_t svd_scratch(int64_t m, int64_t n);
template <class T>
int64_t svd(int64_t m, int64_t n, T* a, T* s, T* u, T* v, void* scratch);

// a [m,n], row-major and destroyed -> q [m,k] with orthonormal columns, r [k,n] with zeros below
// its diagonal, k = min(m,n), by Householder's reflections.
template <class T>
int64_t qr_scratch(int64_t m, int64_t n);
template <class T>
int64_t qr(int64_t m, int64_t n, T* a, T* q, T* r, void* scratch);

// Symmetric a [n,n] -> its Cholesky factor in the row-major lower triangle; the upper one keeps
// what it held. k: pivot k - 1 is not positive.
template <class T>
int64_t cholesky(int64_t n, T* a);

// Column-major a [n,n] -> L and U with partial pivoting in its place, pivots [n] from 1. k: pivot k
// - 1 is exactly 0.
template <class T>
int64_t lu(int64_t n, T* a, int32_t* pivots);
// Column-major b [n,r] = a^-1 b, or a^-T b, with what lu left of a.
template <class T>
void lu_solve(bool transposed, int64_t n, int64_t r, const T* a, const int32_t* pivots, T* b);

}  // namespace regrad::kernels
