#include <regrad/algorithms/rde/csteps.h>
#include <regrad/algorithms/rde/products.h>
#include <regrad/engine/internal/memory.h>
#include <regrad/engine/kernels/lapack.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

namespace regrad::rde::detail {
namespace {

using regrad::detail::Scratch;
using Vector = std::vector<double>;

size_t u(int64_t i) { return static_cast<size_t>(i); }

// Columns of a triangular product are computed in strips, each over the rows that are not 0.
constexpr int64_t strip = 32;

// c [p,p] = 1/m a^T a, its lower triangle, of a [m,p].
void covariance(const double* a, int64_t m, int64_t p, double* c) {
  for (int64_t i = 0; i < p; i += 2 * strip) {
    const int64_t rows = std::min(2 * strip, p - i);
    product_here(rows, i + rows, m, {a + i, 1, p}, {a, p, 1}, c + i * p, p);
  }
  const double scale = 1 / static_cast<double>(m);
  for (int64_t i = 0; i < p; ++i)
    for (int64_t j = 0; j <= i; ++j) c[i * p + j] *= scale;
}

// The inverse of the lower triangular l [p,p], zeros above the diagonal.
void invert(const double* l, int64_t p, double* out) {
  std::fill_n(out, p * p, 0.0);
  for (int64_t i = 0; i < p; ++i) {
    double* row = out + i * p;
    for (int64_t k = 0; k < i; ++k) {
      const double f = l[i * p + k];
      for (int64_t j = 0; j <= k; ++j) row[j] -= f * out[k * p + j];
    }
    row[i] = 1;
    const double d = 1 / l[i * p + i];
    for (int64_t j = 0; j <= i; ++j) row[j] *= d;
  }
}

}  // namespace

std::vector<int32_t> draw(int64_t n, int64_t m, const Random& random) {
  std::vector<int32_t> order(u(n));
  std::iota(order.begin(), order.end(), 0);
  for (int64_t i = 0; i < std::min(m, n - 1); ++i)
    std::swap(order[u(i)], order[u(i + random.integer(static_cast<uint64_t>(i), n - i))]);
  order.resize(u(m));
  return order;
}

bool Rows::factor(const double* c, int64_t m, Estimate& e) const {
  if (m <= p_) return false;
  const Scratch room(p_ * p_ * int64_t{sizeof(double)});
  double* s = room.as<double>();
  covariance(c, m, p_, s);
  Vector variance(u(p_));
  for (int64_t j = 0; j < p_; ++j) variance[u(j)] = s[j * p_ + j];
  // 1 - R^2 of each column on those before it
  bool good = kernels::cholesky(p_, s) == 0;
  for (int64_t j = 0; good && j < p_; ++j)
    good = s[j * p_ + j] * s[j * p_ + j] > 1e-8 * variance[u(j)];
  if (!good) {  // half of the digits are gone: from the rows themselves none are
    Vector a(c, c + m * p_), q(u(m * p_)), r(u(p_ * p_));
    const Scratch work(kernels::qr_scratch<double>(m, p_));
    if (kernels::qr(m, p_, a.data(), q.data(), r.data(), work.as<void>())) return false;
    const double root = std::sqrt(static_cast<double>(m)),
                 least = 16 * std::numeric_limits<double>::epsilon() * static_cast<double>(m);
    for (int64_t j = 0; j < p_; ++j) {
      if (!(std::abs(r[u(j * p_ + j)]) > least * root * std::sqrt(variance[u(j)]))) return false;
      for (int64_t i = 0; i <= j; ++i) s[j * p_ + i] = r[u(i * p_ + j)] / root;
    }
  }
  e.log_det = 0;
  for (int64_t j = 0; j < p_; ++j) e.log_det += 2 * std::log(std::abs(s[j * p_ + j]));
  e.whiten.resize(u(p_ * p_));
  invert(s, p_, e.whiten.data());
  return true;
}

Estimate Rows::estimate(std::vector<int32_t> rows) const {
  const auto m = static_cast<int64_t>(rows.size());
  Estimate e;
  e.location.assign(u(p_), 0);
  for (const int32_t i : rows)
    for (int64_t j = 0; j < p_; ++j) e.location[u(j)] += x_[i * p_ + j];
  for (double& v : e.location) v /= static_cast<double>(m);
  const Scratch room(m * p_ * int64_t{sizeof(double)});
  double* c = room.as<double>();
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < p_; ++j) c[i * p_ + j] = x_[rows[u(i)] * p_ + j] - e.location[u(j)];
  e.regular = factor(c, m, e);
  e.rows = std::move(rows);
  return e;
}

Estimate Rows::start(int64_t m, const Random& random) const {
  std::vector<int32_t> order = draw(n_, n_, random);
  for (;; ++m) {
    m = std::min(m, n_);
    std::vector<int32_t> rows(order.begin(), order.begin() + m);
    std::sort(rows.begin(), rows.end());
    Estimate e = estimate(std::move(rows));
    if (e.regular || m == n_) return e;
  }
}

Vector Rows::distances(const Estimate& e) const {
  const Scratch room((n_ * p_ + p_) * int64_t{sizeof(double)});
  double *white = room.as<double>(), *shift = white + n_ * p_;
  for (int64_t j = 0; j < p_; ++j)  // L^-1 x - L^-1 mu
    shift[j] = dot(e.whiten.data() + j * p_, e.location.data(), p_);
  for (int64_t j = 0; j < p_; j += strip) {
    const int64_t columns = std::min(strip, p_ - j);
    product_here(n_, columns, j + columns, {x_, p_, 1}, {e.whiten.data() + j * p_, 1, p_},
                 white + j, p_);
  }
  Vector d2(u(n_));
  for (int64_t i = 0; i < n_; ++i) {
    double* w = white + i * p_;
    for (int64_t j = 0; j < p_; ++j) w[j] -= shift[j];
    d2[u(i)] = square(w, p_);
  }
  return d2;
}

Estimate Rows::step(const Estimate& e, int64_t h) const {
  const Vector d2 = distances(e);
  std::vector<std::pair<double, int32_t>> near(u(n_));
  for (int64_t i = 0; i < n_; ++i) near[u(i)] = {d2[u(i)], static_cast<int32_t>(i)};
  std::nth_element(near.begin(), near.begin() + (h - 1), near.end());
  const auto last = near[u(h - 1)];
  std::vector<int32_t> rows;
  rows.reserve(u(h));
  for (int64_t i = 0; i < n_; ++i)
    if (std::pair(d2[u(i)], static_cast<int32_t>(i)) <= last)
      rows.push_back(static_cast<int32_t>(i));
  return estimate(std::move(rows));
}

Estimate Rows::concentrate(Estimate e, int64_t h, int most, bool foreign,
                           std::vector<int32_t>* singular) const {
  for (int i = 0; i < most; ++i) {
    Estimate next = step(e, h);
    if (!next.regular) {
      if (singular) *singular = std::move(next.rows);
      break;
    }
    // In exact arithmetic it never rises.
    const bool falls = next.log_det < e.log_det;
    if (!foreign && !falls) break;
    e = std::move(next);
    foreign = false;
  }
  return e;
}

}  // namespace regrad::rde::detail
