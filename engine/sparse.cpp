#include <regrad/engine/sparse.h>

#include <regrad/engine/autograd.h>
#include <regrad/engine/internal/called.h>
#include <regrad/engine/ops.h>
#include <regrad/engine/ops/sparse.h>

#include <algorithm>
#include <string>
#include <vector>

namespace regrad {
namespace {

// Row pointers and columns are views of the packed structure.
Csr on_structure(Tensor structure, const Tensor& values, int64_t rows, int64_t cols) {
  const NoGrad quiet;
  Csr a{rows,
        cols,
        slice(structure, 0, 0, rows + 1),
        slice(structure, 0, rows + 1, rows + 1 + values.numel()),
        values,
        {}};
  a.structure = std::move(structure);
  return a;
}

void need_values(const Tensor& values, int64_t nnz, const char* op) {
  if (!is_floating(values.dtype()))
    throw DTypeError(std::string(op) + ": values are " + name(values.dtype()) +
                     ", must be f32 or f64");
  if (values.dim() != 1 || values.numel() != nnz)
    throw ShapeError(std::string(op) + ": values " + str(values.shape()) + " for " +
                     std::to_string(nnz) + " entries; they must be [entries]");
}

// x [.., n, f] as [B, n, f].
Tensor batched(const Tensor& x, int64_t n, const char* what, const char* op) {
  if (x.dim() < 2 || x.size(-2) != n)
    throw ShapeError(std::string(op) + ": " + what + " " + str(x.shape()) +
                     "; the matrix needs [..," + std::to_string(n) + ",f]");
  if (x.dim() == 3) return x;
  int64_t batch = 1;
  for (int d = 0; d + 2 < x.dim(); ++d) batch *= x.shape()[d];
  return reshape(x, {batch, n, x.size(-1)});
}

// ShapeError where a was not made by this file's functions.
void need_made(const Csr& a) {
  if (!a.values.defined() || !a.structure.defined()) detail::undefined_tensor("Csr", 0);
}

}  // namespace

Csr sparse_csr_tensor(const Tensor& row_pointers, const Tensor& columns, const Tensor& values,
                      int64_t rows, int64_t cols) {
  const detail::Called as("sparse_csr_tensor(row_pointers, columns, values)", row_pointers, columns,
                          values);
  return typed_memory([&] {
    need_values(values, columns.numel(), "sparse_csr_tensor");
    return on_structure(
        detail::pack_structure(row_pointers, columns, rows, cols, "sparse_csr_tensor"), values,
        rows, cols);
  });
}

Csr csr_from_edges(const Tensor& edges, int64_t nodes, const EdgeOptions& options) {
  const detail::Called as("csr_from_edges(edges)", edges);
  return typed_memory([&] {
    if (edges.dtype() != DType::i64)
      throw DTypeError(std::string("csr_from_edges: edges are ") + name(edges.dtype()) +
                       ", must be i64");
    if (nodes < 0 || edges.dim() != 2 || edges.size(0) != 2)
      throw ShapeError("csr_from_edges: edges " + str(edges.shape()) + " of " +
                       std::to_string(nodes) + " nodes; edges must be [2,e]");
    const std::vector<int64_t> ends = edges.to_vector<int64_t>();
    const size_t count = ends.size() / 2;
    std::vector<std::vector<int64_t>> neighbours(static_cast<size_t>(nodes));
    for (size_t e = 0; e < count; ++e) {
      const int64_t from = ends[e], to = ends[count + e];
      for (const int64_t node : {from, to})
        if (node < 0 || node >= nodes)
          throw ShapeError("csr_from_edges: edge " + std::to_string(e) + " names node " +
                           std::to_string(node) + " of " + std::to_string(nodes));
      if (from == to) continue;
      neighbours[static_cast<size_t>(from)].push_back(to);
      if (options.undirected) neighbours[static_cast<size_t>(to)].push_back(from);
    }
    std::vector<int64_t> pointers{0}, columns;
    for (size_t i = 0; i < neighbours.size(); ++i) {
      std::vector<int64_t>& row = neighbours[i];
      if (options.self_loops) row.push_back(static_cast<int64_t>(i));
      std::sort(row.begin(), row.end());
      row.erase(std::unique(row.begin(), row.end()), row.end());
      columns.insert(columns.end(), row.begin(), row.end());
      pointers.push_back(static_cast<int64_t>(columns.size()));
    }
    const auto nnz = static_cast<int64_t>(columns.size());
    return sparse_csr_tensor(from_data(pointers.data(), {nodes + 1}, DType::i64),
                             from_data(columns.data(), {nnz}, DType::i64),
                             ones({nnz}, options.dtype), nodes, nodes);
  });
}

Csr with_values(const Csr& a, const Tensor& values) {
  const detail::Called as("with_values(a.structure, a.values, values)", a.structure, a.values,
                          values);
  need_made(a);
  need_values(values, a.nnz(), "with_values");
  Csr out = a;
  out.values = values;
  return out;
}

Csr transpose(const Csr& a) {
  const detail::Called as("transpose(a.structure, a.values)", a.structure, a.values);
  need_made(a);
  return typed_memory([&] {
    const int64_t nnz = a.nnz(), at = a.rows + 1 + nnz;
    const Tensor pointers = slice(a.structure, 0, at, at + a.cols + 1),
                 columns = slice(a.structure, 0, at + a.cols + 1, at + a.cols + 1 + nnz);
    const Tensor order = slice(a.structure, 0, at + a.cols + 1 + nnz, at + a.cols + 1 + 2 * nnz);
    return on_structure(detail::pack_structure(pointers, columns, a.cols, a.rows, "transpose"),
                        index_select(a.values, 0, order), a.cols, a.rows);
  });
}

Tensor row_indices(const Csr& a) {
  const detail::Called as("row_indices(a.structure, a.values)", a.structure, a.values);
  need_made(a);
  return typed_memory([&] {
    std::vector<int64_t> out;
    const std::vector<int64_t> pointers = a.row_pointers.to_vector<int64_t>();
    for (int64_t i = 0; i < a.rows; ++i)
      out.insert(out.end(),
                 static_cast<size_t>(pointers[static_cast<size_t>(i) + 1] -
                                     pointers[static_cast<size_t>(i)]),
                 i);
    return from_data(out.data(), {a.nnz()}, DType::i64);
  });
}

Tensor to_dense(const Csr& a) {
  const detail::Called as("to_dense(a.structure, a.values)", a.structure, a.values);
  need_made(a);
  const Tensor places = row_indices(a) * static_cast<double>(a.cols) + a.columns;
  return reshape(
      scatter_add(reshape(zeros({a.rows, a.cols}, a.values.dtype()), {-1}), 0, places, a.values),
      {a.rows, a.cols});
}

Tensor spmm(const Csr& a, const Tensor& x) {
  const detail::Called as("spmm(a.structure, a.values, x)", a.structure, a.values, x);
  need_made(a);
  const Tensor y = detail::spmm_packed(a.structure, a.values, batched(x, a.cols, "x", "spmm"),
                                       a.rows, a.cols, false);
  if (x.dim() == 3) return y;
  Shape sizes = x.shape();
  sizes[-2] = a.rows;
  return reshape(y, sizes);
}

Tensor sddmm(const Csr& a, const Tensor& g, const Tensor& x) {
  const detail::Called as("sddmm(a.structure, a.values, g, x)", a.structure, a.values, g, x);
  need_made(a);
  return detail::sddmm_packed(a.structure, batched(g, a.rows, "g", "sddmm"),
                              batched(x, a.cols, "x", "sddmm"), a.rows, a.cols);
}

}  // namespace regrad
