// Small products: tiles of up to max_rows x 2 registers that stay in registers while k runs, so
// that A is read as single numbers in any layout,
// B along its rows (in place, or from a packed panel where its columns are not neighbours), and C
// is written once.
#include "gemm_pack.h"

#include "isa.h"

namespace regrad::kernels::REGRAD_ISA {
namespace {

// 2 max_rows sums, 2 registers of B and one number of A fit the register file.
#if REGRAD_GEMM_AVX512
constexpr int max_rows = 12;
#else
constexpr int max_rows = 6;
#endif

// One tile: rows of A and C, columns of B and C.
template <class T>
struct Tile {
  int64_t k;
  const T* a;
  int64_t a_row, a_col;
  const T* b;
  int64_t b_row;
  const T* start;
  int64_t start_row;
  T* c;
  int64_t c_row;
  int64_t last;  // columns in the last register
};

// Registers start from `start` (zeros where it is null) and end in c.
template <class R, int rows, int registers, bool whole, class T>
void multiply_tile(const Tile<T>& t) {
  typename R::V sum[rows][registers];
  const typename R::Tail tail = R::tail(t.last);
  const auto is_whole = [](int v) { return whole || v + 1 < registers; };
  if (t.start) {
    REGRAD_UNROLL
    for (int i = 0; i < rows; ++i) {
      const T* p = t.start + i * t.start_row;
      REGRAD_UNROLL
      for (int v = 0; v < registers; ++v)
        sum[i][v] = is_whole(v) ? R::load(p + v * R::lanes) : R::load_lanes(p + v * R::lanes, tail);
    }
  } else {
    REGRAD_UNROLL
    for (int i = 0; i < rows; ++i) {
      REGRAD_UNROLL
      for (int v = 0; v < registers; ++v) sum[i][v] = typename R::V{};
    }
  }
  const T *a = t.a, *b = t.b;
  for (int64_t p = 0; p < t.k; ++p, a += t.a_col, b += t.b_row) {
    typename R::V bp[registers];
    REGRAD_UNROLL
    for (int v = 0; v < registers; ++v)
      bp[v] = is_whole(v) ? R::load(b + v * R::lanes) : R::load_tail(b + v * R::lanes, tail);
    REGRAD_UNROLL
    for (int i = 0; i < rows; ++i) {
      const typename R::V x = R::repeat(a[i * t.a_row]);
      REGRAD_UNROLL
      for (int v = 0; v < registers; ++v) sum[i][v] = R::multiply_add(x, bp[v], sum[i][v]);
    }
  }
  REGRAD_UNROLL
  for (int i = 0; i < rows; ++i) {
    T* c = t.c + i * t.c_row;
    REGRAD_UNROLL
    for (int v = 0; v < registers; ++v) {
      if (is_whole(v)) {
        R::store(c + v * R::lanes, sum[i][v]);
      } else {
        R::store_tail(c + v * R::lanes, sum[i][v], tail);
      }
    }
  }
}

// The instance for `rows` rows, found by counting down.
template <class R, int registers, bool whole, int most = max_rows, class T>
REGRAD_INLINE void multiply_rows(const Tile<T>& t, int64_t rows) {
  if constexpr (most == 1) {
    multiply_tile<R, 1, registers, whole>(t);
  } else {
    if (rows == most) return multiply_tile<R, most, registers, whole>(t);
    multiply_rows<R, registers, whole, most - 1>(t, rows);
  }
}

// All rows of m columns' worth of one tile column, cut as evenly as max_rows allows.
template <class R, int registers, class T>
void multiply_columns(Tile<T> t, int64_t m) {
  for (int64_t tiles = (m + max_rows - 1) / max_rows; tiles > 0; --tiles) {
    const int64_t rows = (m + tiles - 1) / tiles;
    if (t.last == R::lanes) {
      multiply_rows<R, registers, true>(t, rows);
    } else {
      multiply_rows<R, registers, false>(t, rows);
    }
    t.a += rows * t.a_row;
    t.c += rows * t.c_row;
    if (t.start) t.start += rows * t.start_row;
    m -= rows;
  }
}

// Whether B's rows can be read where they lie.
bool in_place(const Gemm& g) { return g.b_col == 1 && has_load_tail; }

template <class T>
constexpr int64_t wide = 2 * register_bytes / int64_t(sizeof(T));

// Columns [j, j + columns) of one product, columns <= wide. panel: B's columns there, or null for B
// in place.
template <class T>
void multiply_block(const Gemm& g, int64_t s, int64_t j, int64_t columns, const T* panel) {
  using Full = Reg<T, register_bytes>;
  using Half = Reg<T, half_bytes>;
  Tile<T> t{.k = g.k,
            .a = static_cast<const T*>(g.a) + s * g.a_batch,
            .a_row = g.a_row,
            .a_col = g.a_col,
            .b = panel ? panel : static_cast<const T*>(g.b) + s * g.b_batch + j,
            .b_row = panel ? wide<T> : g.b_row,
            .start = g.bias ? static_cast<const T*>(g.bias) + s * g.bias_batch + j : nullptr,
            .start_row = g.bias_row,
            .c = static_cast<T*>(g.c) + s * g.c_batch + j,
            .c_row = g.c_row,
            .last = columns};
  if (g.bias && g.bias_col != 1) {  // columns of the bias that are no neighbours: by way of C
    const T* bias = static_cast<const T*>(g.bias) + s * g.bias_batch + j * g.bias_col;
    for (int64_t r = 0; r < g.m; ++r)
      for (int64_t q = 0; q < columns; ++q)
        t.c[r * g.c_row + q] = bias[r * g.bias_row + q * g.bias_col];
    t.start = t.c;
    t.start_row = g.c_row;
  }
  if (columns > Full::lanes) {
    t.last = columns - Full::lanes;
    multiply_columns<Full, 2>(t, g.m);
  } else if (columns > Half::lanes) {
    multiply_columns<Full, 1>(t, g.m);
  } else {
    multiply_columns<Half, 1>(t, g.m);
  }
}

template <class T>
void multiply(const Gemm& g, T* panel) {
  const bool packs = !in_place(g);
  const auto block = [&](int64_t s, int64_t j, bool pack_now) {
    const int64_t columns = g.n - j < wide<T> ? g.n - j : wide<T>;
    if (pack_now)
      pack(static_cast<const T*>(g.b) + s * g.b_batch + j * g.b_col, g.b_row, g.b_col, g.k, columns,
           panel, wide<T>);
    multiply_block(g, s, j, columns, packs ? static_cast<const T*>(panel) : nullptr);
  };
  if (packs && g.b_batch == 0) {  // one panel serves the whole batch
    for (int64_t j = 0; j < g.n; j += wide<T>)
      for (int64_t s = 0; s < g.batch; ++s) block(s, j, s == 0);
    return;
  }
  for (int64_t s = 0; s < g.batch; ++s)
    for (int64_t j = 0; j < g.n; j += wide<T>) block(s, j, packs);
}

template <class T>
int64_t scratch(const Gemm& g) {
  return in_place(g) ? 0 : g.k * wide<T> * int64_t(sizeof(T));
}

// A column is as well a row: C^T = B^T A^T, whose lanes run along m.
Gemm turned(const Gemm& g) {
  if (g.n != 1 || g.m == 1 || g.c_row != 1 || g.a_row != 1) return g;
  Gemm t = g;
  t.m = 1, t.n = g.m;
  t.a = g.b, t.a_batch = g.b_batch, t.a_row = g.b_col, t.a_col = g.b_row;
  t.b = g.a, t.b_batch = g.a_batch, t.b_row = g.a_col, t.b_col = g.a_row;
  t.bias_row = g.bias_col, t.bias_col = g.bias_row;
  return t;
}

}  // namespace

void gemm_f32(const Gemm& g, void* panel) { multiply(turned(g), static_cast<float*>(panel)); }
void gemm_f64(const Gemm& g, void* panel) { multiply(turned(g), static_cast<double*>(panel)); }
int64_t gemm_scratch_f32(const Gemm& g) { return scratch<float>(turned(g)); }
int64_t gemm_scratch_f64(const Gemm& g) { return scratch<double>(turned(g)); }

}  // namespace regrad::kernels::REGRAD_ISA
