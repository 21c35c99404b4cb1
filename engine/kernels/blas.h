// OpenBLAS, always on the calling thread alone: its own threads change bits and fight an embedding
// program's.
#pragma once

#include <stdint.h>

namespace regrad::kernels {

// c [m,n] (rows contiguous, pitch ldc) = beta c + op(a) op(b); op transposes where ta, tb are set,
// lda and ldb are the pitches of what is stored.
void blas_gemm(bool ta, bool tb, int64_t m, int64_t n, int64_t k, const float* a, int64_t lda,
               const float* b, int64_t ldb, float beta, float* c, int64_t ldc);
void blas_gemm(bool ta, bool tb, int64_t m, int64_t n, int64_t k, const double* a, int64_t lda,
               const double* b, int64_t ldb, double beta, double* c, int64_t ldc);

// b [n,r] = a^-1 b for a triangular a [n,n], of which only the named triangle is read; both
// contiguous, n, r > 0. No look at the diagonal.
void blas_trsm(bool upper, int64_t n, int64_t r, const float* a, float* b);
void blas_trsm(bool upper, int64_t n, int64_t r, const double* a, double* b);

// "OpenBLAS 0.3.21, openmp": what the loader found.
const char* blas_description();
// the build that is meant: with both of Debian's installed a loader may take the one with its own
// threads
bool blas_is_openmp();

}  // namespace regrad::kernels
