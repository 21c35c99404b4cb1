// A chart in a page: its SVG, and its numbers for the script that draws it on the screen.
#pragma once

#include <regrad/algorithms/experiment/chart.h>

namespace regrad::experiment {

// A <figure> with the SVG and a <script type="application/json"> of titles, points and looks.
std::string to_html(const Chart& chart);

// Chart.js as Debian's libjs-chart.js has it, and what draws every such figure with it: <script>
// elements, to stand behind the figures. "" where the library is not there: pages then keep to SVG.
std::string figure_scripts();

}  // namespace regrad::experiment
