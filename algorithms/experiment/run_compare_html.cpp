#include <fmt/format.h>
#include <regrad/algorithms/experiment/chart.h>
#include <regrad/algorithms/experiment/run_beside.h>
#include <regrad/algorithms/experiment/run_compare.h>

namespace regrad::experiment {
namespace {

// Lines told apart in one chart.
constexpr size_t kMostLines = 8;

// All methods in one chart where they can be told apart, else a chart each.
std::vector<Chart> charts_of(const Together& t) {
  const bool one = t.methods.size() * t.by_run.size() <= kMostLines;
  std::vector<Chart> out;
  for (size_t m = 0; m < t.methods.size(); ++m) {
    if (m == 0 || !one)
      out.push_back({t.title() + (one ? "" : ": " + t.methods[m]), "step", t.metric});
    for (size_t r = 0; r < t.by_run.size(); ++r) {
      const auto* points = t.by_run[r][m];
      if (!points) continue;
      Series s;
      s.name = letter(r) + (one ? " " + t.methods[m] : "");
      for (const auto& [step, value] : *points)
        s.x.push_back(static_cast<double>(step)), s.y.push_back(value);
      if (s.x.size() == 1) s.style = Series::points;
      out.back().series.push_back(std::move(s));
    }
  }
  return out;
}

constexpr const char* kPage = R"(
:root { color-scheme: light dark; --line: #ddd; --dim: #555; }
@media (prefers-color-scheme: dark) { :root { --line: #444; --dim: #aaa; } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: .5rem 0 1.25rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .25rem 1rem .25rem 0; border-bottom: 1px solid var(--line); }
td { white-space: nowrap; } td.text { white-space: normal; overflow-wrap: anywhere; }
th { color: var(--dim); font-weight: 500; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(22rem, 100%), 1fr));
  gap: 1rem; }
figure { margin: 0; background: #fff; border: 1px solid var(--line); border-radius: 6px; }
figure svg { display: block; width: 100%; height: auto; }
)";

std::string html_table(const Cells& rows, const char* cell_class) {
  std::string out = "<div class=\"wide\"><table>\n";
  for (size_t r = 0; r < rows.size(); ++r) {
    out += "<tr>";
    for (const std::string& cell : rows[r])
      out += r == 0 ? "<th>" + escaped(cell) + "</th>"
                    : fmt::format("<td{}>{}</td>", cell_class, escaped(cell));
    out += "</tr>\n";
  }
  return out + "</table></div>\n";
}

Cells runs_table(const std::vector<RunFolder>& runs) {
  Cells out = {{"", "state", "when", "experiment", "task", "preset", "time", "headline", "folder"}};
  for (size_t r = 0; r < runs.size(); ++r) {
    std::vector<std::string> row = {letter(r)};
    for (const std::string& cell : about(runs[r])) row.push_back(cell);
    row.push_back(runs[r].folder);
    out.push_back(row);
  }
  return out;
}

}  // namespace

std::string compare_html(const std::vector<RunFolder>& runs) {
  std::string out =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n<meta "
      "name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<title>" +
      std::to_string(runs.size()) + " runs compared</title>\n<style>" + kPage +
      "</style>\n</head>\n<body>\n<h1>" + std::to_string(runs.size()) + " runs compared</h1>\n" +
      html_table(runs_table(runs), "");
  Cells settings = config_differences(runs);
  out += "<h2>Settings that differ</h2>\n";
  if (settings.empty()) {
    out += "<p>Their configs are the same.</p>\n";
  } else {
    settings.insert(settings.begin(), first_row("setting", runs));
    out += html_table(settings, " class=\"text\"");
  }
  out += "<h2>Tables</h2>\n<p>Mean and half of the 95% interval.</p>\n";
  for (const std::string& metric : metrics_of(runs)) out += html_table(table_of(runs, metric), "");
  const auto curves = all_curves(runs);
  out += "<h2>Learning curves, mean over the seeds</h2>\n<p>" + without_curves(curves) +
         "</p>\n<div class=\"charts\">\n";
  for (const Together& t : together(curves))
    for (const Chart& c : charts_of(t)) out += "<figure>" + to_svg(c) + "</figure>\n";
  return out + "</div>\n</body>\n</html>\n";
}

}  // namespace regrad::experiment
