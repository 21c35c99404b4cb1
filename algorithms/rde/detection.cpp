#include <regrad/algorithms/rde/detection.h>
#include <regrad/engine/error.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>

namespace regrad::rde {
namespace {

std::vector<double> descending(const std::vector<double>& scores, const char* whose) {
  if (scores.empty()) throw ShapeError(std::string("detection: there are no ") + whose);
  for (size_t i = 0; i < scores.size(); ++i)
    if (std::isnan(scores[i]))
      throw NumericError("detection: score " + std::to_string(i) + " of the " + whose +
                         " is not a number");
  std::vector<double> out = scores;
  std::sort(out.begin(), out.end(), std::greater<>());
  return out;
}

// Counts of both at each distinct score, as the threshold falls: f(threshold, positives, negatives)
// with at least that.
template <class F>
void sweep(const std::vector<double>& positives, const std::vector<double>& negatives, F&& f) {
  const std::vector<double> p = descending(positives, "positives"),
                            n = descending(negatives, "negatives");
  size_t i = 0, j = 0;
  while (i < p.size() || j < n.size()) {
    const double at = j == n.size() || (i < p.size() && p[i] >= n[j]) ? p[i] : n[j];
    while (i < p.size() && p[i] == at) ++i;
    while (j < n.size() && n[j] == at) ++j;
    f(at, i, j);
  }
}

double share(size_t of, size_t all) { return static_cast<double>(of) / static_cast<double>(all); }

}  // namespace

std::vector<RocPoint> roc(const std::vector<double>& positives,
                          const std::vector<double>& negatives) {
  std::vector<RocPoint> out = {{std::numeric_limits<double>::infinity(), 0, 0}};
  sweep(positives, negatives, [&](double at, size_t p, size_t n) {
    out.push_back({at, share(n, negatives.size()), share(p, positives.size())});
  });
  return out;
}

double auc(const std::vector<double>& positives, const std::vector<double>& negatives) {
  // twice the pairs won, in whole numbers
  uint64_t twice = 0;
  size_t before = 0, passed = 0;
  sweep(positives, negatives, [&](double, size_t p, size_t n) {
    twice += static_cast<uint64_t>(n - passed) * (before + p);
    before = p, passed = n;
  });
  return static_cast<double>(twice) / 2 / static_cast<double>(positives.size()) /
         static_cast<double>(negatives.size());
}

AtFpr at_fpr(const std::vector<double>& positives, const std::vector<double>& negatives,
             double most) {
  if (!(most >= 0 && most <= 1))
    throw ConfigError("detection: a false positive rate of at most " + std::to_string(most) +
                      "; it must lie in [0, 1]");
  AtFpr out{std::numeric_limits<double>::infinity(), 0, 0, 0};
  sweep(positives, negatives, [&](double at, size_t p, size_t n) {
    const double fpr = share(n, negatives.size());
    if (fpr > most) return;
    const size_t missed = positives.size() - p;
    out = {at, fpr, share(p, positives.size()), share(2 * p, 2 * p + n + missed)};
  });
  return out;
}

}  // namespace regrad::rde
