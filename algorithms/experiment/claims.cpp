#include <regrad/algorithms/experiment/claims.h>
#include <regrad/algorithms/experiment/config.h>
#include <regrad/engine/internal/decimal.h>

#include <algorithm>
#include <cmath>

namespace regrad::experiment {
namespace {

Interval interval_of(const Result& result, const Sample& a, const Sample& b) {
  if (!a.by_items) return over_seeds(result, a.values[0], b.values[0]);
  const Sample d = a - b;
  std::vector<ByItem> by_seed;
  for (size_t s = 0; s < d.values.size(); ++s) by_seed.push_back({d.values[s], d.groups[s]});
  double scale = 0;
  for (const Sample* side : {&a, &b})
    for (const std::vector<double>& of : side->values)
      for (const double v : of) scale = std::max(scale, std::fabs(v));
  return clustered_interval(by_seed, scale);
}

// "3 seeds and 1,000 items", "5 seeds and 18 groups of items", "21 seeds of 7 parts"
std::string judged_by(const Result& result, const Interval& d) {
  const std::string out = count_seeds(result.seeds.size());
  if (d.items)
    return out + " and " + grouped(d.items) + (d.grouped ? " groups of items" : " items");
  return result.parts.empty() ? out : out + " of " + std::to_string(d.count) + " parts";
}

Sample without(const std::string& method, const std::string& metric) {
  Sample out;
  out.missing = method + " has no " + metric_of(metric).title;
  return out;
}

}  // namespace

Sample operator-(const Sample& a, const Sample& b) {
  if ((!a && a.missing.empty()) || (!b && b.missing.empty())) return {};
  if (!a || !b) return !a ? a : b;
  Sample out = a;
  bool paired =
      a.by_items == b.by_items && a.values.size() == b.values.size() && a.groups == b.groups;
  for (size_t s = 0; paired && s < a.values.size(); ++s) {
    paired = a.values[s].size() == b.values[s].size();
    for (size_t i = 0; paired && i < a.values[s].size(); ++i) out.values[s][i] -= b.values[s][i];
  }
  need(paired, "claims: two sides that are not paired cannot be subtracted");
  return out;
}

double mean_of(const Sample& sample) {
  std::vector<double> all;
  for (const std::vector<double>& of : sample.values) all.insert(all.end(), of.begin(), of.end());
  return mean(all);
}

Sample Claims::seeds(const std::string& method, const std::string& metric) const {
  if (!has(result, method)) return {};
  if (const auto* found = values_if(result, method, metric)) return {{*found}};
  return without(method, metric);
}

Sample Claims::items(const std::string& method, const std::string& metric) const {
  if (!has(result, method)) return {};
  const std::vector<ByItem>* found = items_if(result, method, metric);
  if (!found) return without(method, metric);
  Sample out{{}, true};
  for (const ByItem& seed : *found) {
    out.values.push_back(seed.values);
    out.groups.push_back(seed.groups);
  }
  return out;
}

Sample Claims::of(const std::string& method, const std::string& metric) const {
  return items_if(result, method, metric) ? items(method, metric) : seeds(method, metric);
}

void Claims::judge(const std::string& text, const Sample& a, const Sample& b,
                   const std::function<Verdict(const Interval&)>& verdict) {
  if ((!a && a.missing.empty()) || (!b && b.missing.empty())) return;
  if (!a || !b) {
    const double none = std::nan("");
    list.push_back({text, Verdict::not_testable, none, none,
                    "nothing: " + (!a ? a.missing : b.missing), late});
    return;
  }
  need(a.by_items == b.by_items, "claims: " + text + ": one side is by seeds, the other by items");
  const Interval d = interval_of(result, a, b);
  list.push_back({text, verdict(d), d.mean, d.ci95, judged_by(result, d), late});
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

void Claims::not_above(const std::string& text, const Sample& a, const Sample& b, double margin) {
  judge(text, a, b, [margin](const Interval& d) { return verdict(d, Direction::below, margin); });
}

std::string on(const std::string& metric, const std::string& variant) {
  return variant.empty() ? metric : metric + "@" + variant;
}

std::string percent(double share) {
  std::string text = fixed(std::round(share * 1e6) / 1e4, 6);
  while (text.back() == '0') text.pop_back();
  if (text.back() == '.') text.pop_back();
  return text + "%";
}

}  // namespace regrad::experiment
