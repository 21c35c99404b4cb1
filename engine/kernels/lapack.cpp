// The declarations are LAPACKE's (lapack.h); the code is OpenBLAS's own. liblapacke itself is not
// linked: it would draw in whichever BLAS the system's alternatives name, beside the one that
// regrad links.
#include "lapack.h"

#include "one_thread.h"

#include <lapack.h>

#include <algorithm>
#include <type_traits>

namespace regrad::kernels {
namespace {

static_assert(sizeof(lapack_int) == sizeof(int32_t));

lapack_int i(int64_t v) { return static_cast<lapack_int>(v); }

// Lengths of scratch in elements, from LAPACK's manual, with room for blocks of 64 columns.
constexpr int64_t block = 64;
int64_t eigh_reals(bool vectors, int64_t n) {
  return vectors ? 1 + (6 + block) * n + 2 * n * n : 1 + (2 + block) * n;
}
int64_t eigh_ints(int64_t n) { return 3 + 5 * n; }
int64_t svd_reals(int64_t m, int64_t n) {
  const int64_t k = std::min(m, n);
  return std::max(4 * k * k + 7 * k, 3 * k + std::max({m, n, 7 * k})) + block * (m + n);
}

}  // namespace

template <class T>
int64_t eigh_scratch(bool vectors, int64_t n) {
  return eigh_reals(vectors, n) * int64_t{sizeof(T)} + eigh_ints(n) * int64_t{sizeof(lapack_int)};
}
template <class T>
int64_t eigh(bool vectors, int64_t n, T* a, T* w, void* scratch) {
  const OneThread one;
  const char job = vectors ? 'V' : 'N', triangle = 'L';
  const lapack_int size = i(n), reals = i(eigh_reals(vectors, n)), ints = i(eigh_ints(n));
  T* work = static_cast<T*>(scratch);
  auto* iwork = reinterpret_cast<lapack_int*>(work + reals);
  lapack_int info = 0;
  if constexpr (std::is_same_v<T, float>) {
    LAPACK_ssyevd(&job, &triangle, &size, a, &size, w, work, &reals, iwork, &ints, &info);
  } else {
    LAPACK_dsyevd(&job, &triangle, &size, a, &size, w, work, &reals, iwork, &ints, &info);
  }
  return info;
}

template <class T>
int64_t svd_scratch(int64_t m, int64_t n) {
  return svd_reals(m, n) * int64_t{sizeof(T)} + 8 * std::min(m, n) * int64_t{sizeof(lapack_int)};
}
// Row-major a is column-major a^T = v s u^T: LAPACK's left vectors are v, its right ones, stored
// column-major, are u row-major.
template <class T>
int64_t svd(int64_t m, int64_t n, T* a, T* s, T* u, T* v, void* scratch) {
  const OneThread one;
  const char job = u ? 'S' : 'N';
  const lapack_int rows = i(n), columns = i(m), k = std::min(rows, columns),
                   reals = i(svd_reals(m, n));
  T* work = static_cast<T*>(scratch);
  auto* iwork = reinterpret_cast<lapack_int*>(work + reals);
  lapack_int info = 0;
  if constexpr (std::is_same_v<T, float>) {
    LAPACK_sgesdd(&job, &rows, &columns, a, &rows, s, v, &rows, u, &k, work, &reals, iwork, &info);
  } else {
    LAPACK_dgesdd(&job, &rows, &columns, a, &rows, s, v, &rows, u, &k, work, &reals, iwork, &info);
  }
  return info;
}

template <class T>
int64_t qr_scratch(int64_t m, int64_t n) {
  return (std::min(m, n) + block * n) * int64_t{sizeof(T)};
}
// Row-major a is column-major a^T = l p, l lower triangular and p with orthonormal rows: a = p^T
// l^T, with the signs of LAPACK's own qr.
template <class T>
int64_t qr(int64_t m, int64_t n, T* a, T* q, T* r, void* scratch) {
  const OneThread one;
  const lapack_int rows = i(n), columns = i(m), k = std::min(rows, columns), reals = i(block * n);
  T* tau = static_cast<T*>(scratch);
  T* work = tau + k;
  lapack_int info = 0;
  if constexpr (std::is_same_v<T, float>) {
    LAPACK_sgelqf(&rows, &columns, a, &rows, tau, work, &reals, &info);
  } else {
    LAPACK_dgelqf(&rows, &columns, a, &rows, tau, work, &reals, &info);
  }
  for (int64_t c = 0; c < k; ++c)
    for (int64_t j = 0; j < n; ++j) r[c * n + j] = j < c ? 0 : a[c * n + j];
  if constexpr (std::is_same_v<T, float>) {
    LAPACK_sorglq(&k, &columns, &k, a, &rows, tau, work, &reals, &info);
  } else {
    LAPACK_dorglq(&k, &columns, &k, a, &rows, tau, work, &reals, &info);
  }
  for (int64_t c = 0; c < m; ++c) std::copy_n(a + c * n, k, q + c * k);
  return info;
}

// The row-major lower triangle is the column-major upper one: a = U^T U with U = L^T.
template <class T>
int64_t cholesky(int64_t n, T* a) {
  const OneThread one;
  const char triangle = 'U';
  const lapack_int size = i(n);
  lapack_int info = 0;
  if constexpr (std::is_same_v<T, float>) {
    LAPACK_spotrf(&triangle, &size, a, &size, &info);
  } else {
    LAPACK_dpotrf(&triangle, &size, a, &size, &info);
  }
  return info;
}

template <class T>
int64_t lu(int64_t n, T* a, int32_t* pivots) {
  const OneThread one;
  const lapack_int size = i(n);
  lapack_int info = 0;
  if constexpr (std::is_same_v<T, float>) {
    LAPACK_sgetrf(&size, &size, a, &size, pivots, &info);
  } else {
    LAPACK_dgetrf(&size, &size, a, &size, pivots, &info);
  }
  return info;
}
template <class T>
void lu_solve(bool transposed, int64_t n, int64_t r, const T* a, const int32_t* pivots, T* b) {
  const OneThread one;
  const char trans = transposed ? 'T' : 'N';
  const lapack_int size = i(n), columns = i(r);
  lapack_int info = 0;
  if constexpr (std::is_same_v<T, float>) {
    LAPACK_sgetrs(&trans, &size, &columns, a, &size, pivots, b, &size, &info);
  } else {
    LAPACK_dgetrs(&trans, &size, &columns, a, &size, pivots, b, &size, &info);
  }
}

template int64_t eigh_scratch<float>(bool, int64_t);
template int64_t eigh_scratch<double>(bool, int64_t);
template int64_t eigh(bool, int64_t, float*, float*, void*);
template int64_t eigh(bool, int64_t, double*, double*, void*);
template int64_t svd_scratch<float>(int64_t, int64_t);
template int64_t svd_scratch<double>(int64_t, int64_t);
template int64_t svd(int64_t, int64_t, float*, float*, float*, float*, void*);
template int64_t svd(int64_t, int64_t, double*, double*, double*, double*, void*);
template int64_t qr_scratch<float>(int64_t, int64_t);
template int64_t qr_scratch<double>(int64_t, int64_t);
template int64_t qr(int64_t, int64_t, float*, float*, float*, void*);
template int64_t qr(int64_t, int64_t, double*, double*, double*, void*);
template int64_t cholesky(int64_t, float*);
template int64_t cholesky(int64_t, double*);
template int64_t lu(int64_t, float*, int32_t*);
template int64_t lu(int64_t, double*, int32_t*);
template void lu_solve(bool, int64_t, int64_t, const float*, const int32_t*, float*);
template void lu_solve(bool, int64_t, int64_t, const double*, const int32_t*, double*);

}  // namespace regrad::kernels
