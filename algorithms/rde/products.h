// Products of f64 matrices on every thread, with the same bits for any number of them: an element's
// sum runs over k in ascending order, whatever block it is computed in.
// Internal to algorithms/rde.
#pragma once

#include <cstdint>

namespace regrad::rde::detail {

// A matrix as it lies: element (i,j) is p[i row + j col].
struct View {
  const double* p;
  int64_t row, col;
};
// c [m,n], rows contiguous and c_row apart, = a [m,k] b [k,n]; on the calling thread alone.
void product_here(int64_t m, int64_t n, int64_t k, View a, View b, double* c, int64_t c_row);
// The same on every thread, by blocks of rows of c.
void product(int64_t m, int64_t n, int64_t k, View a, View b, double* c, int64_t c_row);

// sum of a[i] b[i], and of x[i]^2, in eight lanes whatever the instruction set
double dot(const double* a, const double* b, int64_t n);
template <class T>
double square(const T* x, int64_t n) {
  double lane[8] = {};
  int64_t i = 0;
  for (; i + 8 <= n; i += 8)
    for (int64_t q = 0; q < 8; ++q) {
      const auto v = static_cast<double>(x[i + q]);
      lane[q] += v * v;
    }
  for (; i < n; ++i) lane[0] += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return ((lane[0] + lane[1]) + (lane[2] + lane[3])) + ((lane[4] + lane[5]) + (lane[6] + lane[7]));
}

}  // namespace regrad::rde::detail
