#include <regrad/algorithms/rde/products.h>
#include <regrad/engine/ops/gemm.h>
#include <regrad/engine/parallel.h>

#include <algorithm>

namespace regrad::rde::detail {

void product_here(int64_t m, int64_t n, int64_t k, View a, View b, double* c, int64_t c_row) {
  kernels::Gemm g{};
  g.batch = 1, g.m = m, g.n = n, g.k = k;
  g.a = a.p, g.a_row = a.row, g.a_col = a.col;
  g.b = b.p, g.b_row = b.row, g.b_col = b.col;
  g.c = c, g.c_row = c_row;
  regrad::detail::gemm(g, 1);
}

void product(int64_t m, int64_t n, int64_t k, View a, View b, double* c, int64_t c_row) {
  constexpr int64_t block = 128;
  parallel_for((m + block - 1) / block, [&](int64_t i) {
    const int64_t from = i * block;
    product_here(std::min(block, m - from), n, k, {a.p + from * a.row, a.row, a.col}, b,
                 c + from * c_row, c_row);
  });
}

double dot(const double* a, const double* b, int64_t n) {
  double lane[8] = {};
  int64_t i = 0;
  for (; i + 8 <= n; i += 8)
    for (int64_t q = 0; q < 8; ++q) lane[q] += a[i + q] * b[i + q];
  for (; i < n; ++i) lane[0] += a[i] * b[i];
  return ((lane[0] + lane[1]) + (lane[2] + lane[3])) + ((lane[4] + lane[5]) + (lane[6] + lane[7]));
}

}  // namespace regrad::rde::detail
