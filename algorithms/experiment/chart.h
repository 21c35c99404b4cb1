// A figure of lines and points as SVG that stands alone: axes, ticks, legend; no script, no file
// beside it. figure.h puts it into a page.
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
  // Ends of an interval around each y, drawn as a band, or as bars of points; none where empty.
  std::vector<double> low = {}, high = {};
};

struct Chart {
  std::string title, x_label, y_label;
  std::vector<Series> series = {};
  bool log_y = false;  // drawn where all values are above 0
  // What stands at x = 0, 1, .. where x counts things, as devices: points of one place then stand
  // side by side. Such a chart is one of all methods and seeds (curves.h).
  std::vector<std::string> x_names = {};
};

// 520 x 320 units, scaled to the page's width; text is escaped. A chart without a finite point
// reads "no data".
std::string to_svg(const Chart& chart);

// &, <, >, " and ' as XML has them; control characters that XML forbids are left out.
std::string escaped(const std::string& text);

// At most `most` round numbers (1, 2 or 5 times a power of ten apart) that cover [low, high].
std::vector<double> ticks(double low, double high, int most);
// Each number with so many digits that no two look alike.
std::vector<std::string> tick_texts(const std::vector<double>& ticks);

// How a chart's series number i is drawn: twelve colours that differ on white and on black, also to
// colour-blind readers as far as so many can, and ten dashes, so that sixty series differ.
struct Look {
  std::string colour, dashes;  // dashes: "" or SVG's stroke-dasharray
  double width;                // later lines are thinner: one that lies on another leaves it seen
};
Look look_of(const Chart& chart, size_t i);
// By how much a point of series i is moved to the side, in units of x.
double beside(const Chart& chart, size_t i);

}  // namespace regrad::experiment
