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

// The baseline's values; nullptr where the table lacks them.
const std::vector<double>* base_of(const Result& result, const std::string& metric) {
  const MethodResult* baseline = find(result, result.baseline);
  return baseline ? behind(baseline->metrics, metric) : nullptr;
}

// Decimals that give `spread` two digits; -1 where a fixed point would be unreadable.
int decimals_for(double spread, double largest) {
  if (!(spread > 0) || !std::isfinite(spread)) return -1;
  const int decimals = std::max(0, 1 - static_cast<int>(std::floor(std::log10(spread))));
  return decimals > 8 || largest >= 1e7 ? -1 : decimals;
}

size_t width_of(const std::string& text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

using Rows = std::vector<std::vector<std::string>>;

// Columns three spaces apart, the last one to the right where asked; no trailing spaces.
std::string columns(const Rows& rows, bool last_right) {
  std::vector<size_t> width;
  for (const auto& row : rows) {
    width.resize(std::max(width.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) width[i] = std::max(width[i], width_of(row[i]));
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i)
      line += (i ? "   " : "") + (last_right && i + 1 == width.size()
                                      ? fmt::format("{:>{}}", row[i], width[i])
                                      : fmt::format("{:<{}}", row[i], width[i]));
    out += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return out;
}

std::string count_seeds(size_t count) {
  return std::to_string(count) + (count == 1 ? " seed" : " seeds");
}

// What the tables' intervals are over.
std::string intervals_over(const Result& result) {
  if (result.seeds.size() < 2) return "";
  std::set<int64_t> parts;
  for (const auto& of : result.parts) parts.insert(of.begin(), of.end());
  return ", mean ± 95% interval over the " +
         (parts.empty() ? "seeds"
                        : std::to_string(parts.size()) + " parts that the seeds' tests share") +
         ", differences paired by seed";
}

// `apart`: whether a row has a star.
std::string metric_table(const Result& result, const std::string& metric, bool& apart) {
  const bool compared = base_of(result, metric) != nullptr;
  Rows rows = {{"method", metric, compared ? "against " + result.baseline : "", "parameters"}};
  for (const TableRow& row : table_rows(result, metric)) {
    rows.push_back(
        {row.method, row.value, row.difference + (row.apart ? " *" : ""), grouped(row.parameters)});
    apart = apart || row.apart;
  }
  for (auto& row : rows)
    if (!compared) row.erase(row.begin() + 2);
  return columns(rows, true);
}

// More claims than this are counted in the sentence, not named; all of them stand above it.
constexpr size_t kNamedClaims = 6;

// "; shown: a, b; not shown: c", or "; of the 20 claims 12 shown, 8 not shown"; what was asked
// later apart.
std::string verdicts(const std::vector<Claim>& claims, bool late) {
  const auto count =
      std::count_if(claims.begin(), claims.end(), [&](const Claim& c) { return c.late == late; });
  const char* later = late ? " asked later" : "";
  const bool named = claims.size() <= kNamedClaims;
  if (count == 0) return "";
  std::string out = named ? "" : fmt::format("; of the {} claims{}", count, later);
  const char* between = " ";
  for (const Verdict kind :
       {Verdict::shown, Verdict::refuted, Verdict::not_shown, Verdict::not_testable}) {
    std::vector<std::string> texts;
    for (const Claim& c : claims)
      if (c.verdict == kind && c.late == late) texts.push_back(c.text);
    if (texts.empty()) continue;
    out += named ? fmt::format("; {}{}: {}", name(kind), late ? ", asked later" : "",
                               fmt::join(texts, ", "))
                 : fmt::format("{}{} {}", between, texts.size(), name(kind));
    between = ", ";
  }
  return out;
}

// How the best method stands to the baseline: ", 0.046 ± 0.010 below maml".
std::string against_baseline(const Result& result, const MethodResult& best) {
  const std::vector<double>* base = base_of(result, result.metric);
  const std::vector<double>* own = behind(best.metrics, result.metric);
  if (base == nullptr || result.methods.size() < 2) return "";
  if (best.name == result.baseline) return ", and no method beats this baseline";
  if (base->size() != own->size()) return "";
  const Interval difference = over_seeds(result, *own, *base);
  const double size = std::fabs(difference.mean);
  // claims may be judged by the items too
  const char* noise = behind(best.items, result.metric)
                          ? ", which is within the noise of the seeds alone"
                          : ", which is within the noise of the seeds";
  return fmt::format(", {} {} the baseline {}{}", with_interval(size, difference.ci95, false),
                     difference.mean < 0 ? "below" : "above", result.baseline,
                     // without an interval nothing is known of it
                     size <= difference.ci95 ? noise : "");
}

}  // namespace

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

const std::vector<ByItem>& items(const Result& result, const std::string& method,
                                 const std::string& metric) {
  const MethodResult* found = find(result, method);
  if (const auto* lists = found ? behind(found->items, metric) : nullptr) return *lists;
  throw ConfigError("result: no items of '" + metric + "' for method '" + method + "'");
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
  return metric.substr(0, metric.find('@')) == result.metric.substr(0, result.metric.find('@'));
}

std::string with_interval(double mean, double ci95, bool sign) {
  if (!std::isfinite(mean)) return "not a number";
  const int decimals = decimals_for(ci95, std::fabs(mean));
  const bool fixed = decimals >= 0;
  std::string out = fixed ? fmt::format("{:.{}f}", mean, decimals) : fmt::format("{:.4g}", mean);
  if (out.find_first_not_of("-0.") == std::string::npos) {
    if (out[0] == '-') out.erase(0, 1);  // zero, after rounding
  } else if (sign && mean > 0) {
    out = "+" + out;
  }
  if (!(ci95 > 0) || !std::isfinite(ci95)) return out;
  return out + " ± " +
         (fixed ? fmt::format("{:.{}f}", ci95, decimals) : fmt::format("{:.2g}", ci95));
}

std::string difference(double mean, double ci95) {
  return with_interval(mean, ci95, true) + (ci95 == 0 ? ", without spread" : "");
}

std::string difference(const Claim& claim) {
  return std::isfinite(claim.difference) ? difference(claim.difference, claim.ci95) : "";
}

std::string text_of(const Claim& claim) { return (claim.late ? "asked later: " : "") + claim.text; }

std::string grouped(int64_t number) {
  std::string digits = std::to_string(number);
  for (int at = static_cast<int>(digits.size()) - 3; at > (number < 0 ? 1 : 0); at -= 3)
    digits.insert(static_cast<size_t>(at), ",");
  return digits;
}

std::vector<TableRow> table_rows(const Result& result, const std::string& metric) {
  const std::vector<double>* base = base_of(result, metric);
  std::vector<TableRow> rows;
  for (const MethodResult& method : result.methods) {
    const std::vector<double>* own = behind(method.metrics, metric);
    if (own == nullptr) continue;
    const Interval level = over_seeds(result, *own);
    const int64_t* scalars = behind(method.parameters_of, metric);
    TableRow row{method.name, with_interval(level.mean, level.ci95, false), "", false,
                 scalars ? *scalars : method.parameters};
    if (method.name == result.baseline) {
      row.difference = "baseline";
    } else if (base != nullptr && base->size() == own->size()) {
      const Interval d = over_seeds(result, *own, *base);
      row.difference = difference(d.mean, d.ci95);
      row.apart = d.ci95 > 0 && std::fabs(d.mean) > d.ci95;
    }
    rows.push_back(row);
  }
  return rows;
}

std::string table(const Result& result, bool utf8) {
  std::string out =
      fmt::format("{}, {}, preset {}, {}: {} ({} is better){}\n\n", result.experiment, result.task,
                  result.preset, count_seeds(result.seeds.size()), result.metric,
                  result.better == Better::lower ? "lower" : "higher", intervals_over(result));
  bool apart = false;
  for (const std::string& metric : metric_names(result))
    out += metric_table(result, metric, apart) + "\n";
  if (apart) out += "* the 95% interval of the paired difference leaves out 0\n\n";
  Rows claims;
  for (const Claim& c : result.claims)
    claims.push_back({name(c.verdict), text_of(c), difference(c), c.by});
  if (!claims.empty()) out += columns(claims, false) + "\n";
  out += sentence(result) + "\n";
  for (size_t at = 0; !utf8 && (at = out.find("±")) != std::string::npos;)
    out.replace(at, std::string("±").size(), "+-");
  return out;
}

std::string sentence(const Result& result) {
  const MethodResult* best = nullptr;
  double best_mean = 0;
  for (const MethodResult& method : result.methods) {
    const std::vector<double>* own = behind(method.metrics, result.metric);
    const double value = own ? mean(*own) : std::nan("");
    const bool ahead = result.better == Better::lower ? value < best_mean : value > best_mean;
    if (!std::isfinite(value) || (best && !ahead)) continue;
    best = &method;
    best_mean = value;
  }
  if (best == nullptr)
    return "No method ended with a finite " + result.metric + ", so there is nothing to compare.";
  const Interval level = over_seeds(result, *behind(best->metrics, result.metric));
  return fmt::format(
      "{} {} has the {} {} ({}){}{}.",
      result.seeds.size() == 1 ? "With one seed" : "Over " + count_seeds(result.seeds.size()),
      best->name, result.better == Better::lower ? "lowest" : "highest", result.metric,
      with_interval(level.mean, level.ci95, false), against_baseline(result, *best),
      verdicts(result.claims, false) + verdicts(result.claims, true));
}

}  // namespace regrad::experiment
