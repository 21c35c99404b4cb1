#include <fmt/format.h>
#include <regrad/algorithms/experiment/config.h>
#include <regrad/algorithms/experiment/table.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

namespace regrad::experiment {
namespace {

Cell cell_of(const Result& result, const Metric& metric, const std::string& method) {
  const std::vector<double>*own = values_if(result, method, metric.name),
        *base = values_if(result, result.baseline, metric.name);
  if (!own) return {};
  const Interval level = over_seeds(result, *own);
  Cell out{value_text(metric, level.mean, level.ci95)};
  if (method == result.baseline || !base || base->size() != own->size()) return out;
  const Interval d = over_seeds(result, *own, *base);
  if (d.mean == 0 && !(d.ci95 > 0)) return out;
  out.difference = difference_text(metric, d.mean, d.ci95);
  const size_t end = out.difference.find(" ± ");
  out.brief = out.difference.substr(0, end);
  if (const size_t unit = out.difference.rfind(' ');  // "+4.2 ± 0.3 kB"
      end != std::string::npos && unit > end + 4)
    out.brief += out.difference.substr(unit);
  out.apart = d.ci95 > 0 && std::fabs(d.mean) > d.ci95;
  return out;
}

void mark_best(const Result& result, Column& column) {
  if (!column.metric.better || result.methods.size() < 2) return;
  const double sign = *column.metric.better == Better::lower ? -1 : 1;
  double best = -INFINITY;
  std::vector<double> means;
  for (const MethodResult& m : result.methods) {
    const auto* own = values_if(result, m.name, column.metric.name);
    const double v = own ? sign * mean(*own) : std::nan("");
    means.push_back(v);
    if (std::isfinite(v)) best = std::max(best, v);
  }
  for (size_t i = 0; i < means.size(); ++i)
    column.cells[i].best = std::isfinite(means[i]) && means[i] == best;
}

// The model's scalars that a metric of this variant was measured of; 0: none is known.
int64_t parameters_at(const MethodResult& m, const std::string& variant) {
  for (const auto& [metric, count] : m.parameters_of)
    if (variant_of(metric) == variant) return count;
  return 0;
}

// One column, or one a variant where the models of variants differ.
std::vector<Column> parameters(const Result& result) {
  std::vector<std::string> variants;
  for (const std::string& metric : metric_names(result))
    if (!among(variant_of(metric), variants)) variants.push_back(variant_of(metric));
  const auto differs = [&](const MethodResult& m) {
    std::set<int64_t> counts;
    for (const std::string& v : variants) counts.insert(parameters_at(m, v));
    counts.erase(0);
    return counts.size() > 1;
  };
  const bool one = std::none_of(result.methods.begin(), result.methods.end(), differs);
  std::vector<Column> out;
  for (const std::string& variant : one ? std::vector<std::string>{""} : variants) {
    Column c{metric_of(variant.empty() ? "parameters" : "parameters@" + variant)};
    bool any = false;
    for (const MethodResult& m : result.methods) {
      const int64_t count = one ? m.parameters : parameters_at(m, variant);
      any = any || count;
      c.cells.push_back({count ? grouped(count) : ""});
    }
    if (any) out.push_back(std::move(c));
  }
  return out;
}

// Takes the columns that are one value out of the table, as sentences.
void put_beside(Table& t, const std::string& headline) {
  std::map<std::string, std::string> alone;  // method -> its values
  std::string same;
  std::erase_if(t.columns, [&](const Column& c) {
    if (c.metric.name == headline || t.methods.size() < 2) return false;
    std::set<std::string> values;
    size_t there = 0, last = 0;
    for (size_t i = 0; i < c.cells.size(); ++i)
      if (!c.cells[i].value.empty())
        values.insert(c.cells[i].value + c.cells[i].difference), ++there, last = i;
    const bool all = there == t.methods.size() && values.size() == 1;
    if (!all && there != 1) return false;
    std::string& to = all ? same : alone[t.methods[last]];
    to += (to.empty() ? "" : "; ") + c.metric.title + " = " + c.cells[last].value;
    return true;
  });
  if (!same.empty()) t.beside.push_back("The same for every method: " + same + ".");
  for (const std::string& m : t.methods)
    if (alone.count(m)) t.beside.push_back("Of " + m + " alone: " + alone[m] + ".");
}

// "Higher is better: accuracy. Lower is better: size.", without what only adds words or a variant
// to an earlier one, as "accuracy, unseen" and "accuracy at 95%" do.
std::string directions(const Table& t) {
  std::vector<std::string> higher, lower;
  for (const Column& c : t.columns) {
    if (!c.metric.better) continue;
    auto& list = *c.metric.better == Better::lower ? lower : higher;
    const std::string words = metric_of(base_of(c.metric.name)).title;
    if (std::none_of(list.begin(), list.end(),
                     [&](const std::string& known) { return words.rfind(known, 0) == 0; }))
      list.push_back(words);
  }
  const auto told = [](const std::vector<std::string>& list, const char* which) {
    return list.empty() ? std::string()
                        : fmt::format("{} is better: {}.", which, fmt::join(list, "; "));
  };
  const std::string up = told(higher, "Higher"), down = told(lower, "Lower");
  return up + (up.empty() || down.empty() ? "" : " ") + down;
}

std::vector<std::string> notes(const Result& result, const Table& t) {
  std::vector<std::string> out;
  std::set<int64_t> parts;
  for (const auto& of : result.parts) parts.insert(of.begin(), of.end());
  bool compared = false, apart = false, shares = false;
  for (const Column& c : t.columns)
    for (const Cell& cell : c.cells) {
      compared = compared || !cell.difference.empty(), apart = apart || cell.apart;
      shares = shares || (c.metric.unit == Unit::percent && !cell.difference.empty());
    }
  std::string how;
  if (result.seeds.size() > 1)
    how = "Means over the seeds ± their 95% interval" +
          (parts.empty() ? std::string()
                         : " over the " + std::to_string(parts.size()) +
                               " parts that the seeds' tests share") +
          ".";
  if (compared) {
    how += (how.empty() ? "" : " ") + ("Beside them the difference to " + result.baseline) +
           (result.seeds.size() > 1 ? ", paired by seed" : "") +
           (shares ? ", of shares in percentage points" : "") +
           (apart ? "; *: its 95% interval leaves out 0." : ".");
  }
  if (!how.empty()) out.push_back(how);
  if (std::string d = directions(t); !d.empty()) out.push_back(std::move(d));
  return out;
}

}  // namespace

Table table_of(const Result& result) {
  Table out;
  for (const MethodResult& m : result.methods) out.methods.push_back(m.name);
  std::vector<std::string> names = metric_names(result);
  std::stable_partition(names.begin(), names.end(),
                        [&](const std::string& name) { return has_direction(result, name); });
  std::stable_partition(names.begin(), names.end(),
                        [&](const std::string& name) { return name == result.metric; });
  for (const std::string& name : names) {
    Column c{metric_in(result, name)};
    for (const std::string& m : out.methods) c.cells.push_back(cell_of(result, c.metric, m));
    mark_best(result, c);
    out.columns.push_back(std::move(c));
  }
  for (Column& c : parameters(result)) out.columns.push_back(std::move(c));
  put_beside(out, result.metric);
  out.notes = notes(result, out);
  return out;
}

}  // namespace regrad::experiment
