// Sparse matrices in compressed rows (CSR), and their products with dense ones. Differentiable to
// any order in the dense factor and in the values.
//
//   const Csr a = csr_from_edges(edges, nodes);
//       // edges i64 [2,e]: the 0/1 adjacency matrix of an undirected graph
//   Tensor y = spmm(a, x);                               // y = A x, x [nodes,f]
//   Tensor g = grad(sum(square(y)), a.values);
//       // one number per entry; here zeros are no entries and have no gradient
//
// The structure is checked once, when a matrix is made, and carries its transpose along: A^T g,
// which every gradient needs, then reads rows too. No sum is shared between threads, so that all
// bits are the same for any thread count.
// f32 and f64. ShapeError: sizes, lengths or indices that do not fit; DTypeError: indices that are
// not i64, values and x of two dtypes.
#pragma once

#include <regrad/engine/tensor.h>

namespace regrad {

// The entries of row i are k = row_pointers[i] .. row_pointers[i+1]: values[k] stands in column
// columns[k]. An entry may occur twice: it counts twice. Made by the functions below; with_values
// gives it other values.
struct Csr {
  int64_t rows = 0, cols = 0;
  Tensor row_pointers;  // i64 [rows+1]
  Tensor columns;       // i64 [nnz]
  Tensor values;        // [nnz], f32 or f64
  // i64 [rows + cols + 2 + 3 nnz]: row pointers, columns, those of the transpose, and which entry
  // each of the transpose's is
  Tensor structure;
  int64_t nnz() const { return values.numel(); }
};

// From its parts, with the argument order of PyTorch's function of that name. row_pointers i64
// [rows+1]: from 0 to nnz, never falling; columns i64 [nnz] in [0, cols); values [nnz]. Values stay
// what they are: leaves, or tensors with a graph.
Csr sparse_csr_tensor(const Tensor& row_pointers, const Tensor& columns, const Tensor& values,
                      int64_t rows, int64_t cols);

struct EdgeOptions {
  bool undirected = true;   // each edge both ways
  bool self_loops = false;  // a 1 on the whole diagonal; false: none, whatever the edges hold
  DType dtype = DType::f32;
};
// The 0/1 adjacency matrix [nodes,nodes] of edges i64 [2,e]: row edges[0], column edges[1]. An edge
// that occurs twice counts once; columns ascend.
Csr csr_from_edges(const Tensor& edges, int64_t nodes, const EdgeOptions& options = {});

// The same structure with other values, [nnz].
Csr with_values(const Csr& a, const Tensor& values);
// A^T, with its values gathered from a's (recorded).
Csr transpose(const Csr& a);
// The row of each entry, i64 [nnz].
Tensor row_indices(const Csr& a);
// The dense matrix [rows,cols] (recorded).
Tensor to_dense(const Csr& a);

// A x: x [cols,f], or [..,cols,f] for several at once -> [..,rows,f]. PyTorch's torch.sparse.mm.
Tensor spmm(const Csr& a, const Tensor& x);
// <g[row of k], x[column of k]> for each entry k of a's structure, [nnz]: the gradient of sum(g *
// spmm(a, x)) to the values. g [..,rows,f], x [..,cols,f] of equal leading dims, which are summed
// over. PyTorch's torch.sparse.sampled_addmm is g x^T in the same places.
Tensor sddmm(const Csr& a, const Tensor& g, const Tensor& x);

}  // namespace regrad
