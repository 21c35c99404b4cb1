// OpenBLAS, always on the calling thread alone: its own threads change bits and fight an embedding program's.
#pragma once

#include <stdint.h>

namespace regrad::kernels {

// c [m,n] (rows contiguous, pitch ldc) = beta c + op(a) op(b); op transposes where ta, tb say so, lda and ldb are the pitches of what is stored.
void blas_gemm(bool ta, bool tb, int64_t m, int64_t n, int64_t k, const float* a, int64_t lda, const float* b, int64_t ldb, float beta, float* c,
               int64_t ldc);
void blas_gemm(bool ta, bool tb, int64_t m, int64_t n, int64_t k, const double* a, int64_t lda, const double* b, int64_t ldb, double beta, double* c,
               int64_t ldc);
// y [m] (stride 1) = beta y + op(a) x, with a stored [rows, columns] of pitch lda; m = columns where transposed.
void blas_gemv(bool ta, int64_t rows, int64_t columns, const float* a, int64_t lda, const float* x, int64_t x_stride, float beta, float* y);
void blas_gemv(bool ta, int64_t rows, int64_t columns, const double* a, int64_t lda, const double* x, int64_t x_stride, double beta, double* y);

// b [n,r] = a^-1 b for a triangular a [n,n], of which only the named triangle is read; both contiguous, n, r > 0. No look at the diagonal.
void blas_trsm(bool upper, int64_t n, int64_t r, const float* a, float* b);
void blas_trsm(bool upper, int64_t n, int64_t r, const double* a, double* b);

// "OpenBLAS 0.3.21, openmp": what the loader found.
const char* blas_description();
bool blas_is_openmp();  // the build that is meant: with both of Debian's installed a loader may take the one with its own threads

}  // namespace regrad::kernels
