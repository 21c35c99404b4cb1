#include <fmt/format.h>
#include <regrad/algorithms/experiment/run_beside.h>
#include <regrad/algorithms/experiment/run_compare.h>

#include <algorithm>
#include <cmath>

namespace regrad::experiment {
namespace {

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

struct Span {
  double low = INFINITY, high = -INFINITY;
  void take(double v) { low = std::min(low, v), high = std::max(high, v); }
};

// The mean of each piece of the steps, between points on the line through them; NaN before the
// first and after the last.
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

}  // namespace regrad::experiment
