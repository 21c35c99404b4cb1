#include <fmt/format.h>
#include <regrad/algorithms/experiment/metric.h>

#include <algorithm>
#include <cmath>
#include <string_view>

namespace regrad::experiment {
namespace {

struct Known {
  // The metric's name; "on device *" is every name that begins so. In `title` "*" is the rest.
  const char *name, *title;
  Unit unit;
  enum { unknown, lower, higher } better;
};

// The first that fits counts.
constexpr Known kKnown[] = {
    {"accuracy", "accuracy", Unit::percent, Known::higher},
    {"accuracy of *", "accuracy of *", Unit::percent, Known::higher},
    {"unseen", "accuracy, unseen", Unit::percent, Known::higher},
    {"unseen *", "accuracy of *, unseen", Unit::percent, Known::higher},
    {"seen", "accuracy, seen", Unit::percent, Known::higher},
    {"other seen", "accuracy, other seen", Unit::percent, Known::higher},
    {"source", "accuracy, source", Unit::percent, Known::higher},
    {"on device *", "accuracy on device *", Unit::percent, Known::higher},
    {"validation", "validation accuracy", Unit::percent, Known::higher},
    {"validation with *", "validation accuracy with *", Unit::percent, Known::higher},
    {"validation accuracy*", "validation accuracy*", Unit::percent, Known::higher},
    {"test accuracy*", "test accuracy*", Unit::percent, Known::higher},
    {"teacher accuracy", "teacher's accuracy", Unit::percent, Known::higher},
    {"before compression", "accuracy before compression", Unit::percent, Known::higher},
    {"after pruning", "accuracy after pruning", Unit::percent, Known::higher},
    {"after fine-tuning *", "accuracy after fine-tuning *", Unit::percent, Known::higher},
    {"with 8-bit weights", "accuracy with 8-bit weights", Unit::percent, Known::higher},
    {"int8", "accuracy in integers", Unit::percent, Known::higher},
    {"int8, *", "accuracy in integers, *", Unit::percent, Known::higher},
    {"k-NN, *", "k-NN accuracy, *", Unit::percent, Known::higher},
    {"linear, *", "linear probe's accuracy, *", Unit::percent, Known::higher},
    {"AUC*", "AUC*", Unit::percent, Known::higher},
    {"TPR at FPR 0.1*", "TPR at FPR 10%*", Unit::percent, Known::higher},
    {"F1*", "F1*", Unit::percent, Known::higher},
    {"gap", "gap from source to unseen", Unit::points, Known::lower},
    {"swing", "swing of the accuracy", Unit::points, Known::lower},
    {"mse", "mean squared error", Unit::none, Known::lower},
    {"validation mse", "validation mean squared error", Unit::none, Known::lower},
    {"query mse", "query mean squared error", Unit::none, Known::lower},
    {"log loss*", "log loss*", Unit::none, Known::lower},
    {"bytes", "size", Unit::bytes, Known::lower},
    {"training, 1e9 MACs", "training, billions of MACs", Unit::none, Known::lower},
    {"training cost", "cost of training, in trainings of one net", Unit::none, Known::lower},
    {"empty filters", "empty filters", Unit::count, Known::unknown},
    {"emptied layers", "emptied layers", Unit::count, Known::unknown},
    {"norms in single precision", "norms in single precision", Unit::count, Known::unknown},
    {"convolutions cut away whole", "convolutions cut away whole", Unit::count, Known::unknown},
    {"parameters", "parameters", Unit::count, Known::unknown},
};

// What "*" in the pattern stands for; nothing where the name does not fit.
std::optional<std::string> rest_of(const std::string& name, std::string_view pattern) {
  const bool open = pattern.back() == '*';
  if (open) pattern.remove_suffix(1);
  const bool fits = open ? name.compare(0, pattern.size(), pattern) == 0 : name == pattern;
  if (!fits) return {};
  return name.substr(pattern.size());
}

bool ends_with(const std::string& text, std::string_view end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

Metric of_base(const std::string& base) {
  for (const Known& k : kKnown) {
    const auto rest = rest_of(base, k.name);
    if (!rest) continue;
    std::string title = k.title;
    if (const size_t star = title.find('*'); star != std::string::npos)
      title.replace(star, 1, *rest);
    Metric out{base, title, k.unit};
    if (k.better != Known::unknown)
      out.better = k.better == Known::lower ? Better::lower : Better::higher;
    return out;
  }
  // "sparse MACs, % of dense", "sparsity, %"
  if (const size_t at = base.find(", % of "); at != std::string::npos)
    return {base, base.substr(0, at) + ", share of " + base.substr(at + 7), Unit::percent,
            Better::lower};
  if (ends_with(base, ", %")) return {base, base.substr(0, base.size() - 3), Unit::percent};
  return {base, base};
}

std::string at_variant(const std::string& title, const std::string& variant) {
  if (variant.empty()) return title;
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  if (std::all_of(variant.begin(), variant.end(), digit))  // examples per class
    return title == "accuracy" ? variant + "-shot accuracy" : title + " at K = " + variant;
  return title + (digit(variant[0]) ? " at " : ", ") + variant;
}

// Of bytes: by how much they are divided, and the unit then.
std::pair<double, const char*> scaled(double bytes) {
  constexpr const char* names[] = {" B", " kB", " MB", " GB", " TB"};
  double by = 1;
  size_t at = 0;
  while (std::fabs(bytes) >= 999.5 * by && at + 1 < std::size(names)) by *= 1000, ++at;
  return {by, names[at]};
}

// Decimals that give `spread` two digits; -1 where a fixed point would be unreadable.
int decimals_for(double spread, double largest) {
  if (!(spread > 0) || !std::isfinite(spread)) return -1;
  const int decimals = std::max(0, 1 - static_cast<int>(std::floor(std::log10(spread))));
  return decimals > 8 || largest >= 1e7 ? -1 : decimals;
}

bool whole(double v) { return std::fabs(v) < 1e15 && v == std::round(v); }

}  // namespace

std::string base_of(const std::string& name) { return name.substr(0, name.find('@')); }
std::string variant_of(const std::string& name) {
  const size_t at = name.find('@');
  return at == std::string::npos ? "" : name.substr(at + 1);
}

Metric metric_of(const std::string& name) {
  for (const auto& [prefix, suffix] :
       {std::pair<std::string_view, const char*>{"unadapted ", ", unadapted"},
        {"interval over tasks of ", ", half its interval over tasks"},
        {"spread of ", ", spread at the end"}}) {
    if (name.compare(0, prefix.size(), prefix) != 0) continue;
    Metric of = metric_of(name.substr(prefix.size()));
    const Unit unit = prefix[0] != 'u' && of.unit == Unit::percent ? Unit::points : of.unit;
    return {name, of.title + suffix, unit};
  }
  Metric out = of_base(base_of(name));
  out.name = name, out.title = at_variant(out.title, variant_of(name));
  return out;
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

std::string value_text(const Metric& metric, double mean, double ci95) {
  if (!std::isfinite(mean)) return with_interval(mean, ci95, false);
  const bool spread = ci95 > 0 && std::isfinite(ci95);
  if (metric.unit == Unit::count && !spread && whole(mean))
    return grouped(static_cast<int64_t>(mean));
  if (metric.unit == Unit::percent) return with_interval(mean, ci95, false) + "%";
  if (metric.unit != Unit::bytes) return with_interval(mean, ci95, false);
  const auto [by, unit] = scaled(mean);
  return (spread ? with_interval(mean / by, ci95 / by, false) : fmt::format("{:.3g}", mean / by)) +
         unit;
}

std::string difference_text(const Metric& metric, double mean, double ci95) {
  if (metric.unit != Unit::bytes || mean == 0 || !std::isfinite(mean))
    return with_interval(mean, ci95, true);
  const auto [by, unit] = scaled(mean);
  return (ci95 > 0 ? with_interval(mean / by, ci95 / by, true)
                   : fmt::format("{:+.3g}", mean / by)) +
         unit;
}

std::string difference_unit(const Metric& metric) {
  return metric.unit == Unit::percent || metric.unit == Unit::points ? " points" : "";
}

std::string grouped(int64_t number) {
  std::string digits = std::to_string(number);
  for (int at = static_cast<int>(digits.size()) - 3; at > (number < 0 ? 1 : 0); at -= 3)
    digits.insert(static_cast<size_t>(at), ",");
  return digits;
}

}  // namespace regrad::experiment
