#include <fmt/format.h>
#include <regrad/algorithms/experiment/chart.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace regrad::experiment {
namespace {

constexpr double kWidth = 520, kHeight = 320, kLeft = 64, kRight = 18, kTop = 30, kLegendRow = 17,
                 kBase = kHeight - 52;  // of the axes
// The first six are Okabe and Ito's, that colour-blind readers can distinguish (yellow is faint on
// white, black on black).
constexpr const char* kColours[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                    "#56b4e9", "#e69f00", "#808080", "#9c5a3c",
                                    "#7b61c9", "#8a8f00", "#c2185b", "#00a0a8"};
constexpr const char* kDashes[] = {"",        "7 3",         "2 2",     "9 3 2 3",      "13 4",
                                   "4 2 1 2", "5 1.5 1 1.5", "6 2 6 6", "11 2 2 2 2 2", "4 4"};

struct Range {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  void add(double v) {
    low = std::min(low, v);
    high = std::max(high, v);
  }
  // So that lines keep off the edge, and one value has a range.
  void widen(bool log) {
    const bool one = !(low < high), ratio = log && !one;
    const double by = !one ? 0.04 * (high - low) : low == 0 ? 1 : 0.1 * std::fabs(low);
    low = ratio ? low / 1.1 : low - by;
    high = ratio ? high * 1.1 : high + by;
  }
};

struct Axes {
  Range x, y;
  bool log_y;
  double top;  // below title and legend
  double px(double v) const {
    return kLeft + (v - x.low) / (x.high - x.low) * (kWidth - kLeft - kRight);
  }
  double py(double v) const {
    const auto scale = [&](double w) { return log_y ? std::log10(w) : w; };
    return kBase - (scale(v) - scale(y.low)) / (scale(y.high) - scale(y.low)) * (kBase - top);
  }
};

std::string text(double x, double y, const std::string& words, const std::string& more = "") {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" {}>{}</text>\n", x, y, more, escaped(words));
}
std::string line(double x1, double y1, double x2, double y2, const std::string& stroke) {
  return fmt::format(
      "<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"{}/>\n", x1, y1, x2,
      y2, stroke);
}
std::string circle(double x, double y, const std::string& colour) {
  return fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3.2\" fill=\"{}\"/>\n", x, y, colour);
}
std::string stroke(const Look& look) {
  return fmt::format("{}\" stroke-width=\"{:.1f}\"{}", look.colour, look.width,
                     look.dashes.empty() ? "" : " stroke-dasharray=\"" + look.dashes + "\"");
}

struct Place {
  double x, y;
};
// The legend stands between title and axes, where it hides no line; text is taken to be 6.5 units a
// character wide.
std::vector<Place> legend_places(const Chart& c) {
  std::vector<Place> out;
  Place at{kLeft, 36};
  for (const Series& s : c.series) {
    const double width = s.name.empty() ? 0 : 49 + 6.5 * static_cast<double>(s.name.size());
    if (at.x > kLeft && at.x + width > kWidth - kRight) at = {kLeft, at.y + kLegendRow};
    out.push_back(at);
    at.x += width;
  }
  return out;
}
double legend_rows(const Chart& c) {
  const bool named = std::any_of(c.series.begin(), c.series.end(),
                                 [](const Series& s) { return !s.name.empty(); });
  return named ? 1 + (legend_places(c).back().y - 36) / kLegendRow : 0;
}

std::string legend_entry(const Series& s, Place at, const Look& look) {
  const std::string mark = s.style == Series::points
                               ? circle(at.x + 12, at.y, look.colour)
                               : line(at.x, at.y, at.x + 26, at.y, stroke(look));
  return mark + text(at.x + 31, at.y + 4, s.name);
}

bool shown(const Series& s, size_t i, bool log_y) {
  return std::isfinite(s.x[i]) && std::isfinite(s.y[i]) && (!log_y || s.y[i] > 0);
}

// Where intervals end, but at most 0.4 of the values' spread further out: one that is far wider
// than all curves would leave them flat.
void add_intervals(const Chart& c, Range& y) {
  const Range of_values = y;
  const double most =
      std::max(0.4 * (of_values.high - of_values.low), 0.05 * std::fabs(of_values.high));
  for (const Series& s : c.series)
    for (size_t i = 0; i < std::min(s.low.size(), s.high.size()); ++i) {
      if (std::isfinite(s.low[i])) y.add(std::max(s.low[i], of_values.low - most));
      if (std::isfinite(s.high[i])) y.add(std::min(s.high[i], of_values.high + most));
    }
}

Axes axes_of(const Chart& c) {
  Axes a{{}, {}, c.log_y, kTop + kLegendRow * legend_rows(c)};
  for (const Series& s : c.series) {
    for (size_t i = 0; i < std::min(s.x.size(), s.y.size()); ++i) {
      if (!shown(s, i, false)) continue;
      a.x.add(s.x[i]);
      a.y.add(s.y[i]);
    }
  }
  a.log_y = a.log_y && a.y.low > 0;
  if (!a.log_y && a.y.low <= a.y.high) add_intervals(c, a.y);
  a.y.widen(a.log_y);
  if (!c.x_names.empty()) {
    a.x = {-0.5, static_cast<double>(c.x_names.size()) - 0.5};
  } else if (a.x.low == a.x.high) {
    a.x.widen(false);
  }
  return a;
}

std::vector<double> y_ticks(const Axes& a) {
  if (!a.log_y) return ticks(a.y.low, a.y.high, 6);
  std::vector<double> out;
  const bool wide = a.y.high / a.y.low > 30;
  for (int e = static_cast<int>(std::floor(std::log10(a.y.low)));
       e <= static_cast<int>(std::ceil(std::log10(a.y.high))); ++e) {
    for (double m : {1.0, 2.0, 5.0}) {
      const double v = m * std::pow(10, e);
      if (v >= a.y.low && v <= a.y.high && (m == 1 || !wide)) out.push_back(v);
    }
  }
  return out;
}

std::string x_ticks(const Chart& c, const Axes& a) {
  std::vector<double> at = ticks(a.x.low, a.x.high, 7);
  std::vector<std::string> words = tick_texts(at);
  if (!c.x_names.empty()) {
    // as many names as fit, at 6.5 units a character
    size_t longest = 1;
    for (const std::string& n : c.x_names) longest = std::max(longest, n.size());
    const double room = (kWidth - kLeft - kRight) / static_cast<double>(c.x_names.size());
    const auto every = static_cast<size_t>(
        std::ceil((6.5 * static_cast<double>(std::min<size_t>(longest, 24)) + 4) / room));
    at.clear(), words.clear();
    for (size_t i = 0; i < c.x_names.size(); i += every)
      at.push_back(static_cast<double>(i)), words.push_back(c.x_names[i].substr(0, 24));
  }
  std::string out;
  for (size_t i = 0; i < at.size(); ++i)
    out += text(a.px(at[i]), kBase + 18, words[i], "text-anchor=\"middle\"");
  return out;
}

std::string frame(const Chart& c, const Axes& a) {
  std::string out;
  const std::vector<double> at = y_ticks(a);
  const std::vector<std::string> words = tick_texts(at);
  for (size_t i = 0; i < at.size(); ++i) {
    out += line(kLeft, a.py(at[i]), kWidth - kRight, a.py(at[i]), "#e4e4e4\" class=\"grid\"");
    out += text(kLeft - 8, a.py(at[i]) + 4, words[i], "text-anchor=\"end\"");
  }
  out += x_ticks(c, a) + line(kLeft, kBase, kWidth - kRight, kBase, "#888\"");
  const std::string label = "text-anchor=\"middle\" fill=\"#555\"";
  out += text(kLeft + (kWidth - kLeft - kRight) / 2, kHeight - 12, c.x_label, label);
  const double middle = (a.top + kBase) / 2;
  return out + text(14, middle, c.y_label,
                    label + fmt::format(" transform=\"rotate(-90 14 {:.1f})\"", middle));
}

// Bars of points, bands of lines, cut at the axes' ends.
std::string interval(const Series& s, const Axes& a, double moved, const std::string& colour) {
  std::string out, upper, lower;
  const size_t n = std::min({s.x.size(), s.y.size(), s.low.size(), s.high.size()});
  const auto end = [&] {
    if (!upper.empty())
      out += fmt::format("<polygon fill=\"{}\" fill-opacity=\"0.1\" points=\"{}{}\"/>\n", colour,
                         upper, lower);
    upper.clear(), lower.clear();
  };
  for (size_t i = 0; i < n; ++i) {
    if (!shown(s, i, a.log_y) || !std::isfinite(s.low[i]) || !std::isfinite(s.high[i])) {
      end();
      continue;
    }
    const double x = a.px(s.x[i] + moved), low = a.py(std::clamp(s.low[i], a.y.low, a.y.high)),
                 high = a.py(std::clamp(s.high[i], a.y.low, a.y.high));
    if (s.style == Series::points) {
      out += line(x, low, x, high, colour + "\" stroke-width=\"1.3\"");
    } else {
      upper += fmt::format("{:.1f},{:.1f} ", x, high);
      lower = fmt::format("{:.1f},{:.1f} ", x, low) + lower;
    }
  }
  end();
  return out;
}

std::string drawn(const Series& s, const Axes& a, const Look& look, double moved) {
  std::string out, path;
  const size_t n = std::min(s.x.size(), s.y.size());
  size_t run = 0;  // points of the path
  for (size_t i = 0; i <= n; ++i) {
    const bool there = i < n && shown(s, i, a.log_y);
    if (there && s.style == Series::points) {
      out += circle(a.px(s.x[i] + moved), a.py(s.y[i]), look.colour);
    } else if (there) {
      path += fmt::format("{}{:.1f},{:.1f}", path.empty() ? "" : " ", a.px(s.x[i]), a.py(s.y[i]));
      ++run;
    } else if (run == 1) {  // no line goes through it
      out += circle(a.px(s.x[i - 1]), a.py(s.y[i - 1]), look.colour);
    } else if (run > 1) {  // a gap, or the end
      out += fmt::format(
          "<polyline fill=\"none\" stroke=\"{} stroke-linejoin=\"round\" points=\"{}\"/>\n",
          stroke(look), path);
    }
    if (!there) path.clear(), run = 0;
  }
  return out;
}

}  // namespace

std::string escaped(const std::string& text) {
  std::string out;
  for (char c : text) {
    const size_t at = std::string_view("&<>\"'").find(c);
    constexpr const char* entities[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
    if (at != std::string_view::npos)
      out += entities[at];
    else if (static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\t')
      out += c;
  }
  return out;
}

std::vector<double> ticks(double low, double high, int most) {
  if (!(low < high) || !std::isfinite(high - low) || most < 2) return {};
  double step = std::pow(10, std::floor(std::log10((high - low) / most)));
  for (const double base = step; const double factor : {1.0, 2.0, 5.0, 10.0}) {
    step = base * factor;
    if (std::floor(high / step) - std::ceil(low / step) + 1 <= most) break;
  }
  std::vector<double> out;
  for (double k = std::ceil(low / step); k <= std::floor(high / step); ++k)
    out.push_back(k == 0 ? 0 : k * step);
  return out;
}

std::vector<std::string> tick_texts(const std::vector<double>& ticks) {
  std::vector<std::string> out;
  for (int digits = 4; digits <= 17; ++digits) {
    out.clear();
    for (const double v : ticks) out.push_back(fmt::format("{:.{}g}", v, digits));
    std::vector<std::string> sorted = out;
    std::sort(sorted.begin(), sorted.end());
    if (std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end()) break;
  }
  return out;
}

Look look_of(const Chart& c, size_t i) {
  const Series& s = c.series[i];
  const size_t number = s.colour < 0 ? i : static_cast<size_t>(s.colour), count = c.series.size();
  const bool by_style = std::any_of(c.series.begin(), c.series.end(),
                                    [](const Series& of) { return of.style == Series::dashed; });
  const char* dashes = s.style == Series::dashed ? "6 4"
                       : by_style                ? ""
                                                 : kDashes[number % std::size(kDashes)];
  const double thinner =
      count > 1 ? 1.6 * static_cast<double>(i) / static_cast<double>(count - 1) : 0;
  return {kColours[number % std::size(kColours)], dashes, (count > 1 ? 3.2 : 2.2) - thinner};
}

double beside(const Chart& c, size_t i) {
  if (c.x_names.empty() || c.series.size() < 2) return 0;
  return 0.7 * (static_cast<double>(i) / static_cast<double>(c.series.size() - 1) - 0.5);
}

std::string to_svg(const Chart& c) {
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" role=\"img\" "
      "font-family=\"system-ui, sans-serif\" font-size=\"12\" "
      "fill=\"#222\">\n"
      "<rect class=\"paper\" width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n",
      kWidth, kHeight);
  out += text(kLeft, 18, c.title, "font-size=\"14\" font-weight=\"600\"");
  const Axes a = axes_of(c);
  if (a.x.low > a.x.high)
    return out + text(kWidth / 2, kHeight / 2, "no data", "text-anchor=\"middle\"") + "</svg>\n";
  out += frame(c, a);
  const std::vector<Place> places = legend_places(c);
  for (size_t i = 0; i < c.series.size(); ++i)
    out += interval(c.series[i], a, beside(c, i), look_of(c, i).colour);
  for (size_t i = 0; i < c.series.size(); ++i) {
    const Look look = look_of(c, i);
    const bool points = c.series[i].style == Series::points;
    out += drawn(c.series[i], a, look, points ? beside(c, i) : 0);
    if (!c.series[i].name.empty()) out += legend_entry(c.series[i], places[i], look);
  }
  return out + "</svg>\n";
}

}  // namespace regrad::experiment
