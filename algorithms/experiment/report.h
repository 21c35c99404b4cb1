// report.html: one file that can be mailed; styles and figures are inside it, no script.
#pragma once

#include <regrad/algorithms/experiment/run.h>

namespace regrad::experiment {

struct Report {
  const Card& card;
  const Result& result;
  const std::vector<Row>& rows;
  std::string config;   // JSON
  std::string command;  // how to run it again
};

// Learning curves: for each logged number a chart for each variant, a line per method, the mean
// over the seeds.
std::vector<Chart> learning_curves(const std::vector<Row>& rows);

std::string to_html(const Report& report);

}  // namespace regrad::experiment
