// The table of kernels: plain loops over pointers, sizes and strides. No tensors, no autodiff, no
// header with inline std code (a linker that merges such code would run one instruction set's on
// another machine): each file under kernels/isa/ is compiled once per instruction set (baseline,
// AVX2, AVX-512) into a namespace of its own, and one table is chosen at start (isa.cpp; the
// environment's REGRAD_ISA = baseline | avx2 | avx512 pins it).
//
//   table().unary[0][int(Unary::exp)](data, stride, n, {});      // y = e^x, f32, one strip
//
// Every kernel runs on the calling thread alone; parallel.h cuts the work into blocks outside.
#pragma once

#include <stdint.h>

namespace regrad::kernels {

// Elementwise kernels. A name in a list and a formula (isa/formulas.h) of that name are all that
// one takes: enum and tables are made of the lists.
#define REGRAD_COMPARE(X) X(eq) X(ne) X(lt) X(le) X(gt) X(ge)

enum class Unary : uint8_t {
#define X(name) name,
#include "unary.def"
  count
};
enum class Binary : uint8_t {
#define X(name) name,
#include "binary.def"
  count
};
enum class Compare : uint8_t {
#define X(name) name,
  REGRAD_COMPARE(X)
#undef X
      count
};

// Parameters of a formula: affine y = p0*x + p1; div_scalar x/p0; clamp to [p0, p1]; pow_scalar
// x^p0; add a + p0*b. Unused by the rest.
struct Params {
  double p0, p1;
};

// One strip: n elements, operand 0 is the output, 1.. the inputs; strides in elements (0 repeats
// one element, 1 is contiguous).
// The output may be the same memory as an input of the same stride. Output elements never repeat.
using Strip = void (*)(void* const* data, const int64_t* stride, int64_t n, const Params& params);

// C[b] = A[b] B[b] (+ bias, broadcast by zero strides; null for none). Strides in elements, any
// layout for a, b and bias; rows of c are contiguous. Every element is summed over k in ascending
// order from its bias (or zero), so its bits depend on its own row and column only.
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

// y [m,n] = x [m,k] w + bias (broadcast by zero strides; null for none) for so few rows of x that
// reading w is what takes time. x and y are contiguous along their rows; w lies as each kernel
// needs it, w_pitch elements from one of its rows to the next.
struct Gemv {
  int64_t m, n, k;
  const void* x;
  int64_t x_row;
  const void* w;
  int64_t w_pitch;
  const void* bias;
  int64_t bias_row, bias_col;
  void* y;
  int64_t y_row;
};

// Standardizing [rows, n]: by rows (each over its own n elements) or by columns (each over all
// rows). f64 sums are added to what is there.
struct Norm {
  // m, r = mean and 1/sqrt(variance + eps) of each row; y = (x - m) r where y is given, r_out = r
  // where it is.
  void (*rows)(const void* x, int64_t rows, int64_t n, double eps, void* y, void* r_out);
  // y = r (g - mean(g) - h mean(g h)), a row at a time; r: one per row, or null for 1.
  void (*grad_rows)(const void* g, const void* h, const void* r, int64_t rows, int64_t n, void* y);
  // sum[j] += sum of x
  void (*sums)(const void* x, int64_t rows, int64_t n, double* sum);
  // of (x - mean[j])^2
  void (*squares)(const void* x, int64_t rows, int64_t n, const void* mean, double* sum);
  void (*products)(const void* a, const void* b, int64_t rows, int64_t n, double* sum);  // of a b
  void (*columns)(const void* x, int64_t rows, int64_t n, const void* mean, const void* r, void* y);
  void (*grad_columns)(const void* g, const void* h, const void* mean_g, const void* mean_gh,
                       const void* r, int64_t rows, int64_t n, void* y);
};

// Windows over images: rows h x w of c channels, channels last, to oh x ow.
struct Pool {
  int64_t h, w, c, oh, ow;
  int32_t kh, kw, stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w;
};

// One image per call. `index`: the place of the largest element in its window, p * kw + q, a byte.
struct Pooling {
  // the first of equals; NaN is largest
  void (*max_index)(const Pool& s, const void* x, uint8_t* index);
  // 0 where the place lies outside of the image
  void (*gather)(const Pool& s, const void* x, const uint8_t* index, void* y);
  void (*scatter)(const Pool& s, const void* y, const uint8_t* index, void* x);  // x is overwritten
  void (*average)(const Pool& s, bool count_pad, const void* x, void* y);
  // average's transpose; x is overwritten
  void (*spread)(const Pool& s, bool count_pad, const void* y, void* x);
};

// Batch normalization over rows of n channels: h = (x - mean) r, z = h gamma + beta (+ residual), y
// = max(z, 0) where relu is set.
struct BatchNorm {
  // What the channels' arrays hold, one value per channel, in the tensor's dtype.
  struct Channels {
    const void *mean, *r, *scale, *shift;  // scale = gamma r, shift = beta
  };
  // mean[j] and m2[j] = sum of (x - mean)^2 of these rows alone.
  void (*moments)(const void* x, int64_t rows, int64_t n, double* mean, double* m2);
  void (*apply)(const Channels& k, const void* x, const void* residual, bool relu, int64_t rows,
                int64_t n, void* y);
  // sum_g[j] += sum of g, sum_gh[j] += sum of g h, g taken as 0 where y (null: nowhere) is at most
  // 0 (a NaN lets g through).
  void (*sums)(const Channels& k, const void* g, const void* y, const void* x, int64_t rows,
               int64_t n, double* sum_g, double* sum_gh);
  // dx = scale (g - mean_g - h mean_gh), and residual's gradient g where d_residual is given.
  void (*gradient)(const Channels& k, const void* mean_g, const void* mean_gh, const void* g,
                   const void* y, const void* x, int64_t rows, int64_t n, void* dx,
                   void* d_residual);
  // The same for one image whose y is pooled: y and index at the windows' largest z, g where y is.
  void (*apply_pool)(const Channels& k, const Pool& s, const void* x, bool relu, void* y,
                     uint8_t* index);
  void (*sums_pool)(const Channels& k, const Pool& s, const void* g, const void* y,
                    const uint8_t* index, const void* x, double* sum_g, double* sum_gh);
  void (*gradient_pool)(const Channels& k, const Pool& s, const void* mean_g, const void* mean_gh,
                        const void* g, const void* y, const uint8_t* index, const void* x,
                        void* dx);
};

// Frequency-wise normalization of n groups of elements, `stride` apart: each `runs` runs of `run`
// elements, `step` apart, the runs run_stride apart.
inline constexpr int64_t most_groups = 32;
struct Groups {
  int64_t n, stride, runs, run_stride, run, step;
  // the whole result is larger than caches: written past them, so that its old contents need not be
  // read
  bool past_cache;
};
struct ResNorm {
  // y = lambda x + h, h = (x - m) r over the group, m its mean, r = 1/sqrt(var + eps); room: for a
  // copy of the groups, where step is not 1
  void (*forward)(const Groups& s, double lambda, double eps, const void* x, void* y, void* room);
  // dx = lambda g + r (g - mean(g) - h mean(g h)), by statistics taken anew, for groups fit the
  // cache; room: for two copies
  void (*gradient)(const Groups& s, double lambda, double eps, const void* g, const void* x,
                   void* dx, void* room);
};

// One band of frequencies, channels last: in each of `images` images n neighbouring elements, whose
// channels repeat every c.
struct Band {
  int64_t images, image_stride, n, c;
};
// Batch normalization of a band: z = (x - mean) scale + shift, y = max(z, 0) where relu is set.
struct SubBands {
  // m2 = sum of (x - mean)^2
  void (*moments)(const Band& b, const void* x, double* mean, double* m2);
  void (*apply)(const Band& b, const void* mean, const void* scale, const void* shift, bool relu,
                const void* x, void* y);
  // sum_g = sum of g, sum_gd = sum of g (x - mean), g taken as 0 where y (null: nowhere) is at most
  // 0 (a NaN lets g through).
  void (*sums)(const Band& b, const void* mean, const void* g, const void* y, const void* x,
               double* sum_g, double* sum_gd);
  // dx = scale g - shift - (x - mean) slope
  void (*gradient)(const Band& b, const void* mean, const void* scale, const void* shift,
                   const void* slope, const void* g, const void* y, const void* x, void* dx);
};
// One image of `rows` rows of n elements, and a row that goes to each of them.
struct BroadcastRow {
  // y = max(a + row (+ residual), 0)
  void (*add)(int64_t rows, int64_t n, const void* a, const void* row, const void* residual,
              void* y);
  // gz = 0 where y is at most 0, else g; sum: of gz over the rows
  void (*gradient)(int64_t rows, int64_t n, const void* g, const void* y, void* gz, void* sum);
};

// Convolution of each channel by itself, f32, channels last, stride 1 along the width. x [n, h, w,
// c], y [n, oh, ow, c]; weights [kh, kw, c].
// the most that these kernels take, of c and of kw
inline constexpr int64_t depthwise_channels = 512, depthwise_width = 32;
struct Depthwise {
  int64_t n, c, h, w, oh, ow, kh, kw, stride_h, pad_h, pad_w, dilation_h, dilation_w;
};

// 8-bit convolution with 16-bit products, for CPUs without VNNI. x: one image of s16, channels
// last, its padding around it (int8_wide.cpp); y: s32. y[i, j, o] = sum over segments g and k < 2
// pairs of weight[o, g, k] x[i row_step + j pixel_step + segment[g] + k]. Weights lie in blocks of
// 2 `sums` outputs (the last one of `sums` where that is enough): [segments, pairs, outputs of the
// block, 2]. Written past the end: at most 15 elements.
struct Int8Dense {
  int64_t rows, pixels, row_step, pixel_step;  // of y; from one to the next in x
  int64_t segments, pairs;
  const int64_t* segment;
  int64_t outputs, y_pixel;  // computed here; from pixel to pixel in y
};
// A row of y is `runs` runs of neighbouring elements, of x and of y: y[e] = sum over taps k < 2
// pairs of weight[k, e] x[tap[k] + e]. x can be read, y be written 63 elements past the end.
// Weights [pairs, 2 width] as `depthwise_pack` leaves each pair of rows, width a multiple of 2
// `sums`.
struct Int8Depthwise {
  int64_t rows, runs, run, last_run, row_step, run_step, width, pairs;
  const int64_t* tap;
};
// What is done with the sums of a convolution of levels that is one of many (int8_whole.cpp): each
// operation rounded by itself,
//   y = float(sum + start) scale + bias; y = y band_scale + band_bias; y += residual; y = max(y, 0)
//   q = round(y inverse), halves to even, held to low .. high, + offset
// Arrays hold a number per output, with room up to the next multiple of 2 `sums`; of a depthwise
// convolution per element of a run. Rows lie in bands of band_rows, whose numbers lie band_width
// apart. Steps in elements. y and q: null where not wanted; up to 2 `sums` elements are written
// past the last output of a pixel (exact: none), before the next pixel is. What lies so far behind
// y and behind the residual is to be memory of the caller's.
struct Int8Finish {
  const int32_t* start;
  const float *scale, *bias, *band_scale, *band_bias;  // the latter two: null where there are none
  int64_t band_rows, band_width;
  const float* residual;  // where y lies, or null
  bool relu, exact;
  float* y;
  int64_t y_row, y_pixel;
  void* q;  // s16 where wide, else bytes (those with AVX-512 only)
  bool wide;
  const float* inverse;
  float low, high;
  int32_t offset;
  int64_t q_row, q_pixel;
};
// sum[i, j, o] = sum over segments g and k < units of the products of the four bytes at
// i row_step + j pixel_step + segment[g] + 4 k: four of u8 and s8, or two of s16. Weights lie in
// blocks of 2 `sums` outputs (the last one of `sums` where that is enough): [segments, units,
// outputs of the block, 4 bytes]. Steps in bytes.
struct Int8Conv {
  int64_t rows, pixels, row_step, pixel_step;
  int64_t segments, units;
  const int64_t* segment;
  int64_t outputs;
};
struct Int8Kernels {
  int64_t sums;  // that a register holds
  // q[i] = round(x[i] inverse[i mod columns]), halves to even, held to low .. high
  void (*to_s8)(const float* x, int64_t n, const float* inverse, int64_t columns, float low,
                float high, void* q);
  void (*to_u8)(const float* x, int64_t n, const float* inverse, int64_t columns, float low,
                float high, void* q);
  void (*to_s16)(const float* x, int64_t n, const float* inverse, int64_t columns, float low,
                 float high, void* q);
  // y[i] = sums[i] scale[i mod columns] + bias[i mod columns]
  void (*restore)(const int32_t* sums, int64_t n, const float* scale, const float* bias,
                  int64_t columns, float* y);
  void (*dense)(const Int8Dense& s, const int16_t* x, const int16_t* weight, int32_t* y);
  void (*depthwise)(const Int8Depthwise& s, const int16_t* x, const int16_t* weight, int32_t* y);
  void (*depthwise_pack)(const int16_t* a, const int16_t* b, int64_t width, int16_t* to);
  // by fours of bytes, where the CPU has VNNI (null: not of this instruction set), and by pairs
  void (*conv_bytes)(const Int8Conv& s, const Int8Finish& f, const void* x, const void* weight);
  void (*conv_halves)(const Int8Conv& s, const Int8Finish& f, const void* x, const void* weight);
  void (*conv_depthwise)(const Int8Depthwise& s, const Int8Finish& f, const int16_t* x,
                         const int16_t* weight);
  // A row of n elements to levels: q as Int8Finish has it; inverse: `columns`, over and over.
  void (*to_levels)(const float* x, int64_t n, const float* inverse, int64_t columns,
                    const Int8Finish& f);
  // y = max(residual + a + row, 0), and q of it, of `rows` rows of n elements; row: one
  void (*add_row)(const float* a, const float* row, int64_t rows, int64_t n, const float* inverse,
                  int64_t columns, const Int8Finish& f);
};

// A sparse matrix by rows: the entries of row i are k = pointers[i] .. pointers[i+1], in
// columns[k], of value values[order ? order[k] : k].
struct SparseRows {
  const int64_t *pointers, *columns, *order;
  const void* values;
};

// Rows of weights of which few are kept: row o's are k = begin[o] .. begin[o+1], each of values[k],
// at the place offsets[k].
struct Taps {
  int64_t rows;
  const int64_t* begin;
  const int32_t* offsets;
  const float *values, *bias;
};
// Where they are read and where the sums go: y = max(z (+ residual), 0 where relu is set) & mask.
struct TapTile {
  const float* x;
  int64_t pixel;  // elements of x per place
  float* y;
  int64_t y_row;
  const float* residual;  // null: none
  int64_t residual_row;
  const int32_t* mask;  // one for all rows; null: none
  bool relu;
};

struct Table {
  const char* name;  // "baseline", "avx2", "avx512"

  // [0] f32, [1] f64, [2] i64 (null where the formula has no meaning on integers; i64: affine abs
  // sign relu clamp / add mul minimum maximum)
  Strip unary[3][int(Unary::count)];
  Strip binary[3][int(Binary::count)];
  Strip compare[3][int(Compare::count)];  // inputs of that dtype, output u8 (0 or 1)
  Strip where[3];                         // inputs: u8 condition, a, b

  // y[r] = sum (or max) of x[r*row_stride + 0..n), rows r = 0..rows; contiguous inside a row. Sums
  // run in 32 lanes whatever the instruction set, so their bits depend on n only; blocks of 4096
  // elements are added in f64. n = 0 gives 0 (sum) or the lowest value (max).
  void (*sum_rows[3])(const void* x, int64_t rows, int64_t row_stride, int64_t n, void* y);
  // NaN wins
  void (*max_rows[3])(const void* x, int64_t rows, int64_t row_stride, int64_t n, void* y);
  // y[j] = sum (or max) over r of x[r*row_stride + j], j = 0..n, r ascending; f32: blocks of 512
  // rows are added in f64.
  void (*sum_columns[3])(const void* x, int64_t rows, int64_t row_stride, int64_t n, void* y);
  void (*max_columns[3])(const void* x, int64_t rows, int64_t row_stride, int64_t n, void* y);

  // Rows of n contiguous elements, one after the other. softmax: exp(x - max)/sum. log_softmax: x -
  // max - log(sum). logsumexp: one value per row.
  // A row that is all -inf: softmax and log_softmax give NaN, logsumexp -inf (PyTorch's).
  void (*softmax[2])(const void* x, int64_t rows, int64_t n, void* y);
  void (*log_softmax[2])(const void* x, int64_t rows, int64_t n, void* y);
  void (*logsumexp[2])(const void* x, int64_t rows, int64_t n, void* y);

  Norm norm[2];
  Pooling pooling[2];
  BatchNorm batch_norm[2];
  ResNorm res_norm[2];
  SubBands sub_bands[2];
  BroadcastRow broadcast_row[2];

  // Depthwise convolution's three passes, at most depthwise_channels channels. The weights'
  // gradient is written in double; sums: kh kw depthwise_channels floats.
  void (*depthwise_y)(const Depthwise& s, const float* x, const float* weight, float* y);
  void (*depthwise_x)(const Depthwise& s, const float* y, const float* weight, float* x);
  void (*depthwise_weight)(const Depthwise& s, const float* x, const float* y, float* sums,
                           double* weight);

  Int8Kernels int8;

  // Rows first .. first + count of y = A x, [.., f]; entries are added in their order.
  void (*spmm[2])(const SparseRows& a, int64_t first, int64_t count, const void* x, int64_t f,
                  void* y);
  // v[k] += <g[i], x[columns[k]]> for each entry k of those rows i; values are not read.
  void (*sddmm[2])(const SparseRows& a, int64_t first, int64_t count, const void* g, const void* x,
                   int64_t f, void* v);

  // z[o,j] = bias[o] + sum_k values[k] x[offsets[k] pixel + j], j = 0..n, to y[o y_row + j] as the
  // tile has it. All of its pointers have room up to the next multiple of 16.
  void (*taps)(const Taps& s, const TapTile& t, int64_t n);
  // y[o y_row] = bias[o] + sum_k values[k] x[offsets[k]]. Seven entries behind the last one are
  // read: theirs count nothing, but offsets must lie in x.
  void (*taps_dot)(const Taps& s, const float* x, bool relu, float* y, int64_t y_row);

  void (*gemv_rows[2])(const Gemv& g);  // w [n,k]: a row per output
  // w [k,n]; each element is summed over k in ascending order from its bias
  void (*gemv_columns[2])(const Gemv& g);
  // Small products (the caller sends large ones to OpenBLAS). scratch: gemm_scratch bytes, 64-byte
  // aligned.
  void (*gemm[2])(const Gemm& g, void* scratch);
  int64_t (*gemm_scratch[2])(const Gemm& g);
};

const Table& table();  // the one chosen for this CPU

}  // namespace regrad::kernels
