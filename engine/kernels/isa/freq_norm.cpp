// Norms over frequencies: batch normalization of a band of rows, and the sum of a map and a row
// that goes to all frequencies. Images lie channels last, so a row of frequency f is T C
// neighbouring elements: loops run over many pixels at once, with the channels' parameters
// repeated, whatever the number of channels.
#include "isa.h"

namespace regrad::kernels::REGRAD_ISA {
namespace {

constexpr int64_t kWide = 512, kFold = 256;

// Strips of a band for the channels from j0 on: f(offset, elements). Where all channels fit, a
// strip holds whole pixels, `width` elements.
struct Strips {
  int64_t j0, channels, width;
};
template <class F>
REGRAD_INLINE void each_strip(const Band& b, const Strips& s, const F& f) {
  for (int64_t image = 0; image < b.images; ++image) {
    const int64_t at = image * b.image_stride + s.j0;
    if (s.channels == b.c) {
      for (int64_t i = 0; i < b.n; i += s.width) f(at + i, b.n - i < s.width ? b.n - i : s.width);
    } else {
      for (int64_t i = 0; i < b.n; i += b.c) f(at + i, s.channels);
    }
  }
}
template <class F>
REGRAD_INLINE void each_slice(const Band& b, const F& f) {
  for (int64_t j0 = 0; j0 < b.c; j0 += kWide) {
    const int64_t channels = b.c - j0 < kWide ? b.c - j0 : kWide;
    f(Strips{j0, channels, kWide / channels * channels});
  }
}
template <class T>
REGRAD_INLINE void repeat(const Strips& s, const void* from, T* to) {
  const T* p = static_cast<const T*>(from) + s.j0;
  for (int64_t i = 0; i < s.width; i += s.channels)
    for (int64_t j = 0; j < s.channels; ++j) to[i + j] = p[j];
}
template <class T>
REGRAD_INLINE void fold(const Strips& s, T* lanes, double* total) {
  for (int64_t i = 0; i < s.width; i += s.channels)
    for (int64_t j = 0; j < s.channels; ++j)
      total[s.j0 + j] += double(lanes[i + j]), lanes[i + j] = 0;
}

// Squares about a guess of the mean, that of the first strip: one pass.
template <class T>
void moments(const Band& b, const void* input, double* mean, double* m2) {
  const T* x = static_cast<const T*>(input);
  const double count = double(b.images * (b.n / b.c));
  for (int64_t j = 0; j < b.c; ++j) mean[j] = m2[j] = 0;
  each_slice(b, [&](const Strips& s) {
    T sum[kWide] = {}, square[kWide] = {}, guess[kWide];
    const int64_t first = s.channels == b.c && b.n >= s.width ? s.width : s.channels;
    for (int64_t j = 0; j < s.channels; ++j) {
      double total = 0;
      for (int64_t i = j; i < first; i += s.channels) total += double(x[s.j0 + i]);
      for (int64_t i = j; i < s.width; i += s.channels)
        guess[i] = T(total / double(first / s.channels));
    }
    int64_t done = 0;
    each_strip(b, s, [&](int64_t at, int64_t n) {
      REGRAD_LOOP
      for (int64_t j = 0; j < n; ++j) {
        const T d = x[at + j] - guess[j];
        sum[j] += d;
        square[j] += d * d;
      }
      if (++done % kFold == 0) fold(s, sum, mean), fold(s, square, m2);
    });
    fold(s, sum, mean), fold(s, square, m2);
    for (int64_t j = 0; j < s.channels; ++j) {
      const double shift = mean[s.j0 + j] / count;
      m2[s.j0 + j] -= shift * shift * count;
      if (m2[s.j0 + j] < 0) m2[s.j0 + j] = 0;
      mean[s.j0 + j] = double(guess[j]) + shift;
    }
  });
}

template <class T>
void apply(const Band& b, const void* mean, const void* scale, const void* shift, bool relu,
           const void* input, void* output) {
  const T* x = static_cast<const T*>(input);
  T* y = static_cast<T*>(output);
  const T low = relu ? T(0) : T(-__builtin_inf());
  each_slice(b, [&](const Strips& s) {
    T m[kWide], k[kWide], a[kWide];
    repeat(s, mean, m), repeat(s, scale, k), repeat(s, shift, a);
    each_strip(b, s, [&](int64_t at, int64_t n) {
      REGRAD_LOOP
      for (int64_t j = 0; j < n; ++j) {
        const T z = (x[at + j] - m[j]) * k[j] + a[j];
        y[at + j] = z < low ? low : z;
      }
    });
  });
}

template <class T, bool masked>
REGRAD_INLINE T open(const T* g, const T* y, int64_t i) {
  return masked && y[i] <= T(0) ? T(0) : g[i];
}

template <class T, bool masked>
REGRAD_INLINE void sums_of(const Band& b, const void* mean, const T* g, const T* y, const T* x,
                           double* sum_g, double* sum_gd) {
  for (int64_t j = 0; j < b.c; ++j) sum_g[j] = sum_gd[j] = 0;
  each_slice(b, [&](const Strips& s) {
    T part_g[kWide] = {}, part_gd[kWide] = {}, m[kWide];
    repeat(s, mean, m);
    int64_t done = 0;
    each_strip(b, s, [&](int64_t at, int64_t n) {
      REGRAD_LOOP
      for (int64_t j = 0; j < n; ++j) {
        const T gz = open<T, masked>(g, y, at + j);
        part_g[j] += gz;
        part_gd[j] += gz * (x[at + j] - m[j]);
      }
      if (++done % kFold == 0) fold(s, part_g, sum_g), fold(s, part_gd, sum_gd);
    });
    fold(s, part_g, sum_g), fold(s, part_gd, sum_gd);
  });
}
template <class T>
void sums(const Band& b, const void* mean, const void* g, const void* y, const void* x,
          double* sum_g, double* sum_gd) {
  const T *gp = static_cast<const T*>(g), *yp = static_cast<const T*>(y),
          *xp = static_cast<const T*>(x);
  y ? sums_of<T, true>(b, mean, gp, yp, xp, sum_g, sum_gd)
    : sums_of<T, false>(b, mean, gp, yp, xp, sum_g, sum_gd);
}

template <class T, bool masked>
REGRAD_INLINE void gradient_of(const Band& b, const void* mean, const void* scale,
                               const void* shift, const void* slope, const T* g, const T* y,
                               const T* x, T* dx) {
  each_slice(b, [&](const Strips& s) {
    T m[kWide], k[kWide], a[kWide], d[kWide];
    repeat(s, mean, m), repeat(s, scale, k), repeat(s, shift, a), repeat(s, slope, d);
    each_strip(b, s, [&](int64_t at, int64_t n) {
      REGRAD_LOOP
      for (int64_t j = 0; j < n; ++j)
        dx[at + j] = k[j] * open<T, masked>(g, y, at + j) - a[j] - (x[at + j] - m[j]) * d[j];
    });
  });
}
template <class T>
void gradient(const Band& b, const void* mean, const void* scale, const void* shift,
              const void* slope, const void* g, const void* y, const void* x, void* dx) {
  const T *gp = static_cast<const T*>(g), *yp = static_cast<const T*>(y),
          *xp = static_cast<const T*>(x);
  T* to = static_cast<T*>(dx);
  y ? gradient_of<T, true>(b, mean, scale, shift, slope, gp, yp, xp, to)
    : gradient_of<T, false>(b, mean, scale, shift, slope, gp, yp, xp, to);
}

template <class T>
void add_row(int64_t rows, int64_t n, const void* map, const void* row, const void* residual,
             void* output) {
  const T *a = static_cast<const T*>(map), *b = static_cast<const T*>(row),
          *s = static_cast<const T*>(residual);
  T* y = static_cast<T*>(output);
  for (int64_t i = 0; i < rows; ++i, a += n, y += n) {
    if (s) {
      REGRAD_LOOP
      for (int64_t j = 0; j < n; ++j) {
        const T z = s[j] + a[j] + b[j];
        y[j] = z < T(0) ? T(0) : z;
      }
      s += n;
    } else {
      REGRAD_LOOP
      for (int64_t j = 0; j < n; ++j) {
        const T z = a[j] + b[j];
        y[j] = z < T(0) ? T(0) : z;
      }
    }
  }
}
template <class T>
void add_row_gradient(int64_t rows, int64_t n, const void* gradient_y, const void* output,
                      void* opened, void* total) {
  const T *g = static_cast<const T*>(gradient_y), *y = static_cast<const T*>(output);
  T *gz = static_cast<T*>(opened), *sum = static_cast<T*>(total);
  for (int64_t j = 0; j < n; ++j) sum[j] = 0;
  for (int64_t i = 0; i < rows; ++i, g += n, y += n, gz += n) {
    REGRAD_LOOP
    for (int64_t j = 0; j < n; ++j) {
      const T v = open<T, true>(g, y, j);
      gz[j] = v;
      sum[j] += v;
    }
  }
}

template <class T>
void fill_type(Table& t, int i) {
  t.sub_bands[i] = {moments<T>, apply<T>, sums<T>, gradient<T>};
  t.broadcast_row[i] = {add_row<T>, add_row_gradient<T>};
}

}  // namespace

void fill_freq_norm(Table& t) {
  fill_type<float>(t, 0);
  fill_type<double>(t, 1);
}

}  // namespace regrad::kernels::REGRAD_ISA
