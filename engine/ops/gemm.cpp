#include <regrad/engine/internal/memory.h>
#include <regrad/engine/ops/gemm.h>

#include <algorithm>

namespace regrad::detail {
namespace {

using kernels::Gemm;
using kernels::Gemv;

constexpr int64_t long_k = 4096;

void whole(const Gemm& g, int t) {
  const int64_t bytes = kernels::table().gemm_scratch[t](g);
  if (bytes == 0) return kernels::table().gemm[t](g, nullptr);
  const Scratch scratch(bytes);
  kernels::table().gemm[t](g, scratch.as<void>());
}

// f(element of c, its total) for all of them.
template <class F>
void each(const Gemm& g, double* total, F&& f) {
  for (int64_t b = 0; b < g.batch; ++b)
    for (int64_t i = 0; i < g.m; ++i)
      for (int64_t j = 0; j < g.n; ++j)
        f(static_cast<float*>(g.c)[b * g.c_batch + i * g.c_row + j], *total++);
}

void in_pieces(const Gemm& g) {
  const int64_t n = g.batch * g.m * g.n;
  const Scratch room(n * int64_t{sizeof(double)});
  double* total = room.as<double>();
  std::fill(total, total + n, 0.0);
  for (int64_t from = 0; from < g.k; from += long_k) {
    Gemm piece = g;
    piece.k = std::min(long_k, g.k - from);
    piece.a = static_cast<const float*>(g.a) + from * g.a_col;
    piece.b = static_cast<const float*>(g.b) + from * g.b_row;
    if (from) piece.bias = nullptr;
    whole(piece, 0);
    each(g, total, [](float c, double& sum) { sum += static_cast<double>(c); });
  }
  each(g, total, [](float& c, double sum) { c = static_cast<float>(sum); });
}

void whole(const Gemv& g, bool columns, int t) {
  (columns ? kernels::table().gemv_columns : kernels::table().gemv_rows)[t](g);
}

void in_pieces(const Gemv& g, bool columns) {
  const Scratch room(g.m * g.n * int64_t{sizeof(double)});
  double* total = room.as<double>();
  std::fill(total, total + g.m * g.n, 0.0);
  float* y = static_cast<float*>(g.y);
  for (int64_t from = 0; from < g.k; from += long_k) {
    Gemv piece = g;
    piece.k = std::min(long_k, g.k - from);
    piece.x = static_cast<const float*>(g.x) + from;
    piece.w = static_cast<const float*>(g.w) + from * (columns ? g.w_pitch : 1);
    if (from) piece.bias = nullptr;
    whole(piece, columns, 0);
    for (int64_t i = 0; i < g.m; ++i)
      for (int64_t j = 0; j < g.n; ++j)
        total[i * g.n + j] += static_cast<double>(y[i * g.y_row + j]);
  }
  for (int64_t i = 0; i < g.m; ++i)
    for (int64_t j = 0; j < g.n; ++j) y[i * g.y_row + j] = static_cast<float>(total[i * g.n + j]);
}

}  // namespace

void gemm(const Gemm& g, int t) { t == 0 && g.k > long_k ? in_pieces(g) : whole(g, t); }
void gemv(const Gemv& g, bool columns, int t) {
  t == 0 && g.k > long_k ? in_pieces(g, columns) : whole(g, columns, t);
}

}  // namespace regrad::detail
