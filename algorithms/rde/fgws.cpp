#include <regrad/algorithms/rde/fgws.h>
#include <regrad/engine/error.h>

#include <algorithm>
#include <cmath>

namespace regrad::rde {
namespace {

double phi(int64_t count) { return std::log1p(static_cast<double>(count)); }

}  // namespace

double percentile(std::vector<double> values, double share) {
  if (values.empty() || !(share >= 0 && share <= 100))
    throw ConfigError("percentile: " + std::to_string(share) + " of " +
                      std::to_string(values.size()) + " values");
  std::sort(values.begin(), values.end());
  const double at = share / 100 * static_cast<double>(values.size() - 1);
  const auto low = static_cast<size_t>(at);
  const size_t high = std::min(low + 1, values.size() - 1);
  return values[low] + (at - static_cast<double>(low)) * (values[high] - values[low]);
}

double phi_percentile(const std::vector<int64_t>& counts, double delta) {
  std::vector<double> all;
  for (const int64_t c : counts) all.push_back(phi(c));
  return percentile(std::move(all), delta);
}

Words Fgws::substituted(const Words& text) const {
  Words out = text;
  for (std::string& word : out) {
    const double own = phi(count(word));
    if (!(own < threshold)) continue;
    std::pair<double, std::string> best{own, ""};
    for (const std::string& s : synonyms(word)) best = std::max(best, {phi(count(s)), s});
    if (best.first > own) word = best.second;
  }
  return out;
}

std::vector<double> Fgws::scores(const Victim& victim, const std::vector<Words>& texts) const {
  std::vector<Words> changed;
  for (const Words& t : texts) changed.push_back(substituted(t));
  const auto before = victim(texts), after = victim(changed);
  std::vector<double> out;
  for (size_t i = 0; i < texts.size(); ++i) {
    const auto y = std::max_element(before[i].begin(), before[i].end()) - before[i].begin();
    const auto c = static_cast<size_t>(y);
    out.push_back(std::max(0.0, before[i][c] - after[i][c]));
  }
  return out;
}

}  // namespace regrad::rde
