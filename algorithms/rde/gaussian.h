// A Gaussian's squared Mahalanobis distances, by the pseudo-inverse where the covariance is
// singular, and its log-determinant.
#pragma once

#include <cstdint>

#include <regrad/engine/tensor.h>

namespace regrad::rde {

struct Gaussian {
  Tensor location;     // [p] f64
  Tensor whitening;    // [r,p] f64: d2 = |whitening (x - location)|^2, r the covariance's rank
  double log_det = 0;  // of the covariance where r = p, else of the part that is not 0

  int64_t rank() const { return whitening.size(0); }
  // x [n,p] f64 -> [n] f64; each value has the same bits alone or among others.
  Tensor distances(const Tensor& x) const;
};

// Of location [p] and a symmetric covariance [p,p], f64. Columns are scaled to variance 1 first, so
// that singular means: to working precision, whatever the scales (an eigenvalue of the correlations
// up to 1e-13 p of the largest). Rank 0 where all is 0. ShapeError, DTypeError; NumericError at
// NaN.
Gaussian gaussian(const Tensor& location, const Tensor& covariance);

// Mean and 1 / (n - 1) covariance of x [n,p], f64, n >= 2.
struct Moments {
  Tensor location, covariance;
};
Moments moments(const Tensor& x);

}  // namespace regrad::rde
