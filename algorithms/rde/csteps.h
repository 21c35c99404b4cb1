// FastMCD's concentration steps over one set of rows, on the calling thread.
// Internal to algorithms/rde.
#pragma once

#include <cstdint>
#include <vector>

#include <regrad/engine/random.h>

namespace regrad::rde::detail {

// Mean and covariance of some rows, ready for distances.
struct Estimate {
  std::vector<double> location;  // [p]
  std::vector<double> whiten;    // [p,p], L^-1 of S = L L^T: d2 = |L^-1 (x - mu)|^2
  double log_det = 0;            // ln |S|
  std::vector<int32_t> rows;     // ascending
  bool regular = false;          // S is not singular to working precision
};

class Rows {
 public:
  Rows(const double* x, int64_t n, int64_t p) : x_(x), n_(n), p_(p) {}
  int64_t size() const { return n_; }

  // Mean and 1/m covariance of these rows.
  Estimate estimate(std::vector<int32_t> rows) const;
  // Of the first `m` rows of a random order, and of as many more as it takes to be regular. Not
  // regular where all rows are not.
  Estimate start(int64_t m, const Random& random) const;
  std::vector<double> distances(const Estimate& e) const;
  // Of the h nearest rows (the first of equally near ones).
  Estimate step(const Estimate& e, int64_t h) const;

  // Up to `most` C-steps, to where |S| no longer falls; e is of h of these rows, or (foreign) of
  // others, whose determinant is not to be compared. A step to a singular subset is not taken:
  // singular is set to that subset, if given.
  Estimate concentrate(Estimate e, int64_t h, int most, bool foreign,
                       std::vector<int32_t>* singular = nullptr) const;

 private:
  // S and ln |S| of the m centred rows c [m,p].
  bool factor(const double* c, int64_t m, Estimate& e) const;

  const double* x_;
  int64_t n_, p_;
};

// The first m of a random order of n rows.
std::vector<int32_t> draw(int64_t n, int64_t m, const Random& random);

}  // namespace regrad::rde::detail
