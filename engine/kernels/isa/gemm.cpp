#include "isa.h"

namespace regrad::kernels::REGRAD_ISA {
namespace {

template <class T>
void multiply(const Gemm& g) {
  for (int64_t s = 0; s < g.batch; ++s) {
    const T* a = static_cast<const T*>(g.a) + s * g.a_batch;
    const T* b = static_cast<const T*>(g.b) + s * g.b_batch;
    const T* bias = g.bias ? static_cast<const T*>(g.bias) + s * g.bias_batch : nullptr;
    T* c = static_cast<T*>(g.c) + s * g.c_batch;
    for (int64_t i = 0; i < g.m; ++i) {
      T* row = c + i * g.c_row;
      for (int64_t j = 0; j < g.n; ++j) row[j] = bias ? bias[i * g.bias_row + j * g.bias_col] : T(0);
      for (int64_t p = 0; p < g.k; ++p) {
        const T v = a[i * g.a_row + p * g.a_col];
        const T* q = b + p * g.b_row;
        for (int64_t j = 0; j < g.n; ++j) row[j] += v * q[j * g.b_col];
      }
    }
  }
}

}  // namespace

void gemm_f32(const Gemm& g, void*) { multiply<float>(g); }
void gemm_f64(const Gemm& g, void*) { multiply<double>(g); }
int64_t gemm_scratch_f32(const Gemm&) { return 0; }
int64_t gemm_scratch_f64(const Gemm&) { return 0; }

}  // namespace regrad::kernels::REGRAD_ISA
