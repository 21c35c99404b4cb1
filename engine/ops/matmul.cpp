// Products of matrices, in batches that broadcast, in any layout.
#include <regrad/engine/autograd.h>
#include <regrad/engine/internal/called.h>
#include <regrad/engine/kernels/blas.h>
#include <regrad/engine/ops.h>
#include <regrad/engine/ops/elementwise.h>
#include <regrad/engine/ops/gemm.h>
#include <regrad/engine/ops/list.h>
#include <regrad/engine/parallel.h>

#include <algorithm>
#include <string>

namespace regrad {
namespace {

using detail::Node;
using kernels::Gemm;

Shape batch_of(const Shape& s) { return Shape(s.begin(), s.end() - 2); }

Shape product_shape(const Tensor& a, const Tensor& b, const char* op) {
  if (a.dtype() != b.dtype() || !is_floating(a.dtype()))
    throw DTypeError(std::string(op) + ": " + name(a.dtype()) + " x " + name(b.dtype()) +
                     "; both must be f32 or both f64");
  if (a.dim() < 2 || b.dim() < 2)
    throw ShapeError(std::string(op) + ": needs matrices, not " + str(a.shape()) + " x " +
                     str(b.shape()));
  if (a.shape()[-1] != b.shape()[-2])
    throw ShapeError(std::string(op) + ": inner dimensions differ, " + str(a.shape()) + " x " +
                     str(b.shape()));
  const bool plain = a.dim() == 2 && b.dim() == 2;
  Shape out = plain ? Shape{} : broadcast(batch_of(a.shape()), batch_of(b.shape()), op);
  out.push_back(a.shape()[-2]);
  out.push_back(b.shape()[-1]);
  return out;
}

void matmul_infer(const Call& c) {
  c.out(product_shape(c.in(0), c.in(1), "matmul"), c.in(0).dtype());
}
void addmm_infer(const Call& c) {
  const Tensor& b = c.in(0);
  const Shape out = product_shape(c.in(1), c.in(2), "addmm");
  if (b.dtype() != c.in(1).dtype())
    throw DTypeError(std::string("addmm: b is ") + name(b.dtype()) + ", x is " +
                     name(c.in(1).dtype()));
  if (broadcast(b.shape(), out, "addmm") != out)
    throw ShapeError("addmm: b " + str(b.shape()) + " does not broadcast to x w, " + str(out));
  c.out(out, b.dtype());
}

// One operand: its matrix strides, and its stride along each batch dim of the result.
struct Operand {
  const char* data = nullptr;
  int64_t row = 0, col = 0, batch[max_dims] = {};
};
Operand operand(const Tensor& x, const Shape& out) {
  Operand o;
  o.data = static_cast<const char*>(x.node()->raw());
  const int lead = out.size() - x.dim();
  const auto stride = [&](int d) {
    return d < lead || x.shape()[d - lead] == 1 ? 0 : x.strides()[d - lead];
  };
  for (int d = 0; d < out.size() - 2; ++d) o.batch[d] = stride(d);
  o.row = x.dim() >= 2 || lead <= out.size() - 2 ? stride(out.size() - 2) : 0;
  o.col = stride(out.size() - 1);
  return o;
}

// Batch dims as one where the strides of all operands run on.
struct Batches {
  int64_t size[max_dims], stride[3][max_dims];
  int dims = 0;
};
Batches join(const Shape& out, const Operand (&o)[3]) {
  Batches r;
  for (int d = 0; d < out.size() - 2; ++d) {
    if (out[d] == 1) continue;
    bool joins = r.dims > 0;
    for (int k = 0; k < 3 && joins; ++k) joins = r.stride[k][r.dims - 1] == o[k].batch[d] * out[d];
    if (!joins) r.size[r.dims++] = 1;
    r.size[r.dims - 1] *= out[d];
    for (int k = 0; k < 3; ++k) r.stride[k][r.dims - 1] = o[k].batch[d];
  }
  return r;
}

// Above this many multiply-adds a product goes to OpenBLAS, cut into row blocks.
constexpr int64_t small = int64_t{1} << 20, work = int64_t{1} << 19, rows_a_block = 256;

void run_small(const Gemm& g, int t, int64_t item) {
  const int64_t each = std::max<int64_t>(1, g.m * g.n * g.k),
                a_block = std::max<int64_t>(1, work / each);
  parallel_for((g.batch + a_block - 1) / a_block, [&](int64_t i) {
    const int64_t first = i * a_block;
    Gemm part = g;
    part.batch = std::min(a_block, g.batch - first);
    part.a = static_cast<const char*>(g.a) + first * g.a_batch * item;
    part.b = static_cast<const char*>(g.b) + first * g.b_batch * item;
    if (g.bias) part.bias = static_cast<const char*>(g.bias) + first * g.bias_batch * item;
    part.c = static_cast<char*>(g.c) + first * g.c_batch * item;
    detail::gemm(part, t);
  });
}

// Few rows times a matrix that lies in rows of either kind: read once as it lies, nothing is
// packed. m so far as that is faster than OpenBLAS.
constexpr int64_t few_rows = 8, few_columns = 3, matrix = int64_t{1} << 14, many = int64_t{1} << 18;

// Whether that is what g is; a product with a column (n = 1) is one with a row, turned.
bool few(const Gemm& g, kernels::Gemv& v, bool& columns) {
  if (g.n * g.k * g.m < (g.batch > 1 ? many : matrix)) return false;
  if (g.n == 1 && g.m > 1 && g.c_row == 1) {
    v = {1, g.m, g.k, g.b, 0, g.a, 0, g.bias, 0, g.bias_row, g.c, 0};
    columns = g.a_row == 1 && g.a_col != 1;
    v.w_pitch = columns ? g.a_col : g.a_row;
    return g.b_row == 1 && (columns || g.a_col == 1);
  }
  v = {g.m, g.n, g.k, g.a, g.a_row, g.b, 0, g.bias, g.bias_row, g.bias_col, g.c, g.c_row};
  columns = g.b_col == 1 && g.b_row != 1;
  v.w_pitch = columns ? g.b_row : g.b_col;
  return g.a_col == 1 && g.m <= (columns ? few_columns : few_rows) && (columns || g.b_row == 1);
}

bool run_few(const Gemm& g, int t, int64_t item) {
  kernels::Gemv one;
  bool columns = false;
  if (!few(g, one, columns)) return false;
  const bool turned = one.x == g.b;
  const int64_t x_batch = turned ? g.b_batch : g.a_batch, w_batch = turned ? g.a_batch : g.b_batch;
  const int64_t each = std::max<int64_t>(64, (work / (one.k * one.m) + 63) / 64 * 64),
                cuts = (one.n + each - 1) / each;
  parallel_for(g.batch * cuts, [&](int64_t i) {
    const int64_t b = i / cuts, from = i % cuts * each;
    const auto at = [&](const void* p, int64_t offset) -> const void* {
      return p ? static_cast<const char*>(p) + offset * item : nullptr;
    };
    kernels::Gemv v = one;
    v.n = std::min(each, one.n - from);
    v.x = at(one.x, b * x_batch);
    v.w = at(one.w, b * w_batch + from * (columns ? 1 : one.w_pitch));
    v.bias = at(one.bias, b * g.bias_batch + from * one.bias_col);
    v.y = const_cast<void*>(at(one.y, b * g.c_batch + from));
    detail::gemv(v, columns, t);
  });
  return true;
}

template <class T>
void run_blas(const Gemm& g) {
  const int64_t cuts = (g.m + rows_a_block - 1) / rows_a_block;
  // A single column needs no transposing, and a single row has no pitch: its stride may be
  // anything, but BLAS refuses one below the row's length.
  const bool ta = g.a_col != 1 && g.k != 1, tb = g.b_col != 1 && g.n != 1;
  const int64_t lda = ta ? std::max(g.a_col, g.m) : std::max(g.a_row, g.k),
                ldb = tb ? std::max(g.b_col, g.k) : std::max(g.b_row, g.n);
  parallel_for(g.batch * cuts, [&](int64_t i) {
    const int64_t batch = i / cuts, from = i % cuts * rows_a_block,
                  rows = std::min(rows_a_block, g.m - from);
    const T* a = static_cast<const T*>(g.a) + batch * g.a_batch + from * g.a_row;
    const T* b = static_cast<const T*>(g.b) + batch * g.b_batch;
    T* c = static_cast<T*>(g.c) + batch * g.c_batch + from * g.c_row;
    if (g.bias) {
      const T* bias = static_cast<const T*>(g.bias) + batch * g.bias_batch + from * g.bias_row;
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t j = 0; j < g.n; ++j)
          c[r * g.c_row + j] = bias[r * g.bias_row + j * g.bias_col];
    }
    const T beta = g.bias ? 1 : 0;
    kernels::blas_gemm(ta, tb, rows, g.n, g.k, a, lda, b, ldb, beta, c, g.c_row);
  });
}

// OpenBLAS reads matrices of which one stride is 1 and the other a pitch.
bool blas_reads(int64_t rows, int64_t cols, int64_t row, int64_t col) {
  return (col == 1 && (rows == 1 || row >= cols)) || (row == 1 && (cols == 1 || col >= rows));
}

void product(const Tensor* bias, Tensor a, Tensor b, Node* y) {
  const Shape& out = y->shape;
  if (out.numel() == 0) return;
  const int64_t m = out[-2], n = out[-1], k = a.shape()[-1];
  const bool large = m * n * k > small;
  if ((m == 1 || n == 1) && m * n * k >= matrix) {  // a vector costs little to copy
    const NoGrad quiet;
    if (m == 1 && a.strides()[-1] != 1) a = a.contiguous();
    if (n == 1 && b.strides()[-2] != 1) b = b.contiguous();
  }
  if (large) {
    const NoGrad quiet;
    if (!blas_reads(m, k, a.strides()[-2], a.strides()[-1])) a = a.contiguous();
    if (!blas_reads(k, n, b.strides()[-2], b.strides()[-1])) b = b.contiguous();
  }
  const Operand o[3] = {operand(a, out), operand(b, out), bias ? operand(*bias, out) : Operand{}};
  Batches batches = join(out, o);
  const int64_t item = item_size(y->dtype);
  const int t = y->dtype == DType::f64;
  const int64_t inner = batches.dims ? batches.size[batches.dims - 1] : 1;
  const int64_t outer = out.numel() / (m * n) / inner;
  Gemm g{.batch = inner,
         .m = m,
         .n = n,
         .k = k,
         .a = nullptr,
         .a_batch = 0,
         .a_row = o[0].row,
         .a_col = o[0].col,
         .b = nullptr,
         .b_batch = 0,
         .b_row = o[1].row,
         .b_col = o[1].col,
         .bias = nullptr,
         .bias_batch = 0,
         .bias_row = o[2].row,
         .bias_col = o[2].col,
         .c = nullptr,
         .c_batch = m * n,
         .c_row = n};
  if (batches.dims) {
    g.a_batch = batches.stride[0][batches.dims - 1];
    g.b_batch = batches.stride[1][batches.dims - 1];
    g.bias_batch = batches.stride[2][batches.dims - 1];
  }
  for (int64_t i = 0; i < outer; ++i) {
    int64_t rest = i, at[3] = {};
    for (int d = batches.dims - 2; d >= 0; --d) {
      for (int q = 0; q < 3; ++q) at[q] += rest % batches.size[d] * batches.stride[q][d];
      rest /= batches.size[d];
    }
    g.a = o[0].data + at[0] * item;
    g.b = o[1].data + at[1] * item;
    g.bias = bias ? o[2].data + at[2] * item : nullptr;
    g.c = static_cast<char*>(y->raw()) + i * inner * m * n * item;
    if (run_few(g, t, item)) continue;
    if (large) {
      t ? run_blas<double>(g) : run_blas<float>(g);
    } else {
      run_small(g, t, item);
    }
  }
}

// a b, laid out as `like` is where that is a transposed view: elementwise ops then meet equal
// layouts, and a permute's gradient is contiguous again.
Tensor matmul_like(const Tensor& a, const Tensor& b, const Tensor& like) {
  const bool transposed =
      like.strides()[-2] == 1 && like.strides()[-1] != 1 && like.shape()[-1] != 1;
  return transposed ? matmul(b.mT(), a.mT()).mT() : matmul(a, b);
}
Tensor left_gradient(const Tensor& g, const Tensor& a, const Tensor& b) {
  return sum_to(matmul_like(g, b.mT(), a), a.shape());
}
Tensor right_gradient(const Tensor& g, const Tensor& a, const Tensor& b) {
  return sum_to(matmul_like(a.mT(), g, b), b.shape());
}

std::vector<double> product_reference(const RefCall& c, const RefIn& a, const RefIn& b) {
  const int64_t m = c.out[-2], n = c.out[-1], k = a.shape[-1];
  Shape batch = batch_of(c.out), as = batch, bs = batch;
  as.push_back(m), as.push_back(k), bs.push_back(k), bs.push_back(n);
  std::vector<double> y(static_cast<size_t>(c.out.numel()));
  for (size_t i = 0; i < y.size(); ++i) {
    const int64_t at = static_cast<int64_t>(i), z = at / (m * n), r = at / n % m, q = at % n;
    for (int64_t p = 0; p < k; ++p)
      y[i] += broadcast_at(a, as, (z * m + r) * k + p) * broadcast_at(b, bs, (z * k + p) * n + q);
  }
  return y;
}
std::vector<double> addmm_reference(const RefCall& c) {
  std::vector<double> y = product_reference(c, c.in[1], c.in[2]);
  for (size_t i = 0; i < y.size(); ++i)
    y[i] += broadcast_at(c.in[0], c.out, static_cast<int64_t>(i));
  return y;
}

const std::vector<std::pair<Shape, Shape>>& products() {
  static const std::vector<std::pair<Shape, Shape>> list = {
      {{1, 1}, {1, 1}},          {{2, 3}, {3, 2}},       {{1, 3}, {3, 4}},    {{3, 2}, {2, 1}},
      {{3, 1}, {1, 4}},          {{2, 2, 3}, {2, 3, 2}}, {{2, 3}, {2, 3, 1}}, {{2, 2, 3}, {3, 2}},
      {{2, 1, 2, 3}, {3, 3, 1}}, {{2, 0}, {0, 3}},       {{0, 2}, {2, 3}},    {{5, 4}, {4, 3}}};
  return list;
}

}  // namespace

constinit const Op matmul_op =
    row({.name = "matmul",
         .doc = "y = a b, batches broadcast; d/da = g b^T, d/db = a^T g",
         .arity = 2,
         .keep = keep_0 | keep_1,
         .infer = matmul_infer,
         .forward = [](const Call& c) { product(nullptr, c.in(0), c.in(1), c.node()); },
         .vjp = {[](const Call& c) { return left_gradient(c.g(), c.in(0), c.in(1)); },
                 [](const Call& c) { return right_gradient(c.g(), c.in(0), c.in(1)); }},
         .smooth = true,
         .reference = [](const RefCall& c) { return product_reference(c, c.in[0], c.in[1]); },
         .samples =
             [](Samples& s) {
               for (const auto& [a, b] : products()) s.add({a, b}, {{}});
               s.bad({{2, 3}, {2, 3}});
               s.bad({{3}, {3}});
               s.bad({{2, 2, 3}, {3, 3, 2}});
             }});

constinit const Op addmm_op =
    row({.name = "addmm",
         .doc = "y = x w + b",
         .arity = 3,
         .keep = keep_1 | keep_2,
         .infer = addmm_infer,
         .forward = [](const Call& c) { product(&c.in(0), c.in(1), c.in(2), c.node()); },
         .vjp = {[](const Call& c) { return sum_to(c.g(), c.in(0).shape()); },
                 [](const Call& c) { return left_gradient(c.g(), c.in(1), c.in(2)); },
                 [](const Call& c) { return right_gradient(c.g(), c.in(1), c.in(2)); }},
         .smooth = true,
         .reference = addmm_reference,
         .samples =
             [](Samples& s) {
               for (const auto& [a, b] : products()) {
                 s.add({{b[-1]}, a, b}, {{}});
                 s.add({{a[-2], b[-1]}, a, b}, {{}});
               }
               s.add({{}, {2, 3}, {3, 2}}, {{}});
               s.add({{2, 1, 3}, {2, 2, 2}, {2, 2, 3}}, {{}});
               s.bad({{3}, {2, 3}, {3, 2}});
               s.bad({{2, 2, 2}, {2, 3}, {3, 2}});
             }});

Tensor matmul(const Tensor& a, const Tensor& b) {
  const detail::Called as("matmul(a, b)", a, b);
  if (!a.defined() || !b.defined() || (a.dim() > 1 && b.dim() > 1)) return apply2(matmul_op, a, b);
  if (a.dim() == 0 || b.dim() == 0)
    throw ShapeError("matmul: needs vectors or matrices, not " + str(a.shape()) + " x " +
                     str(b.shape()));
  if (a.dim() == 1) return squeeze(matmul(unsqueeze(a, 0), b), b.dim() == 1 ? 0 : -2);
  return squeeze(matmul(a, unsqueeze(b, 1)), -1);
}
Tensor addmm(const Tensor& b, const Tensor& x, const Tensor& w) {
  return apply3(addmm_op, b, x, w);
}

}  // namespace regrad
