// Rows of a sparse matrix (CSR) against dense rows: y[i] = sum_k v_k x[column_k], and v_k = <g[i],
// x[column_k]>.
//
// Dense rows are contiguous. A tile of y's columns stays in registers while the entries of its row
// pass; entries are added in their order, and products are rounded before they are added, so an
// element's bits depend on its row and column only, whatever the instruction set.
#include "reduce.h"

namespace regrad::kernels::REGRAD_ISA {
namespace {

template <class T>
REGRAD_INLINE T value_of(const SparseRows& s, int64_t k) {
  return static_cast<const T*>(s.values)[s.order ? s.order[k] : k];
}

// kVectors times kWidth columns of row i, from j on.
template <class T, int kWidth, int kVectors>
REGRAD_INLINE void spmm_tile(const SparseRows& s, int64_t i, const T* x, int64_t f, int64_t j,
                             T* y) {
  typename Lanes<T, kWidth>::V sum[kVectors] = {};
  for (int64_t k = s.pointers[i]; k < s.pointers[i + 1]; ++k) {
    const T v = value_of<T>(s, k);
    const T* from = x + s.columns[k] * f + j;
    for (int c = 0; c < kVectors; ++c) sum[c] += v * load<kWidth>(from + c * kWidth);
  }
  for (int c = 0; c < kVectors; ++c) store<kWidth>(y + i * f + j + c * kWidth, sum[c]);
}

template <class T>
void spmm_rows(const SparseRows& s, int64_t first, int64_t count, const void* dense, int64_t f,
               void* output) {
  const T* x = static_cast<const T*>(dense);
  T* y = static_cast<T*>(output);
  constexpr int kWidth = kVectorBytes / int(sizeof(T)), kSmall = 16 / int(sizeof(T)), kMany = 8;
  for (int64_t i = first; i < first + count; ++i) {
    int64_t j = 0;
    for (; j + kMany * kWidth <= f; j += kMany * kWidth)
      spmm_tile<T, kWidth, kMany>(s, i, x, f, j, y);
    for (; j + 2 * kWidth <= f; j += 2 * kWidth) spmm_tile<T, kWidth, 2>(s, i, x, f, j, y);
    for (; j + kWidth <= f; j += kWidth) spmm_tile<T, kWidth, 1>(s, i, x, f, j, y);
    for (; j + kSmall <= f; j += kSmall) spmm_tile<T, kSmall, 1>(s, i, x, f, j, y);
    for (; j < f; ++j) {
      T sum = 0;
      for (int64_t k = s.pointers[i]; k < s.pointers[i + 1]; ++k)
        sum += value_of<T>(s, k) * x[s.columns[k] * f + j];
      y[i * f + j] = sum;
    }
  }
}

// 32 lanes, of which lane l takes the products l, l + 32, ..., folded to 8.
template <class T>
REGRAD_INLINE typename Lanes<T, 8>::V dot_32(const T* a, const T* b, int64_t n) {
  constexpr int kWidth = kVectorBytes / int(sizeof(T)), kVectors = 32 / kWidth;
  typename Lanes<T, kWidth>::V sum[kVectors] = {};
  for (int64_t i = 0; i + 32 <= n; i += 32)
    for (int v = 0; v < kVectors; ++v)
      sum[v] += load<kWidth>(a + i + v * kWidth) * load<kWidth>(b + i + v * kWidth);
  T lanes[32];
  for (int v = 0; v < kVectors; ++v) store<kWidth>(lanes + v * kWidth, sum[v]);
  return (load<8>(lanes) + load<8>(lanes + 16)) + (load<8>(lanes + 8) + load<8>(lanes + 24));
}

// Whole groups of 32 in 32 lanes, then groups of 8 in 8 lanes, folded to one; then single elements.
template <class T>
REGRAD_INLINE T dot(const T* a, const T* b, int64_t n) {
  T value = 0;
  int64_t i = n & ~int64_t(31);
  if (n >= 8) {
    typename Lanes<T, 8>::V eight = {};
    if (i > 0) eight = dot_32(a, b, n);
    for (; i + 8 <= n; i += 8) eight += load<8>(a + i) * load<8>(b + i);
    T lanes[8];
    store<8>(lanes, eight);
    store<4>(lanes, load<4>(lanes) + load<4>(lanes + 4));
    value = (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]);
  }
  for (; i < n; ++i) value += a[i] * b[i];
  return value;
}

// Entries belong to one row each: no two blocks of rows write the same one.
template <class T>
void sddmm_rows(const SparseRows& s, int64_t first, int64_t count, const void* rows,
                const void* dense, int64_t f, void* output) {
  const T *g = static_cast<const T*>(rows), *x = static_cast<const T*>(dense);
  T* v = static_cast<T*>(output);
  for (int64_t i = first; i < first + count; ++i)
    for (int64_t k = s.pointers[i]; k < s.pointers[i + 1]; ++k)
      v[k] += dot(g + i * f, x + s.columns[k] * f, f);
}

}  // namespace

void fill_sparse(Table& t) {
  t.spmm[0] = spmm_rows<float>;
  t.spmm[1] = spmm_rows<double>;
  t.sddmm[0] = sddmm_rows<float>;
  t.sddmm[1] = sddmm_rows<double>;
}

}  // namespace regrad::kernels::REGRAD_ISA
