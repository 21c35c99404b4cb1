// report.html: one file that can be mailed, whose styles, scripts and figures are inside it. A
// chart is an SVG, which papers and printers take; where Debian's Chart.js was found it is drawn
// over that for the screen: values under the pointer, series that are switched off by a click.
#pragma once

#include <regrad/algorithms/experiment/claims.h>
#include <regrad/algorithms/experiment/curves.h>
#include <regrad/algorithms/experiment/run.h>

namespace regrad::experiment {

struct Report {
  const Card& card;
  const Result& result;
  const std::vector<Row>& rows;
  std::string config;               // JSON
  std::string command;              // how to run it again
  std::vector<Chart> figures = {};  // of the whole table
  Epoch epoch = {};                 // for the learning curves' axis
};

std::string to_html(const Report& report);

}  // namespace regrad::experiment
