#include <fmt/format.h>
#include <regrad/algorithms/experiment/config.h>
#include <regrad/algorithms/experiment/result.h>
#include <regrad/engine/error.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace regrad::experiment {
namespace {

// What stands behind `name` in a list; nullptr where nothing does.
template <class T>
const T* behind(const std::vector<std::pair<std::string, T>>& list, const std::string& name) {
  for (const auto& [known, value] : list)
    if (known == name) return &value;
  return nullptr;
}

const MethodResult* find(const Result& result, const std::string& method) {
  const auto found = std::find_if(result.methods.begin(), result.methods.end(),
                                  [&](const MethodResult& m) { return m.name == method; });
  return found == result.methods.end() ? nullptr : &*found;
}

}  // namespace

std::string count_seeds(size_t count) {
  return std::to_string(count) + (count == 1 ? " seed" : " seeds");
}

bool has(const Result& result, const std::string& method) { return find(result, method); }

const std::vector<double>& values(const Result& result, const std::string& method,
                                  const std::string& metric) {
  const MethodResult* found = find(result, method);
  if (found == nullptr)
    throw ConfigError(
        fmt::format("result: no method '{}' among the {} that ran", method, result.methods.size()));
  if (const auto* list = behind(found->metrics, metric)) return *list;
  throw ConfigError("result: method '" + method + "' has no metric '" + metric + "'");
}

const std::vector<double>* values_if(const Result& result, const std::string& method,
                                     const std::string& metric) {
  const MethodResult* found = find(result, method);
  return found ? behind(found->metrics, metric) : nullptr;
}

const std::vector<ByItem>& items(const Result& result, const std::string& method,
                                 const std::string& metric) {
  if (const auto* lists = items_if(result, method, metric)) return *lists;
  throw ConfigError("result: no items of '" + metric + "' for method '" + method + "'");
}

const std::vector<ByItem>* items_if(const Result& result, const std::string& method,
                                    const std::string& metric) {
  const MethodResult* found = find(result, method);
  return found ? behind(found->items, metric) : nullptr;
}

Interval over_seeds(const Result& result, const std::vector<double>& values) {
  return result.parts.empty() ? mean_interval(values) : jackknife_interval(values, result.parts);
}

Interval over_seeds(const Result& result, const std::vector<double>& a,
                    const std::vector<double>& b) {
  const Interval d = paired_difference(a, b);
  if (result.parts.empty()) return d;
  std::vector<double> differences(a.size());
  for (size_t i = 0; i < a.size(); ++i) differences[i] = a[i] - b[i];
  Interval out = jackknife_interval(differences, result.parts);
  if (d.ci95 == 0) out.ci95 = 0;  // what rounding left
  return out;
}

void check(const Result& result) {
  need(!result.methods.empty(), "result: no method has run");
  std::set<std::string> seen;
  for (const MethodResult& method : result.methods) {
    const std::string which = "result: method '" + method.name + "'";
    need(seen.insert(method.name).second, which + " is there twice");
    need(!method.metrics.empty(), which + " has no metric");
    for (const auto& [metric, list] : method.metrics)
      if (list.size() != result.seeds.size())
        throw ConfigError(fmt::format("result: method '{}' has {} values of '{}' for {}",
                                      method.name, list.size(), metric,
                                      count_seeds(result.seeds.size())));
  }
  need(std::any_of(result.methods.begin(), result.methods.end(),
                   [&](const MethodResult& m) { return behind(m.metrics, result.metric); }),
       "result: no method has the metric '" + result.metric + "', the one the table is about");
}

std::vector<std::string> metric_names(const Result& result) {
  std::vector<std::string> out;
  for (const MethodResult& method : result.methods)
    for (const auto& [metric, list] : method.metrics)
      if (!among(metric, out)) out.push_back(metric);
  return out;
}

bool has_direction(const Result& result, const std::string& metric) {
  return base_of(metric) == base_of(result.metric);
}

Metric metric_in(const Result& result, const std::string& name) {
  Metric out = metric_of(name);
  if (has_direction(result, name)) out.better = result.better;
  return out;
}

std::string difference(double mean, double ci95) {
  return with_interval(mean, ci95, true) + (ci95 == 0 ? ", without spread" : "");
}

std::string difference(const Claim& claim) {
  return std::isfinite(claim.difference) ? difference(claim.difference, claim.ci95) : "";
}

std::string text_of(const Claim& claim) { return (claim.late ? "asked later: " : "") + claim.text; }

}  // namespace regrad::experiment
