#include <fmt/format.h>
#include <regrad/algorithms/experiment/chart.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace regrad::experiment {
namespace {

constexpr double kWidth = 520, kHeight = 320, kLeft = 64, kRight = 18, kTop = 30, kLegendRow = 17,
                 kBase = kHeight - 52;  // of the axes
// Okabe and Ito's colours, that colour-blind readers can distinguish; yellow left out, for it is
// faint on white.
constexpr const char* kColours[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                    "#56b4e9", "#e69f00", "#444444"};

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
const char* dashes(const Series& s) {
  return s.style == Series::dashed ? " stroke-dasharray=\"6 4\"" : "";
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
    const double width = s.name.empty() ? 0 : 44 + 6.5 * static_cast<double>(s.name.size());
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

std::string legend_entry(const Series& s, Place at, const std::string& colour) {
  const std::string mark =
      s.style == Series::points
          ? circle(at.x + 10, at.y, colour)
          : line(at.x, at.y, at.x + 20, at.y, colour + "\" stroke-width=\"2.5\"" + dashes(s));
  return mark + text(at.x + 26, at.y + 4, s.name);
}

bool shown(const Series& s, size_t i, bool log_y) {
  return std::isfinite(s.x[i]) && std::isfinite(s.y[i]) && (!log_y || s.y[i] > 0);
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
  a.y.widen(a.log_y);
  if (a.x.low == a.x.high) a.x.widen(false);
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

std::string frame(const Chart& c, const Axes& a) {
  std::string out;
  for (double v : y_ticks(a)) {
    out += line(kLeft, a.py(v), kWidth - kRight, a.py(v), "#e4e4e4\"");
    out += text(kLeft - 8, a.py(v) + 4, fmt::format("{:.4g}", v), "text-anchor=\"end\"");
  }
  for (double v : ticks(a.x.low, a.x.high, 7))
    out += text(a.px(v), kBase + 18, fmt::format("{:.4g}", v), "text-anchor=\"middle\"");
  out += line(kLeft, kBase, kWidth - kRight, kBase, "#888\"");
  const std::string label = "text-anchor=\"middle\" fill=\"#555\"";
  out += text(kLeft + (kWidth - kLeft - kRight) / 2, kHeight - 12, c.x_label, label);
  const double middle = (a.top + kBase) / 2;
  return out + text(14, middle, c.y_label,
                    label + fmt::format(" transform=\"rotate(-90 14 {:.1f})\"", middle));
}

std::string drawn(const Series& s, const Axes& a, const std::string& colour) {
  std::string out, path;
  const size_t n = std::min(s.x.size(), s.y.size());
  for (size_t i = 0; i <= n; ++i) {
    const bool there = i < n && shown(s, i, a.log_y);
    if (there && s.style == Series::points) {
      out += circle(a.px(s.x[i]), a.py(s.y[i]), colour);
    } else if (there) {
      path += fmt::format("{}{:.1f},{:.1f}", path.empty() ? "" : " ", a.px(s.x[i]), a.py(s.y[i]));
    } else if (!path.empty()) {  // a gap, or the end
      out += fmt::format(
          "<polyline fill=\"none\" stroke=\"{}\" stroke-width=\"1.8\" stroke-linejoin=\"round\"{} "
          "points=\"{}\"/>\n",
          colour, dashes(s), path);
      path.clear();
    }
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

std::string to_svg(const Chart& c) {
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" role=\"img\" "
      "font-family=\"system-ui, sans-serif\" font-size=\"12\" "
      "fill=\"#222\">\n"
      "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n",
      kWidth, kHeight);
  out += text(kLeft, 18, c.title, "font-size=\"14\" font-weight=\"600\"");
  const Axes a = axes_of(c);
  if (a.x.low > a.x.high)
    return out + text(kWidth / 2, kHeight / 2, "no data", "text-anchor=\"middle\"") + "</svg>\n";
  out += frame(c, a);
  const std::vector<Place> places = legend_places(c);
  for (size_t i = 0; i < c.series.size(); ++i) {
    const Series& s = c.series[i];
    const size_t number = s.colour < 0 ? i : static_cast<size_t>(s.colour);
    const std::string colour = kColours[number % std::size(kColours)];
    out += drawn(s, a, colour);
    if (!s.name.empty()) out += legend_entry(s, places[i], colour);
  }
  return out + "</svg>\n";
}

}  // namespace regrad::experiment
