// Products with a sparse matrix A of packed structure S (sparse.h) and values v: Y_b = A X_b, or
// A^T X_b, for X [B,n,f]; and u = sddmm(G, X),
//   u_k = sum_b <G_b[row of k], X_b[column of k]>.
// The two rows are closed under differentiation:
//   Y = spmm(v, X):
//   vjp at G to v: sddmm(G, X) (of A^T: sddmm(X, G)), to X: spmm(v, G) with the transpose (of A^T:
//       without)
//   u = sddmm(G, X):   vjp at w to G: A(w) X, to X: A(w)^T G
// A^T is read by its own rows, so no two threads add into one place.
#include <regrad/engine/autograd.h>
#include <regrad/engine/kernels/kernels.h>
#include <regrad/engine/ops.h>
#include <regrad/engine/ops/list.h>
#include <regrad/engine/ops/sparse.h>
#include <regrad/engine/parallel.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

namespace regrad {
namespace {

struct Matrix {
  int64_t rows, cols;
  bool transposed;
  int64_t height() const { return transposed ? cols : rows; }  // of what multiplies X
  int64_t width() const { return transposed ? rows : cols; }
};

std::string str(const Matrix& m) {
  return "[" + std::to_string(m.rows) + "," + std::to_string(m.cols) + "]";
}

// Entries that a structure of n numbers holds; ShapeError where none fits.
int64_t entries(const Tensor& structure, const Matrix& m, const char* op) {
  if (structure.dtype() != DType::i64)
    throw DTypeError(std::string(op) + ": the structure is " + name(structure.dtype()) +
                     ", must be i64");
  const int64_t rest = structure.dim() == 1 ? structure.numel() - m.rows - m.cols - 2 : -1;
  if (m.rows < 0 || m.cols < 0 || rest < 0 || rest % 3 != 0)
    throw ShapeError(std::string(op) + ": a structure " + str(structure.shape()) +
                     " for a matrix " + str(m) + "; it needs rows + cols + 2 + 3 nnz");
  return rest / 3;
}

// x [B, n, f]
void need_dense(const Tensor& x, int64_t n, const Matrix& m, const char* what, const char* op) {
  if (!is_floating(x.dtype()))
    throw DTypeError(std::string(op) + ": " + what + " is " + name(x.dtype()) +
                     ", must be f32 or f64");
  if (x.dim() != 3 || x.size(1) != n)
    throw ShapeError(std::string(op) + ": " + what + " " + str(x.shape()) + " with a matrix " +
                     str(m) + (m.transposed ? " transposed" : "") + "; it needs [batch," +
                     std::to_string(n) + ",f]");
}
void need_same_dtype(const Tensor& a, const Tensor& b, const char* op) {
  if (a.dtype() != b.dtype())
    throw DTypeError(std::string(op) + ": " + name(a.dtype()) + " with " + name(b.dtype()));
}

// Where a structure's parts lie.
struct Parts {
  const int64_t *pointers, *columns, *order;
};
Parts parts_of(const int64_t* s, const Matrix& m, int64_t nnz) {
  if (!m.transposed) return {s, s + m.rows + 1, nullptr};
  const int64_t* t = s + m.rows + 1 + nnz;
  return {t, t + m.cols + 1, t + m.cols + 1 + nnz};
}

// What the kernel reads must lie inside; a structure may come from anywhere.
void need_valid(const Parts& p, int64_t height, int64_t width, int64_t nnz, const char* op) {
  const auto fail = [op](const char* what, int64_t at, int64_t value, int64_t limit) {
    throw ShapeError(std::string(op) + ": " + what + " " + std::to_string(at) + " is " +
                     std::to_string(value) + ", outside [0, " + std::to_string(limit) + "]");
  };
  for (int64_t i = 0; i <= height; ++i) {
    const int64_t low = i == 0 ? 0 : p.pointers[i - 1], at = p.pointers[i];
    if (at < low || at > nnz) fail("row pointer", i, at, nnz);
  }
  if (p.pointers[0] != 0 || p.pointers[height] != nnz)
    throw ShapeError(std::string(op) + ": row pointers run from " + std::to_string(p.pointers[0]) +
                     " to " + std::to_string(p.pointers[height]) +
                     "; they must run from 0 to the number of entries, " + std::to_string(nnz));
  for (int64_t k = 0; k < nnz; ++k) {
    if (p.columns[k] < 0 || p.columns[k] >= width) fail("column", k, p.columns[k], width - 1);
    if (p.order && (p.order[k] < 0 || p.order[k] >= nnz))
      fail("the place of entry", k, p.order[k], nnz - 1);
  }
}

// f(first, count) over blocks of rows of about 32768 products.
template <class F>
void by_blocks(int64_t rows, int64_t nnz, int64_t width, F&& f) {
  const int64_t a_row = std::max<int64_t>(1, (nnz / std::max<int64_t>(rows, 1) + 1) * width),
                block = std::max<int64_t>(1, 32768 / a_row);
  parallel_for((rows + block - 1) / block,
               [&](int64_t b) { f(b * block, std::min(block, rows - b * block)); });
}

const char* bytes_at(const Tensor& x, int64_t element) {
  return static_cast<const char*>(x.node()->raw()) + element * item_size(x.dtype());
}

void spmm_infer(const Call& c) {
  const Matrix& m = c.attrs<Matrix>();
  const Tensor &values = c.in(1), &x = c.in(2);
  const int64_t nnz = entries(c.in(0), m, "spmm");
  need_dense(x, m.width(), m, "x", "spmm");
  need_same_dtype(values, x, "spmm");
  if (values.dim() != 1 || values.numel() != nnz)
    throw ShapeError("spmm: values " + str(values.shape()) + " for " + std::to_string(nnz) +
                     " entries of a matrix " + str(m));
  c.out({x.size(0), m.height(), x.size(2)}, x.dtype());
}
void spmm_forward(const Call& c) {
  const NoGrad quiet;
  const Matrix& m = c.attrs<Matrix>();
  const Tensor s = c.in(0).contiguous(), values = c.in(1).contiguous(), x = c.in(2).contiguous();
  const int64_t nnz = values.numel(), f = x.size(2), height = m.height();
  const Parts p = parts_of(s.data<int64_t>(), m, nnz);
  need_valid(p, height, m.width(), nnz, "spmm");
  const kernels::SparseRows a{p.pointers, p.columns, p.order, values.node()->raw()};
  const auto kernel = kernels::table().spmm[x.dtype() == DType::f64];
  auto* y = static_cast<char*>(c.node()->raw());
  for (int64_t b = 0; b < x.size(0); ++b) {
    const char* from = bytes_at(x, b * m.width() * f);
    char* to = y + b * height * f * item_size(x.dtype());
    by_blocks(height, nnz, f,
              [&](int64_t first, int64_t count) { kernel(a, first, count, from, f, to); });
  }
}

void sddmm_infer(const Call& c) {
  const Matrix& m = c.attrs<Matrix>();
  const Tensor &g = c.in(1), &x = c.in(2);
  const int64_t nnz = entries(c.in(0), m, "sddmm");
  need_dense(g, m.rows, m, "g", "sddmm");
  need_dense(x, m.cols, m, "x", "sddmm");
  need_same_dtype(g, x, "sddmm");
  if (g.size(0) != x.size(0) || g.size(2) != x.size(2))
    throw ShapeError("sddmm: g " + str(g.shape()) + " and x " + str(x.shape()) +
                     "; they need one batch and one width");
  c.out({nnz}, x.dtype());
}
void sddmm_forward(const Call& c) {
  const NoGrad quiet;
  const Matrix& m = c.attrs<Matrix>();
  const Tensor s = c.in(0).contiguous(), g = c.in(1).contiguous(), x = c.in(2).contiguous();
  const int64_t nnz = c.node()->shape[0], f = x.size(2);
  const Parts p = parts_of(s.data<int64_t>(), m, nnz);
  need_valid(p, m.rows, m.cols, nnz, "sddmm");
  const kernels::SparseRows a{p.pointers, p.columns, nullptr, nullptr};
  const auto kernel = kernels::table().sddmm[x.dtype() == DType::f64];
  void* v = c.node()->raw();
  std::memset(v, 0, static_cast<size_t>(nnz * item_size(x.dtype())));
  by_blocks(m.rows, nnz, f, [&](int64_t first, int64_t count) {
    for (int64_t b = 0; b < x.size(0); ++b)
      kernel(a, first, count, bytes_at(g, b * m.rows * f), bytes_at(x, b * m.cols * f), f, v);
  });
}

// f(row, column, entry) for each entry of what multiplies X, for references.
template <class F>
void each_entry(const RefIn& structure, const Matrix& m, F&& f) {
  const auto at = [&](int64_t i) {
    return static_cast<int64_t>(structure.v[static_cast<size_t>(i)]);
  };
  const int64_t nnz = (structure.shape[0] - m.rows - m.cols - 2) / 3,
                pointers = m.transposed ? m.rows + 1 + nnz : 0;
  const int64_t height = m.height(), columns = pointers + height + 1;
  for (int64_t i = 0; i < height; ++i)
    for (int64_t k = at(pointers + i); k < at(pointers + i + 1); ++k)
      f(i, at(columns + k), m.transposed ? at(columns + nnz + k) : k);
}
double& element(std::vector<double>& v, const Shape& s, int64_t b, int64_t i, int64_t j) {
  return v[static_cast<size_t>((b * s[1] + i) * s[2] + j)];
}
double element(const RefIn& x, int64_t b, int64_t i, int64_t j) {
  return x.v[static_cast<size_t>((b * x.shape[1] + i) * x.shape[2] + j)];
}

std::vector<double> spmm_reference(const RefCall& c) {
  std::vector<double> y(static_cast<size_t>(c.out.numel()));
  each_entry(c.in[0], c.attrs<Matrix>(), [&](int64_t row, int64_t column, int64_t k) {
    for (int64_t b = 0; b < c.out[0]; ++b)
      for (int64_t j = 0; j < c.out[2]; ++j)
        element(y, c.out, b, row, j) +=
            c.in[1].v[static_cast<size_t>(k)] * element(c.in[2], b, column, j);
  });
  return y;
}
std::vector<double> sddmm_reference(const RefCall& c) {
  std::vector<double> u(static_cast<size_t>(c.out.numel()));
  each_entry(c.in[0], c.attrs<Matrix>(), [&](int64_t row, int64_t column, int64_t k) {
    for (int64_t b = 0; b < c.in[1].shape[0]; ++b)
      for (int64_t j = 0; j < c.in[1].shape[2]; ++j)
        u[static_cast<size_t>(k)] += element(c.in[1], b, row, j) * element(c.in[2], b, column, j);
  });
  return u;
}

// rows, cols, entries, batch, width
constexpr int64_t sizes[][5] = {{1, 1, 1, 1, 1}, {3, 4, 5, 1, 2}, {4, 3, 6, 2, 1}, {2, 2, 7, 1, 5},
                                {2, 3, 3, 2, 2}, {1, 4, 2, 1, 3}, {3, 3, 0, 1, 2}, {2, 0, 0, 1, 2},
                                {2, 3, 3, 0, 2}, {2, 3, 3, 1, 0}};
Domain structure_of(int64_t rows, int64_t cols) {
  return {.low = static_cast<double>(rows), .high = static_cast<double>(cols), .kind = Domain::csr};
}

}  // namespace

constinit const Op spmm_op = row(
    {.name = "spmm",
     .doc = "y = A x, A in CSR with its values a tensor; or A^T x",
     .arity = 3,
     .keep = keep_0 | keep_1 | keep_2,
     .infer = spmm_infer,
     .forward = spmm_forward,
     .vjp = {declared_zero,
             [](const Call& c) {
               const Matrix& m = c.attrs<Matrix>();
               return m.transposed ? detail::sddmm_packed(c.in(0), c.in(2), c.g(), m.rows, m.cols)
                                   : detail::sddmm_packed(c.in(0), c.g(), c.in(2), m.rows, m.cols);
             },
             [](const Call& c) {
               const Matrix& m = c.attrs<Matrix>();
               return detail::spmm_packed(c.in(0), c.in(1), c.g(), m.rows, m.cols, !m.transposed);
             }},
     .smooth = true,
     .reference = spmm_reference,
     .samples = [](Samples& s) {
       for (const auto& [rows, cols, nnz, batch, f] : sizes)
         for (const bool transposed : {false, true})
           s.add({{rows + cols + 2 + 3 * nnz}, {nnz}, {batch, transposed ? rows : cols, f}},
                 {structure_of(rows, cols), {}, {}}, Matrix{rows, cols, transposed});
       s.bad({{8}, {1}, {1, 2, 1}}, Matrix{2, 1, false});
       s.bad({{2, 4}, {1}, {1, 1, 1}}, Matrix{2, 1, false});
     }});

constinit const Op sddmm_op =
    row({.name = "sddmm",
         .doc = "v_k = <g_i, x_j> at each entry k = (i, j) of A: the gradient of A x to the values",
         .arity = 3,
         .keep = keep_0 | keep_1 | keep_2,
         .infer = sddmm_infer,
         .forward = sddmm_forward,
         .vjp = {declared_zero,
                 [](const Call& c) {
                   const Matrix& m = c.attrs<Matrix>();
                   return detail::spmm_packed(c.in(0), c.g(), c.in(2), m.rows, m.cols, false);
                 },
                 [](const Call& c) {
                   const Matrix& m = c.attrs<Matrix>();
                   return detail::spmm_packed(c.in(0), c.g(), c.in(1), m.rows, m.cols, true);
                 }},
         .smooth = true,
         .reference = sddmm_reference,
         .samples = [](Samples& s) {
           for (const auto& [rows, cols, nnz, batch, f] : sizes)
             s.add({{rows + cols + 2 + 3 * nnz}, {batch, rows, f}, {batch, cols, f}},
                   {structure_of(rows, cols), {}, {}}, Matrix{rows, cols, false});
           s.bad({{8}, {1, 2, 1}, {1, 1, 1}}, Matrix{2, 1, false});
           s.bad({{7}, {1, 2, 1}, {1, 1, 1}}, Matrix{2, 1, false});
         }});

namespace detail {

Tensor pack_structure(const Tensor& row_pointers, const Tensor& columns, int64_t rows, int64_t cols,
                      const char* op) {
  const NoGrad quiet;
  const std::string who = op;
  if (row_pointers.dtype() != DType::i64 || columns.dtype() != DType::i64)
    throw DTypeError(who + ": row pointers are " + name(row_pointers.dtype()) + " and columns " +
                     name(columns.dtype()) + "; both must be i64");
  if (rows < 0 || cols < 0 || row_pointers.dim() != 1 || row_pointers.numel() != rows + 1 ||
      columns.dim() != 1)
    throw ShapeError(who + ": row pointers " + str(row_pointers.shape()) + " and columns " +
                     str(columns.shape()) + " for " + std::to_string(rows) + " rows and " +
                     std::to_string(cols) + " columns; they must be [rows + 1] and [entries]");
  const Tensor pointers = row_pointers.contiguous(), across = columns.contiguous();
  const int64_t nnz = across.numel();
  const Parts p{pointers.data<int64_t>(), across.data<int64_t>(), nullptr};
  need_valid(p, rows, cols, nnz, op);
  Tensor out = empty({rows + cols + 2 + 3 * nnz}, DType::i64);
  auto* s = out.node()->ptr<int64_t>();
  int64_t *t_pointers = s + rows + 1 + nnz, *t_columns = t_pointers + cols + 1,
          *order = t_columns + nnz;
  std::copy(p.pointers, p.pointers + rows + 1, s);
  std::copy(p.columns, p.columns + nnz, s + rows + 1);
  // Counting sort by column: the entries of one column keep the order of their rows.
  std::fill(t_pointers, t_pointers + cols + 1, 0);
  for (int64_t k = 0; k < nnz; ++k) ++t_pointers[p.columns[k] + 1];
  for (int64_t j = 0; j < cols; ++j) t_pointers[j + 1] += t_pointers[j];
  std::vector<int64_t> next(t_pointers, t_pointers + cols);
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t k = p.pointers[i]; k < p.pointers[i + 1]; ++k) {
      const int64_t at = next[static_cast<size_t>(p.columns[k])]++;
      t_columns[at] = i;
      order[at] = k;
    }
  }
  return out;
}

Tensor spmm_packed(const Tensor& structure, const Tensor& values, const Tensor& x, int64_t rows,
                   int64_t cols, bool transposed) {
  return apply3(spmm_op, structure, values, x, Matrix{rows, cols, transposed});
}
Tensor sddmm_packed(const Tensor& structure, const Tensor& g, const Tensor& x, int64_t rows,
                    int64_t cols) {
  return apply3(sddmm_op, structure, g, x, Matrix{rows, cols, false});
}

}  // namespace detail
}  // namespace regrad
