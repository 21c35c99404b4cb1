// Batch normalization with what follows it: residual, ReLU, max pooling, in one pass over memory;
// and its first-order gradient in two.
#include "pool.h"

namespace regrad::kernels::REGRAD_ISA {
namespace {

constexpr int64_t kRowBlock = 256;

// By blocks that stay in the cache: the block's mean, then its squares about it, joined to what is
// there (Chan, Golub and LeVeque 1979).
template <class T>
void moments(const void* input, int64_t rows, int64_t n, double* mean, double* m2) {
  const T* x = static_cast<const T*>(input);
  for (int64_t j = 0; j < n; ++j) mean[j] = m2[j] = 0;
  for (int64_t j0 = 0; j0 < n; j0 += kStrip) {
    const int64_t width = n - j0 < kStrip ? n - j0 : kStrip;
    for (int64_t begin = 0; begin < rows; begin += kRowBlock) {
      const int64_t count = rows - begin < kRowBlock ? rows - begin : kRowBlock;
      T sum[kStrip] = {}, square[kStrip] = {}, rest[kStrip] = {}, m[kStrip];
      const T* block = x + begin * n + j0;
      for (int64_t i = 0; i < count; ++i) {
        REGRAD_LOOP
        for (int64_t j = 0; j < width; ++j) sum[j] += block[i * n + j];
      }
      for (int64_t j = 0; j < width; ++j) m[j] = sum[j] / T(count);
      for (int64_t i = 0; i < count; ++i) {
        REGRAD_LOOP
        for (int64_t j = 0; j < width; ++j) {
          const T d = block[i * n + j] - m[j];
          rest[j] += d;
          square[j] += d * d;
        }
      }
      for (int64_t j = 0; j < width; ++j) {
        const double left = double(rest[j]) / double(count), here = double(m[j]) + left,
                     share = double(count) / double(begin + count);
        const double delta = here - mean[j0 + j];
        m2[j0 + j] +=
            double(square[j]) - left * left * double(count) + delta * delta * double(begin) * share;
        mean[j0 + j] += delta * share;
      }
    }
  }
}

template <class T>
struct Arrays {
  const T *mean, *r, *scale, *shift;
  explicit Arrays(const BatchNorm::Channels& k)
      : mean(static_cast<const T*>(k.mean)),
        r(static_cast<const T*>(k.r)),
        scale(static_cast<const T*>(k.scale)),
        shift(static_cast<const T*>(k.shift)) {}
};

template <class T>
void apply(const BatchNorm::Channels& channels, const void* input, const void* residual, bool relu,
           int64_t rows, int64_t n, void* output) {
  const Arrays<T> k(channels);
  const T *x = static_cast<const T*>(input), *s = static_cast<const T*>(residual);
  T* y = static_cast<T*>(output);
  const T low = relu ? T(0) : T(-__builtin_inf());
  for (int64_t i = 0; i < rows; ++i, x += n, y += n) {
    if (s) {
      REGRAD_LOOP
      for (int64_t j = 0; j < n; ++j) {
        const T z = (x[j] - k.mean[j]) * k.scale[j] + k.shift[j] + s[j];
        y[j] = z < low ? low : z;
      }
      s += n;
    } else {
      REGRAD_LOOP
      for (int64_t j = 0; j < n; ++j) {
        const T z = (x[j] - k.mean[j]) * k.scale[j] + k.shift[j];
        y[j] = z < low ? low : z;
      }
    }
  }
}

template <class T, bool masked>
REGRAD_INLINE T open(const T* g, const T* y, int64_t i) {
  return masked && y[i] <= T(0) ? T(0) : g[i];
}

template <class T, bool masked>
REGRAD_INLINE void sums_of(const Arrays<T>& k, const T* g, const T* y, const T* x, int64_t rows,
                           int64_t n, double* sum_g, double* sum_gh) {
  for (int64_t j0 = 0; j0 < n; j0 += kStrip) {
    const int64_t width = n - j0 < kStrip ? n - j0 : kStrip;
    for (int64_t begin = 0; begin < rows; begin += kRowBlock) {
      const int64_t end = rows - begin < kRowBlock ? rows : begin + kRowBlock;
      T part_g[kStrip] = {}, part_gh[kStrip] = {};
      for (int64_t i = begin; i < end; ++i) {
        REGRAD_LOOP
        for (int64_t j = 0; j < width; ++j) {
          const T gz = open<T, masked>(g, y, i * n + j0 + j);
          part_g[j] += gz;
          part_gh[j] += gz * ((x[i * n + j0 + j] - k.mean[j0 + j]) * k.r[j0 + j]);
        }
      }
      for (int64_t j = 0; j < width; ++j)
        sum_g[j0 + j] += double(part_g[j]), sum_gh[j0 + j] += double(part_gh[j]);
    }
  }
}
template <class T>
void sums(const BatchNorm::Channels& channels, const void* g, const void* y, const void* x,
          int64_t rows, int64_t n, double* sum_g, double* sum_gh) {
  const Arrays<T> k(channels);
  const T *gp = static_cast<const T*>(g), *yp = static_cast<const T*>(y),
          *xp = static_cast<const T*>(x);
  y ? sums_of<T, true>(k, gp, yp, xp, rows, n, sum_g, sum_gh)
    : sums_of<T, false>(k, gp, yp, xp, rows, n, sum_g, sum_gh);
}

template <class T, bool masked>
REGRAD_INLINE void gradient_of(const Arrays<T>& k, const T* a, const T* b, const T* g, const T* y,
                               const T* x, int64_t rows, int64_t n, T* dx, T* ds) {
  for (int64_t i = 0; i < rows; ++i, g += n, x += n, dx += n, y += masked ? n : 0) {
    REGRAD_LOOP
    for (int64_t j = 0; j < n; ++j)
      dx[j] = k.scale[j] * ((open<T, masked>(g, y, j) - a[j]) - (x[j] - k.mean[j]) * k.r[j] * b[j]);
    if (!ds) continue;
    REGRAD_LOOP
    for (int64_t j = 0; j < n; ++j) ds[j] = open<T, masked>(g, y, j);
    ds += n;
  }
}
template <class T>
void gradient(const BatchNorm::Channels& channels, const void* mean_g, const void* mean_gh,
              const void* g, const void* y, const void* x, int64_t rows, int64_t n, void* dx,
              void* d_residual) {
  const Arrays<T> k(channels);
  const T *a = static_cast<const T*>(mean_g), *b = static_cast<const T*>(mean_gh);
  const T *gp = static_cast<const T*>(g), *yp = static_cast<const T*>(y),
          *xp = static_cast<const T*>(x);
  T *to = static_cast<T*>(dx), *ds = static_cast<T*>(d_residual);
  y ? gradient_of<T, true>(k, a, b, gp, yp, xp, rows, n, to, ds)
    : gradient_of<T, false>(k, a, b, gp, yp, xp, rows, n, to, ds);
}

template <class T>
void apply_pool(const BatchNorm::Channels& channels, const Pool& s, const void* input, bool relu,
                void* output, uint8_t* index) {
  const Arrays<T> k(channels);
  const T* x = static_cast<const T*>(input);
  T* y = static_cast<T*>(output);
  const T low = relu ? T(0) : T(-__builtin_inf());
  each_window(s, [&](int64_t out, int64_t i, int64_t j, int64_t c, int64_t n) {
    T best[kStrip];
    int32_t tap[kStrip];
    largest(s, i, j, c, n, best, tap, [&](int64_t at, int64_t ch) {
      return (x[at] - k.mean[ch]) * k.scale[ch] + k.shift[ch];
    });
    REGRAD_LOOP
    for (int64_t q = 0; q < n; ++q) y[out + q] = best[q] < low ? low : best[q];
    for (int64_t q = 0; q < n; ++q) index[out + q] = uint8_t(tap[q]);
  });
}

template <class T>
void sums_pool(const BatchNorm::Channels& channels, const Pool& s, const void* gradient_y,
               const void* pooled, const uint8_t* index, const void* input, double* sum_g,
               double* sum_gh) {
  const Arrays<T> k(channels);
  const T *g = static_cast<const T*>(gradient_y), *y = static_cast<const T*>(pooled),
          *x = static_cast<const T*>(input);
  for (int64_t c = 0; c < s.c; c += kStrip) {
    const int64_t n = s.c - c < kStrip ? s.c - c : kStrip;
    for (int64_t i = 0; i < s.oh; ++i) {
      T part_g[kStrip] = {}, part_gh[kStrip] = {};
      for (int64_t j = 0; j < s.ow; ++j) {
        const int64_t out = (i * s.ow + j) * s.c + c;
        T gz[kStrip], at_max[kStrip] = {};
        REGRAD_LOOP
        for (int64_t q = 0; q < n; ++q) gz[q] = y && y[out + q] <= T(0) ? T(0) : g[out + q];
        each_tap(s, i, j, [&](int64_t tap, int64_t at) {
          REGRAD_LOOP
          for (int64_t q = 0; q < n; ++q)
            at_max[q] = index[out + q] == uint8_t(tap) ? x[at + c + q] : at_max[q];
        });
        REGRAD_LOOP
        for (int64_t q = 0; q < n; ++q) {
          part_g[q] += gz[q];
          part_gh[q] += gz[q] * ((at_max[q] - k.mean[c + q]) * k.r[c + q]);
        }
      }
      for (int64_t q = 0; q < n; ++q)
        sum_g[c + q] += double(part_g[q]), sum_gh[c + q] += double(part_gh[q]);
    }
  }
}

template <class T>
void gradient_pool(const BatchNorm::Channels& channels, const Pool& s, const void* mean_g,
                   const void* mean_gh, const void* gradient_y, const void* pooled,
                   const uint8_t* index, const void* input, void* output) {
  const Arrays<T> k(channels);
  const T *a = static_cast<const T*>(mean_g), *b = static_cast<const T*>(mean_gh);
  const T *g = static_cast<const T*>(gradient_y), *y = static_cast<const T*>(pooled),
          *x = static_cast<const T*>(input);
  T* dx = static_cast<T*>(output);
  for (int64_t i = 0; i < s.h * s.w; ++i) {
    REGRAD_LOOP
    for (int64_t j = 0; j < s.c; ++j)
      dx[i * s.c + j] = k.scale[j] * (-a[j] - (x[i * s.c + j] - k.mean[j]) * k.r[j] * b[j]);
  }
  each_window(s, [&](int64_t out, int64_t i, int64_t j, int64_t c, int64_t n) {
    T gz[kStrip];
    REGRAD_LOOP
    for (int64_t q = 0; q < n; ++q)
      gz[q] = y && y[out + q] <= T(0) ? T(0) : k.scale[c + q] * g[out + q];
    each_tap(s, i, j, [&](int64_t tap, int64_t at) {
      REGRAD_LOOP
      for (int64_t q = 0; q < n; ++q)
        dx[at + c + q] += index[out + q] == uint8_t(tap) ? gz[q] : T(0);
    });
  });
}

template <class T>
constexpr BatchNorm batch_norm() {
  return {moments<T>,    apply<T>,     sums<T>,         gradient<T>,
          apply_pool<T>, sums_pool<T>, gradient_pool<T>};
}

}  // namespace

void fill_batch_norm(Table& t) {
  t.batch_norm[0] = batch_norm<float>();
  t.batch_norm[1] = batch_norm<double>();
}

}  // namespace regrad::kernels::REGRAD_ISA
