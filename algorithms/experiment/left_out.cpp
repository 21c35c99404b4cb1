#include <fmt/format.h>
#include <regrad/algorithms/experiment/config.h>
#include <regrad/algorithms/experiment/left_out.h>
#include <regrad/algorithms/experiment/metric.h>
#include <regrad/engine/error.h>

#include <algorithm>

namespace regrad::experiment {
namespace {

// Why the first row that says so has not measured it.
std::string why_of(const std::vector<Row>& rows, const std::string& method,
                   const std::string& metric) {
  for (const Row& row : rows)
    for (const NotMeasured& n : row.outcome.not_measured)
      if (n.method == method && n.metric == metric)
        return (row.job.variant.empty() ? "" : row.job.variant + ", ") + "seed " +
               std::to_string(row.job.seed) + ": " + n.why;
  return "";
}

void check_headline(const Result& result, const std::vector<Row>& rows) {
  for (const MethodResult& m : result.methods)
    if (const std::string why = why_of(rows, m.name, result.metric); !why.empty())
      throw ConfigError("the table is about " + result.metric + ", which " + m.name + " lacks; " +
                        why);
}

// Those that rows name and that no seed has.
void add_unmeasured(Result& result, const std::vector<Row>& rows) {
  for (const Row& row : rows)
    for (const NotMeasured& n : row.outcome.not_measured)
      if (has(result, n.method) && !is_left_out(result, n.method, n.metric))
        result.left_out.push_back({n.method, n.metric, 0, static_cast<int64_t>(result.seeds.size()),
                                   why_of(rows, n.method, n.metric)});
}

}  // namespace

bool is_left_out(const Result& result, const std::string& method, const std::string& metric) {
  return std::any_of(result.left_out.begin(), result.left_out.end(),
                     [&](const LeftOut& l) { return l.method == method && l.metric == metric; });
}

void leave_out_holes(Result& result, const std::vector<Row>& rows) {
  check_headline(result, rows);
  const size_t seeds = result.seeds.size();
  for (MethodResult& m : result.methods) {
    const auto hole = [&](const auto& metric) {
      return metric.second.size() < seeds && metric.first != result.metric;
    };
    for (const auto& metric : m.metrics)
      if (hole(metric))
        result.left_out.push_back({m.name, metric.first, static_cast<int64_t>(metric.second.size()),
                                   static_cast<int64_t>(seeds),
                                   why_of(rows, m.name, metric.first)});
    const auto out = [&](const auto& of) { return is_left_out(result, m.name, of.first); };
    const auto take_out = [&](auto& list) {
      list.erase(std::remove_if(list.begin(), list.end(), out), list.end());
    };
    take_out(m.metrics), take_out(m.items), take_out(m.parameters_of);
  }
  add_unmeasured(result, rows);
}

std::string text_of(const LeftOut& l) {
  return fmt::format("{} of {}: {} of {} seeds {} it{}", metric_of(l.metric).title, l.method,
                     l.have, l.seeds, l.have == 1 ? "has" : "have",
                     l.why.empty() ? "" : "; " + l.why);
}

std::string left_out_text(const Result& result) {
  struct Group {
    const LeftOut* like;
    std::vector<std::string> metrics, methods;
  };
  const auto alike = [](const LeftOut& a, const LeftOut& b) {
    return a.have == b.have && a.why == b.why;
  };
  std::vector<Group> by_metric, groups;
  for (const LeftOut& l : result.left_out) {
    const auto at = std::find_if(by_metric.begin(), by_metric.end(), [&](const Group& g) {
      return g.like->metric == l.metric && alike(*g.like, l);
    });
    if (at != by_metric.end()) {
      at->methods.push_back(l.method);
    } else {
      by_metric.push_back({&l, {metric_of(l.metric).title}, {l.method}});
    }
  }
  for (Group& m : by_metric) {
    const auto at = std::find_if(groups.begin(), groups.end(), [&](const Group& g) {
      return g.methods == m.methods && alike(*g.like, *m.like);
    });
    if (at != groups.end()) {
      at->metrics.push_back(m.metrics[0]);
    } else {
      groups.push_back(std::move(m));
    }
  }
  std::string out;
  for (const Group& g : groups)
    out += fmt::format("\nleft out: {} of {}: {} of {} seeds {} {}{}\n", joined(g.metrics, "; "),
                       joined(g.methods, ", "), g.like->have, g.like->seeds,
                       g.like->have == 1 ? "has" : "have", g.metrics.size() == 1 ? "it" : "them",
                       g.like->why.empty() ? "" : "; " + g.like->why);
  return out;
}

std::vector<Row> with_left_out(std::vector<Row> rows, const Result& result) {
  if (result.left_out.empty()) return rows;
  Listing out{"Left out of the table: not every seed has it", {"method", "metric", "seeds", "why"}};
  for (const LeftOut& l : result.left_out)
    out.rows.push_back(
        {l.method, metric_of(l.metric).title, fmt::format("{} of {}", l.have, l.seeds), l.why});
  rows.at(0).outcome.listings.push_back(std::move(out));
  return rows;
}

}  // namespace regrad::experiment
