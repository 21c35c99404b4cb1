// Standardizing rows (runs of contiguous elements) or columns (over many rows): statistics, h = (x
// - m) r, and P(g, h) = g - mean(g) - h mean(g h).
//
// Sums over a row run over chunks of a buffer, sums over columns over blocks of rows; both add
// their parts in double, in an order that only the sizes give.
#include "reduce.h"

namespace regrad::kernels::REGRAD_ISA {
namespace {

constexpr int64_t kChunk = 1024, kRowBlock = 256;

// Adds f(i) over i < n.
template <class T, class F>
REGRAD_INLINE double add_up(int64_t n, const F& f) {
  T buffer[kChunk];
  double total = 0;
  for (int64_t begin = 0; begin < n; begin += kChunk) {
    const int64_t count = n - begin < kChunk ? n - begin : kChunk;
    REGRAD_LOOP
    for (int64_t i = 0; i < count; ++i) buffer[i] = f(begin + i);
    total += double(fold_row<Sum<T>>(buffer, count));
  }
  return total;
}

template <class T>
void norm_rows(const void* input, int64_t rows, int64_t n, double eps, void* output, void* r_out) {
  for (int64_t s = 0; s < rows; ++s) {
    const T* x = static_cast<const T*>(input) + s * n;
    T* y = output ? static_cast<T*>(output) + s * n : nullptr;
    const double mean = add_up<T>(n, [x](int64_t i) { return x[i]; }) / double(n);
    const T m = T(mean);
    const double rest = mean - double(m);  // what rounding took from the mean
    const double square =
        add_up<T>(n, [x, m](int64_t i) { return (x[i] - m) * (x[i] - m); }) / double(n);
    const double variance = square - rest * rest;
    const T r = T(1 / __builtin_sqrt((variance > 0 ? variance : 0 * variance) + eps));
    if (r_out) static_cast<T*>(r_out)[s] = r;
    if (!y) continue;
    REGRAD_LOOP
    for (int64_t i = 0; i < n; ++i) y[i] = (x[i] - m) * r;
  }
}

template <class T>
void norm_grad_rows(const void* gradient, const void* standard, const void* scale, int64_t rows,
                    int64_t n, void* output) {
  for (int64_t s = 0; s < rows; ++s) {
    const T *g = static_cast<const T*>(gradient) + s * n,
            *h = static_cast<const T*>(standard) + s * n;
    T* y = static_cast<T*>(output) + s * n;
    const T a = T(add_up<T>(n, [g](int64_t i) { return g[i]; }) / double(n));
    const T b = T(add_up<T>(n, [g, h](int64_t i) { return g[i] * h[i]; }) / double(n));
    const T r = scale ? static_cast<const T*>(scale)[s] : T(1);
    REGRAD_LOOP
    for (int64_t i = 0; i < n; ++i) y[i] = r * ((g[i] - a) - h[i] * b);
  }
}

// total[j] += the sum over rows of f(row, j), by blocks of rows.
template <class T, class F>
REGRAD_INLINE void add_up_columns(int64_t rows, int64_t n, double* total, const F& f) {
  constexpr int64_t kWidth = 64;
  for (int64_t j0 = 0; j0 < n; j0 += kWidth) {
    const int64_t width = n - j0 < kWidth ? n - j0 : kWidth;
    for (int64_t begin = 0; begin < rows; begin += kRowBlock) {
      const int64_t end = rows - begin < kRowBlock ? rows : begin + kRowBlock;
      T part[kWidth] = {};
      for (int64_t i = begin; i < end; ++i) {
        REGRAD_LOOP
        for (int64_t j = 0; j < width; ++j) part[j] += f(i, j0 + j);
      }
      for (int64_t j = 0; j < width; ++j) total[j0 + j] += double(part[j]);
    }
  }
}

template <class T>
void sums_columns(const void* input, int64_t rows, int64_t n, double* sum) {
  const T* x = static_cast<const T*>(input);
  add_up_columns<T>(rows, n, sum, [x, n](int64_t i, int64_t j) { return x[i * n + j]; });
}
template <class T>
void squares_columns(const void* input, int64_t rows, int64_t n, const void* mean, double* sum) {
  const T *x = static_cast<const T*>(input), *m = static_cast<const T*>(mean);
  add_up_columns<T>(rows, n, sum, [x, m, n](int64_t i, int64_t j) {
    return (x[i * n + j] - m[j]) * (x[i * n + j] - m[j]);
  });
}
template <class T>
void products_columns(const void* a, const void* b, int64_t rows, int64_t n, double* sum) {
  const T *x = static_cast<const T*>(a), *y = static_cast<const T*>(b);
  add_up_columns<T>(rows, n, sum,
                    [x, y, n](int64_t i, int64_t j) { return x[i * n + j] * y[i * n + j]; });
}
template <class T>
void norm_columns(const void* input, int64_t rows, int64_t n, const void* mean, const void* scale,
                  void* output) {
  const T *x = static_cast<const T*>(input), *m = static_cast<const T*>(mean),
          *r = static_cast<const T*>(scale);
  T* y = static_cast<T*>(output);
  for (int64_t i = 0; i < rows; ++i) {
    REGRAD_LOOP
    for (int64_t j = 0; j < n; ++j) y[i * n + j] = (x[i * n + j] - m[j]) * r[j];
  }
}
template <class T>
void norm_grad_columns(const void* gradient, const void* standard, const void* mean_g,
                       const void* mean_gh, const void* scale, int64_t rows, int64_t n,
                       void* output) {
  const T *g = static_cast<const T*>(gradient), *h = static_cast<const T*>(standard);
  const T *a = static_cast<const T*>(mean_g), *b = static_cast<const T*>(mean_gh),
          *r = static_cast<const T*>(scale);
  T* y = static_cast<T*>(output);
  for (int64_t i = 0; i < rows; ++i) {
    REGRAD_LOOP
    for (int64_t j = 0; j < n; ++j)
      y[i * n + j] = r[j] * ((g[i * n + j] - a[j]) - h[i * n + j] * b[j]);
  }
}

template <class T>
void fill_type(Norm& t) {
  t = {norm_rows<T>,        norm_grad_rows<T>, sums_columns<T>,     squares_columns<T>,
       products_columns<T>, norm_columns<T>,   norm_grad_columns<T>};
}

}  // namespace

void fill_norm(Table& t) {
  fill_type<float>(t.norm[0]);
  fill_type<double>(t.norm[1]);
}

}  // namespace regrad::kernels::REGRAD_ISA
