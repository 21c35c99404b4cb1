#include <fmt/format.h>
#include <regrad/algorithms/experiment/config.h>
#include <regrad/algorithms/experiment/stats.h>
#include <regrad/engine/internal/decimal.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <set>

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

// Without spread nothing can be judged by it.
bool testable(const Interval& d) {
  return d.count >= 2 && std::isfinite(d.mean) && std::isfinite(d.ci95) && d.ci95 > 0;
}

double largest(const std::vector<double>& values) {
  double out = 0;
  for (const double v : values) out = std::max(out, std::fabs(v));
  return out;
}

// mean_interval of values that were computed from numbers up to `scale`.
Interval interval_of(const std::vector<double>& values, double scale) {
  const auto n = static_cast<double>(values.size());
  const double sd = sample_sd(values);
  const double half = values.size() < 2 ? kNaN : student_quantile(0.975, n - 1) * sd / std::sqrt(n);
  return {mean(values), sd <= 1e-10 * scale ? 0 : half, static_cast<int>(values.size())};
}

struct Cluster {
  double sum = 0;
  int64_t count = 0;
};
using Clusters = std::map<int64_t, Cluster>;  // of one seed

Clusters clusters_of(const ByItem& seed) {
  const size_t n = seed.values.size();
  need(n > 0, "clustered_interval: a seed without items");
  need(seed.groups.empty() || seed.groups.size() == n,
       fmt::format("clustered_interval: {} groups of {} items", seed.groups.size(), n));
  Clusters out;
  for (size_t i = 0; i < n; ++i) {
    Cluster& c = out[seed.groups.empty() ? static_cast<int64_t>(i) : seed.groups[i]];
    c.sum += seed.values[i], ++c.count;
  }
  return out;
}

bool same_clusters(const Clusters& a, const Clusters& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return x.first == y.first && x.second.count == y.second.count;
  });
}

// Rows are seeds, columns clusters: y_sc = D + C / N (sum_sc - n_c D), whose mean over c is the
// seed's mean, D the mean of all.
Interval two_ways(const std::vector<Clusters>& seeds, double scale) {
  const auto s_count = static_cast<double>(seeds.size()),
             c_count = static_cast<double>(seeds[0].size());
  double n = 0, total = 0;
  for (const auto& [group, c] : seeds[0]) n += static_cast<double>(c.count);
  for (const Clusters& s : seeds)
    for (const auto& [group, c] : s) total += c.sum;
  const double centre = total / (n * s_count);
  std::vector<double> column(seeds[0].size(), -centre);
  double of_seeds = 0, of_clusters = 0, of_all = 0;  // sums of squares
  for (const Clusters& s : seeds) {
    double row = -centre;
    size_t at = 0;
    for (const auto& [group, c] : s) {
      const double y = centre + c_count / n * (c.sum - static_cast<double>(c.count) * centre);
      row += y / c_count, column[at++] += y / s_count, of_all += (y - centre) * (y - centre);
      scale = std::max(scale, std::fabs(y));
    }
    of_seeds += c_count * row * row;
  }
  for (const double v : column) of_clusters += s_count * v * v;
  const double m_s = of_seeds / (s_count - 1), m_c = of_clusters / (c_count - 1),
               left = (s_count - 1) * (c_count - 1),
               m_e = std::max(0.0, of_all - of_seeds - of_clusters) / left;
  double v = m_s + m_c - m_e;
  double df = v * v / (m_s * m_s / (s_count - 1) + m_c * m_c / (c_count - 1) + m_e * m_e / left);
  if (v < std::max(m_s, m_c)) v = std::max(m_s, m_c), df = (m_s > m_c ? s_count : c_count) - 1;
  const double sd = std::sqrt(v / (s_count * c_count));
  const bool known = seeds.size() > 1 && seeds[0].size() > 1;
  // a value that is not finite leaves no degrees of freedom
  const double both = !std::isfinite(df) ? kNaN : student_quantile(0.975, df) * sd,
               of_two = student_quantile(0.975, 1) * std::sqrt(m_s / (s_count * c_count));
  const double half = !known                ? kNaN
                      : sd <= 1e-10 * scale ? 0
                      : seeds.size() == 2   ? std::max(both, of_two)
                                            : both;
  return {centre, half, static_cast<int>(seeds.size())};
}

Interval over_sets(const std::vector<ByItem>& by_seed, const std::vector<std::vector<size_t>>& sets,
                   double scale) {
  std::vector<double> values;
  for (const std::vector<size_t>& set : sets) {
    double sum = 0;
    for (const size_t s : set) sum += mean(by_seed[s].values);
    values.push_back(sum / static_cast<double>(set.size()));
  }
  return interval_of(values, std::max(scale, largest(values)));
}

}  // namespace

std::string name(Verdict verdict) {
  const char* names[] = {"shown", "refuted", "not shown", "not testable here"};
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
  return interval_of(values, largest(values));
}

Interval paired_difference(const std::vector<double>& a, const std::vector<double>& b) {
  need(a.size() == b.size(),
       fmt::format("paired_difference: {} values against {}; paired seeds need one value of each "
                   "for every seed",
                   a.size(), b.size()));
  std::vector<double> differences(a.size());
  for (size_t i = 0; i < a.size(); ++i) differences[i] = a[i] - b[i];
  return interval_of(differences, std::max(largest(a), largest(b)));
}

Interval clustered_interval(const std::vector<ByItem>& by_seed, double scale) {
  need(!by_seed.empty(), "clustered_interval: no seed");
  std::vector<Clusters> seeds;
  for (const ByItem& s : by_seed) seeds.push_back(clusters_of(s));
  std::vector<std::vector<size_t>> sets;  // of seeds that have the same clusters
  std::set<int64_t> seen;
  for (size_t s = 0; s < seeds.size(); ++s) {
    const auto same = std::find_if(sets.begin(), sets.end(), [&](const auto& set) {
      return same_clusters(seeds[set[0]], seeds[s]);
    });
    if (same != sets.end()) {
      same->push_back(s);
      continue;
    }
    for (const auto& [group, c] : seeds[s])
      need(seen.insert(group).second,
           fmt::format("clustered_interval: seeds share a part of their items only (cluster {})",
                       group));
    sets.push_back({s});
  }
  Interval out = sets.size() == 1 ? two_ways(seeds, scale) : over_sets(by_seed, sets, scale);
  out.items = static_cast<int>(seen.size());
  for (size_t s = 0; s < seeds.size(); ++s)
    out.grouped = out.grouped || seeds[s].size() < by_seed[s].values.size();
  return out;
}

Interval jackknife_interval(const std::vector<double>& values,
                            const std::vector<std::vector<int64_t>>& parts) {
  need(values.size() == parts.size(),
       fmt::format("jackknife_interval: {} values, parts of {}", values.size(), parts.size()));
  std::set<int64_t> all;
  for (const auto& of : parts) all.insert(of.begin(), of.end());
  std::vector<double> without;  // m_c
  for (const int64_t c : all) {
    std::vector<double> left;
    for (size_t i = 0; i < values.size(); ++i)
      if (std::find(parts[i].begin(), parts[i].end(), c) == parts[i].end())
        left.push_back(values[i]);
    without.push_back(mean(left));
  }
  const auto n = static_cast<double>(all.size());
  const double sd = sample_sd(without);
  // (n-1)/n sum (..)^2 from the sample's standard deviation, which divides by n - 1
  const double half = all.size() < 3 ? kNaN
                      : sd <= 1e-10 * largest(values)
                          ? 0
                          : student_quantile(0.975, n - 1) * sd * (n - 1) / std::sqrt(n);
  return {mean(values), half, static_cast<int>(all.size())};
}

Verdict verdict(const Interval& difference, Direction claimed, double bound) {
  if (!testable(difference)) return Verdict::not_testable;
  const bool below =
      difference.mean + difference.ci95<bound, above = difference.mean - difference.ci95> bound;
  if (!below && !above) return Verdict::not_shown;
  return below == (claimed == Direction::below) ? Verdict::shown : Verdict::refuted;
}

Verdict verdict_within(const Interval& difference, double margin) {
  need(margin > 0, "verdict_within: the margin must be above 0, found " + decimal(margin));
  if (!testable(difference)) return Verdict::not_testable;
  const double size = std::fabs(difference.mean);
  if (size + difference.ci95 <= margin) return Verdict::shown;
  return size - difference.ci95 > margin ? Verdict::refuted : Verdict::not_shown;
}

}  // namespace regrad::experiment
