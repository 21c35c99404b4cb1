// Rows in coordinates of their own: less each column's middle value, in units of a power of two
// near its largest, and where all rows lie in a plane, along that plane:
//
//   x = middle + scale (basis y)
//
// Nothing overflows there, columns' scales may lie far apart, and a covariance of full rank is what
// remains. Internal to algorithms/rde.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <regrad/algorithms/rde/gaussian.h>

namespace regrad::rde::detail {

// Rows of a row-major matrix of p columns, in another order.
std::vector<double> gather(const std::vector<double>& x, int64_t p,
                           const std::vector<int32_t>& rows);

// NumericError: n rows in p dimensions have no covariance of full rank.
[[noreturn]] void refuse_few(int64_t n, int64_t p, const char* name);

struct Coordinates {
  // x [n,p] f32 or f64. NumericError where all rows are equal; `name` begins messages.
  Coordinates(const Tensor& x, const char* name);

  int64_t n, p, r;        // r: of y
  std::vector<double> y;  // [n,r]
  std::vector<double> middle, scale;
  Tensor basis;  // [p,r], undefined where r = p

  Tensor rows() const;  // y
  // Mean and 1/m covariance of some rows, in y.
  Moments moments(const std::vector<int32_t>& some) const;
  // Their Gaussian: from the rows themselves, so that a direction counts as none only where its
  // deviation is some 1e-13 of its columns'; by the pseudo-inverse where there is one.
  Gaussian own(const std::vector<int32_t>& some) const;

  // In x. NumericError where a covariance overflows.
  Moments outside(const Moments& m) const;
  Gaussian outside(const Gaussian& g) const;

 private:
  void flatten(const char* name);
};

}  // namespace regrad::rde::detail
