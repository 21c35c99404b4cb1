// One instruction set's table.
#include "isa.h"

#define REGRAD_STRING(x) REGRAD_STRING_(x)
#define REGRAD_STRING_(x) #x

namespace regrad::kernels::REGRAD_ISA {

void fill(Table& t) {
  t.name = REGRAD_STRING(REGRAD_ISA);
  fill_unary(t);
  fill_binary(t);
  fill_reduce(t);
  fill_softmax(t);
  fill_norm(t);
  fill_pool(t);
  fill_batch_norm(t);
  fill_sparse(t);
  fill_taps(t);
  fill_freq_norm(t);
  fill_res_norm(t);
  fill_depthwise(t);
  fill_int8(t);
  fill_gemv(t);
  t.gemm[0] = gemm_f32;
  t.gemm[1] = gemm_f64;
  t.gemm_scratch[0] = gemm_scratch_f32;
  t.gemm_scratch[1] = gemm_scratch_f64;
}

}  // namespace regrad::kernels::REGRAD_ISA
