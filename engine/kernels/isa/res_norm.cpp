// Residual normalization of groups of elements: statistics in one sweep over what lies in rows that
// groups share, the result in another from the cache, written past it where it is large.
#include "reduce.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace regrad::kernels::REGRAD_ISA {
namespace {

constexpr int64_t kLanes = 64, kAhead = 4096, kPiece = 4096;

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

// Groups as one run of neighbours each, or in rows: themselves, or where their elements are apart
// copies of all of them in `room`.
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
      for (int64_t i = 0; i < s.run; ++i)
        to[(k * s.runs + r) * s.run + i] = x[r * s.run_stride + k * s.stride + i * s.step];
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

// y[..] = f(group)(offset), in memory's order; the offset of run r of group k is r run_stride + k
// stride of `from`.
template <class T, class F>
REGRAD_INLINE void write(const Groups& s, const Groups& from, int64_t first, int64_t last, T* y,
                         const F& f) {
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
// A group's rounded mean and 1/sqrt(var + eps), and the means of g and of g (x - m). Where values
// differ by rounding alone they are taken about the first one: a constant group gives exactly 0.
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
        count, [x, c](int64_t i) { return (x[i] - c) * (x[i] - c); },
        [x, g, c](int64_t i) { return g[i] * (x[i] - c); });
  };
  Two products = about(m);
  if (is_constant(products.f / n, m)) m = x[0], products = about(m);
  const double rest = mean - double(m);
  return {m, inverse_deviation<T>(products.f / n - rest * rest, eps), sums.g / n, products.g / n};
}

// Sums of d, d^2, g and g d over a group, d = x - guess: lanes of a few runs, and what they have
// come to.
constexpr int kSums = 4, kSumLanes = 16;
template <class T>
struct Sums {
  T lanes[kSums][kSumLanes] = {}, guess;
  double total[kSums] = {};
};
// The lanes are registers side by side, of which so many at a time fit beside each other: more
// would lie in memory.
template <class T>
constexpr int kWidth = kVectorBytes / int(sizeof(T));
template <class T>
constexpr int kTogether = kWidth<T> < kSumLanes ? 2 : 1;

template <class T, bool with_g>
REGRAD_INLINE void add_lanes(const T* x, const T* g, int64_t n, int first, Sums<T>& s) {
  constexpr int w = kWidth<T>, parts = kTogether<T>;
  using V = typename Lanes<T, w>::V;
  V d1[parts], d2[parts], g1[parts], gd[parts];
  for (int p = 0; p < parts; ++p) {
    d1[p] = load<w>(s.lanes[0] + first + p * w), d2[p] = load<w>(s.lanes[1] + first + p * w);
    if constexpr (with_g)
      g1[p] = load<w>(s.lanes[2] + first + p * w), gd[p] = load<w>(s.lanes[3] + first + p * w);
  }
  for (int64_t i = first; i - first + kSumLanes <= n; i += kSumLanes)
    for (int p = 0; p < parts; ++p) {
      const V d = load<w>(x + i + p * w) - s.guess;
      d1[p] += d, d2[p] += d * d;
      if constexpr (with_g) {
        const V gi = load<w>(g + i + p * w);
        g1[p] += gi, gd[p] += gi * d;
      }
    }
  for (int p = 0; p < parts; ++p) {
    store<w>(s.lanes[0] + first + p * w, d1[p]), store<w>(s.lanes[1] + first + p * w, d2[p]);
    if constexpr (with_g)
      store<w>(s.lanes[2] + first + p * w, g1[p]), store<w>(s.lanes[3] + first + p * w, gd[p]);
  }
}

template <class T, bool with_g>
REGRAD_INLINE void add_run(const T* x, const T* g, int64_t n, Sums<T>& s) {
  for (int first = 0; first < kSumLanes; first += kTogether<T> * kWidth<T>)
    add_lanes<T, with_g>(x, g, n, first, s);
  const int64_t i = n / kSumLanes * kSumLanes;
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

// Of all groups in rows, in memory's order and one pass: squares about a guess of the mean, that of
// the first run.
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
    of[k] = {m, inverse_deviation<T>(total.total[1] / n - shift * shift, eps), total.total[2] / n,
             (total.total[3] - by * total.total[2]) / n};
  }
}

template <class T>
void res_norm_forward(const Groups& s, double lambda, double eps, const void* input, void* output,
                      void* room) {
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
void res_norm_gradient(const Groups& s, double lambda, double eps, const void* gradient,
                       const void* input, void* output, void* room) {
  const Groups from = close(s);
  const T *x = close<T>(s, input, room),
          *g = close<T>(s, gradient, static_cast<T*>(room) + s.n * s.runs * s.run);
  Centre<T> of[most_groups];
  const auto finish = [&](int64_t first, int64_t last) {
    // dx = (lambda + r) g - r mean(g) - (x - m) r^3 mean(g (x - m))
    write(s, from, first, last, static_cast<T*>(output), [&](int64_t k) {
      const double r = double(of[k].r);
      const T m = of[k].m, scale = T(lambda) + of[k].r, shift = T(r * of[k].mean_g),
              slope = T(r * r * r * of[k].mean_gd);
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

template <class T>
void fill_type(Table& t, int i) {
  t.res_norm[i] = {res_norm_forward<T>, res_norm_gradient<T>};
}

}  // namespace

void fill_res_norm(Table& t) {
  fill_type<float>(t, 0);
  fill_type<double>(t, 1);
}

}  // namespace regrad::kernels::REGRAD_ISA
