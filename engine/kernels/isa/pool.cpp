// Pooling of one image: maxima by the place of the largest element, averages, and their transposes.
#include "pool.h"

namespace regrad::kernels::REGRAD_ISA {
namespace {

// Channels that are no multiple of this many leave loops over them a rest that is not vectorized,
// whose branches are guessed wrong half the time.
constexpr int64_t kLanes = 16;
REGRAD_INLINE bool ragged(const Pool& s) { return s.c % kLanes != 0; }

// The tap of the largest element for `n` channels, kLanes at most, computed for kLanes: what is
// read past n is another pixel's, and is dropped.
template <class T>
REGRAD_INLINE void max_index_lanes(const Pool& s, const T* x, int64_t i, int64_t j, int64_t c,
                                   int64_t n, uint8_t* index) {
  T best[kLanes] = {}, v[kLanes] = {};
  int32_t tap_of[kLanes] = {};
  bool first = true;
  each_tap(s, i, j, [&](int64_t tap, int64_t at) {
    const int64_t there = at + c + kLanes <= s.h * s.w * s.c ? kLanes : n;
    if (there == kLanes)
      for (int64_t k = 0; k < kLanes; ++k) v[k] = x[at + c + k];
    else
      for (int64_t k = 0; k < n; ++k) v[k] = x[at + c + k];
    const int32_t t = int32_t(tap);
    REGRAD_LOOP
    for (int64_t k = 0; k < kLanes; ++k) {
      const bool better = first || v[k] > best[k] || (v[k] != v[k] && best[k] == best[k]);
      best[k] = better ? v[k] : best[k];
      tap_of[k] = better ? t : tap_of[k];
    }
    first = false;
  });
  for (int64_t k = 0; k < n; ++k) index[k] = uint8_t(tap_of[k]);
}

template <class T>
void max_index(const Pool& s, const void* input, uint8_t* index) {
  const T* x = static_cast<const T*>(input);
  each_window(s, [&](int64_t out, int64_t i, int64_t j, int64_t c, int64_t n) {
    if (ragged(s)) {
      for (int64_t l = 0; l < n; l += kLanes)
        max_index_lanes(s, x, i, j, c + l, n - l < kLanes ? n - l : kLanes, index + out + l);
      return;
    }
    T best[kStrip];
    int32_t tap[kStrip];
    largest(s, i, j, c, n, best, tap, [x](int64_t at, int64_t) { return x[at]; });
    for (int64_t k = 0; k < n; ++k) index[out + k] = uint8_t(tap[k]);
  });
}

// Where the taps of a window lie, by tap; below 0: outside the image.
struct Places {
  int64_t at[256];
  Places() {
    for (int64_t& a : at) a = -1;
  }
};
REGRAD_INLINE void set(Places& p, const Pool& s, int64_t i, int64_t j) {
  for (int64_t t = 0; t < s.kh * s.kw; ++t) p.at[t] = -1;
  each_tap(s, i, j, [&p](int64_t tap, int64_t offset) { p.at[tap] = offset; });
}

template <class T>
void gather(const Pool& s, const void* input, const uint8_t* index, void* output) {
  const T* x = static_cast<const T*>(input);
  T* y = static_cast<T*>(output);
  Places places;
  each_window(s, [&](int64_t out, int64_t i, int64_t j, int64_t c, int64_t n) {
    if (ragged(s)) {
      if (c == 0) set(places, s, i, j);
      for (int64_t k = 0; k < n; ++k) {
        const int64_t at = places.at[index[out + k]];
        y[out + k] = at < 0 ? T(0) : x[at + c + k];
      }
      return;
    }
    REGRAD_LOOP
    for (int64_t k = 0; k < n; ++k) y[out + k] = T(0);
    each_tap(s, i, j, [&](int64_t tap, int64_t at) {
      REGRAD_LOOP
      for (int64_t k = 0; k < n; ++k)
        y[out + k] = index[out + k] == uint8_t(tap) ? x[at + c + k] : y[out + k];
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
  Places places;
  each_window(s, [&](int64_t out, int64_t i, int64_t j, int64_t c, int64_t n) {
    if (ragged(s)) {
      if (c == 0) set(places, s, i, j);
      for (int64_t k = 0; k < n; ++k) {
        const int64_t at = places.at[index[out + k]];
        if (at >= 0) x[at + c + k] += y[out + k];
      }
      return;
    }
    each_tap(s, i, j, [&](int64_t tap, int64_t at) {
      REGRAD_LOOP
      for (int64_t k = 0; k < n; ++k)
        x[at + c + k] += index[out + k] == uint8_t(tap) ? y[out + k] : T(0);
    });
  });
}

constexpr int64_t kFold = 512;

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
    // Large windows: what every kFold taps come to is added in double.
    T sum[kStrip] = {};
    double total[kStrip] = {};
    int64_t taps = 0;
    each_tap(s, i, j, [&](int64_t, int64_t at) {
      REGRAD_LOOP
      for (int64_t k = 0; k < n; ++k) sum[k] += x[at + c + k];
      if (++taps % kFold) return;
      for (int64_t k = 0; k < n; ++k) total[k] += double(sum[k]), sum[k] = 0;
    });
    const T d = T(divisor(s, count_pad, i, j));
    for (int64_t k = 0; k < n; ++k) y[out + k] = T(total[k] + double(sum[k])) / d;
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
