#include <regrad/algorithms/rde/chi2.h>
#include <regrad/engine/error.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <string>

namespace regrad::rde {
namespace {

// ln of Gamma(a) e^a a^(1/2 - a) / sqrt(2 pi), by Stirling's series from a = 10 on (its next term
// there is 6e-16) and by Gamma(a + 1) = a Gamma(a) below.
double log_gamma_star(double a) {
  double below = 0;
  for (; a < 10; a += 1) below += (a + 0.5) * std::log1p(1 / a) - 1;
  const double b = 1 / (a * a);
  const double series =
      1.0 / 12 - b * (1.0 / 360 - b * (1.0 / 1260 -
                                       b * (1.0 / 1680 - b * (1.0 / 1188 - b * (691.0 / 360360)))));
  return below + series / a;
}

// t - ln(1 + t), without cancellation near 0.
double excess(double t) {
  if (std::abs(t) > 0.05) return t - std::log1p(t);
  double sum = 0, power = t * t;
  for (int k = 2; k < 20; ++k, power *= -t) sum += power / k;
  return sum;
}

// x^a e^-x / Gamma(a + 1)
double front(double a, double x) {
  return std::exp(-a * excess(x / a - 1) - log_gamma_star(a)) / std::sqrt(2 * std::numbers::pi * a);
}

// The regularized incomplete gamma functions: the lower one by its series, the upper one by its
// continued fraction (Lentz's way), each where it converges fast.
double lower_series(double a, double x) {
  double term = 1, sum = 1;
  for (double n = 1; term > 1e-17 * sum; ++n) sum += term *= x / (a + n);
  return sum * front(a, x);
}
double upper_fraction(double a, double x) {
  constexpr double tiny = 1e-300;
  double b = x + 1 - a, c = 1 / tiny, d = 1 / b, value = d;
  for (double i = 1;; ++i) {
    const double step = -i * (i - a);
    b += 2;
    d = step * d + b;
    c = b + step / c;
    if (std::abs(d) < tiny) d = tiny;
    if (std::abs(c) < tiny) c = tiny;
    d = 1 / d;
    value *= c * d;
    if (std::abs(c * d - 1) < 1e-16) return value * a * front(a, x);
  }
}

// P(X <= x) less q, of the smaller tail, so that neither loses digits.
double beyond(double a, double x, double q) {
  if (x < a + 1) return lower_series(a, x) - q;
  return (1 - q) - upper_fraction(a, x);
}

void need(int64_t p, const char* name) {
  if (p < 1)
    throw ConfigError(std::string(name) + ": " + std::to_string(p) +
                      " degrees of freedom; there must be at least 1");
}

}  // namespace

double chi2_cdf(double x, int64_t p) {
  need(p, "chi2_cdf");
  if (std::isnan(x)) throw NumericError("chi2_cdf: x is not a number");
  if (x <= 0) return 0;
  const double a = 0.5 * static_cast<double>(p), half = 0.5 * x;
  if (std::isinf(half)) return 1;
  return half < a + 1 ? lower_series(a, half) : 1 - upper_fraction(a, half);
}

double chi2_quantile(double q, int64_t p) {
  need(p, "chi2_quantile");
  if (!(q > 0 && q < 1))
    throw ConfigError("chi2_quantile: q is " + std::to_string(q) + ", must lie in (0, 1)");
  const double a = 0.5 * static_cast<double>(p);
  double low = 0, high = std::numeric_limits<double>::infinity(), x = a;
  for (int i = 0; i < 200; ++i) {
    const double f = beyond(a, x, q);
    if (f == 0) break;
    (f < 0 ? low : high) = x;
    double next = x - f * x / (a * front(a, x));  // the density at x is a front(a, x) / x
    if (!(next > low && next < high)) next = std::isinf(high) ? 2 * x : 0.5 * (low + high);
    const double moved = std::abs(next - x);
    x = next;
    if (moved <= 2e-16 * x) break;
  }
  return 2 * x;
}

}  // namespace regrad::rde
