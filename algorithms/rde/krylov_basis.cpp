#include <regrad/algorithms/rde/krylov_basis.h>
#include <regrad/algorithms/rde/products.h>
#include <regrad/engine/internal/memory.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace regrad::rde::detail {
namespace {

size_t u(int64_t i) { return static_cast<size_t>(i); }

}  // namespace

Block::Block(int64_t n, int64_t b) : n_(n), b_(b), w_(u(n * b)), turned_(u(n * b)) {}

Vector Block::orthonormalize(double zero) {
  for (int64_t i = 0; i < n_; ++i)
    for (int64_t j = 0; j < b_; ++j) turned_[u(j * n_ + i)] = w_[u(i * b_ + j)];
  Vector r = by_cholesky(zero);
  if (r.empty()) r = by_columns(zero);
  const int64_t k = static_cast<int64_t>(r.size()) / std::max<int64_t>(1, b_);
  for (int64_t i = 0; i < n_; ++i)
    for (int64_t j = 0; j < k; ++j) w_[u(i * k + j)] = turned_[u(j * n_ + i)];
  b_ = k;
  return r;
}

// R^T R = W^T W, Q = W R^-1; nothing where that would lose more than half of the digits, or where
// a column is nothing.
Vector Block::by_cholesky(double zero) {
  Vector r(u(b_ * b_));
  for (int64_t i = 0; i < b_; ++i)
    for (int64_t j = i; j < b_; ++j) r[u(i * b_ + j)] = dot(row(i), row(j), n_);
  for (int64_t i = 0; i < b_; ++i) {
    const double whole = r[u(i * b_ + i)];
    for (int64_t k = 0; k < i; ++k)
      for (int64_t j = i; j < b_; ++j) r[u(i * b_ + j)] -= r[u(k * b_ + i)] * r[u(k * b_ + j)];
    const double pivot = r[u(i * b_ + i)];
    if (!(pivot > 1e-8 * whole && pivot > zero * zero)) return {};
    const double root = std::sqrt(pivot);
    for (int64_t j = i; j < b_; ++j) r[u(i * b_ + j)] /= root;
  }
  for (int64_t i = 0; i < b_; ++i) {
    for (int64_t k = 0; k < i; ++k) subtract(row(i), r[u(k * b_ + i)], row(k));
    scale(row(i), 1 / r[u(i * b_ + i)]);
  }
  return r;
}

// Column by column, each made orthogonal twice.
Vector Block::by_columns(double zero) {
  Vector r;
  int64_t k = 0;
  for (int64_t j = 0; j < b_; ++j) {
    Vector h(u(k + 1));
    for (int pass = 0; pass < 2; ++pass)
      for (int64_t q = 0; q < k; ++q) {
        const double c = dot(row(q), row(j), n_);
        h[u(q)] += c;
        subtract(row(j), c, row(q));
      }
    const double length = std::sqrt(dot(row(j), row(j), n_));
    const bool kept = length > zero;
    if (kept) {
      if (k != j) std::copy_n(row(j), n_, row(k));
      scale(row(k), 1 / length);
      h[u(k)] = length;
      r.resize(u((k + 1) * b_));
    }
    for (int64_t q = 0; q < k + kept; ++q) r[u(q * b_ + j)] = h[u(q)];
    k += kept;
  }
  return r;
}

void Block::subtract(double* a, double c, const double* b) const {
  for (int64_t i = 0; i < n_; ++i) a[i] -= c * b[i];
}

void Block::scale(double* a, double c) const {
  for (int64_t i = 0; i < n_; ++i) a[i] *= c;
}

void Basis::need(int64_t more) {
  if (m + more <= room) return;
  const int64_t wider = std::max(2 * room, m + more);
  auto next = std::make_shared<regrad::detail::Scratch>(2 * n * wider * int64_t{sizeof(double)});
  double *new_columns = next->as<double>(), *new_rows = new_columns + n * wider;
  for (int64_t i = 0; i < n; ++i) std::copy_n(columns + i * room, m, new_columns + i * wider);
  std::copy_n(rows, m * n, new_rows);
  memory_ = std::move(next);
  columns = new_columns, rows = new_rows, room = wider;
}

void Basis::append(const double* w, int64_t b) {
  need(b);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < b; ++j) {
      columns[i * room + m + j] = w[i * b + j];
      rows[(m + j) * n + i] = w[i * b + j];
    }
  m += b;
}

Vector Basis::project(const double* w, int64_t b, int64_t from) const {
  Vector h(u((m - from) * b));
  if (m > from) product(m - from, b, n, {rows + from * n, n, 1}, {w, b, 1}, h.data(), b);
  return h;
}

void Basis::subtract(const Vector& h, double* w, int64_t b, int64_t from) const {
  if (m == from) return;
  Vector part(u(n * b));
  product(n, b, m - from, {columns + from, room, 1}, {h.data(), b, 1}, part.data(), b);
  for (size_t i = 0; i < part.size(); ++i) w[i] -= part[i];
}

}  // namespace regrad::rde::detail
