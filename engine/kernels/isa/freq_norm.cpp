// Norms over frequencies: residual normalization of a group of elements, batch normalization of a band of rows, and the sum of a map and a row that
// goes to all frequencies. Images lie channels last, so a row of frequency f is T C neighbouring elements: loops run over many pixels at once, with
// the channels' parameters repeated, whatever the number of channels.
#include "reduce.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace regrad::kernels::REGRAD_ISA {
namespace {

constexpr int64_t kLanes = 64, kWide = 512, kFold = 256, kAhead = 4096, kPiece = 4096;

// Sums of f(i) and g(i) over n neighbours, in lanes.
struct Two {
  double f, g;
};
template <class T, class F, class G>
REGRAD_INLINE Two add_up(int64_t n, const F& f, const G& g) {
  T of_f[kLanes] = {}, of_g[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    REGRAD_LOOP
    for (int64_t j = 0; j < kLanes; ++j) {
      of_f[j] += f(i + j);
      of_g[j] += g(i + j);
    }
  }
  REGRAD_LOOP
  for (int64_t j = 0; j < n - i; ++j) {
    of_f[j] += f(i + j);
    of_g[j] += g(i + j);
  }
  Two total = {0, 0};
  for (int64_t j = 0; j < kLanes; ++j) total.f += double(of_f[j]), total.g += double(of_g[j]);
  return total;
}

// Whether each group is one run of neighbours, or runs of neighbours in rows that all groups share.
REGRAD_INLINE bool together(const Groups& s) { return s.runs == 1 && s.step == 1; }
REGRAD_INLINE bool in_rows(const Groups& s) { return s.runs > 1 && s.step == 1; }

// Groups as one run of neighbours each, or in rows: themselves, or where their elements are apart copies of all of them in `room`.
REGRAD_INLINE Groups close(Groups s) {
  if (s.step != 1) s.stride = s.runs * s.run, s.run_stride = s.run, s.step = 1;
  return s;
}
template <class T>
REGRAD_INLINE const T* close(const Groups& s, const void* groups, void* room) {
  const T* x = static_cast<const T*>(groups);
  if (s.step == 1) return x;
  T* to = static_cast<T*>(room);
  for (int64_t r = 0; r < s.runs; ++r)
    for (int64_t k = 0; k < s.n; ++k)
      for (int64_t i = 0; i < s.run; ++i) to[(k * s.runs + r) * s.run + i] = x[r * s.run_stride + k * s.stride + i * s.step];
  return to;
}
// n elements past the caches; the last partial lines as always.
template <class T>
REGRAD_INLINE void copy_past(const T* from, int64_t n, T* to) {
  int64_t i = 0;
#if defined(__AVX2__)
  constexpr int64_t line = 64 / int64_t{sizeof(T)};
  const int64_t skew = static_cast<int64_t>(reinterpret_cast<uintptr_t>(to) / sizeof(T)) % line;
  for (; i < n && skew && i < line - skew; ++i) to[i] = from[i];
  for (; i + line <= n; i += line) {
    const float* a = reinterpret_cast<const float*>(from + i);
    float* b = reinterpret_cast<float*>(to + i);
    _mm256_stream_ps(b, _mm256_loadu_ps(a));
    _mm256_stream_ps(b + 8, _mm256_loadu_ps(a + 8));
  }
#endif
  for (; i < n; ++i) to[i] = from[i];
}
// What is written past the caches, gathered until a piece is long enough to be whole lines.
template <class T>
struct Piece {
  T values[kPiece];
  T* to = nullptr;
  int64_t n = 0;
};
template <class T>
REGRAD_INLINE void flush(Piece<T>& p) {
  copy_past(p.values, p.n, p.to);
  p.n = 0;
}
template <class T>
REGRAD_INLINE T* next(Piece<T>& p, T* to, int64_t n) {
  if (p.n && (p.to + p.n != to || p.n + n > kPiece)) flush(p);
  if (!p.n) p.to = to;
  p.n += n;
  return p.values + p.n - n;
}

// y[..] = f(group)(offset), in memory's order; the offset of run r of group k is r run_stride + k stride of `from`.
template <class T, class F>
REGRAD_INLINE void write(const Groups& s, const Groups& from, int64_t first, int64_t last, T* y, const F& f) {
  const bool past = s.past_cache && s.step == 1 && s.run <= kPiece;
  Piece<T> piece;
  for (int64_t r = 0; r < s.runs; ++r)
    for (int64_t k = first; k < last; ++k) {
      T *to = y + r * s.run_stride + k * s.stride, *at_hand = past ? next(piece, to, s.run) : to;
      const int64_t at = k * from.stride + r * from.run_stride;
      const auto value = f(k);
      if (s.step == 1) {
        REGRAD_LOOP
        for (int64_t i = 0; i < s.run; ++i) at_hand[i] = value(at + i);
      } else {
        for (int64_t i = 0; i < s.run; ++i) to[i * s.step] = value(at + i);
      }
    }
  if (piece.n) flush(piece);
#if defined(__AVX2__)
  if (past) _mm_sfence();  // other threads may read what was written
#endif
}
// A group's rounded mean and 1/sqrt(var + eps), and the means of g and of g (x - m). Where values differ by rounding alone they are taken about the
// first one: a constant group gives exactly 0.
template <class T>
struct Centre {
  T m, r;
  double mean_g, mean_gd;
};
constexpr double rounding(float) { return 5e-7; }
constexpr double rounding(double) { return 1e-15; }
template <class T>
REGRAD_INLINE bool is_constant(double variance, T m) {
  return variance <= rounding(m) * rounding(m) * double(m) * double(m);
}
template <class T>
REGRAD_INLINE T inverse_deviation(double variance, double eps) {
  return T(1 / __builtin_sqrt((variance > 0 ? variance : 0 * variance) + eps));
}

// Of one run of neighbours, in two passes.
template <class T>
REGRAD_INLINE Centre<T> centre(int64_t count, const T* x, const T* g, double eps) {
  const double n = double(count);
  const Two sums = add_up<T>(
      count, [x](int64_t i) { return x[i]; }, [g](int64_t i) { return g[i]; });
  const double mean = sums.f / n;
  T m = T(mean);
  const auto about = [=](T c) {
    return add_up<T>(
        count, [x, c](int64_t i) { return (x[i] - c) * (x[i] - c); }, [x, g, c](int64_t i) { return g[i] * (x[i] - c); });
  };
  Two products = about(m);
  if (is_constant(products.f / n, m)) m = x[0], products = about(m);
  const double rest = mean - double(m);
  return {m, inverse_deviation<T>(products.f / n - rest * rest, eps), sums.g / n, products.g / n};
}

// Sums of d, d^2, g and g d over a group, d = x - guess: lanes of a few runs, and what they have come to.
constexpr int kSums = 4, kSumLanes = 16;
template <class T>
struct Sums {
  T lanes[kSums][kSumLanes] = {}, guess;
  double total[kSums] = {};
};
template <class T, bool with_g>
REGRAD_INLINE void add_run(const T* x, const T* g, int64_t n, Sums<T>& s) {
  using V = typename Lanes<T, kSumLanes>::V;
  V d1 = load<kSumLanes>(s.lanes[0]), d2 = load<kSumLanes>(s.lanes[1]), g1 = {}, gd = {};
  if constexpr (with_g) g1 = load<kSumLanes>(s.lanes[2]), gd = load<kSumLanes>(s.lanes[3]);
  int64_t i = 0;
  for (; i + kSumLanes <= n; i += kSumLanes) {
    const V d = load<kSumLanes>(x + i) - s.guess;
    d1 += d, d2 += d * d;
    if constexpr (with_g) {
      const V gi = load<kSumLanes>(g + i);
      g1 += gi, gd += gi * d;
    }
  }
  store<kSumLanes>(s.lanes[0], d1), store<kSumLanes>(s.lanes[1], d2);
  if constexpr (with_g) store<kSumLanes>(s.lanes[2], g1), store<kSumLanes>(s.lanes[3], gd);
  for (int64_t j = 0; j < n - i; ++j) {
    const T d = x[i + j] - s.guess;
    s.lanes[0][j] += d, s.lanes[1][j] += d * d;
    if constexpr (with_g) s.lanes[2][j] += g[i + j], s.lanes[3][j] += g[i + j] * d;
  }
}
template <class T>
REGRAD_INLINE void fold(Sums<T>& s) {
  for (int i = 0; i < kSums; ++i)
    for (int j = 0; j < kSumLanes; ++j) s.total[i] += double(s.lanes[i][j]), s.lanes[i][j] = 0;
}

// Of all groups in rows, in memory's order and one pass: squares about a guess of the mean, that of the first run.
template <class T, bool with_g>
void centres_in_rows(const Groups& s, const T* x, const T* g, double eps, Centre<T>* of) {
  Sums<T> sums[most_groups];
  const int64_t a_fold = s.run < kPiece ? kPiece / s.run : 1;
  for (int64_t k = 0; k < s.n; ++k) {
    T first = 0;
    for (int64_t i = 0; i < s.run; ++i) first += x[k * s.stride + i];
    sums[k].guess = first / T(s.run);
  }
  for (int64_t r = 0; r < s.runs; ++r)
    for (int64_t k = 0; k < s.n; ++k) {
      const int64_t at = r * s.run_stride + k * s.stride;
      for (int64_t i = 0; i < s.run; i += 64 / int64_t{sizeof(T)}) {
        __builtin_prefetch(x + at + i + kAhead / int64_t{sizeof(T)});
        if constexpr (with_g) __builtin_prefetch(g + at + i + kAhead / int64_t{sizeof(T)});
      }
      add_run<T, with_g>(x + at, with_g ? g + at : nullptr, s.run, sums[k]);
      if ((r + 1) % a_fold == 0 || r + 1 == s.runs) fold(sums[k]);
    }
  const double n = double(s.runs * s.run);
  for (int64_t k = 0; k < s.n; ++k) {
    Sums<T>& total = sums[k];
    const double shift = total.total[0] / n;
    T m = T(double(total.guess) + shift);
    if (is_constant(total.total[1] / n - shift * shift, m)) m = x[k * s.stride];
    const double by = double(m) - double(total.guess);
    of[k] = {m, inverse_deviation<T>(total.total[1] / n - shift * shift, eps), total.total[2] / n, (total.total[3] - by * total.total[2]) / n};
  }
}

template <class T>
void res_norm_forward(const Groups& s, double lambda, double eps, const void* input, void* output, void* room) {
  const Groups from = close(s);
  const T *x = close<T>(s, input, room), l = T(lambda);
  Centre<T> of[most_groups];
  const auto finish = [&](int64_t first, int64_t last) {
    write(s, from, first, last, static_cast<T*>(output), [&](int64_t k) {
      const T m = of[k].m, r = of[k].r;
      return [x, m, r, l](int64_t i) { return l * x[i] + (x[i] - m) * r; };
    });
  };
  if (in_rows(s)) {
    centres_in_rows<T, false>(s, x, nullptr, eps, of);
    return finish(0, s.n);
  }
  for (int64_t k = 0; k < s.n; ++k) {
    of[k] = centre(s.runs * s.run, x + k * from.stride, x + k * from.stride, eps);
    if (together(s)) finish(k, k + 1);  // while it is in the nearest cache
  }
  if (!together(s)) finish(0, s.n);
}

template <class T>
void res_norm_gradient(const Groups& s, double lambda, double eps, const void* gradient, const void* input, void* output, void* room) {
  const Groups from = close(s);
  const T *x = close<T>(s, input, room), *g = close<T>(s, gradient, static_cast<T*>(room) + s.n * s.runs * s.run);
  Centre<T> of[most_groups];
  const auto finish = [&](int64_t first, int64_t last) {
    // dx = (lambda + r) g - r mean(g) - (x - m) r^3 mean(g (x - m))
    write(s, from, first, last, static_cast<T*>(output), [&](int64_t k) {
      const double r = double(of[k].r);
      const T m = of[k].m, scale = T(lambda) + of[k].r, shift = T(r * of[k].mean_g), slope = T(r * r * r * of[k].mean_gd);
      return [=](int64_t i) { return scale * g[i] - shift - (x[i] - m) * slope; };
    });
  };
  if (in_rows(s)) {
    centres_in_rows<T, true>(s, x, g, eps, of);
    return finish(0, s.n);
  }
  for (int64_t k = 0; k < s.n; ++k) {
    of[k] = centre(s.runs * s.run, x + k * from.stride, g + k * from.stride, eps);
    if (together(s)) finish(k, k + 1);
  }
  if (!together(s)) finish(0, s.n);
}

// Strips of a band for the channels from j0 on: f(offset, elements). Where all channels fit, a strip holds whole pixels, `width` elements.
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
    for (int64_t j = 0; j < s.channels; ++j) total[s.j0 + j] += double(lanes[i + j]), lanes[i + j] = 0;
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
      for (int64_t i = j; i < s.width; i += s.channels) guess[i] = T(total / double(first / s.channels));
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
void apply(const Band& b, const void* mean, const void* scale, const void* shift, bool relu, const void* input, void* output) {
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
  return masked && !(y[i] > T(0)) ? T(0) : g[i];
}

template <class T, bool masked>
REGRAD_INLINE void sums_of(const Band& b, const void* mean, const T* g, const T* y, const T* x, double* sum_g, double* sum_gd) {
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
void sums(const Band& b, const void* mean, const void* g, const void* y, const void* x, double* sum_g, double* sum_gd) {
  const T *gp = static_cast<const T*>(g), *yp = static_cast<const T*>(y), *xp = static_cast<const T*>(x);
  y ? sums_of<T, true>(b, mean, gp, yp, xp, sum_g, sum_gd) : sums_of<T, false>(b, mean, gp, yp, xp, sum_g, sum_gd);
}

template <class T, bool masked>
REGRAD_INLINE void gradient_of(const Band& b, const void* mean, const void* scale, const void* shift, const void* slope, const T* g, const T* y,
                               const T* x, T* dx) {
  each_slice(b, [&](const Strips& s) {
    T m[kWide], k[kWide], a[kWide], d[kWide];
    repeat(s, mean, m), repeat(s, scale, k), repeat(s, shift, a), repeat(s, slope, d);
    each_strip(b, s, [&](int64_t at, int64_t n) {
      REGRAD_LOOP
      for (int64_t j = 0; j < n; ++j) dx[at + j] = k[j] * open<T, masked>(g, y, at + j) - a[j] - (x[at + j] - m[j]) * d[j];
    });
  });
}
template <class T>
void gradient(const Band& b, const void* mean, const void* scale, const void* shift, const void* slope, const void* g, const void* y, const void* x,
              void* dx) {
  const T *gp = static_cast<const T*>(g), *yp = static_cast<const T*>(y), *xp = static_cast<const T*>(x);
  T* to = static_cast<T*>(dx);
  y ? gradient_of<T, true>(b, mean, scale, shift, slope, gp, yp, xp, to) : gradient_of<T, false>(b, mean, scale, shift, slope, gp, yp, xp, to);
}

template <class T>
void add_row(int64_t rows, int64_t n, const void* map, const void* row, const void* residual, void* output) {
  const T *a = static_cast<const T*>(map), *b = static_cast<const T*>(row), *s = static_cast<const T*>(residual);
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
void add_row_gradient(int64_t rows, int64_t n, const void* gradient_y, const void* output, void* opened, void* total) {
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
  t.res_norm[i] = {res_norm_forward<T>, res_norm_gradient<T>};
  t.sub_bands[i] = {moments<T>, apply<T>, sums<T>, gradient<T>};
  t.broadcast_row[i] = {add_row<T>, add_row_gradient<T>};
}

}  // namespace

void fill_freq_norm(Table& t) {
  fill_type<float>(t, 0);
  fill_type<double>(t, 1);
}

}  // namespace regrad::kernels::REGRAD_ISA
