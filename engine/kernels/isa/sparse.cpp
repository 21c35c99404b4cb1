// Rows of a sparse matrix (CSR) against dense rows: y[i] = sum_k v_k x[column_k], and v_k = <g[i], x[column_k]>.
//
// Dense rows are contiguous. A tile of y's columns stays in registers while the entries of its row pass; entries are added in their order.
#include "isa.h"

namespace regrad::kernels::REGRAD_ISA {
namespace {

REGRAD_INLINE float fused(float a, float b, float c) {
#if defined(__FMA__) || defined(__aarch64__)
  return __builtin_fmaf(a, b, c);
#else
  return a * b + c;
#endif
}
REGRAD_INLINE double fused(double a, double b, double c) {
#if defined(__FMA__) || defined(__aarch64__)
  return __builtin_fma(a, b, c);
#else
  return a * b + c;
#endif
}

template <class T>
REGRAD_INLINE T value_of(const SparseRows& s, int64_t k) {
  return static_cast<const T*>(s.values)[s.order ? s.order[k] : k];
}

// Columns [j, j + kTile) of row i.
template <class T, int kTile>
REGRAD_INLINE void spmm_tile(const SparseRows& s, int64_t i, const T* x, int64_t f, int64_t j, T* y) {
  T sum[kTile] = {};
  for (int64_t k = s.pointers[i]; k < s.pointers[i + 1]; ++k) {
    const T v = value_of<T>(s, k);
    const T* from = x + s.columns[k] * f + j;
    for (int c = 0; c < kTile; ++c) sum[c] = fused(v, from[c], sum[c]);
  }
  for (int c = 0; c < kTile; ++c) y[i * f + j + c] = sum[c];
}

template <class T>
void spmm_rows(const SparseRows& s, int64_t first, int64_t count, const void* dense, int64_t f, void* output) {
  const T* x = static_cast<const T*>(dense);
  T* y = static_cast<T*>(output);
  constexpr int kWide = 256 / int(sizeof(T)), kNarrow = 64 / int(sizeof(T));
  for (int64_t i = first; i < first + count; ++i) {
    int64_t j = 0;
    for (; j + kWide <= f; j += kWide) spmm_tile<T, kWide>(s, i, x, f, j, y);
    for (; j + kNarrow <= f; j += kNarrow) spmm_tile<T, kNarrow>(s, i, x, f, j, y);
    for (; j + 4 <= f; j += 4) spmm_tile<T, 4>(s, i, x, f, j, y);
    for (; j < f; ++j) spmm_tile<T, 1>(s, i, x, f, j, y);
  }
}

// Lane l takes the products l, l + 16, ..; lanes are added in a tree, then the rest one by one.
template <class T>
REGRAD_INLINE T dot(const T* a, const T* b, int64_t n) {
  constexpr int kLanes = 16;
  T lane[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    for (int l = 0; l < kLanes; ++l) lane[l] = fused(a[i + l], b[i + l], lane[l]);
  for (int half = kLanes / 2; half > 0; half /= 2)
    for (int l = 0; l < half; ++l) lane[l] += lane[l + half];
  for (; i < n; ++i) lane[0] = fused(a[i], b[i], lane[0]);
  return lane[0];
}

// Entries belong to one row each: no two blocks of rows write the same one.
template <class T>
void sddmm_rows(const SparseRows& s, int64_t first, int64_t count, const void* rows, const void* dense, int64_t f, void* output) {
  const T *g = static_cast<const T*>(rows), *x = static_cast<const T*>(dense);
  T* v = static_cast<T*>(output);
  for (int64_t i = first; i < first + count; ++i)
    for (int64_t k = s.pointers[i]; k < s.pointers[i + 1]; ++k) v[k] += dot(g + i * f, x + s.columns[k] * f, f);
}

}  // namespace

void fill_sparse(Table& t) {
  t.spmm[0] = spmm_rows<float>;
  t.spmm[1] = spmm_rows<double>;
  t.sddmm[0] = sddmm_rows<float>;
  t.sddmm[1] = sddmm_rows<double>;
}

}  // namespace regrad::kernels::REGRAD_ISA
