#include "blas.h"

#include "one_thread.h"

#include <cblas.h>

namespace regrad::kernels {
namespace {

CBLAS_TRANSPOSE op(bool t) { return t ? CblasTrans : CblasNoTrans; }
blasint i(int64_t v) { return static_cast<blasint>(v); }

}  // namespace

void blas_gemm(bool ta, bool tb, int64_t m, int64_t n, int64_t k, const float* a, int64_t lda,
               const float* b, int64_t ldb, float beta, float* c, int64_t ldc) {
  const OneThread one;
  cblas_sgemm(CblasRowMajor, op(ta), op(tb), i(m), i(n), i(k), 1, a, i(lda), b, i(ldb), beta, c,
              i(ldc));
}
void blas_gemm(bool ta, bool tb, int64_t m, int64_t n, int64_t k, const double* a, int64_t lda,
               const double* b, int64_t ldb, double beta, double* c, int64_t ldc) {
  const OneThread one;
  cblas_dgemm(CblasRowMajor, op(ta), op(tb), i(m), i(n), i(k), 1, a, i(lda), b, i(ldb), beta, c,
              i(ldc));
}

void blas_trsm(bool upper, int64_t n, int64_t r, const float* a, float* b) {
  const OneThread one;
  cblas_strsm(CblasRowMajor, CblasLeft, upper ? CblasUpper : CblasLower, CblasNoTrans, CblasNonUnit,
              i(n), i(r), 1, a, i(n), b, i(r));
}
void blas_trsm(bool upper, int64_t n, int64_t r, const double* a, double* b) {
  const OneThread one;
  cblas_dtrsm(CblasRowMajor, CblasLeft, upper ? CblasUpper : CblasLower, CblasNoTrans, CblasNonUnit,
              i(n), i(r), 1, a, i(n), b, i(r));
}

const char* blas_description() { return openblas_get_config(); }
bool blas_is_openmp() { return openblas_get_parallel() == OPENBLAS_OPENMP; }

}  // namespace regrad::kernels
