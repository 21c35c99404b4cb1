#include <regrad/algorithms/cml/experiment/class_pairs.h>
#include <regrad/engine/error.h>

#include <cmath>
#include <limits>
#include <set>
#include <string>

namespace regrad::cml {

std::vector<ClassPair> class_pairs(int64_t classes) {
  std::vector<ClassPair> out;
  for (int64_t a = 0; a < classes; ++a)
    for (int64_t b = a + 1; b < classes; ++b) out.emplace_back(a, b);
  return out;
}

experiment::Interval class_pair_interval(const std::vector<double>& values,
                                         const std::vector<ClassPair>& pairs) {
  if (values.size() != pairs.size())
    throw ConfigError("class_pair_interval: " + std::to_string(values.size()) + " values for " +
                      std::to_string(pairs.size()) + " pairs");
  std::set<int64_t> classes;
  for (const auto& [a, b] : pairs) classes.insert({a, b});
  std::vector<double> without;  // m_c
  for (const int64_t c : classes) {
    std::vector<double> left;
    for (size_t i = 0; i < pairs.size(); ++i)
      if (pairs[i].first != c && pairs[i].second != c) left.push_back(values[i]);
    without.push_back(experiment::mean(left));
  }
  const auto n = static_cast<int>(classes.size());
  experiment::Interval out{experiment::mean(values), std::numeric_limits<double>::quiet_NaN(), n};
  if (n < 3) return out;
  // (n-1)/n sum (..)^2 from the sample's standard deviation, which divides by n - 1
  const double s = experiment::sample_sd(without) * (n - 1) / std::sqrt(n);
  out.ci95 = experiment::student_quantile(0.975, n - 1) * s;
  return out;
}

experiment::Interval class_pair_difference(const std::vector<double>& a,
                                           const std::vector<double>& b,
                                           const std::vector<uint64_t>& seeds, int64_t classes) {
  if (a.size() != b.size())
    throw ConfigError("class_pair_difference: " + std::to_string(a.size()) + " values and " +
                      std::to_string(b.size()) + "; they are paired by seed");
  const std::vector<ClassPair> all = class_pairs(classes);
  if (all.empty())
    throw ConfigError("class_pair_difference: no pair of " + std::to_string(classes) + " classes");
  std::vector<double> values;
  std::vector<ClassPair> pairs;
  for (size_t i = 0; i < a.size(); ++i) values.push_back(a[i] - b[i]);
  for (const uint64_t seed : seeds) pairs.push_back(all[seed % all.size()]);
  return class_pair_interval(values, pairs);
}

}  // namespace regrad::cml
