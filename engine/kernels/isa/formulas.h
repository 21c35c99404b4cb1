// The elementwise formulas of the table, for f32, f64 and, where they have a meaning there, i64
// (which wraps around).
//
//   const affine<float> f(Params{2.0, 1.0});
//   float y = f(x);                             // 2 x + 1
//
// Edge values are PyTorch's: a NaN comes through abs, relu, clamp, minimum and maximum; sign(NaN) =
// 0; relu(-0) = -0; pow(x, 0) = 1.
#pragma once

#include "functions.h"

namespace regrad::kernels::REGRAD_ISA {

template <class T>
struct Formula {
  using Type = T;
  explicit Formula(const Params&) {}
};

// A parameter as a T. Integers: truncated, and kept inside the type; NaN gives 0.
template <class T>
REGRAD_INLINE T parameter(double p) {
  return T(p);
}
template <>
inline __attribute__((always_inline)) int64_t parameter<int64_t>(double p) {
  if (p != p) return 0;
  if (p >= 0x1p63) return INT64_MAX;
  return p <= -0x1p63 ? INT64_MIN : int64_t(p);
}

// a * b + c and so on without signed overflow.
REGRAD_INLINE float multiply_add(float a, float b, float c) { return a * b + c; }
REGRAD_INLINE double multiply_add(double a, double b, double c) { return a * b + c; }
REGRAD_INLINE int64_t multiply_add(int64_t a, int64_t b, int64_t c) {
  return int64_t(uint64_t(a) * uint64_t(b) + uint64_t(c));
}

template <class T>
REGRAD_INLINE T larger(T a, T b) {  // a where they are equal; NaN if either is
  return ((a >= b) | (a != a)) ? a : b;
}
template <class T>
REGRAD_INLINE T smaller(T a, T b) {
  return ((a <= b) | (a != a)) ? a : b;
}
template <>
inline __attribute__((always_inline)) int64_t larger(int64_t a, int64_t b) {
  return a > b ? a : b;
}
template <>
inline __attribute__((always_inline)) int64_t smaller(int64_t a, int64_t b) {
  return a < b ? a : b;
}

// p0 x + p1. A float p1 of 0 is taken as -0, which leaves every x as it is, -0 included.
template <class T>
struct affine {
  using Type = T;
  T p0, p1;
  explicit affine(const Params& p)
      : p0(parameter<T>(p.p0)), p1(p.p1 == 0.0 ? T(-0.0) : parameter<T>(p.p1)) {}
  T operator()(T x) const { return multiply_add(p0, x, p1); }
};

template <class T>
struct div_scalar {
  using Type = T;
  T p0;
  explicit div_scalar(const Params& p) : p0(T(p.p0)) {}
  T operator()(T x) const { return x / p0; }
};

template <class T>
struct abs : Formula<T> {
  using Formula<T>::Formula;
  T operator()(T x) const { return math::abs(x); }
};
template <>
struct abs<int64_t> : Formula<int64_t> {
  using Formula<int64_t>::Formula;
  int64_t operator()(int64_t x) const { return x < 0 ? int64_t(0 - uint64_t(x)) : x; }
};

template <class T>
struct sign : Formula<T> {
  using Formula<T>::Formula;
  T operator()(T x) const { return T(x > T(0)) - T(x < T(0)); }
};

template <class T>
struct relu : Formula<T> {
  using Formula<T>::Formula;
  T operator()(T x) const { return x < T(0) ? T(0) : x; }
};

template <class T>
struct clamp {  // bounds that are numbers; low first, so that the upper bound wins where they cross
  using Type = T;
  T low, high;
  explicit clamp(const Params& p) : low(parameter<T>(p.p0)), high(parameter<T>(p.p1)) {}
  T operator()(T x) const {
    const T raised = x < low ? low : x;
    return raised > high ? high : raised;
  }
};

template <class T>
struct sqrt : Formula<T> {
  using Formula<T>::Formula;
  T operator()(T x) const { return math::sqrt(x); }
};

template <class T>
struct rsqrt : Formula<T> {
  using Formula<T>::Formula;
  T operator()(T x) const { return T(1) / math::sqrt(x); }
};

// Formulas of many instructions, for batched_strip: one vector loop each.
#define REGRAD_BATCHED(name)                                   \
  template <class T>                                           \
  struct name : Formula<T> {                                   \
    using Formula<T>::Formula;                                 \
    void apply(const T* x, T* y, int64_t n) const {            \
      REGRAD_LOOP                                              \
      for (int64_t i = 0; i < n; ++i) y[i] = math::name(x[i]); \
    }                                                          \
  };
REGRAD_BATCHED(exp)
REGRAD_BATCHED(log)
REGRAD_BATCHED(tanh)
REGRAD_BATCHED(sigmoid)
REGRAD_BATCHED(erf)
REGRAD_BATCHED(erfc)
REGRAD_BATCHED(gelu)
REGRAD_BATCHED(softplus)
REGRAD_BATCHED(sin)
REGRAD_BATCHED(cos)
REGRAD_BATCHED(log1p)
REGRAD_BATCHED(expm1)
REGRAD_BATCHED(floor)
REGRAD_BATCHED(ceil)
REGRAD_BATCHED(round)
#undef REGRAD_BATCHED

template <class T>
struct silu : Formula<T> {
  using Formula<T>::Formula;
  void apply(const T* x, T* y, int64_t n) const {
    REGRAD_LOOP
    for (int64_t i = 0; i < n; ++i) y[i] = x[i] * math::sigmoid(x[i]);
  }
};

// x^p0: the exponents that need no pow. pow_scalar's strip picks one (unary.cpp).
template <class T>
struct power_0 : Formula<T> {
  using Formula<T>::Formula;
  T operator()(T) const { return T(1); }
};
template <class T>
struct power_1 : Formula<T> {
  using Formula<T>::Formula;
  T operator()(T x) const { return x; }
};
template <class T>
struct power_2 : Formula<T> {
  using Formula<T>::Formula;
  T operator()(T x) const { return x * x; }
};
template <class T>
struct power_3 : Formula<T> {
  using Formula<T>::Formula;
  T operator()(T x) const { return x * x * x; }
};
template <class T>
struct reciprocal : Formula<T> {
  using Formula<T>::Formula;
  T operator()(T x) const { return T(1) / x; }
};
template <class T>
struct power_any {
  using Type = T;
  T p0;
  explicit power_any(const Params& p) : p0(T(p.p0)) {}
  T operator()(T x) const { return math::pow(x, p0); }
};

template <class T>
struct add {  // a + p0 b: with p0 = 1 and -1 the product is exact
  using Type = T;
  T p0;
  explicit add(const Params& p) : p0(parameter<T>(p.p0)) {}
  T operator()(T a, T b) const { return multiply_add(p0, b, a); }
};
template <class T>
struct plus : Formula<T> {
  using Formula<T>::Formula;
  T operator()(T a, T b) const { return multiply_add(T(1), b, a); }
};
template <class T>
struct mul : Formula<T> {
  using Formula<T>::Formula;
  T operator()(T a, T b) const { return a * b; }
};
template <>
struct mul<int64_t> : Formula<int64_t> {
  using Formula<int64_t>::Formula;
  int64_t operator()(int64_t a, int64_t b) const { return multiply_add(a, b, int64_t(0)); }
};
template <class T>
struct div : Formula<T> {
  using Formula<T>::Formula;
  T operator()(T a, T b) const { return a / b; }
};
template <class T>
struct pow : Formula<T> {
  using Formula<T>::Formula;
  T operator()(T a, T b) const { return math::pow(a, b); }
};
template <class T>
struct minimum : Formula<T> {
  using Formula<T>::Formula;
  T operator()(T a, T b) const { return smaller(a, b); }
};
template <class T>
struct maximum : Formula<T> {
  using Formula<T>::Formula;
  T operator()(T a, T b) const { return larger(a, b); }
};
template <class T>
struct relu_grad : Formula<T> {
  using Formula<T>::Formula;
  T operator()(T g, T y) const { return y <= T(0) ? T(0) : g; }  // a NaN lets g through
};

template <class T>
struct gelu_grad : Formula<T> {
  using Formula<T>::Formula;
  T operator()(T g, T x) const { return g * math::gelu_slope(x); }
};

#define REGRAD_COMPARISON(name, sign)                               \
  template <class T>                                                \
  struct name : Formula<T> {                                        \
    using Formula<T>::Formula;                                      \
    uint8_t operator()(T a, T b) const { return a sign b ? 1 : 0; } \
  };
REGRAD_COMPARISON(eq, ==)
REGRAD_COMPARISON(ne, !=)
REGRAD_COMPARISON(lt, <)
REGRAD_COMPARISON(le, <=)
REGRAD_COMPARISON(gt, >)
REGRAD_COMPARISON(ge, >=)
#undef REGRAD_COMPARISON

}  // namespace regrad::kernels::REGRAD_ISA
