#include <regrad/algorithms/rde/coordinates.h>
#include <regrad/algorithms/rde/csteps.h>
#include <regrad/algorithms/rde/features.h>
#include <regrad/engine/error.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/linalg.h>
#include <regrad/engine/ops.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace regrad::rde::detail {
namespace {

using Vector = std::vector<double>;

size_t u(int64_t i) { return static_cast<size_t>(i); }

}  // namespace

Vector gather(const Vector& x, int64_t p, const std::vector<int32_t>& rows) {
  Vector out;
  out.reserve(rows.size() * u(p));
  for (const int32_t i : rows) out.insert(out.end(), x.begin() + i * p, x.begin() + (i + 1) * p);
  return out;
}

void refuse_few(int64_t rows, int64_t dimensions, const char* name) {
  throw NumericError(
      std::string(name) + ": " + std::to_string(rows) + " rows in " + std::to_string(dimensions) +
      " dimensions have no covariance of full rank; at least " + std::to_string(dimensions + 1) +
      " are needed, fewer dimensions, or the pseudo-inverse (Singular::pinv)");
}

Coordinates::Coordinates(const Tensor& x, const char* name)
    : n(x.size(0)), p(x.size(1)), r(x.size(1)), y(doubles(x)), middle{}, scale{}, basis{} {
  Vector column(u(n));
  for (int64_t j = 0; j < p; ++j) {
    for (int64_t i = 0; i < n; ++i) column[u(i)] = y[u(i * p + j)];
    std::nth_element(column.begin(), column.begin() + n / 2, column.end());
    const double centre = column[u(n / 2)];
    double most = 0;  // halves: their difference does not overflow
    for (const double v : column) most = std::max(most, std::abs(v / 2 - centre / 2));
    int power = 0;
    if (most > 0) std::frexp(most, &power);
    const double unit = std::ldexp(1.0, std::clamp(power + 1, -1000, 1000));
    middle.push_back(centre), scale.push_back(unit);
    for (int64_t i = 0; i < n; ++i) y[u(i * p + j)] = y[u(i * p + j)] / unit - centre / unit;
  }
  flatten(name);
}

void Coordinates::flatten(const char* name) {
  std::vector<int32_t> all(u(n));
  std::iota(all.begin(), all.end(), 0);
  if (Rows(y.data(), n, p).estimate(std::move(all)).regular) return;
  const Tensor whole = rows(), origin = mean(whole, {0}), centred = whole - origin;
  const Svd d = svd(centred);
  const Vector s = d.s.to_vector();
  const double cut = 16 * std::numeric_limits<double>::epsilon() * static_cast<double>(n);
  r = 0;
  while (r < static_cast<int64_t>(s.size()) && s[u(r)] > cut * s[0]) ++r;
  if (r == 0)
    throw NumericError(std::string(name) + ": all rows are equal: there is no covariance");
  if (r == p) return;
  basis = slice(d.vh, 0, 0, r).mT().contiguous();
  y = matmul(centred, basis).to_vector();
  for (int64_t j = 0; j < p; ++j) middle[u(j)] += scale[u(j)] * origin.data<double>()[j];
}

Tensor Coordinates::rows() const { return tensor(y, {n, r}, DType::f64); }

Moments Coordinates::moments(const std::vector<int32_t>& some) const {
  const auto m = static_cast<int64_t>(some.size());
  const Tensor part = tensor(gather(y, r, some), {m, r}, DType::f64);
  const Tensor mu = mean(part, {0}), d = part - mu;
  return {mu, matmul(d.mT(), d) * (1 / static_cast<double>(m))};
}

Gaussian Coordinates::own(const std::vector<int32_t>& some) const {
  const Estimate e = Rows(y.data(), n, r).estimate(some);
  if (!e.regular) {
    const Moments m = moments(some);
    return gaussian(m.location, m.covariance);
  }
  Gaussian g;
  g.location = tensor(e.location, {r}, DType::f64);
  g.whitening = tensor(e.whiten, {r, r}, DType::f64);
  g.log_det = e.log_det;
  return g;
}

Moments Coordinates::outside(const Moments& m) const {
  Moments out = m;
  if (basis.defined()) {
    out.location = matmul(basis, m.location);
    out.covariance = matmul(matmul(basis, m.covariance), basis.mT());
  }
  const Tensor units = tensor(scale, {p}, DType::f64);
  out.location = tensor(middle, {p}, DType::f64) + units * out.location;
  out.covariance = unsqueeze(units, 1) * out.covariance * units;
  for (const double v : out.covariance.to_vector())
    if (!std::isfinite(v)) throw NumericError("the covariance overflows; scale the columns down");
  return out;
}

Gaussian Coordinates::outside(const Gaussian& g) const {
  Gaussian out = g;
  const Tensor units = tensor(scale, {p}, DType::f64);
  out.location = basis.defined() ? matmul(basis, g.location) : g.location;
  out.location = tensor(middle, {p}, DType::f64) + units * out.location;
  out.whitening =
      ((basis.defined() ? matmul(g.whitening, basis.mT()) : g.whitening) / units).contiguous();
  if (!basis.defined() && g.rank() == p)  // in a plane it stays that of y
    for (const double s : scale) out.log_det += 2 * std::log(s);
  return out;
}

}  // namespace regrad::rde::detail
