#include <fmt/format.h>
#include <regrad/algorithms/experiment/left_out.h>
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
  return fmt::format("{} of {}: {} of {} seeds {} it{}", l.metric, l.method, l.have, l.seeds,
                     l.have == 1 ? "has" : "have", l.why.empty() ? "" : "; " + l.why);
}

std::vector<Row> with_left_out(std::vector<Row> rows, const Result& result) {
  if (result.left_out.empty()) return rows;
  Listing out{"Left out of the table: not every seed has it", {"method", "metric", "seeds", "why"}};
  for (const LeftOut& l : result.left_out)
    out.rows.push_back({l.method, l.metric, fmt::format("{} of {}", l.have, l.seeds), l.why});
  rows.at(0).outcome.listings.push_back(std::move(out));
  return rows;
}

}  // namespace regrad::experiment
