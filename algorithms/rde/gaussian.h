// A Gaussian's squared Mahalanobis distances, by the pseudo-inverse where the covariance is
// singular, and its log-determinant.
#pragma once

#include <cstdint>

#include <regrad/engine/tensor.h>

namespace regrad::rde {

struct Gaussian {
  Tensor location;     // [p] f64
  Tensor whitening;    // [r,p] f64: d2 = |whitening (x - location)|^2, r the covariance's rank
  double log_det = 0;  // of the covariance where r = p, else of what is not 0, in units of its own

  int64_t rank() const { return whitening.size(0); }
  // x [n,p] f64 -> [n] f64; each value has the same bits alone or among others.
  Tensor distances(const Tensor& x) const;
};

// Where there is no covariance of full rank: p or fewer rows; in mcd.h also h rows that lie in a
// plane while others do not (the determinant is 0 for every such subset: an exact fit).
enum class Singular {
  refuse,  // NumericError
  pinv     // [code]: distances by the pseudo-inverse, blind to what is off the plane
};

// Mean and 1 / (n - 1) covariance of x [n,p], f32 or f64. Rows that all lie in a plane of fewer
// dimensions are taken within it. ShapeError, DTypeError; NumericError: NaN, all rows equal, or see
// Singular.
Gaussian gaussian(const Tensor& x, Singular singular = Singular::refuse);

// Of location [p] and a symmetric covariance [p,p], f64. Columns are scaled to variance 1 first, so
// that singular means: to working precision, whatever the scales (an eigenvalue of the correlations
// up to 1e-14 p of the largest). Rank 0 where all is 0. ShapeError, DTypeError; NumericError at
// NaN.
Gaussian gaussian(const Tensor& location, const Tensor& covariance);

// The same with `factor` times the covariance.
Gaussian scaled(const Gaussian& g, double factor);

struct Moments {
  Tensor location, covariance;
};

}  // namespace regrad::rde
