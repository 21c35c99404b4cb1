// Pooling of one image: maxima by the place of the largest element, averages, and their transposes.
#include "pool.h"

namespace regrad::kernels::REGRAD_ISA {
namespace {

template <class T>
void max_index(const Pool& s, const void* input, uint8_t* index) {
  const T* x = static_cast<const T*>(input);
  each_window(s, [&](int64_t out, int64_t i, int64_t j, int64_t c, int64_t n) {
    T best[kStrip];
    int32_t tap[kStrip];
    largest(s, i, j, c, n, best, tap, [x](int64_t at, int64_t) { return x[at]; });
    for (int64_t k = 0; k < n; ++k) index[out + k] = uint8_t(tap[k]);
  });
}

template <class T>
void gather(const Pool& s, const void* input, const uint8_t* index, void* output) {
  const T* x = static_cast<const T*>(input);
  T* y = static_cast<T*>(output);
  each_window(s, [&](int64_t out, int64_t i, int64_t j, int64_t c, int64_t n) {
    REGRAD_LOOP
    for (int64_t k = 0; k < n; ++k) y[out + k] = T(0);
    each_tap(s, i, j, [&](int64_t tap, int64_t at) {
      REGRAD_LOOP
      for (int64_t k = 0; k < n; ++k) y[out + k] = index[out + k] == uint8_t(tap) ? x[at + c + k] : y[out + k];
    });
  });
}

template <class T>
REGRAD_INLINE void clear(const Pool& s, T* x) {
  REGRAD_LOOP
  for (int64_t i = 0; i < s.h * s.w * s.c; ++i) x[i] = T(0);
}

template <class T>
void scatter(const Pool& s, const void* input, const uint8_t* index, void* output) {
  const T* y = static_cast<const T*>(input);
  T* x = static_cast<T*>(output);
  clear(s, x);
  each_window(s, [&](int64_t out, int64_t i, int64_t j, int64_t c, int64_t n) {
    each_tap(s, i, j, [&](int64_t tap, int64_t at) {
      REGRAD_LOOP
      for (int64_t k = 0; k < n; ++k) x[at + c + k] += index[out + k] == uint8_t(tap) ? y[out + k] : T(0);
    });
  });
}

// What a window's sum is divided by: all its taps, or those inside the image.
REGRAD_INLINE int64_t divisor(const Pool& s, bool count_pad, int64_t i, int64_t j) {
  if (count_pad) return int64_t{s.kh} * s.kw;
  int64_t n = 0;
  each_tap(s, i, j, [&n](int64_t, int64_t) { ++n; });
  return n > 0 ? n : 1;
}

template <class T>
void average(const Pool& s, bool count_pad, const void* input, void* output) {
  const T* x = static_cast<const T*>(input);
  T* y = static_cast<T*>(output);
  each_window(s, [&](int64_t out, int64_t i, int64_t j, int64_t c, int64_t n) {
    T sum[kStrip] = {};
    each_tap(s, i, j, [&](int64_t, int64_t at) {
      REGRAD_LOOP
      for (int64_t k = 0; k < n; ++k) sum[k] += x[at + c + k];
    });
    const T d = T(divisor(s, count_pad, i, j));
    for (int64_t k = 0; k < n; ++k) y[out + k] = sum[k] / d;
  });
}

template <class T>
void spread(const Pool& s, bool count_pad, const void* input, void* output) {
  const T* y = static_cast<const T*>(input);
  T* x = static_cast<T*>(output);
  clear(s, x);
  each_window(s, [&](int64_t out, int64_t i, int64_t j, int64_t c, int64_t n) {
    const T d = T(divisor(s, count_pad, i, j));
    each_tap(s, i, j, [&](int64_t, int64_t at) {
      REGRAD_LOOP
      for (int64_t k = 0; k < n; ++k) x[at + c + k] += y[out + k] / d;
    });
  });
}

template <class T>
constexpr Pooling pooling() {
  return {max_index<T>, gather<T>, scatter<T>, average<T>, spread<T>};
}

}  // namespace

void fill_pool(Table& t) {
  t.pooling[0] = pooling<float>();
  t.pooling[1] = pooling<double>();
}

}  // namespace regrad::kernels::REGRAD_ISA
