// The table of kernels: plain loops over pointers, sizes and strides. No tensors, no autodiff, no std code: each file under
// kernels/isa/ is compiled once per instruction set (baseline, AVX2, AVX-512) into a namespace of its own, and one table is
// chosen at start (isa.cpp; the environment's REGRAD_ISA = baseline | avx2 | avx512 pins it).
//
// Every kernel runs on the calling thread alone; parallel.h cuts the work into blocks outside.
#pragma once

#include <stdint.h>

namespace regrad::kernels {

// Elementwise formulas. One list: enum, per-ISA table and nothing else to edit. Formulas: kernels/isa/formulas.h.
#define REGRAD_UNARY(X)                                                                                                                            \
  X(affine)                                                                                                                                        \
  X(abs) X(sign) X(exp) X(log) X(sqrt) X(rsqrt) X(sin) X(cos) X(tanh) X(sigmoid) X(relu) X(erf) X(gelu) X(silu) X(softplus) X(clamp) X(pow_scalar) \
      X(log1p) X(expm1) X(floor) X(ceil) X(round)
#define REGRAD_BINARY(X) X(add) X(mul) X(div) X(pow) X(minimum) X(maximum) X(relu_grad)
#define REGRAD_COMPARE(X) X(eq) X(ne) X(lt) X(le) X(gt) X(ge)

enum class Unary : uint8_t {
#define X(name) name,
  REGRAD_UNARY(X)
#undef X
      count
};
enum class Binary : uint8_t {
#define X(name) name,
  REGRAD_BINARY(X)
#undef X
      count
};
enum class Compare : uint8_t {
#define X(name) name,
  REGRAD_COMPARE(X)
#undef X
      count
};

// Parameters of a formula: affine y = p0*x + p1; clamp to [p0, p1]; pow_scalar x^p0; add a + p0*b. Unused by the rest.
struct Params {
  double p0, p1;
};

// One strip: n elements, operand 0 is the output, 1.. the inputs; strides in elements (0 repeats one element, 1 is contiguous).
// The output may be the same memory as an input of the same stride. Output elements never repeat.
using Strip = void (*)(void* const* data, const int64_t* stride, int64_t n, const Params& params);

// C[b] = A[b] B[b] (+ bias, broadcast by zero strides; null for none). Strides in elements, any layout for a, b and bias; rows of c are contiguous.
// Every element is summed over k in ascending order from its bias (or zero), so its bits depend on its own row and column only.
struct Gemm {
  int64_t batch, m, n, k;
  const void* a;
  int64_t a_batch, a_row, a_col;
  const void* b;
  int64_t b_batch, b_row, b_col;
  const void* bias;
  int64_t bias_batch, bias_row, bias_col;
  void* c;
  int64_t c_batch, c_row;
};

// Standardizing [rows, n]: by rows (each over its own n elements) or by columns (each over all rows). f64 sums are added to what is there.
struct Norm {
  // m, r = mean and 1/sqrt(variance + eps) of each row; y = (x - m) r where y is given, r_out = r where it is.
  void (*rows)(const void* x, int64_t rows, int64_t n, double eps, void* y, void* r_out);
  // y = r (g - mean(g) - h mean(g h)), a row at a time; r: one a row, or null for 1.
  void (*grad_rows)(const void* g, const void* h, const void* r, int64_t rows, int64_t n, void* y);
  void (*sums)(const void* x, int64_t rows, int64_t n, double* sum);                       // sum[j] += sum of x
  void (*squares)(const void* x, int64_t rows, int64_t n, const void* mean, double* sum);  // of (x - mean[j])^2
  void (*products)(const void* a, const void* b, int64_t rows, int64_t n, double* sum);    // of a b
  void (*columns)(const void* x, int64_t rows, int64_t n, const void* mean, const void* r, void* y);
  void (*grad_columns)(const void* g, const void* h, const void* mean_g, const void* mean_gh, const void* r, int64_t rows, int64_t n, void* y);
};

// A sparse matrix by rows: the entries of row i are k = pointers[i] .. pointers[i+1], in columns[k], of value values[order ? order[k] : k].
struct SparseRows {
  const int64_t *pointers, *columns, *order;
  const void* values;
};

struct Table {
  const char* name;  // "baseline", "avx2", "avx512"

  // [0] f32, [1] f64, [2] i64 (null where the formula has no meaning on integers; i64: affine abs sign relu clamp / add mul minimum maximum)
  Strip unary[3][int(Unary::count)];
  Strip binary[3][int(Binary::count)];
  Strip compare[3][int(Compare::count)];  // inputs of that dtype, output u8 (0 or 1)
  Strip where[3];                         // inputs: u8 condition, a, b

  // y[r] = sum (or max) of x[r*row_stride + 0..n), rows r = 0..rows; contiguous inside a row. Sums run in 32 lanes whatever
  // the instruction set, so their bits depend on n only; blocks of 4096 elements are added in f64. n = 0 gives 0 (sum) or the lowest value (max).
  void (*sum_rows[3])(const void* x, int64_t rows, int64_t row_stride, int64_t n, void* y);
  void (*max_rows[3])(const void* x, int64_t rows, int64_t row_stride, int64_t n, void* y);  // NaN wins
  // y[j] = sum (or max) over r of x[r*row_stride + j], j = 0..n, r ascending; f32: blocks of 512 rows are added in f64.
  void (*sum_columns[3])(const void* x, int64_t rows, int64_t row_stride, int64_t n, void* y);
  void (*max_columns[3])(const void* x, int64_t rows, int64_t row_stride, int64_t n, void* y);

  // Rows of n contiguous elements, one after the other. softmax: exp(x - max)/sum. log_softmax: x - max - log(sum). logsumexp: one value a row.
  // A row that is all -inf: softmax and log_softmax give NaN, logsumexp -inf (PyTorch's).
  void (*softmax[2])(const void* x, int64_t rows, int64_t n, void* y);
  void (*log_softmax[2])(const void* x, int64_t rows, int64_t n, void* y);
  void (*logsumexp[2])(const void* x, int64_t rows, int64_t n, void* y);

  Norm norm[2];

  // Rows first .. first + count of y = A x, [.., f]; entries are added in their order.
  void (*spmm[2])(const SparseRows& a, int64_t first, int64_t count, const void* x, int64_t f, void* y);
  // v[k] += <g[i], x[columns[k]]> for each entry k of those rows i; values are not read.
  void (*sddmm[2])(const SparseRows& a, int64_t first, int64_t count, const void* g, const void* x, int64_t f, void* v);

  // Small products (the caller sends large ones to OpenBLAS). scratch: gemm_scratch bytes, 64-byte aligned.
  void (*gemm[2])(const Gemm& g, void* scratch);
  int64_t (*gemm_scratch[2])(const Gemm& g);
};

const Table& table();  // the one chosen for this CPU

}  // namespace regrad::kernels
