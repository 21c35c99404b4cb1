// Registers of this instruction set, and panels of B whose columns are not contiguous, laid out as rows of registers.
//
//   Reg<float, 64>::V x = Reg<float, 64>::load(p);         // 16 floats
//   pack(b, b_row, b_col, k, columns, panel, width);       // panel[kk * width + j] = b[kk * b_row + j * b_col]
#pragma once

#include <stdint.h>

#if defined(__AVX512F__) || defined(__AVX2__)
#include <immintrin.h>
#endif

#if defined(__AVX512VL__) && defined(__AVX512DQ__)
#define REGRAD_GEMM_AVX512 1
#elif defined(__AVX2__) && defined(__FMA__)
#define REGRAD_GEMM_AVX2 1
#endif

namespace regrad::kernels::REGRAD_ISA {
namespace {

template <class T, int bytes>
struct Reg;  // V: one register of that many bytes; multiply_add rounds once where the machine has FMA, else twice

// A Tail says which of a register's first lanes are in memory. load_tail gives zeros in the others, store_tail leaves them alone.
#define REGRAD_REG(T, bytes, FMA, TAIL, TAIL_OF, LOAD_TAIL, STORE_TAIL)                 \
  template <>                                                                           \
  struct Reg<T, bytes> {                                                                \
    static constexpr int lanes = bytes / int(sizeof(T));                                \
    typedef T V __attribute__((vector_size(bytes)));                                    \
    typedef T Loose __attribute__((vector_size(bytes), aligned(sizeof(T)), may_alias)); \
    using Tail = TAIL;                                                                  \
    static V load(const T* p) { return *reinterpret_cast<const Loose*>(p); }            \
    static void store(T* p, V v) { *reinterpret_cast<Loose*>(p) = v; }                  \
    static V repeat(T x) { return x - V{}; }                                            \
    static V multiply_add(V a, V b, V c) { return FMA; }                                \
    static Tail tail(int64_t count) { return TAIL_OF; }                                 \
    static V load_tail(const T* p, [[maybe_unused]] Tail t) { return LOAD_TAIL; }       \
    static void store_tail(T* p, V v, Tail t) { STORE_TAIL; }                           \
  };

#if REGRAD_GEMM_AVX512
constexpr int register_bytes = 64, half_bytes = 32, pack_bytes = 32;
constexpr bool has_load_tail = true;
#define REGRAD_REG_512(T, bytes, M, bits, S)                                                                               \
  REGRAD_REG(T, bytes, M##_fmadd_##S(a, b, c), __mmask##bits, __mmask##bits((1u << count) - 1), M##_maskz_loadu_##S(t, p), \
             M##_mask_storeu_##S(p, t, v))
REGRAD_REG_512(float, 64, _mm512, 16, ps)
REGRAD_REG_512(float, 32, _mm256, 8, ps)
REGRAD_REG_512(double, 64, _mm512, 8, pd)
REGRAD_REG_512(double, 32, _mm256, 8, pd)
#undef REGRAD_REG_512
#else
// Without store masks (AVX2's are slow on many CPUs) a tail is stored lane by lane.
template <class T, class V>
void store_lanes(T* p, V v, int64_t count) {
  for (int64_t i = 0; i < count; ++i) p[i] = v[i];
}
#if REGRAD_GEMM_AVX2
constexpr int register_bytes = 32, half_bytes = 32, pack_bytes = 32;
constexpr bool has_load_tail = true;
struct TailMask {
  __m256i mask;
  int64_t count;
};
alignas(32) constexpr int32_t lane_mask[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
template <class T>
TailMask tail_mask(int64_t count) {
  const int32_t* first = lane_mask + 8 - count * int64_t(sizeof(T) / 4);
  return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(first)), count};
}
REGRAD_REG(float, 32, _mm256_fmadd_ps(a, b, c), TailMask, tail_mask<float>(count), _mm256_maskload_ps(p, t.mask), store_lanes(p, v, t.count))
REGRAD_REG(double, 32, _mm256_fmadd_pd(a, b, c), TailMask, tail_mask<double>(count), _mm256_maskload_pd(p, t.mask), store_lanes(p, v, t.count))
#else
constexpr int register_bytes = 16, half_bytes = 16, pack_bytes = 16;
constexpr bool has_load_tail = false;  // load_tail reads a whole register: only from a packed panel
REGRAD_REG(float, 16, a* b + c, int64_t, count, load(p), store_lanes(p, v, t))
REGRAD_REG(double, 16, a* b + c, int64_t, count, load(p), store_lanes(p, v, t))
#endif
#endif
#undef REGRAD_REG

template <class T>
constexpr int quad = 16 / int(sizeof(T));  // elements in 16 bytes
template <class T>
constexpr int group = pack_bytes / int(sizeof(T));  // columns that are packed at a time

// The quads at p and q (and no more than p where a packing register holds one) side by side.
#if REGRAD_GEMM_AVX512 || REGRAD_GEMM_AVX2
inline Reg<float, 32>::V join(const float* p, const float* q) {
  return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(p)), _mm_loadu_ps(q), 1);
}
inline Reg<double, 32>::V join(const double* p, const double* q) {
  return _mm256_insertf128_pd(_mm256_castpd128_pd256(_mm_loadu_pd(p)), _mm_loadu_pd(q), 1);
}
#define REGRAD_LANES(low, high) __builtin_shufflevector(x, y, REGRAD_EXPAND low, REGRAD_EXPAND high)
#else
template <class T>
typename Reg<T, 16>::V join(const T* p, const T*) {
  return Reg<T, 16>::load(p);
}
#endif

}  // namespace
}  // namespace regrad::kernels::REGRAD_ISA
