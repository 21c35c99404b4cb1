// A figure of lines and points as SVG that stands alone: axes, ticks, legend; no script, no file
// beside it.
//
//   Chart c{"Learning curves", "outer step", "mse"};  c.series.push_back({"maml", steps, losses});
//   std::string svg = to_svg(c);
#pragma once

#include <string>
#include <vector>

namespace regrad::experiment {

struct Series {
  std::string name;
  std::vector<double> x, y;  // of equal length; points that are not finite break the line
  enum Style { line, dashed, points } style = line;
  int colour = -1;  // of the palette; -1: the series' own number
};

struct Chart {
  std::string title, x_label, y_label;
  std::vector<Series> series = {};
  bool log_y = false;  // drawn where all values are above 0
};

// 520 x 320 units, scaled to the page's width; text is escaped. A chart without a finite point
// reads "no data".
std::string to_svg(const Chart& chart);

// &, <, >, " and ' as XML has them; control characters that XML forbids are left out.
std::string escaped(const std::string& text);

// At most `most` round numbers (1, 2 or 5 times a power of ten apart) that cover [low, high].
std::vector<double> ticks(double low, double high, int most);

}  // namespace regrad::experiment
