// Windows over one channels-last image, channels in strips that fit registers and the first-level
// cache.
#pragma once

#include "isa.h"

namespace regrad::kernels::REGRAD_ISA {

constexpr int64_t kStrip = 64;

// f(window, tap, offset of the tap's pixel in x) for the taps of window (i, j) that lie inside the
// image, in order.
template <class F>
REGRAD_INLINE void each_tap(const Pool& s, int64_t i, int64_t j, const F& f) {
  for (int64_t p = 0; p < s.kh; ++p) {
    const int64_t y = i * s.stride_h - s.pad_h + p * s.dilation_h;
    if (y < 0 || y >= s.h) continue;
    for (int64_t q = 0; q < s.kw; ++q) {
      const int64_t x = j * s.stride_w - s.pad_w + q * s.dilation_w;
      if (x >= 0 && x < s.w) f(p * s.kw + q, (y * s.w + x) * s.c);
    }
  }
}

// f(window offset in y, i, j, first channel, channels) for each window and strip.
template <class F>
REGRAD_INLINE void each_window(const Pool& s, const F& f) {
  for (int64_t i = 0; i < s.oh; ++i)
    for (int64_t j = 0; j < s.ow; ++j)
      for (int64_t c = 0; c < s.c; c += kStrip)
        f((i * s.ow + j) * s.c + c, i, j, c, s.c - c < kStrip ? s.c - c : kStrip);
}

// The largest value(tap pixel, channel) of a window and its tap, per channel.
template <class T, class Value>
REGRAD_INLINE void largest(const Pool& s, int64_t i, int64_t j, int64_t c, int64_t n, T* best,
                           int32_t* tap_of, const Value& value) {
  bool first = true;
  each_tap(s, i, j, [&](int64_t tap, int64_t at) {
    const int32_t t = int32_t(tap);
    if (first) {
      REGRAD_LOOP
      for (int64_t k = 0; k < n; ++k) best[k] = value(at + c + k, c + k), tap_of[k] = t;
      first = false;
      return;
    }
    REGRAD_LOOP
    for (int64_t k = 0; k < n; ++k) {
      const T v = value(at + c + k, c + k);
      const bool better = v > best[k] || (v != v && best[k] == best[k]);
      best[k] = better ? v : best[k];
      tap_of[k] = better ? t : tap_of[k];
    }
  });
  if (first)  // dilated taps may all lie outside
    for (int64_t k = 0; k < n; ++k) best[k] = T(0), tap_of[k] = 0;
}

}  // namespace regrad::kernels::REGRAD_ISA
