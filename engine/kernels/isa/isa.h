// What every file of this folder shares. Each .cpp here is compiled once per instruction set, with
// REGRAD_ISA = baseline, avx2 or avx512, into a namespace of that name. No header with inline std
// code may come in: the linker keeps one copy of an inline function, and might keep AVX-512's.
//
//   namespace regrad::kernels::REGRAD_ISA { void fill_unary(Table& t) { ... } }
#pragma once

#include <stdint.h>

#include "../kernels.h"

#define REGRAD_INLINE static inline __attribute__((always_inline))

// The iterations of the next loop are independent although output and input may be the same memory.
#if defined(__clang__)
#define REGRAD_LOOP _Pragma("clang loop vectorize(assume_safety)")
#else
#define REGRAD_LOOP _Pragma("GCC ivdep")
#endif

// The next loop over registers is unrolled: left rolled, the compiler would keep them in memory.
#if defined(__clang__)
#define REGRAD_UNROLL _Pragma("unroll")
#else
#define REGRAD_UNROLL _Pragma("GCC unroll 32")
#endif

namespace regrad::kernels::REGRAD_ISA {

// Each writes its part of the table.
void fill_unary(Table& t);
void fill_binary(Table& t);
void fill_reduce(Table& t);
void fill_softmax(Table& t);
void fill_norm(Table& t);
void fill_pool(Table& t);
void fill_batch_norm(Table& t);
void fill_sparse(Table& t);
void fill_taps(Table& t);
void fill_freq_norm(Table& t);
void fill_res_norm(Table& t);
void fill_depthwise(Table& t);
void fill_int8(Table& t);
void fill_int8_whole(Table& t);
void fill_gemv(Table& t);

// gemm.cpp
void gemm_f32(const Gemm& g, void* scratch);
void gemm_f64(const Gemm& g, void* scratch);
int64_t gemm_scratch_f32(const Gemm& g);
int64_t gemm_scratch_f64(const Gemm& g);

}  // namespace regrad::kernels::REGRAD_ISA
