// The structure of a sparse matrix packed into one tensor, as the rows spmm and sddmm take it: i64
// [rows + cols + 2 + 3 nnz],
//   row pointers [rows+1] | columns [nnz] | the transpose's row pointers [cols+1] | its columns
//       [nnz] | order [nnz]
// Entry k of the transpose is entry order[k] of the matrix. Internal to the engine.
#pragma once

#include <regrad/engine/tensor.h>

namespace regrad::detail {

// From row pointers i64 [rows+1] and columns i64 [nnz]. ShapeError and DTypeError beginning with
// `op`.
Tensor pack_structure(const Tensor& row_pointers, const Tensor& columns, int64_t rows, int64_t cols,
                      const char* op);

// The rows themselves, on x [B,cols,f] (transposed: [B,rows,f]) and values [nnz].
Tensor spmm_packed(const Tensor& structure, const Tensor& values, const Tensor& x, int64_t rows,
                   int64_t cols, bool transposed);
Tensor sddmm_packed(const Tensor& structure, const Tensor& g, const Tensor& x, int64_t rows,
                    int64_t cols);

}  // namespace regrad::detail
