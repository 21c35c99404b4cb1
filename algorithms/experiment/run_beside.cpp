#include <regrad/algorithms/experiment/progress.h>
#include <regrad/algorithms/experiment/run_beside.h>

#include <algorithm>
#include <chrono>
#include <ctime>

namespace regrad::experiment {
namespace {

std::string when(std::filesystem::file_time_type time) {
  const auto ago = std::filesystem::file_time_type::clock::now() - time;
  const auto at = std::chrono::system_clock::now() -
                  std::chrono::duration_cast<std::chrono::system_clock::duration>(ago);
  const std::time_t seconds = std::chrono::system_clock::to_time_t(at);
  std::tm local{};
  ::localtime_r(&seconds, &local);
  char out[32];
  std::strftime(out, sizeof out, "%Y-%m-%d %H:%M", &local);
  return out;
}

// Keys of any run, in their order.
std::vector<std::string> keys_of(const std::vector<RunFolder>& runs) {
  std::vector<std::string> out;
  for (const RunFolder& run : runs)
    for (const auto& [key, value] : run.config)
      if (!among(key, out)) out.push_back(key);
  return out;
}

std::string value_of(const RunFolder& run, const std::string& key) {
  for (const auto& [name, value] : run.config)
    if (name == key) return value.empty() ? "none" : value;
  return "not there";
}

}  // namespace

std::string letter(size_t run) {
  return run < 26 ? std::string(1, static_cast<char>('A' + run)) : "run " + std::to_string(run + 1);
}

std::vector<std::string> about(const RunFolder& run) {
  const RunResult& r = run.result;
  return {name(run.state), when(run.changed),     r.experiment, r.task,
          r.preset,        duration(run.seconds), headline(run)};
}

Cells config_differences(const std::vector<RunFolder>& runs) {
  Cells out;
  for (const std::string& key : keys_of(runs)) {
    std::vector<std::string> row = {key};
    for (const RunFolder& run : runs) row.push_back(value_of(run, key));
    if (std::any_of(row.begin() + 2, row.end(), [&](const auto& v) { return v != row[1]; }))
      out.push_back(row);
  }
  return out;
}

std::vector<std::string> first_row(const std::string& what, const std::vector<RunFolder>& runs) {
  std::vector<std::string> out = {what};
  for (size_t r = 0; r < runs.size(); ++r) out.push_back(letter(r));
  return out;
}

std::vector<std::string> metrics_of(const std::vector<RunFolder>& runs) {
  std::vector<std::string> out;
  for (const RunFolder& run : runs)
    for (const Measured& m : run.result.values)
      if (!among(m.metric, out)) out.push_back(m.metric);
  return out;
}

Cells table_of(const std::vector<RunFolder>& runs, const std::string& metric) {
  Cells out = {first_row(metric, runs)};
  for (size_t r = 0; r < runs.size(); ++r)
    for (const Measured& m : runs[r].result.values) {
      if (m.metric != metric) continue;
      auto row = std::find_if(out.begin() + 1, out.end(),
                              [&](const auto& cells) { return cells[0] == m.method; });
      if (row == out.end())
        row = out.insert(out.end(), std::vector<std::string>(runs.size() + 1, "-")),
        (*row)[0] = m.method;
      (*row)[r + 1] = with_interval(m.mean, m.ci95, false);
    }
  return out;
}

std::vector<Together> together(const std::vector<std::vector<Curves>>& runs) {
  std::vector<Together> out;
  for (size_t r = 0; r < runs.size(); ++r)
    for (const Curves& c : runs[r]) {
      auto found = std::find_if(out.begin(), out.end(), [&](const Together& t) {
        return t.metric == c.metric && t.variant == c.variant;
      });
      if (found == out.end()) {
        found = out.insert(out.end(), {c.metric, c.variant});
        found->by_run.resize(runs.size());
      }
      for (const auto& [method, points] : c.methods) {
        if (!among(method, found->methods)) found->methods.push_back(method);
        const auto place =
            static_cast<size_t>(std::find(found->methods.begin(), found->methods.end(), method) -
                                found->methods.begin());
        auto& list = found->by_run[r];
        list.resize(std::max(list.size(), place + 1));
        list[place] = &points;
      }
    }
  for (Together& t : out)
    for (auto& list : t.by_run) list.resize(t.methods.size());
  return out;
}

std::vector<std::vector<Curves>> all_curves(const std::vector<RunFolder>& runs) {
  std::vector<std::vector<Curves>> out;
  for (const RunFolder& run : runs) out.push_back(read_curves(run.folder));
  return out;
}

std::string without_curves(const std::vector<std::vector<Curves>>& runs) {
  std::vector<std::string> out;
  for (size_t r = 0; r < runs.size(); ++r)
    if (runs[r].empty()) out.push_back(letter(r));
  if (out.empty()) return "";
  return "No learning curves of " + joined(out, ", ") +
         ": metrics.csv is missing, or has no rows yet.";
}

}  // namespace regrad::experiment
