// Sums and maxima along rows and down columns.
#include "reduce.h"

namespace regrad::kernels::REGRAD_ISA {
namespace {

template <class Op>
void rows_fold(const void* x, int64_t rows, int64_t row_stride, int64_t n, void* y) {
  using T = typename Op::Type;
  for (int64_t r = 0; r < rows; ++r)
    static_cast<T*>(y)[r] = fold_row<Op>(static_cast<const T*>(x) + r * row_stride, n);
}

// y[j] = y[j] joined with x[r*stride + j] for r ascending; eight rows a pass, so that y is read and
// written once for them.
template <class Op, class T>
void columns_join(const T* x, int64_t rows, int64_t stride, int64_t n, T* y) {
  int64_t r = 0;
  for (; r + 8 <= rows; r += 8, x += 8 * stride) {
    REGRAD_LOOP
    for (int64_t j = 0; j < n; ++j) {
      T v = y[j];
      for (int64_t q = 0; q < 8; ++q) v = Op::join(v, x[q * stride + j]);
      y[j] = v;
    }
  }
  for (; r < rows; ++r, x += stride) {
    REGRAD_LOOP
    for (int64_t j = 0; j < n; ++j) y[j] = Op::join(y[j], x[j]);
  }
}

// Blocks of kRowBlock rows are joined in Op::Total, so that the error of a long f32 sum stays that
// of a block.
template <class Op>
void columns_fold(const void* input, int64_t rows, int64_t row_stride, int64_t n, void* output) {
  using T = typename Op::Type;
  using Total = typename Op::Total;
  constexpr int64_t kColumns = 512, kRowBlock = 512;
  for (int64_t j = 0; j < n; j += kColumns) {
    const int64_t columns = n - j < kColumns ? n - j : kColumns;
    const T* x = static_cast<const T*>(input) + j;
    T* y = static_cast<T*>(output) + j;
    for (int64_t c = 0; c < columns; ++c) y[c] = Op::start;
    if (rows <= kRowBlock || __is_same(T, Total)) {
      columns_join<Op>(x, rows, row_stride, columns, y);
      continue;
    }
    Total total[kColumns];
    for (int64_t c = 0; c < columns; ++c) total[c] = Op::start;
    for (int64_t r = 0; r < rows; r += kRowBlock) {
      columns_join<Op>(x + r * row_stride, rows - r < kRowBlock ? rows - r : kRowBlock, row_stride,
                       columns, y);
      for (int64_t c = 0; c < columns; ++c) {
        total[c] = Op::join(total[c], Total(y[c]));
        y[c] = Op::start;
      }
    }
    for (int64_t c = 0; c < columns; ++c) y[c] = T(total[c]);
  }
}

}  // namespace

void fill_reduce(Table& t) {
  t.sum_rows[0] = rows_fold<Sum<float>>;
  t.sum_rows[1] = rows_fold<Sum<double>>;
  t.sum_rows[2] = rows_fold<Sum<uint64_t>>;
  t.max_rows[0] = rows_fold<Max<float>>;
  t.max_rows[1] = rows_fold<Max<double>>;
  t.max_rows[2] = rows_fold<Max<int64_t>>;
  t.sum_columns[0] = columns_fold<Sum<float>>;
  t.sum_columns[1] = columns_fold<Sum<double>>;
  t.sum_columns[2] = columns_fold<Sum<uint64_t>>;
  t.max_columns[0] = columns_fold<Max<float>>;
  t.max_columns[1] = columns_fold<Max<double>>;
  t.max_columns[2] = columns_fold<Max<int64_t>>;
}

}  // namespace regrad::kernels::REGRAD_ISA
