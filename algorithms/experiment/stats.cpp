#include <fmt/format.h>
#include <regrad/algorithms/experiment/config.h>
#include <regrad/algorithms/experiment/stats.h>
#include <regrad/engine/internal/decimal.h>
#include <regrad/engine/random.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace regrad::experiment {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// The continued fraction of the incomplete beta function (DLMF 8.17.22), by the modified method of
// Lentz.
double beta_fraction(double a, double b, double x) {
  constexpr double tiny = 1e-300, eps = 1e-16;
  double c = 1, d = 1 - (a + b) * x / (a + 1);
  d = 1 / (std::fabs(d) < tiny ? tiny : d);
  double value = d;
  for (int m = 1; m <= 10000; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    double factor = 1;
    for (const double term : {even, odd}) {
      d = 1 + term * d;
      c = 1 + term / c;
      d = 1 / (std::fabs(d) < tiny ? tiny : d);
      if (std::fabs(c) < tiny) c = tiny;
      factor = c * d;
      value *= factor;
    }
    if (std::fabs(factor - 1) < eps) break;
  }
  return value;
}

// log Gamma without lgamma's global `signgam`: a, b > 0 here, and lgamma_r is the thread-safe form.
double log_gamma(double x) {
  int sign = 0;
  return lgamma_r(x, &sign);
}

// I_x(a, b), the regularized incomplete beta function; y = 1 - x is passed beside x so that neither
// loses digits.
double regularized_beta(double x, double y, double a, double b) {
  if (x <= 0) return 0;
  if (y <= 0) return 1;
  const double front =
      std::exp(log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * std::log(x) + b * std::log(y));
  if (x < (a + 1) / (a + b + 2)) return front * beta_fraction(a, b, x) / a;
  return 1 - front * beta_fraction(b, a, y) / b;
}

bool testable(const Interval& difference) {
  return difference.count >= 2 && std::isfinite(difference.mean) && std::isfinite(difference.ci95);
}

}  // namespace

std::string name(Verdict verdict) {
  const char* names[] = {"shown", "not shown", "not testable here"};
  return names[static_cast<int>(verdict)];
}

double mean(const std::vector<double>& values) {
  const double sum = std::accumulate(values.begin(), values.end(), 0.0);
  return values.empty() ? kNaN : sum / static_cast<double>(values.size());
}

double sample_sd(const std::vector<double>& values) {
  if (values.size() < 2) return kNaN;
  const double centre = mean(values);
  double sum = 0;
  for (const double value : values) sum += (value - centre) * (value - centre);
  return std::sqrt(sum / static_cast<double>(values.size() - 1));
}

double student_cdf(double t, double df) {
  need(df > 0, "student_cdf: the degrees of freedom must be above 0, found " + decimal(df));
  const double square = t * t;
  // P(T > |t|)
  const double tail =
      0.5 * regularized_beta(df / (df + square), square / (df + square), 0.5 * df, 0.5);
  return t > 0 ? 1 - tail : tail;
}

double student_quantile(double p, double df) {
  need(p > 0 && p < 1, "student_quantile: p must lie between 0 and 1, found " + decimal(p));
  if (p < 0.5) return -student_quantile(1 - p, df);
  double low = 0, high = 1;
  for (; student_cdf(high, df) < p && high < 1e300; high *= 2) low = high;
  for (int i = 0; i < 200 && low < high; ++i) {
    const double middle = low + 0.5 * (high - low);
    if (middle == low || middle == high) break;
    (student_cdf(middle, df) < p ? low : high) = middle;
  }
  return high;
}

Interval mean_interval(const std::vector<double>& values) {
  const auto n = static_cast<double>(values.size());
  const double half =
      values.size() < 2 ? kNaN : student_quantile(0.975, n - 1) * sample_sd(values) / std::sqrt(n);
  return {mean(values), half, static_cast<int>(values.size())};
}

Interval paired_difference(const std::vector<double>& a, const std::vector<double>& b) {
  need(a.size() == b.size(),
       fmt::format("paired_difference: {} values against {}; paired seeds need one value of each "
                   "for every seed",
                   a.size(), b.size()));
  std::vector<double> differences(a.size());
  for (size_t i = 0; i < a.size(); ++i) differences[i] = a[i] - b[i];
  return mean_interval(differences);
}

Interval bootstrap_difference(const std::vector<std::vector<double>>& a,
                              const std::vector<std::vector<double>>& b, int resamples) {
  need(!a.empty() && a.size() == b.size() && !a[0].empty(),
       "bootstrap_difference: a list of items per seed is needed on both sides");
  const size_t n = a[0].size();
  std::vector<double> difference(n, 0.0);
  for (size_t s = 0; s < a.size(); ++s) {
    need(a[s].size() == n && b[s].size() == n,
         "bootstrap_difference: lists of items differ in length");
    for (size_t i = 0; i < n; ++i)
      difference[i] += (a[s][i] - b[s][i]) / static_cast<double>(a.size());
  }
  const Random draw = Random(0) / "bootstrap";
  std::vector<double> means;
  for (int r = 0; r < resamples; ++r) {
    double total = 0;
    for (size_t i = 0; i < n; ++i)
      total += difference[std::min(
          n - 1, static_cast<size_t>((draw / r).uniform(i) * static_cast<double>(n)))];
    means.push_back(total / static_cast<double>(n));
  }
  std::sort(means.begin(), means.end());
  const auto quantile = [&](double p) {
    return means[static_cast<size_t>(p * static_cast<double>(means.size() - 1))];
  };
  return {mean(difference), 0.5 * (quantile(0.975) - quantile(0.025)), static_cast<int>(n)};
}

Verdict verdict(const Interval& difference, Direction claimed) {
  if (!testable(difference)) return Verdict::not_testable;
  const bool held = claimed == Direction::below ? difference.mean + difference.ci95 < 0
                                                : difference.mean - difference.ci95 > 0;
  return held ? Verdict::shown : Verdict::not_shown;
}

Verdict verdict_within(const Interval& difference, double margin) {
  need(margin > 0, "verdict_within: the margin must be above 0, found " + decimal(margin));
  if (!testable(difference)) return Verdict::not_testable;
  return std::fabs(difference.mean) + difference.ci95 <= margin ? Verdict::shown
                                                                : Verdict::not_shown;
}

}  // namespace regrad::experiment
