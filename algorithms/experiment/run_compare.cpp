#include <fmt/format.h>
#include <regrad/algorithms/experiment/chart.h>
#include <regrad/algorithms/experiment/progress.h>
#include <regrad/algorithms/experiment/run_compare.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>

namespace regrad::experiment {
namespace {

using Cells = std::vector<std::vector<std::string>>;

// A, B, .., Z, 27th, ..
std::string letter(size_t run) {
  return run < 26 ? std::string(1, static_cast<char>('A' + run)) : "run " + std::to_string(run + 1);
}

int width_of(const std::string& text) {
  return static_cast<int>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string plain(std::string text, bool utf8) {
  for (size_t at = 0; !utf8 && (at = text.find("±")) != std::string::npos;)
    text.replace(at, std::string("±").size(), "+-");
  return text;
}

// Columns two spaces apart; where they are wider than the page, blocks of them, each with the first
// column.
std::string aligned(const Cells& rows, const TextStyle& style) {
  std::vector<int> width;
  for (const auto& row : rows) {
    width.resize(std::max(width.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i)
      width[i] = std::max(width[i], width_of(plain(row[i], style.utf8)));
  }
  std::string out;
  for (size_t from = 1, to = 1; from < width.size(); from = to) {
    int line = width[0];
    do line += 2 + width[to++];
    while (to < width.size() && line + 2 + width[to] <= style.columns);
    if (from > 1) out += "\n";
    for (const auto& row : rows) {
      std::string text;
      for (size_t i = 0; i < to && i < row.size(); i = i == 0 ? from : i + 1) {
        const std::string cell = plain(row[i], style.utf8);
        text += cell + std::string(static_cast<size_t>(width[i] + 2 - width_of(cell)), ' ');
      }
      out += text.substr(0, text.find_last_not_of(' ') + 1) + "\n";
    }
  }
  return out;
}

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

std::vector<std::string> about(const RunFolder& run) {
  const RunResult& r = run.result;
  return {name(run.state), when(run.changed),     r.experiment, r.task,
          r.preset,        duration(run.seconds), headline(run)};
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

// A row for each setting that is not the same in all.
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

// A row per method that has the metric in some run.
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

// The curves of one number and variant: by method those of each run that has them.
struct Together {
  std::string metric, variant;
  std::vector<std::string> methods = {};
  std::vector<std::vector<const std::map<int64_t, double>*>> by_run = {};  // [run][method]
  std::string title() const { return metric + (variant.empty() ? "" : ", " + variant); }
};

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

struct Span {
  double low = INFINITY, high = -INFINITY;
  void take(double v) { low = std::min(low, v), high = std::max(high, v); }
};

// The mean of each piece of the steps, between points on the line through them; NaN before the first
// and after the last.
std::vector<double> pieces_of(const std::map<int64_t, double>& points, const Span& steps,
                              size_t pieces) {
  std::vector<double> out(pieces, NAN);
  std::vector<int> counts(pieces);
  size_t last = pieces;
  for (const auto& [step, value] : points) {
    const double share = steps.high > steps.low
                             ? (static_cast<double>(step) - steps.low) / (steps.high - steps.low)
                             : 1;
    const auto at = static_cast<size_t>(std::lround(share * static_cast<double>(pieces - 1)));
    double& mean = out[at];
    mean = counts[at]++ == 0 ? value : mean + (value - mean) / counts[at];
    for (size_t i = last + 1; i < at; ++i)  // last is `pieces` before the first
      out[i] = out[last] +
               (value - out[last]) * static_cast<double>(i - last) / static_cast<double>(at - last);
    last = at;
  }
  return out;
}

std::string blocks(const std::map<int64_t, double>& points, const Span& steps, const Span& values,
                   int pieces, bool utf8) {
  static constexpr const char* kBlocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  static constexpr const char* kLetters[] = {"_", ".", "-", "=", "+", "*", "%", "#"};
  std::string out;
  for (const double value : pieces_of(points, steps, static_cast<size_t>(pieces))) {
    const double share =
        values.high > values.low ? (value - values.low) / (values.high - values.low) : 0;
    const auto place = static_cast<size_t>(std::clamp(std::lround(share * 7), 0L, 7L));
    out += std::isnan(value) ? " " : (utf8 ? kBlocks : kLetters)[place];
  }
  return out;
}

std::string curves_text(const Together& t, const TextStyle& style) {
  Span steps, values;
  int names = 0;
  for (const auto& run : t.by_run)
    for (const auto* points : run)
      for (const auto& [step, value] : points ? *points : std::map<int64_t, double>())
        steps.take(static_cast<double>(step)), values.take(value);
  for (const std::string& method : t.methods) names = std::max(names, width_of(method));
  std::string out = fmt::format("{}: {:.4g} to {:.4g}, steps {} to {}\n", t.title(), values.low,
                                values.high, steps.low, steps.high);
  const int pieces = std::clamp(style.columns - names - 17, 10, 60);
  for (size_t m = 0; m < t.methods.size(); ++m)
    for (size_t r = 0; r < t.by_run.size(); ++r) {
      const auto* points = t.by_run[r][m];
      if (!points) continue;
      out +=
          fmt::format("  {:<{}}  {} {} {:.4g}\n", t.methods[m], names, letter(r),
                      blocks(*points, steps, values, pieces, style.utf8), points->rbegin()->second);
    }
  return out;
}

std::vector<std::vector<Curves>> all_curves(const std::vector<RunFolder>& runs) {
  std::vector<std::vector<Curves>> out;
  for (const RunFolder& run : runs) out.push_back(read_curves(run.folder));
  return out;
}

// "A and C have no metrics.csv, so no learning curves"; empty where all have.
std::string without_curves(const std::vector<std::vector<Curves>>& runs) {
  std::vector<std::string> out;
  for (size_t r = 0; r < runs.size(); ++r)
    if (runs[r].empty()) out.push_back(letter(r));
  if (out.empty()) return "";
  return "No learning curves of " + joined(out, ", ") +
         ": metrics.csv is missing, or has no rows yet.";
}

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

std::string list_text(const std::vector<RunFolder>& runs, const TextStyle& style) {
  std::string out;
  for (const RunFolder& run : runs) {
    const std::vector<std::string> a = about(run);
    out += fmt::format("{:<11}  {}  {:>7}  {}, {}, {}\n  {}\n  {}\n", a[0], a[1], a[5],
                       a[2].empty() ? "not known" : a[2], a[3].empty() ? "not known" : a[3],
                       a[4].empty() ? "not known" : a[4], plain(a[6], style.utf8), run.folder);
  }
  return out;
}

std::string compare_text(const std::vector<RunFolder>& runs, const TextStyle& style) {
  std::string out;
  for (size_t r = 0; r < runs.size(); ++r) out += letter(r) + "  " + list_text({runs[r]}, style);
  Cells settings = config_differences(runs);
  if (settings.empty()) {
    out += "\nTheir configs are the same.\n";
  } else {
    settings.insert(settings.begin(), first_row("setting", runs));
    out += "\n" + aligned(settings, style);
  }
  for (const std::string& metric : metrics_of(runs))
    out += "\n" + aligned(table_of(runs, metric), style);
  const auto curves = all_curves(runs);
  for (const Together& t : together(curves)) out += "\n" + curves_text(t, style);
  const std::string missing = without_curves(curves);
  return out + (missing.empty() ? "" : "\n" + missing + "\n");
}

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
