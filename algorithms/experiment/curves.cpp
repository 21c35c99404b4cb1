#include <regrad/algorithms/experiment/claims.h>
#include <regrad/algorithms/experiment/curves.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace regrad::experiment {
namespace {

// Where `word` stands in the list; at its end where it is new.
size_t place_of(const std::string& word, std::vector<std::string>& list) {
  const auto found = std::find(list.begin(), list.end(), word);
  if (found != list.end()) return static_cast<size_t>(found - list.begin());
  list.push_back(word);
  return list.size() - 1;
}

// The mean of what the seeds have at x; an interval where there are several.
void add_point(Series& s, double x, const std::vector<double>& values) {
  const Interval of = mean_interval(values);
  s.x.push_back(x), s.y.push_back(of.mean);
  s.low.push_back(of.mean - of.ci95), s.high.push_back(of.mean + of.ci95);
}

bool no_interval(const Series& s) {
  return std::none_of(s.low.begin(), s.low.end(), [](double v) { return std::isfinite(v); });
}

// What a chart's rows have, by method and place.
using Values = std::map<std::string, std::map<double, std::vector<double>>>;

void add_series(Chart& c, const Values& values, const std::vector<std::string>& methods,
                Series::Style style) {
  for (size_t m = 0; m < methods.size(); ++m) {
    const auto found = values.find(methods[m]);
    if (found == values.end()) continue;
    Series s{methods[m], {}, {}, style, static_cast<int>(m)};
    for (const auto& [x, of] : found->second) add_point(s, x, of);
    if (no_interval(s)) s.low.clear(), s.high.clear();
    c.series.push_back(std::move(s));
  }
}

}  // namespace

Epoch epochs_of(const Experiment& experiment) {
  return [&experiment](const Job& job) { return experiment.epoch(job); };
}

std::vector<Chart> learning_curves(const std::vector<Row>& rows, const Epoch& epoch) {
  const bool by_epoch = epoch && std::all_of(rows.begin(), rows.end(),
                                             [&](const Row& r) { return epoch(r.job) > 0; });
  // number and variant, in the order they come
  std::map<std::pair<size_t, size_t>, Values> all;
  std::vector<std::string> methods, variants, numbers;
  for (const Row& f : rows) {
    place_of(f.job.method, methods);
    const double step = by_epoch ? static_cast<double>(epoch(f.job)) : 1;
    for (const Line& line : f.lines)
      for (const auto& [name, value] : line.moment)
        all[{place_of(name, numbers), place_of(f.job.variant, variants)}][f.job.method]
           [static_cast<double>(line.step) / step]
               .push_back(value);
  }
  std::vector<Chart> out;
  for (const auto& [key, values] : all) {
    const Metric metric = metric_of(numbers[key.first]);
    const std::string& variant = variants[key.second];
    Chart c{metric.title + (variant.empty() ? "" : ", " + variant), by_epoch ? "epoch" : "step",
            metric.unit == Unit::percent ? "%" : metric.title};
    add_series(c, values, methods, Series::line);
    out.push_back(std::move(c));
  }
  return out;
}

std::vector<Chart> by_place(const std::vector<Row>& rows) {
  std::vector<Chart> out;
  std::vector<Values> values;
  std::vector<std::string> keys, methods;
  for (const Row& f : rows) {
    place_of(f.job.method, methods);
    for (const Chart& c : f.outcome.figures) {
      if (c.x_names.empty()) continue;
      std::string title = c.title + (f.job.variant.empty() ? "" : ", " + f.job.variant),
                  key = title;
      for (const std::string& name : c.x_names) key += "\n" + name;
      const size_t at = place_of(key, keys);
      if (at == out.size()) {
        out.push_back({title, c.x_label, c.y_label, {}, c.log_y, c.x_names});
        values.emplace_back();
      }
      for (const Series& s : c.series) {
        place_of(s.name, methods);
        for (size_t i = 0; i < std::min(s.x.size(), s.y.size()); ++i)
          values[at][s.name][s.x[i]].push_back(s.y[i]);
      }
    }
  }
  for (size_t i = 0; i < out.size(); ++i) add_series(out[i], values[i], methods, Series::points);
  return out;
}

Chart by_size(const Result& result, const std::string& metric, const std::string& size,
              const std::vector<std::string>& variants) {
  const auto mean_of_seeds = [&](const MethodResult& m, const std::string& name) {
    const auto* found = values_if(result, m.name, name);
    return found ? mean(*found) : std::nan("");
  };
  const Metric of_size = metric_of(size), of = metric_of(metric);
  const char* scale = of_size.unit == Unit::bytes ? " in bytes, as a power of ten (3: 1 kB)"
                                                  : ", as a power of ten";
  Chart c{of.title + " by " + of_size.title, of_size.title + scale,
          of.unit == Unit::percent ? "%" : of.title};
  for (const MethodResult& m : result.methods) {
    std::vector<std::pair<double, double>> points;
    for (const std::string& v : variants) {
      const double x = std::log10(mean_of_seeds(m, on(size, v))),
                   y = mean_of_seeds(m, on(metric, v));
      if (std::isfinite(x) && std::isfinite(y)) points.emplace_back(x, y);
    }
    if (points.empty()) continue;
    std::sort(points.begin(), points.end());
    Series line{m.name, {}, {}, points.size() > 1 ? Series::line : Series::points};
    for (const auto& [x, y] : points) line.x.push_back(x), line.y.push_back(y);
    c.series.push_back(std::move(line));
  }
  return c;
}

}  // namespace regrad::experiment
