// softmax, log_softmax and logsumexp of contiguous rows: m = max x, s = sum exp(x - m).
//
// Rows are taken in groups of about kGroup elements, so that the exponentials run over one long
// vector loop even where a row has five elements.
#include "formulas.h"
#include "reduce.h"
#include "strips.h"

namespace regrad::kernels::REGRAD_ISA {
namespace {

constexpr int64_t kGroup = 1024;

// e^x for x <= 0 or NaN, which is what x - m is.
template <class T>
struct ExpFalling : Formula<T> {
  using Formula<T>::Formula;
  void apply(const T* x, T* y, int64_t n) const {
    REGRAD_LOOP
    for (int64_t i = 0; i < n; ++i) y[i] = math::exp_of_minus_abs(x[i]);
  }
};
template <class T>
void exp_contiguous(T* x, int64_t n) {
  apply_contiguous(ExpFalling<T>(Params{}), x, x, n);
}

template <class T>
REGRAD_INLINE void subtract(const T* x, T value, int64_t n, T* y) {
  REGRAD_LOOP
  for (int64_t i = 0; i < n; ++i) y[i] = x[i] - value;
}

int64_t rows_a_group(int64_t n) { return n >= kGroup ? 1 : kGroup / (n > 0 ? n : 1); }

template <class T>
void softmax(const void* input, int64_t rows, int64_t n, void* output) {
  const T* x = static_cast<const T*>(input);
  T* y = static_cast<T*>(output);
  const int64_t group = rows_a_group(n);
  for (int64_t begin = 0; begin < rows; begin += group) {
    const int64_t end = rows - begin < group ? rows : begin + group;
    for (int64_t r = begin; r < end; ++r)
      subtract(x + r * n, fold_row<Max<T>>(x + r * n, n), n, y + r * n);
    exp_contiguous(y + begin * n, (end - begin) * n);
    for (int64_t r = begin; r < end; ++r) {
      T* row = y + r * n;
      const T sum = fold_row<Sum<T>>(row, n);
      REGRAD_LOOP
      for (int64_t i = 0; i < n; ++i) row[i] /= sum;
    }
  }
}

// largest[r] = m and sums[r] = s for `rows` rows (one group).
template <class T>
void exp_sums(const T* x, int64_t rows, int64_t n, T* largest, T* sums) {
  T buffer[kGroup];
  for (int64_t r = 0; r < rows; ++r) largest[r] = fold_row<Max<T>>(x + r * n, n);
  if (n <= kGroup) {
    for (int64_t r = 0; r < rows; ++r) subtract(x + r * n, largest[r], n, buffer + r * n);
    exp_contiguous(buffer, rows * n);
    for (int64_t r = 0; r < rows; ++r) sums[r] = fold_row<Sum<T>>(buffer + r * n, n);
    return;
  }
  double sum = 0;
  for (int64_t i = 0; i < n; i += kGroup) {
    const int64_t count = n - i < kGroup ? n - i : kGroup;
    subtract(x + i, largest[0], count, buffer);
    exp_contiguous(buffer, count);
    sum += double(fold_row<Sum<T>>(buffer, count));
  }
  sums[0] = T(sum);
}

// Calls finish(row number, m, log s) for every row.
template <class T, class Finish>
REGRAD_INLINE void each_row(const T* x, int64_t rows, int64_t n, const Finish& finish) {
  T largest[kGroup], sums[kGroup];
  const int64_t group = rows_a_group(n);
  for (int64_t begin = 0; begin < rows; begin += group) {
    const int64_t count = rows - begin < group ? rows - begin : group;
    exp_sums(x + begin * n, count, n, largest, sums);
    apply_contiguous(log<T>(Params{}), sums, sums, count);
    for (int64_t r = 0; r < count; ++r) finish(begin + r, largest[r], sums[r]);
  }
}

template <class T>
void log_softmax(const void* input, int64_t rows, int64_t n, void* output) {
  const T* x = static_cast<const T*>(input);
  T* y = static_cast<T*>(output);
  each_row(x, rows, n, [x, y, n](int64_t r, T m, T log_sum) {
    const T* from = x + r * n;
    T* to = y + r * n;
    REGRAD_LOOP
    for (int64_t i = 0; i < n; ++i) to[i] = (from[i] - m) - log_sum;
  });
}

template <class T>
void logsumexp(const void* input, int64_t rows, int64_t n, void* output) {
  T* y = static_cast<T*>(output);
  each_row(static_cast<const T*>(input), rows, n, [y](int64_t r, T m, T log_sum) {
    y[r] = math::abs(m) == T(__builtin_inf()) ? m : m + log_sum;  // an infinite m: x - m is NaN
  });
}

}  // namespace

void fill_softmax(Table& t) {
  t.softmax[0] = softmax<float>;
  t.softmax[1] = softmax<double>;
  t.log_softmax[0] = log_softmax<float>;
  t.log_softmax[1] = log_softmax<double>;
  t.logsumexp[0] = logsumexp<float>;
  t.logsumexp[1] = logsumexp<double>;
}

}  // namespace regrad::kernels::REGRAD_ISA
