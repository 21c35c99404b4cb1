// Transcendental functions of one number. f32: own polynomials without a branch, so that loops over
// them vectorise and a value never depends on its neighbours. Their coefficients are minimax fits
// made for this file; "up to" is the largest distance from f64 of a dense scan, in units in the
// last place, with and without a fused multiply-add. f64: the C library's.
//
//   float y = math::exp(x);
#pragma once

#include "isa.h"

namespace regrad::kernels::REGRAD_ISA::math {

REGRAD_INLINE uint32_t bits(float x) { return __builtin_bit_cast(uint32_t, x); }
REGRAD_INLINE float from_bits(uint32_t x) { return __builtin_bit_cast(float, x); }
REGRAD_INLINE float with_sign(float magnitude, float sign) {
  return from_bits(bits(magnitude) | (bits(sign) & 0x80000000u));
}

// a*b + c: rounded once where the machine has the instruction, else twice. Contraction is off, so
// this is the only place that decides it.
REGRAD_INLINE float fma(float a, float b, float c) {
#if defined(__FMA__) || defined(__aarch64__)
  return __builtin_fmaf(a, b, c);
#else
  return a * b + c;
#endif
}

// A small number plus kRound holds the number's nearest integer in its low bits; plus kRound + 127
// and shifted left by 23 it is 2^that.
constexpr float kRound = 12582912.0f;  // 1.5 * 2^23, whose own low bits are zero
constexpr float kLog2e = 1.44269504f;
// the high part has 9 bits: n * kLn2High is exact
constexpr float kLn2High = 0.693359375f, kLn2Low = -2.12194440e-4f;

REGRAD_INLINE float power_of_two(float shifted) { return from_bits(bits(shifted) << 23); }

// e^r for |r| < 0.41.
REGRAD_INLINE float exp_near_zero(float r) {
  float q = fma(r, 1.37904705e-3f, 8.3804131e-3f);
  q = fma(q, r, 4.16697077e-2f);
  q = fma(q, r, 0.166664085f);
  q = fma(q, r, 0.499999846f);
  return fma(r * r, q, r) + 1.0f;
}
REGRAD_INLINE float minus_multiple_of_ln2(float x, float n) {
  return fma(n, -kLn2Low, fma(n, -kLn2High, x));
}

// e^x = e^r 2^n, n = round(x / ln 2), r = x - n ln 2. 2^n is the product of two normal numbers, so
// that the result is rounded once, also where it overflows or is subnormal. Up to 1.1 ulp.
REGRAD_INLINE float exp(float x) {
  const float low = x < -110.0f ? -110.0f : x;  // a NaN passes both
  const float v = low > 89.0f ? 89.0f : low;
  const float shifted = fma(v, kLog2e, kRound + 254.0f);
  const uint32_t exponents = bits(shifted) - bits(kRound), half = exponents >> 1;
  const float e = exp_near_zero(minus_multiple_of_ln2(v, shifted - (kRound + 254.0f)));
  return e * from_bits(half << 23) * from_bits((exponents - half) << 23);
}

// factor * exp(x + small) for x <= 0 (above -120) and |small| < 0.06; the product is subnormal only
// if the result is.
REGRAD_INLINE float exp_falling(float x, float small, float factor) {
  const float shifted = fma(x, kLog2e, kRound + 191.0f);
  const float r = minus_multiple_of_ln2(x, shifted - (kRound + 191.0f)) + small;
  return exp_near_zero(r) * factor * power_of_two(shifted) * 0x1p-64f;
}

// e^-|x|.
REGRAD_INLINE float exp_of_minus_abs(float x) {
  const float v = -__builtin_fabsf(x), low = v < -110.0f ? -110.0f : v;
  const float shifted = fma(low, kLog2e, kRound + 191.0f);
  return exp_near_zero(minus_multiple_of_ln2(low, shifted - (kRound + 191.0f))) *
         power_of_two(shifted) * 0x1p-64f;
}

// x = 2^e (1 + f) with 1 + f in [sqrt 1/2, sqrt 2]; log(1 + f) = f - f^2/2 + f^3 R(f). Up to 0.9
// ulp.
REGRAD_INLINE float log(float x) {
  const bool subnormal = x < 1.17549435e-38f;
  const uint32_t i = bits(subnormal ? x * 8388608.0f : x) + (0x3f800000u - 0x3f3504f3u);
  const float e = float(int32_t(i >> 23)) - (subnormal ? 150.0f : 127.0f);
  const float f = from_bits((i & 0x007fffffu) + 0x3f3504f3u) - 1.0f;
  float r = fma(f, -0.0763449636f, 0.127615769f);
  r = fma(r, f, -0.131601824f);
  r = fma(r, f, 0.14201758f);
  r = fma(r, f, -0.166233573f);
  r = fma(r, f, 0.200012269f);
  r = fma(r, f, -0.25000821f);
  r = fma(r, f, 0.333333317f);
  const float f2 = f * f;
  const float tail = fma(f2 * f, r, fma(e, kLn2Low, -0.5f * f2));
  const float y = fma(e, kLn2High, f + tail);
  // a NaN ends as NaN
  const float above = x > 0.0f ? y : (x == 0.0f ? -__builtin_inff() : __builtin_nanf(""));
  return x == __builtin_inff() ? x : above;
}

// u in [0, 1]: log(1 + u) = 2 atanh(u / (2 + u)), a series in the square of that.
REGRAD_INLINE float log1p_unit(float u) {
  const float t = (u + u) / (2.0f + u);
  const float z = 0.25f * t * t;
  float p = fma(z, 0.140122294f, 0.139995705f);
  p = fma(p, z, 0.200108495f);
  p = fma(p, z, 0.333332066f);
  return fma(t * z, p, t);
}

// e^v - 1 = 2^n expm1(r) + (2^n - 1), for |v| <= 20: nothing cancels near 0.
REGRAD_INLINE float expm1_moderate(float v) {
  const float shifted = fma(v, kLog2e, kRound + 127.0f);
  const float r = minus_multiple_of_ln2(v, shifted - (kRound + 127.0f));
  float q = fma(r, 1.98471822e-4f, 1.39577125e-3f);
  q = fma(q, r, 8.33343315e-3f);
  q = fma(q, r, 4.16661265e-2f);
  q = fma(q, r, 0.16666666f);
  q = fma(q, r, 0.5f);
  const float s = power_of_two(shifted);
  return fma(s, fma(r * r, q, r), s - 1.0f);
}

// tanh|x| = -t / (2 + t), t = expm1(-2|x|). Up to 2.5 ulp.
REGRAD_INLINE float tanh(float x) {
  const float a = __builtin_fabsf(x);
  const float t = expm1_moderate(-2.0f * (a > 10.0f ? 10.0f : a));
  return with_sign(__builtin_fabsf(t) / (2.0f + t), x);
}

// Beyond 17, e^x swallows the 1 or is swallowed by it.
REGRAD_INLINE float expm1(float x) {
  const float low = x < -17.0f ? -17.0f : x;
  const float near = expm1_moderate(low > 17.0f ? 17.0f : low);
  return x > 17.0f ? exp(x) - 1.0f : (x == 0.0f ? x : near);
}

// log(1 + x): u = 1 + x is rounded; what it lost over u is the first term of the correction.
REGRAD_INLINE float log1p(float x) {
  const float u = 1.0f + x;
  const float lost = (x - (u - 1.0f)) / u;
  const float y = log(u);
  return ((u > 0.0f) & (x < __builtin_inff())) ? (u == 1.0f ? x : y + lost) : y;
}

// 1 / (1 + e^-x), written with e^-|x| so that both tails keep their relative accuracy. Up to 2.4
// ulp.
REGRAD_INLINE float sigmoid(float x) {
  const float e = exp_of_minus_abs(x);
  return (x < 0.0f ? e : 1.0f) / (1.0f + e);
}

// log(1 + e^x) = max(x, 0) + log(1 + e^-|x|). Up to 2.9 ulp.
REGRAD_INLINE float softplus(float x) {
  return (x < 0.0f ? 0.0f : x) + log1p_unit(exp_of_minus_abs(x));
}

// g(t) = e^(t^2/2) erfc(t / sqrt 2) / 2 for 0 <= t <= 15, as a quotient of polynomials with
// positive coefficients: nothing cancels.
REGRAD_INLINE float scaled_tail(float t) {
  float p = fma(t, 4.12555877e-3f, 0.0407003462f);
  p = fma(p, t, 0.183439985f);
  p = fma(p, t, 0.4385809f);
  p = fma(p, t, 0.5f);
  float q = fma(t, 0.0103411265f, 0.102026947f);
  q = fma(q, t, 0.470009416f);
  q = fma(q, t, 1.2033695f);
  q = fma(q, t, 1.67504668f);
  q = fma(q, t, 1.0f);
  return p / q;
}

// x Phi(x) = max(x, 0) - |x| Phi(-|x|), Phi(-t) = e^(-t^2/2) g(t); t^2 = high^2 + rest with high of
// 12 bits, so that the rounding of the square does not spoil the exponential. Up to 3.6 ulp above
// zero, 6.3 (4e-7 relative) below.
REGRAD_INLINE float gelu(float x) {
  const float a = __builtin_fabsf(x);
  const float t = a < 15.0f ? a : 15.0f;
  const float high = from_bits(bits(t) & 0xfffff000u);
  const float rest = (t - high) * (t + high);
  return (x < 0.0f ? 0.0f : x) -
         exp_falling(-0.5f * (high * high), -0.5f * rest, t * scaled_tail(t));
}

// d gelu / dx = Phi(x) + x phi(x), by Phi(-t) = e^(-t^2/2) g(t) again. Up to 3e-7 absolute.
REGRAD_INLINE float gelu_slope(float x) {
  const float a = __builtin_fabsf(x);
  const float t = a < 15.0f ? a : 15.0f;
  const float high = from_bits(bits(t) & 0xfffff000u);
  const float rest = (t - high) * (t + high);
  const float e = exp_falling(-0.5f * (high * high), -0.5f * rest, 1.0f);
  const float tail = e * scaled_tail(t);
  return fma(x, e * 0.398942280f, x < 0.0f ? tail : 1.0f - tail);
}

// |x| < 1: x + x (0.128.. + x^2 P(x^2)); above: 1 - 2 e^(-x^2) g(sqrt 2 |x|). Up to 1.3 ulp.
REGRAD_INLINE float erf(float x) {
  const float a = __builtin_fabsf(x), z = a * a;
  float p = fma(z, 7.85385462e-5f, -8.01019158e-4f);
  p = fma(p, z, 5.18832745e-3f);
  p = fma(p, z, -0.0268538118f);
  p = fma(p, z, 0.112835854f);
  p = fma(p, z, -0.376126258f);
  const float near = fma(a, fma(p, z, 0.12837917f), a);
  const float t = a < 4.5f ? a : 4.5f;
  const float far = 1.0f - exp_falling(-(t * t), 0.0f, 2.0f * scaled_tail(1.41421356f * t));
  const float y = a < 1.0f ? near : far;
  return x == x ? with_sign(y, x) : x;
}

// e^(-x^2) 2 g(sqrt 2 |x|) for x > 0, 2 less that below; x^2 = high^2 + rest as in gelu. Up to 5e-7
// relative.
REGRAD_INLINE float erfc(float x) {
  const float a = __builtin_fabsf(x), t = a < 10.5f ? a : 10.5f;
  const float high = from_bits(bits(t) & 0xfffff000u);
  const float rest = (t - high) * (t + high);
  const float tail = exp_falling(-(high * high), -rest, 2.0f * scaled_tail(1.41421356f * t));
  const float y = x < 0.0f ? 2.0f - tail : tail;
  return x == x ? y : x;
}

// |x| <= kSinRange: n = round(2x / pi), r = x - n pi/2 in four parts (11 bits each, so that n times
// a part is exact, and the rest); then the polynomial of the quadrant. Up to 2.2 ulp. Beyond it the
// strip calls the C library.
constexpr float kSinRange = 8192.0f;

REGRAD_INLINE float quadrant(float x, uint32_t& n) {
  const float shifted = fma(x, 0.636619772f, kRound);
  const float k = shifted - kRound;
  n = bits(shifted);
  float r = fma(k, -1.5703125f, x);
  r = fma(k, -4.83751297e-4f, r);
  r = fma(k, -7.54953362e-8f, r);
  r = fma(k, -2.56328292e-12f, r);
  return fma(k, -6.12323426e-17f, r);
}
REGRAD_INLINE float sin_or_cos(float r, bool is_cos) {
  const float z = r * r;
  const float s = fma(fma(fma(z, -1.95140849e-4f, 8.33215505e-3f), z, -0.166666546f), z * r, r);
  const float c = fma(fma(fma(z, 2.44348442e-5f, -1.38873371e-3f), z, 0.0416666463f), z * z,
                      fma(z, -0.5f, 1.0f));
  return is_cos ? c : s;
}
REGRAD_INLINE float sin(float x) {
  uint32_t n;
  const float r = quadrant(__builtin_fabsf(x), n);
  return from_bits(bits(sin_or_cos(r, n & 1u)) ^ ((n & 2u) << 30) ^ (bits(x) & 0x80000000u));
}
REGRAD_INLINE float cos(float x) {
  uint32_t n;
  const float r = quadrant(__builtin_fabsf(x), n);
  return from_bits(bits(sin_or_cos(r, !(n & 1u))) ^ (((n + 1u) & 2u) << 30));
}

REGRAD_INLINE float sin_any(float x) {
  return __builtin_fabsf(x) > kSinRange ? __builtin_sinf(x) : sin(x);
}
REGRAD_INLINE float cos_any(float x) {
  return __builtin_fabsf(x) > kSinRange ? __builtin_cosf(x) : cos(x);
}

REGRAD_INLINE float abs(float x) { return __builtin_fabsf(x); }
REGRAD_INLINE float floor(float x) { return __builtin_floorf(x); }
REGRAD_INLINE float ceil(float x) { return __builtin_ceilf(x); }
REGRAD_INLINE float round(float x) { return __builtin_rintf(x); }  // halves to even
REGRAD_INLINE float sqrt(float x) { return __builtin_sqrtf(x); }
REGRAD_INLINE float pow(float x, float p) { return __builtin_powf(x, p); }

REGRAD_INLINE double exp(double x) { return __builtin_exp(x); }
REGRAD_INLINE double exp_of_minus_abs(double x) { return __builtin_exp(-__builtin_fabs(x)); }
REGRAD_INLINE double log(double x) { return __builtin_log(x); }
REGRAD_INLINE double tanh(double x) { return __builtin_tanh(x); }
REGRAD_INLINE double sigmoid(double x) {
  const double e = exp_of_minus_abs(x);
  return (x < 0.0 ? e : 1.0) / (1.0 + e);
}
REGRAD_INLINE double softplus(double x) {
  return (x < 0.0 ? 0.0 : x) + __builtin_log1p(exp_of_minus_abs(x));
}
REGRAD_INLINE double gelu(double x) {
  const double a = __builtin_fabs(x), t = a < 40.0 ? a : 40.0;
  return (x < 0.0 ? 0.0 : x) - 0.5 * t * __builtin_erfc(t * 0.70710678118654752440);
}
REGRAD_INLINE double gelu_slope(double x) {
  return 0.5 * __builtin_erfc(-0.70710678118654752440 * x) +
         x * 0.39894228040143267794 * __builtin_exp(-0.5 * x * x);
}
REGRAD_INLINE double erf(double x) { return __builtin_erf(x); }
REGRAD_INLINE double erfc(double x) { return __builtin_erfc(x); }
REGRAD_INLINE double sin(double x) { return __builtin_sin(x); }
REGRAD_INLINE double cos(double x) { return __builtin_cos(x); }
REGRAD_INLINE double expm1(double x) { return __builtin_expm1(x); }
REGRAD_INLINE double log1p(double x) { return __builtin_log1p(x); }
REGRAD_INLINE double floor(double x) { return __builtin_floor(x); }
REGRAD_INLINE double ceil(double x) { return __builtin_ceil(x); }
REGRAD_INLINE double round(double x) { return __builtin_rint(x); }
REGRAD_INLINE double abs(double x) { return __builtin_fabs(x); }
REGRAD_INLINE double sqrt(double x) { return __builtin_sqrt(x); }
REGRAD_INLINE double pow(double x, double p) { return __builtin_pow(x, p); }

}  // namespace regrad::kernels::REGRAD_ISA::math
