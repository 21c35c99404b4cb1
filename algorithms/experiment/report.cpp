#include <fmt/format.h>
#include <regrad/algorithms/experiment/figure.h>
#include <regrad/algorithms/experiment/report.h>
#include <regrad/algorithms/experiment/report_style.h>
#include <regrad/algorithms/experiment/table.h>

#include <algorithm>
#include <cmath>

namespace regrad::experiment {
namespace {

// What is looked at; the rest is there, folded.
constexpr size_t kVerdicts = 20, kCurves = 9, kCharts = 6, kGalleries = 4, kListings = 6;
// of a paper's width
constexpr size_t kColumnsOnPaper = 4;

std::string heading(const std::string& title) { return "<h2>" + escaped(title) + "</h2>\n"; }

std::string folded(const std::string& summary, const std::string& content) {
  return "<details><summary>" + escaped(summary) + "</summary>\n" + content + "</details>\n";
}

// The first `most` parts within `open` and `close`, the others the same, folded.
std::string shown_first(const std::vector<std::string>& parts, size_t most, const std::string& what,
                        const std::string& open, const std::string& close) {
  std::string first, rest;
  for (size_t i = 0; i < parts.size(); ++i) (i < most ? first : rest) += parts[i];
  std::string out = open + first + close;
  if (!rest.empty())
    out += folded(fmt::format("{} more {}", parts.size() - most, what), open + rest + close);
  return out;
}

std::string claims(const Result& result) {
  if (result.claims.empty()) return "";
  std::vector<std::string> rows;
  for (const Claim& c : result.claims) {
    const char* kinds[] = {"shown", "refuted", "not-shown", "not-testable"};  // Verdict's
    rows.push_back(fmt::format(
        "<tr><td class=\"{}\">{}</td><td>{}</td><td>{}</td><td>judged by {}</td></tr>\n",
        kinds[static_cast<int>(c.verdict)], name(c.verdict), escaped(text_of(c)),
        escaped(difference(c)), escaped(c.by)));
  }
  return heading("Verdicts") +
         shown_first(rows, kVerdicts, "verdicts", "<table class=\"verdicts\">\n", "</table>\n") +
         "<p class=\"note\">Shown: the whole 95% interval of the paired difference lies where the "
         "claim has it; refuted: the whole interval lies on the other side; not shown: it is too "
         "wide for either. The interval carries the spread of what it was judged by.</p>\n";
}

std::string cell_html(const Column& column, const Cell& c) {
  const bool number = base_of(column.metric.name) == "parameters";
  std::string out = number ? "<td class=\"number\">" : "<td>";
  out += c.best ? "<b>" + escaped(c.value) + "</b>" : escaped(c.value);
  if (!c.difference.empty())
    out += "<small>" + escaped(c.difference) + (c.apart ? " <span class=\"star\">*</span>" : "") +
           "</small>";
  return out + "</td>";
}

// Columns first .. last - 1.
std::string columns(const Table& t, size_t first, size_t last) {
  std::string out = "<div class=\"scroll\"><table class=\"metrics\">\n<tr><th>method</th>";
  for (size_t c = first; c < last; ++c)
    out += "<th>" + escaped(t.columns[c].metric.title) + "</th>";
  out += "</tr>\n";
  for (size_t m = 0; m < t.methods.size(); ++m) {
    out += "<tr><td>" + escaped(t.methods[m]) + "</td>";
    for (size_t c = first; c < last; ++c) out += cell_html(t.columns[c], t.columns[c].cells[m]);
    out += "</tr>\n";
  }
  return out + "</table></div>\n";
}

std::string table_html(const Result& result) {
  const Table t = table_of(result);
  const size_t count = t.columns.size();
  std::string out = heading("Methods by metrics");
  const bool wide = count > kColumnsOnPaper;  // for a paper in blocks
  out += wide ? "<div class=\"screen-only\">\n" + columns(t, 0, count) + "</div>\n"
              : columns(t, 0, count);
  if (wide) {
    out += "<div class=\"paper-only\">\n";
    for (size_t c = 0; c < count; c += kColumnsOnPaper)
      out += columns(t, c, std::min(c + kColumnsOnPaper, count));
    out += "</div>\n";
  }
  for (const auto* list : {&t.beside, &t.notes})
    for (const std::string& text : *list) out += "<p class=\"note\">" + escaped(text) + "</p>\n";
  return out + "<p class=\"reading\">" + escaped(sentence(result)) + "</p>\n";
}

std::string charts(const std::string& title, const std::vector<Chart>& list, size_t most) {
  if (list.empty()) return "";
  std::vector<std::string> parts;
  for (const Chart& c : list) parts.push_back(to_html(c));
  return heading(title) +
         shown_first(parts, most, "charts", "<div class=\"figures\">\n", "</div>\n");
}

std::string pictures(const std::string& title, const std::vector<Gallery>& list) {
  if (list.empty()) return "";
  std::vector<std::string> parts;
  for (const Gallery& g : list) parts.push_back("<h3>" + escaped(g.title) + "</h3>\n" + to_html(g));
  return heading(title) + shown_first(parts, kGalleries, "series of pictures", "", "");
}

std::string listings(const std::string& title, const std::vector<Listing>& list) {
  if (list.empty()) return "";
  std::vector<std::string> parts;
  for (const Listing& l : list) parts.push_back(to_html(l));
  return heading(title) + shown_first(parts, kListings, "tables", "", "");
}

std::string head(const Report& r, const std::string& title) {
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n<meta "
      "name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<title>{0}</title>\n"
      "<style>{1}</style>\n</head>\n<body>\n<h1>{0}</h1>\n<p class=\"about\">{2}</p>\n",
      escaped(title), kStyle, escaped(r.card.about));
}

std::string foot(const Report& r) {
  return fmt::format(
      "<h2>Run it again</h2>\n<pre>{}</pre>\n<details><summary>Settings</summary><pre>{}</pre>"
      "</details>\n<footer>regrad {}; seeds {}; {} on {} thread{}.</footer>\n",
      escaped(r.command), escaped(r.config), escaped(r.result.regrad),
      fmt::join(r.result.seeds, ", "), duration(r.result.seconds), r.result.threads,
      r.result.threads == 1 ? "" : "s");
}

}  // namespace

std::string to_html(const Report& r) {
  std::vector<Chart> examples, whole = r.figures;
  std::vector<Gallery> galleries;
  std::vector<Listing> texts;
  for (Chart& c : by_place(r.rows)) whole.push_back(std::move(c));
  for (const Row& f : r.rows) {
    if (f.job.seed != r.result.seeds[0]) continue;
    for (const Chart& c : f.outcome.figures)
      if (c.x_names.empty()) examples.push_back(c);
    galleries.insert(galleries.end(), f.outcome.galleries.begin(), f.outcome.galleries.end());
    texts.insert(texts.end(), f.outcome.listings.begin(), f.outcome.listings.end());
  }
  const std::string seed = ", seed " + std::to_string(r.result.seeds[0]);
  const char* over = r.result.seeds.size() > 1
                         ? "Learning curves: means over the seeds, bands of 95%"
                         : "Learning curves";
  return head(r, r.card.name + ": " + r.result.task + ", " + r.result.preset) + claims(r.result) +
         table_html(r.result) + charts(over, learning_curves(r.rows, r.epoch), kCurves) +
         charts("The table as charts", whole, kCharts) +
         charts("Examples" + seed, examples, kCharts) + pictures("Pictures" + seed, galleries) +
         listings("Texts and tables" + seed, texts) + foot(r) + figure_scripts() +
         "<script>addEventListener('beforeprint', () => document.querySelectorAll('details')"
         ".forEach(d => { d.open = true; }));</script>\n</body>\n</html>\n";
}

}  // namespace regrad::experiment
