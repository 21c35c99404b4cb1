// Products of a vector and a matrix that is read once, as it lies: at the speed of memory, not of
// arithmetic.
//
//   y[i] = bias[i] + sum_k w[i, k] x[k]     rows: sums in lanes, folded at the end of a row
//   y[j] = bias[j] + sum_k x[k] w[k, j]     columns: k ascending, some rows of w at a time
//
// An element's bits depend on its own row or column only, wherever a block of them begins.
#include "gemm_pack.h"

#include "reduce.h"

namespace regrad::kernels::REGRAD_ISA {
namespace {

constexpr int kRows = 8;  // side by side: one multiply-add need not wait for the last

template <class T>
using R = Reg<T, register_bytes>;

// Sums of registers' lanes: to 16 bytes by quarters, then ((0 + 2) + (1 + 3)) of f32, (0 + 1) of
// f64, as many rows at once as that has lanes.
template <class T>
REGRAD_INLINE typename Lanes<T, quad<T>>::V quarter(typename R<T>::V v) {
  T lane[R<T>::lanes];
  R<T>::store(lane, v);
  auto sum = load<quad<T>>(lane);
  REGRAD_UNROLL
  for (int i = quad<T>; i < R<T>::lanes; i += quad<T>) sum += load<quad<T>>(lane + i);
  return sum;
}
REGRAD_INLINE float fold(Lanes<float, 4>::V q) { return (q[0] + q[2]) + (q[1] + q[3]); }
REGRAD_INLINE double fold(Lanes<double, 2>::V q) { return q[0] + q[1]; }
REGRAD_INLINE Lanes<float, 4>::V fold_rows(const Lanes<float, 4>::V* q) {
  const auto a = __builtin_shufflevector(q[0], q[1], 0, 4, 1, 5) +
                 __builtin_shufflevector(q[0], q[1], 2, 6, 3, 7);
  const auto b = __builtin_shufflevector(q[2], q[3], 0, 4, 1, 5) +
                 __builtin_shufflevector(q[2], q[3], 2, 6, 3, 7);
  return __builtin_shufflevector(a, b, 0, 1, 4, 5) + __builtin_shufflevector(a, b, 2, 3, 6, 7);
}
REGRAD_INLINE Lanes<double, 2>::V fold_rows(const Lanes<double, 2>::V* q) {
  return __builtin_shufflevector(q[0], q[1], 0, 2) + __builtin_shufflevector(q[0], q[1], 1, 3);
}

// y[i], i < rows. (Fetching the next rows ahead costs more than it saves: the machine follows eight
// streams by itself.)
template <class T, int rows>
REGRAD_INLINE void dots(const Gemv& g, const T* w, const T* x, const T* bias, T* y) {
  typename R<T>::V sum[rows] = {};
  int64_t k = 0;
  for (; k + R<T>::lanes <= g.k; k += R<T>::lanes) {
    const typename R<T>::V v = R<T>::load(x + k);
    REGRAD_UNROLL
    for (int r = 0; r < rows; ++r)
      sum[r] = R<T>::multiply_add(R<T>::load(w + r * g.w_pitch + k), v, sum[r]);
  }
  if (k < g.k) {
    const auto tail = R<T>::tail(g.k - k);
    const typename R<T>::V v = R<T>::load_lanes(x + k, tail);
    for (int r = 0; r < rows; ++r)
      sum[r] = R<T>::multiply_add(R<T>::load_lanes(w + r * g.w_pitch + k, tail), v, sum[r]);
  }
  typename Lanes<T, quad<T>>::V q[rows];
  for (int r = 0; r < rows; ++r) q[r] = quarter<T>(sum[r]);
  if constexpr (rows == 1) {
    y[0] = fold(q[0]);
  } else {
    for (int r = 0; r < rows; r += quad<T>) store<quad<T>>(y + r, fold_rows(q + r));
  }
  if (bias)
    for (int r = 0; r < rows; ++r) y[r] += bias[r * g.bias_col];
}

template <class T>
void gemv_rows(const Gemv& g) {
  const T *w = static_cast<const T*>(g.w), *x = static_cast<const T*>(g.x),
          *bias = static_cast<const T*>(g.bias);
  T* y = static_cast<T*>(g.y);
  const auto bias_at = [&](int64_t m, int64_t i) {
    return bias ? bias + m * g.bias_row + i * g.bias_col : nullptr;
  };
  int64_t i = 0;
  for (; i + kRows <= g.n; i += kRows)
    for (int64_t m = 0; m < g.m; ++m)
      dots<T, kRows>(g, w + i * g.w_pitch, x + m * g.x_row, bias_at(m, i), y + m * g.y_row + i);
  for (; i < g.n; ++i)
    for (int64_t m = 0; m < g.m; ++m)
      dots<T, 1>(g, w + i * g.w_pitch, x + m * g.x_row, bias_at(m, i), y + m * g.y_row + i);
}

// y[j] += sum over `rows` rows of w.
template <class T, int rows>
REGRAD_INLINE void add_rows(const Gemv& g, const T* w, const T* x, T* y) {
  typename R<T>::V v[rows];
  for (int r = 0; r < rows; ++r) v[r] = R<T>::repeat(x[r]);
  int64_t j = 0;
  for (; j + R<T>::lanes <= g.n; j += R<T>::lanes) {
    typename R<T>::V sum = R<T>::load(y + j);
    REGRAD_UNROLL
    for (int r = 0; r < rows; ++r)
      sum = R<T>::multiply_add(R<T>::load(w + r * g.w_pitch + j), v[r], sum);
    R<T>::store(y + j, sum);
  }
  if (j == g.n) return;
  const auto tail = R<T>::tail(g.n - j);
  typename R<T>::V sum = R<T>::load_lanes(y + j, tail);
  for (int r = 0; r < rows; ++r)
    sum = R<T>::multiply_add(R<T>::load_lanes(w + r * g.w_pitch + j, tail), v[r], sum);
  R<T>::store_tail(y + j, sum, tail);
}

template <class T>
void gemv_columns(const Gemv& g) {
  const T *w = static_cast<const T*>(g.w), *bias = static_cast<const T*>(g.bias);
  for (int64_t m = 0; m < g.m; ++m) {
    const T* x = static_cast<const T*>(g.x) + m * g.x_row;
    T* y = static_cast<T*>(g.y) + m * g.y_row;
    for (int64_t j = 0; j < g.n; ++j) y[j] = bias ? bias[m * g.bias_row + j * g.bias_col] : T(0);
    int64_t k = 0;
    for (; k + kRows <= g.k; k += kRows) add_rows<T, kRows>(g, w + k * g.w_pitch, x + k, y);
    for (; k < g.k; ++k) add_rows<T, 1>(g, w + k * g.w_pitch, x + k, y);
  }
}

}  // namespace

void fill_gemv(Table& t) {
  t.gemv_rows[0] = gemv_rows<float>;
  t.gemv_rows[1] = gemv_rows<double>;
  t.gemv_columns[0] = gemv_columns<float>;
  t.gemv_columns[1] = gemv_columns<double>;
}

}  // namespace regrad::kernels::REGRAD_ISA
