// What a block Krylov space is made of: a block of columns with its QR factors, and the basis they
// are added to. Internal to algorithms/rde.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

namespace regrad::rde::detail {

using Vector = std::vector<double>;

// W [n,b], row-major.
class Block {
 public:
  Block(int64_t n, int64_t b);
  double* data() { return w_.data(); }
  int64_t columns() const { return b_; }

  // W = Q R with orthonormal columns of Q [n,k] and R [k,b], k <= b: columns that come to less than
  // `zero` are left out. W becomes Q, and has k columns. Returns R.
  Vector orthonormalize(double zero);

 private:
  Vector by_cholesky(double zero);
  Vector by_columns(double zero);
  double* row(int64_t j) { return turned_.data() + j * n_; }
  void subtract(double* a, double c, const double* b) const;
  void scale(double* a, double c) const;

  int64_t n_, b_;
  Vector w_, turned_;  // turned_: columns as rows
};

// Orthonormal columns [n,m], as columns [n,room] and as rows [room,n]: each product reads what lies
// in its order.
class Basis {
 public:
  explicit Basis(int64_t size) : n(size) {}
  void need(int64_t more);  // room for as many more columns
  void append(const double* w, int64_t b);
  // V^T w [m - from, b], of the columns from `from` on
  Vector project(const double* w, int64_t b, int64_t from) const;
  // w -= V h
  void subtract(const Vector& h, double* w, int64_t b, int64_t from) const;

  int64_t n, m = 0, room = 0;
  double *columns = nullptr, *rows = nullptr;

 private:
  std::shared_ptr<void> memory_{};
};

}  // namespace regrad::rde::detail
