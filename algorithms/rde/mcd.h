// FastMCD (Rousseeuw and Van Driessen 1999): mean and covariance of the h rows whose covariance has
// the smallest determinant, then of all rows that are near by these. What is marked [lib] is
// scikit-learn's way, which RDE's authors use (text-and-ssl.md 1.3).
//
//   C-step   d2_i = (x_i - mu)^T S^-1 (x_i - mu); of the h smallest: mu', S' = 1/h sum; |S'| <= |S|
//   starts   of a random subset; 2 C-steps each, the best by |S| go on to convergence
//   n > 500  by blocks of some 300 rows, then on a pool of 1,500, then on all rows [lib]
//   raw      mu, S of the best h-subset; h = ceil((n + p + 1) / 2)
//   correct  c = median(d2) / chi2_p(0.5); rows with d2 / c < chi2_p(0.975) are kept
//   result   mean and 1/m covariance of the kept rows
//
// A far cluster with a share e of the rows looks nearer than the rest from an h-subset, once
// p - 1 + e / (1 - e) > (1 - e) / e (25%: p > 3.7): it takes elemental starts, of p + 1 rows, some
// of which have none of it. Scattered outliers are found from both.
#pragma once

#include <cstdint>

#include <regrad/algorithms/rde/gaussian.h>
#include <regrad/engine/random.h>
#include <regrad/engine/tensor.h>

namespace regrad::rde {

enum class Start {
  automatic,  // elemental up to p = 10, else subset
  subset,     // h random rows [lib]
  elemental   // p + 1 random rows, more where these are singular
};
enum class Consistency {
  median,  // as above [lib 0.24, which RDE used]
  normal   // [lib 1.9]: c = (h/n) / P(chi2_(p+2) <= chi2_p(h/n)); the result times that of 0.975
};
struct McdOptions {
  int64_t h = 0;  // 0: ceil((n + p + 1) / 2), at most n; n: the plain covariance
  Start start = Start::automatic;
  // In all: 0 is 500 where rows are partitioned [lib], else 30 of h rows [lib] or 500 elemental
  // ones (Rousseeuw and Van Driessen).
  int64_t starts = 0;
  Consistency consistency = Consistency::median;
  Singular singular = Singular::refuse;
  Random random{0};
};

struct Mcd {
  Tensor location, covariance;          // [p], [p,p] f64: the result, reweighted
  Tensor raw_location, raw_covariance;  // of the best h-subset, before c
  Tensor raw_support, support;          // b8 [n]: the h-subset; the rows kept
  Tensor raw_distances, distances;  // f64 [n]: d2 of all rows by the raw estimate, by the result
  double raw_log_det;               // ln |raw_covariance|; -infinity where it is singular
  double correction;                // c
  int64_t h;
  // The result, from the rows themselves: to more digits than a nearly singular covariance holds.
  // Its rank is below p where all rows lie in a plane.
  Gaussian gaussian;
};

// x [n,p] f32 or f64. Rows that all lie in a plane of fewer dimensions are taken within it, which
// is exact (d2 within the plane needs no inverse of what is 0 there): the rank says so. One column
// is solved exactly. Columns may differ in scale by any factor. The same bits for any number of
// threads.
// ShapeError: no matrix, fewer than 2 rows; DTypeError; NumericError: NaN or infinity, all rows
// equal, or see Singular; ConfigError: h outside of (n/2, n] or starts < 0.
Mcd mcd(const Tensor& x, const McdOptions& options = {});

}  // namespace regrad::rde
