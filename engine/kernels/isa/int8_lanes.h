// What 8-bit convolutions are made of: products of whole numbers in pairs or fours, added to 32
// bits.
#pragma once

#include "reduce.h"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace regrad::kernels::REGRAD_ISA {

constexpr int kSums = kVectorBytes / 4;  // in a register
using Sums = Lanes<int32_t, kSums>::V;
using Halves = Lanes<int16_t, 2 * kSums>::V;

// sums[i] = a[2i] b[2i] + a[2i+1] b[2i+1]; interleave: a and b element by element, within each 16
// bytes, their first halves or their last.
#if defined(__AVX512BW__)
REGRAD_INLINE Sums multiply_pairs(Halves a, Halves b) {
  return Sums(_mm512_madd_epi16(__m512i(a), __m512i(b)));
}
REGRAD_INLINE Halves interleave_low(Halves a, Halves b) {
  return Halves(_mm512_unpacklo_epi16(__m512i(a), __m512i(b)));
}
REGRAD_INLINE Halves interleave_high(Halves a, Halves b) {
  return Halves(_mm512_unpackhi_epi16(__m512i(a), __m512i(b)));
}
#elif defined(__AVX2__)
REGRAD_INLINE Sums multiply_pairs(Halves a, Halves b) {
  return Sums(_mm256_madd_epi16(__m256i(a), __m256i(b)));
}
REGRAD_INLINE Halves interleave_low(Halves a, Halves b) {
  return Halves(_mm256_unpacklo_epi16(__m256i(a), __m256i(b)));
}
REGRAD_INLINE Halves interleave_high(Halves a, Halves b) {
  return Halves(_mm256_unpackhi_epi16(__m256i(a), __m256i(b)));
}
#elif defined(__SSE2__)
REGRAD_INLINE Sums multiply_pairs(Halves a, Halves b) {
  return Sums(_mm_madd_epi16(__m128i(a), __m128i(b)));
}
REGRAD_INLINE Halves interleave_low(Halves a, Halves b) {
  return Halves(_mm_unpacklo_epi16(__m128i(a), __m128i(b)));
}
REGRAD_INLINE Halves interleave_high(Halves a, Halves b) {
  return Halves(_mm_unpackhi_epi16(__m128i(a), __m128i(b)));
}
#else
REGRAD_INLINE Sums multiply_pairs(Halves a, Halves b) {
  const auto even = [](Halves v) {
    return __builtin_convertvector(__builtin_shufflevector(v, v, 0, 2, 4, 6), Sums);
  };
  const auto odd = [](Halves v) {
    return __builtin_convertvector(__builtin_shufflevector(v, v, 1, 3, 5, 7), Sums);
  };
  return even(a) * even(b) + odd(a) * odd(b);
}
REGRAD_INLINE Halves interleave_low(Halves a, Halves b) {
  return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
}
REGRAD_INLINE Halves interleave_high(Halves a, Halves b) {
  return __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
}
#endif

// The pair at p in every place.
REGRAD_INLINE Halves repeat_pair(const int16_t* p) {
  int32_t pair;
  __builtin_memcpy(&pair, p, 4);
  return Halves(pair - Sums{});
}

using Floats = Lanes<float, kSums>::V;

// To whole numbers, halves to even; of values within 2^22.
REGRAD_INLINE Sums rounded(Floats v) {
#if defined(__AVX512F__)
  return Sums(_mm512_maskz_cvtps_epi32(0xffff, __m512(v)));
#elif defined(__AVX2__)
  return Sums(_mm256_cvtps_epi32(__m256(v)));
#elif defined(__SSE2__)
  return Sums(_mm_cvtps_epi32(__m128(v)));
#else
  constexpr float shift = 12582912;
  return __builtin_convertvector((v + shift) - shift, Sums);
#endif
}

// Numbers that fit 16 bits, and 8, at q.
REGRAD_INLINE void store_halves(int16_t* q, Sums v) {
#if defined(__AVX512F__)
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(q),
                      _mm512_maskz_cvtepi32_epi16(0xffff, __m512i(v)));
#elif defined(__AVX2__)
  const __m256i all = __m256i(v);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(q),
                   _mm_packs_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1)));
#elif defined(__SSE2__)
  _mm_storel_epi64(reinterpret_cast<__m128i*>(q), _mm_packs_epi32(__m128i(v), __m128i(v)));
#else
  for (int i = 0; i < kSums; ++i) q[i] = int16_t(v[i]);
#endif
}
REGRAD_INLINE void store_bytes(uint8_t* q, Sums v) {
#if defined(__AVX512F__)
  _mm_storeu_si128(reinterpret_cast<__m128i*>(q), _mm512_maskz_cvtepi32_epi8(0xffff, __m512i(v)));
#else
  for (int i = 0; i < kSums; ++i) q[i] = uint8_t(v[i]);
#endif
}

// Two registers of sums that interleave_low and _high made, in order again: the first half.
REGRAD_INLINE Sums first_of(Sums low, Sums high) {
#if defined(__AVX512F__)
  return __builtin_shufflevector(low, high, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
#elif defined(__AVX2__)
  return __builtin_shufflevector(low, high, 0, 1, 2, 3, 8, 9, 10, 11);
#else
  return (void)high, low;
#endif
}
REGRAD_INLINE Sums last_of(Sums low, Sums high) {
#if defined(__AVX512F__)
  return __builtin_shufflevector(low, high, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29,
                                 30, 31);
#elif defined(__AVX2__)
  return __builtin_shufflevector(low, high, 4, 5, 6, 7, 12, 13, 14, 15);
#else
  return (void)low, high;
#endif
}
REGRAD_INLINE void store_interleaved(int32_t* y, Sums low, Sums high) {
  store<kSums>(y, first_of(low, high));
  store<kSums>(y + kSums, last_of(low, high));
}

}  // namespace regrad::kernels::REGRAD_ISA
