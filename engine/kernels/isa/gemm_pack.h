// Registers of this instruction set, and panels of B whose columns are not contiguous, laid out as
// rows of registers.
//
//   Reg<float, 64>::V x = Reg<float, 64>::load(p);         // 16 floats
//   pack(b, b_row, b_col, k, columns, panel, width);
//       // panel[kk * width + j] = b[kk * b_row + j * b_col]
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
// V: one register of that many bytes; multiply_add rounds once where the machine has FMA, else
// twice
struct Reg;

// A Tail counts which of a register's first lanes are in memory. load_tail gives zeros in the
// others, store_tail leaves them alone.
// load_lanes is load_tail that never reads beyond the lanes.
#define REGRAD_REG(T, bytes, FMA, TAIL, TAIL_OF, LOAD_TAIL, LOAD_LANES, STORE_TAIL)     \
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
    static V load_lanes(const T* p, Tail t) { return LOAD_LANES; }                      \
    static void store_tail(T* p, V v, Tail t) { STORE_TAIL; }                           \
  };

#if REGRAD_GEMM_AVX512
constexpr int register_bytes = 64, half_bytes = 32, pack_bytes = 32;
constexpr bool has_load_tail = true;
#define REGRAD_REG_512(T, bytes, M, bits, S)                                                    \
  REGRAD_REG(T, bytes, M##_fmadd_##S(a, b, c), __mmask##bits, __mmask##bits((1u << count) - 1), \
             M##_maskz_loadu_##S(t, p), M##_maskz_loadu_##S(t, p), M##_mask_storeu_##S(p, t, v))
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
template <class V, class T>
V load_lanes_of(const T* p, int64_t count) {
  V v{};
  for (int64_t i = 0; i < count; ++i) v[i] = p[i];
  return v;
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
REGRAD_REG(float, 32, _mm256_fmadd_ps(a, b, c), TailMask, tail_mask<float>(count),
           _mm256_maskload_ps(p, t.mask), load_lanes_of<V>(p, t.count), store_lanes(p, v, t.count))
REGRAD_REG(double, 32, _mm256_fmadd_pd(a, b, c), TailMask, tail_mask<double>(count),
           _mm256_maskload_pd(p, t.mask), load_lanes_of<V>(p, t.count), store_lanes(p, v, t.count))
#else
constexpr int register_bytes = 16, half_bytes = 16, pack_bytes = 16;
constexpr bool has_load_tail = false;  // load_tail reads a whole register: only from a packed panel
REGRAD_REG(float, 16, a* b + c, int64_t, count, load(p), load_lanes_of<V>(p, t),
           store_lanes(p, v, t))
REGRAD_REG(double, 16, a* b + c, int64_t, count, load(p), load_lanes_of<V>(p, t),
           store_lanes(p, v, t))
#endif
#endif
#undef REGRAD_REG

template <class T>
constexpr int quad = 16 / int(sizeof(T));  // elements in 16 bytes
template <class T>
constexpr int group = pack_bytes / int(sizeof(T));  // columns that are packed at a time

// The quads at p and q side by side, where a packing register holds two; else the one at p.
#if REGRAD_GEMM_AVX512 || REGRAD_GEMM_AVX2
inline Reg<float, 32>::V join(const float* p, const float* q) {
  return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(p)), _mm_loadu_ps(q), 1);
}
inline Reg<double, 32>::V join(const double* p, const double* q) {
  return _mm256_insertf128_pd(_mm256_castpd128_pd256(_mm_loadu_pd(p)), _mm_loadu_pd(q), 1);
}
#else
template <class T>
typename Reg<T, 16>::V join(const T* p, const T*) {
  return Reg<T, 16>::load(p);
}
#endif

// A group of columns, each contiguous along k, `column` apart: quad<T> rows of the panel.
inline void transpose_quad(const float* b, int64_t column, float* panel, int64_t width) {
  using R = Reg<float, pack_bytes>;
  const R::V x0 = join(b, b + 4 * column), x1 = join(b + column, b + 5 * column);
  const R::V x2 = join(b + 2 * column, b + 6 * column), x3 = join(b + 3 * column, b + 7 * column);
#if REGRAD_GEMM_AVX512 || REGRAD_GEMM_AVX2
  const R::V low01 = _mm256_unpacklo_ps(x0, x1), high01 = _mm256_unpackhi_ps(x0, x1);
  const R::V low23 = _mm256_unpacklo_ps(x2, x3), high23 = _mm256_unpackhi_ps(x2, x3);
  R::store(panel, _mm256_shuffle_ps(low01, low23, 0x44));
  R::store(panel + width, _mm256_shuffle_ps(low01, low23, 0xEE));
  R::store(panel + 2 * width, _mm256_shuffle_ps(high01, high23, 0x44));
  R::store(panel + 3 * width, _mm256_shuffle_ps(high01, high23, 0xEE));
#else
  const R::V low01 = __builtin_shufflevector(x0, x1, 0, 4, 1, 5),
             high01 = __builtin_shufflevector(x0, x1, 2, 6, 3, 7);
  const R::V low23 = __builtin_shufflevector(x2, x3, 0, 4, 1, 5),
             high23 = __builtin_shufflevector(x2, x3, 2, 6, 3, 7);
  R::store(panel, __builtin_shufflevector(low01, low23, 0, 1, 4, 5));
  R::store(panel + width, __builtin_shufflevector(low01, low23, 2, 3, 6, 7));
  R::store(panel + 2 * width, __builtin_shufflevector(high01, high23, 0, 1, 4, 5));
  R::store(panel + 3 * width, __builtin_shufflevector(high01, high23, 2, 3, 6, 7));
#endif
}
inline void transpose_quad(const double* b, int64_t column, double* panel, int64_t width) {
  using R = Reg<double, pack_bytes>;
  const R::V x0 = join(b, b + 2 * column), x1 = join(b + column, b + 3 * column);
#if REGRAD_GEMM_AVX512 || REGRAD_GEMM_AVX2
  R::store(panel, _mm256_unpacklo_pd(x0, x1));
  R::store(panel + width, _mm256_unpackhi_pd(x0, x1));
#else
  R::store(panel, __builtin_shufflevector(x0, x1, 0, 2));
  R::store(panel + width, __builtin_shufflevector(x0, x1, 1, 3));
#endif
}

// panel[kk * width + j] = b[kk * row + j * column], j < columns; where tails are read as whole
// registers, zeros up to the end of the last one.
template <class T>
void pack(const T* b, int64_t row, int64_t column, int64_t k, int64_t columns, T* panel,
          int64_t width) {
  constexpr int64_t lanes = register_bytes / int64_t(sizeof(T));
  const int64_t filled = has_load_tail ? columns : (columns + lanes - 1) / lanes * lanes;
  int64_t j = 0;
  if (row == 1) {
    for (; j + group<T> <= columns; j += group<T>) {
      int64_t p = 0;
      for (; p + quad<T> <= k; p += quad<T>)
        transpose_quad(b + j * column + p, column, panel + p * width + j, width);
      for (; p < k; ++p)
        for (int64_t i = j; i < j + group<T>; ++i) panel[p * width + i] = b[i * column + p];
    }
  }
  if (j == filled) return;
  for (int64_t p = 0; p < k; ++p) {
    for (int64_t i = j; i < columns; ++i) panel[p * width + i] = b[p * row + i * column];
    for (int64_t i = columns; i < filled; ++i) panel[p * width + i] = T(0);
  }
}

}  // namespace
}  // namespace regrad::kernels::REGRAD_ISA
