#include <fmt/format.h>
#include <regrad/algorithms/experiment/result.h>
#include <regrad/engine/error.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace regrad::experiment {
namespace {

// What a list of pairs has under a name; nullptr where it has none.
template <class T>
const T* lookup(const std::vector<std::pair<std::string, T>>& list, const std::string& name) {
  for (const auto& [known, value] : list)
    if (known == name) return &value;
  return nullptr;
}

const MethodResult* lookup(const Result& result, const std::string& method) {
  for (const MethodResult& m : result.methods)
    if (m.name == method) return &m;
  return nullptr;
}

const std::vector<double>* lookup(const Result& result, const std::string& method,
                                  const std::string& metric) {
  const MethodResult* found = lookup(result, method);
  return found ? lookup(found->metrics, metric) : nullptr;
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

std::string pad(const std::string& text, size_t width, bool right) {
  const std::string space(std::max(width, width_of(text)) - width_of(text), ' ');
  return right ? space + text : text + space;
}

using Rows = std::vector<std::vector<std::string>>;

// Columns two spaces apart (three would waste a narrow terminal), the last one to the right; no
// trailing spaces.
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
      line += (i ? "   " : "") + pad(row[i], width[i], last_right && i + 1 == width.size());
    out += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return out;
}

std::string count_seeds(size_t count) {
  return std::to_string(count) + (count == 1 ? " seed" : " seeds");
}

std::string metric_table(const Result& result, const std::string& metric) {
  const bool compared = lookup(result, result.baseline, metric) != nullptr;
  Rows rows = {{"method", metric, compared ? "against " + result.baseline : "", "parameters"}};
  for (const TableRow& row : table_rows(result, metric)) {
    rows.push_back(
        {row.method, row.value, row.difference + (row.apart ? " *" : ""), grouped(row.parameters)});
  }
  if (!compared) {
    for (auto& row : rows) row.erase(row.begin() + 2);
  }
  return columns(rows, true);
}

// More claims than this are counted in the sentence, not named; all of them stand above it.
constexpr size_t kNamedClaims = 6;

std::string count_of(const Result& result, Verdict verdict) {
  const auto n = std::count_if(result.claims.begin(), result.claims.end(),
                               [&](const Claim& c) { return c.verdict == verdict; });
  return n == 0 ? "" : std::to_string(n) + " " + name(verdict);
}

// "shown: a; b" for the claims of one verdict, "" for none.
std::string claims_of(const Result& result, Verdict verdict) {
  std::string out;
  for (const Claim& item : result.claims) {
    if (item.verdict == verdict) out += (out.empty() ? name(verdict) + ": " : ", ") + item.text;
  }
  return out;
}

// How the best method stands to the baseline: ", 0.046 ± 0.010 below maml".
std::string against_baseline(const Result& result, const MethodResult& best) {
  const std::vector<double>* base = lookup(result, result.baseline, result.metric);
  const std::vector<double>* own = lookup(best.metrics, result.metric);
  if (base == nullptr || result.methods.size() < 2) return "";
  if (best.name == result.baseline) return ", and no method beats this baseline";
  if (base->size() != own->size()) return "";
  const Interval difference = paired_difference(*own, *base);
  const std::string side = difference.mean < 0 ? " below " : " above ";
  const std::string apart = with_interval(std::fabs(difference.mean), difference.ci95, false) +
                            side + "the baseline " + result.baseline;
  if (difference.count < 2) return ", " + apart;
  const bool clear = std::fabs(difference.mean) > difference.ci95;
  return ", " + apart + (clear ? "" : ", which is within the noise of the seeds");
}

}  // namespace

const std::vector<double>& values(const Result& result, const std::string& method,
                                  const std::string& metric) {
  const MethodResult* found = lookup(result, method);
  if (found == nullptr)
    throw ConfigError("result: no method '" + method + "' among the " +
                      std::to_string(result.methods.size()) + " that ran");
  const std::vector<double>* list = lookup(found->metrics, metric);
  if (list == nullptr)
    throw ConfigError("result: method '" + method + "' has no metric '" + metric + "'");
  return *list;
}

Claim claim(const std::string& text, const std::vector<double>& a, const std::vector<double>& b,
            Direction claimed) {
  const Interval difference = paired_difference(a, b);
  return {text, verdict(difference, claimed), difference.mean, difference.ci95};
}

bool has(const Result& result, const std::string& method) {
  return lookup(result, method) != nullptr;
}

const std::vector<std::vector<double>>& items(const Result& result, const std::string& method,
                                              const std::string& metric) {
  const MethodResult* found = lookup(result, method);
  if (const auto* lists = found ? lookup(found->items, metric) : nullptr) return *lists;
  throw ConfigError("result: no items of '" + metric + "' for method '" + method + "'");
}

Claim claim_within(const std::string& text, const std::vector<double>& a,
                   const std::vector<double>& b, double margin) {
  const Interval difference = paired_difference(a, b);
  return {text, verdict_within(difference, margin), difference.mean, difference.ci95};
}

void check(const Result& result) {
  if (result.methods.empty()) throw ConfigError("result: no method has run");
  std::set<std::string> seen;
  for (const MethodResult& method : result.methods) {
    if (!seen.insert(method.name).second)
      throw ConfigError("result: method '" + method.name + "' is there twice");
    if (method.metrics.empty())
      throw ConfigError("result: method '" + method.name + "' has no metric");
    for (const auto& [metric, list] : method.metrics) {
      if (list.size() != result.seeds.size()) {
        throw ConfigError("result: method '" + method.name + "' has " +
                          std::to_string(list.size()) + " values of '" + metric + "' for " +
                          count_seeds(result.seeds.size()));
      }
    }
  }
  if (std::none_of(result.methods.begin(), result.methods.end(),
                   [&](const MethodResult& m) { return lookup(m.metrics, result.metric); }))
    throw ConfigError("result: no method has the metric '" + result.metric +
                      "', the one the table is about");
}

std::vector<std::string> metric_names(const Result& result) {
  std::vector<std::string> out;
  for (const MethodResult& method : result.methods) {
    for (const auto& [metric, list] : method.metrics) {
      if (std::find(out.begin(), out.end(), metric) == out.end()) out.push_back(metric);
    }
  }
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
  if (!std::isfinite(ci95)) return out;
  return out + " ± " +
         (fixed ? fmt::format("{:.{}f}", ci95, decimals) : fmt::format("{:.2g}", ci95));
}

std::string grouped(int64_t number) {
  std::string digits = std::to_string(number);
  for (int at = static_cast<int>(digits.size()) - 3; at > (number < 0 ? 1 : 0); at -= 3)
    digits.insert(static_cast<size_t>(at), ",");
  return digits;
}

std::vector<TableRow> table_rows(const Result& result, const std::string& metric) {
  const std::vector<double>* base = lookup(result, result.baseline, metric);
  std::vector<TableRow> rows;
  for (const MethodResult& method : result.methods) {
    const std::vector<double>* own = lookup(method.metrics, metric);
    if (own == nullptr) continue;
    const Interval level = mean_interval(*own);
    TableRow row{method.name, with_interval(level.mean, level.ci95, false), "", false,
                 method.parameters};
    if (method.name == result.baseline) {
      row.difference = "baseline";
    } else if (base != nullptr && base->size() == own->size()) {
      const Interval difference = paired_difference(*own, *base);
      row.difference = with_interval(difference.mean, difference.ci95, true);
      row.apart = difference.count >= 2 && std::fabs(difference.mean) > difference.ci95;
    }
    rows.push_back(row);
  }
  return rows;
}

std::string table(const Result& result, bool utf8) {
  const std::string better = result.better == Better::lower ? "lower" : "higher";
  std::string out =
      result.experiment + ", " + result.task + ", preset " + result.preset + ", " +
      count_seeds(result.seeds.size()) + ": " + result.metric + " (" + better + " is better)" +
      (result.seeds.size() > 1 ? ", mean ± 95% interval over the seeds, differences paired by seed"
                               : "") +
      "\n\n";
  bool apart = false;
  for (const std::string& metric : metric_names(result)) {
    out += metric_table(result, metric) + "\n";
    for (const TableRow& row : table_rows(result, metric)) apart = apart || row.apart;
  }
  if (apart) out += "* the 95% interval of the paired difference leaves out 0\n\n";
  Rows claims;
  for (const Claim& item : result.claims) {
    claims.push_back(
        {name(item.verdict), item.text,
         std::isfinite(item.difference) ? with_interval(item.difference, item.ci95, true) : ""});
  }
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
    const std::vector<double>* own = lookup(method.metrics, result.metric);
    const double value = own ? mean(*own) : std::nan("");
    const bool ahead =
        best == nullptr || (result.better == Better::lower ? value < best_mean : value > best_mean);
    if (std::isfinite(value) && ahead) {
      best = &method;
      best_mean = value;
    }
  }
  if (best == nullptr)
    return "No method ended with a finite " + result.metric + ", so there is nothing to compare.";
  const Interval level = mean_interval(*lookup(best->metrics, result.metric));
  std::string out = (result.seeds.size() == 1 ? "With one seed "
                                              : "Over " + count_seeds(result.seeds.size()) + " ") +
                    best->name + " has the " +
                    (result.better == Better::lower ? "lowest" : "highest") + " " + result.metric +
                    " (" + with_interval(level.mean, level.ci95, false) + ")" +
                    against_baseline(result, *best);
  const bool named = result.claims.size() <= kNamedClaims;
  if (!named) out += "; of the " + std::to_string(result.claims.size()) + " claims";
  bool first = !named;
  for (const Verdict kind : {Verdict::shown, Verdict::not_shown, Verdict::not_testable}) {
    const std::string part = named ? claims_of(result, kind) : count_of(result, kind);
    if (part.empty()) continue;
    out += (named ? "; " : first ? " " : ", ") + part;
    first = false;
  }
  return out + ".";
}

}  // namespace regrad::experiment
