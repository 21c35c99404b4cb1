// Loops over one strip of a formula: y[i] = f(x[i]) or f(a[i], b[i]), with the strides that occur
// most as constants.
//
//   t.unary[0][int(Unary::relu)] = unary_strip<relu<float>>;
//
// A formula is a struct with Type, a constructor from Params and operator().
#pragma once

#include "isa.h"

namespace regrad::kernels::REGRAD_ISA {

template <class F>
void unary_strip(void* const* data, const int64_t* stride, int64_t n, const Params& params) {
  using T = typename F::Type;
  const F f(params);
  T* y = static_cast<T*>(data[0]);
  const T* x = static_cast<const T*>(data[1]);
  const int64_t sy = stride[0], sx = stride[1];
  if ((sy == 1 && sx == 1) || n == 1) {
    REGRAD_LOOP
    for (int64_t i = 0; i < n; ++i) y[i] = f(x[i]);
  } else if (sx == 0) {
    const T value = f(x[0]);
    REGRAD_LOOP
    for (int64_t i = 0; i < n; ++i) y[i * sy] = value;
  } else {
    REGRAD_LOOP
    for (int64_t i = 0; i < n; ++i) y[i * sy] = f(x[i * sx]);
  }
}

// For formulas of many instructions: every element goes through one vector loop over a multiple of
// kBatch elements; what is left over, and what is strided, goes through a buffer. F has apply(x, y,
// n): contiguous, n a multiple of kBatch, y may be x.
constexpr int64_t kBatch = 16;

template <class F, class T>
REGRAD_INLINE void apply_contiguous(const F& f, const T* x, T* y, int64_t n) {
  const int64_t whole = n & ~(kBatch - 1);
  if (whole > 0) f.apply(x, y, whole);
  if (whole == n) return;
  T buffer[kBatch];
  for (int64_t i = 0; i < kBatch; ++i) buffer[i] = whole + i < n ? x[whole + i] : T(1);
  f.apply(buffer, buffer, kBatch);
  for (int64_t i = whole; i < n; ++i) y[i] = buffer[i - whole];
}

template <class F>
void batched_strip(void* const* data, const int64_t* stride, int64_t n, const Params& params) {
  using T = typename F::Type;
  const F f(params);
  T* y = static_cast<T*>(data[0]);
  const T* x = static_cast<const T*>(data[1]);
  const int64_t sy = stride[0], sx = stride[1];
  if ((sy == 1 && sx == 1) || n == 1) {
    apply_contiguous(f, x, y, n);
  } else if (sx == 0) {
    T value;
    apply_contiguous(f, x, &value, 1);
    for (int64_t i = 0; i < n; ++i) y[i * sy] = value;
  } else {
    constexpr int64_t kBlock = 16 * kBatch;
    T buffer[kBlock];
    for (int64_t begin = 0; begin < n; begin += kBlock) {
      const int64_t count = n - begin < kBlock ? n - begin : kBlock;
      for (int64_t i = 0; i < count; ++i) buffer[i] = x[(begin + i) * sx];
      apply_contiguous(f, buffer, buffer, count);
      for (int64_t i = 0; i < count; ++i) y[(begin + i) * sy] = buffer[i];
    }
  }
}

template <class F, class Out>
void binary_strip(void* const* data, const int64_t* stride, int64_t n, const Params& params) {
  using T = typename F::Type;
  const F f(params);
  Out* y = static_cast<Out*>(data[0]);
  const T* a = static_cast<const T*>(data[1]);
  const T* b = static_cast<const T*>(data[2]);
  const int64_t sy = stride[0], sa = stride[1], sb = stride[2];
  if ((sy == 1 && sa == 1 && sb == 1) || n == 1) {
    REGRAD_LOOP
    for (int64_t i = 0; i < n; ++i) y[i] = f(a[i], b[i]);
  } else if (sy == 1 && sa == 1 && sb == 0) {
    const T value = b[0];
    REGRAD_LOOP
    for (int64_t i = 0; i < n; ++i) y[i] = f(a[i], value);
  } else if (sy == 1 && sa == 0 && sb == 1) {
    const T value = a[0];
    REGRAD_LOOP
    for (int64_t i = 0; i < n; ++i) y[i] = f(value, b[i]);
  } else {
    REGRAD_LOOP
    for (int64_t i = 0; i < n; ++i) y[i * sy] = f(a[i * sa], b[i * sb]);
  }
}

}  // namespace regrad::kernels::REGRAD_ISA
