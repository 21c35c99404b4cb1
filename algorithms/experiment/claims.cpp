#include <regrad/algorithms/experiment/claims.h>
#include <regrad/algorithms/experiment/config.h>

namespace regrad::experiment {

Sample operator-(const Sample& a, const Sample& b) {
  if (!a || !b) return {};
  Sample out = a;
  bool paired = a.by_items == b.by_items && a.values.size() == b.values.size();
  for (size_t s = 0; paired && s < a.values.size(); ++s) {
    paired = a.values[s].size() == b.values[s].size();
    for (size_t i = 0; paired && i < a.values[s].size(); ++i) out.values[s][i] -= b.values[s][i];
  }
  need(paired, "claims: two sides that are not paired cannot be subtracted");
  return out;
}

Sample Claims::seeds(const std::string& method, const std::string& metric) const {
  if (!has(result, method)) return {};
  return {{values(result, method, metric)}};
}

Sample Claims::items(const std::string& method, const std::string& metric) const {
  if (!has(result, method)) return {};
  return {experiment::items(result, method, metric), true};
}

void Claims::judge(const std::string& text, const Sample& a, const Sample& b,
                   const std::function<Verdict(const Interval&)>& verdict) {
  if (!a || !b) return;
  need(a.by_items == b.by_items, "claims: " + text + ": one side is by seeds, the other by items");
  const Interval d = a.by_items ? bootstrap_difference(a.values, b.values)
                                : paired_difference(a.values[0], b.values[0]);
  list.push_back({text, verdict(d), d.mean, d.ci95});
}

void Claims::above(const std::string& text, const Sample& a, const Sample& b) {
  judge(text, a, b, [](const Interval& d) { return verdict(d, Direction::above); });
}

void Claims::below(const std::string& text, const Sample& a, const Sample& b) {
  judge(text, a, b, [](const Interval& d) { return verdict(d, Direction::below); });
}

void Claims::within(const std::string& text, const Sample& a, const Sample& b, double margin) {
  judge(text, a, b, [margin](const Interval& d) { return verdict_within(d, margin); });
}

std::string on(const std::string& metric, const std::string& variant) {
  return variant.empty() ? metric : metric + "@" + variant;
}

}  // namespace regrad::experiment
