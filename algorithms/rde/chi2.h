// The chi-squared distribution with p degrees of freedom: what squared Mahalanobis distances of a
// Gaussian in p dimensions follow. To about 1e-13 relative, for p from 1 to some millions (no gamma
// function is evaluated by itself, so none overflows).
//
// Own code, not a library: Debian's header-only one (libboost-math-dev) brings 160 MB of headers
// for one function of sixty lines.
#pragma once

#include <cstdint>

namespace regrad::rde {

// P(X <= x). ConfigError where p < 1, NumericError where x is NaN. 0 for x <= 0.
double chi2_cdf(double x, int64_t p);
// The x with P(X <= x) = q. ConfigError where p < 1 or q lies outside of (0, 1).
double chi2_quantile(double q, int64_t p);

}  // namespace regrad::rde
