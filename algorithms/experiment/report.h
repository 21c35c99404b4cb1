// report.html: one file that can be mailed; styles and figures are inside it, no script.
#pragma once

#include <regrad/algorithms/experiment/claims.h>
#include <regrad/algorithms/experiment/run.h>

namespace regrad::experiment {

struct Report {
  const Card& card;
  const Result& result;
  const std::vector<Row>& rows;
  std::string config;               // JSON
  std::string command;              // how to run it again
  std::vector<Chart> figures = {};  // of the whole table
};

// Learning curves: for each logged number a chart for each variant, a line per method, the mean
// over the seeds.
std::vector<Chart> learning_curves(const std::vector<Row>& rows);

// The headline's mean over the seeds against a size's power of ten ("bytes": 3 is 1,000): a line
// per method that has both, a point per variant, smallest first.
Chart by_size(const Result& result, const std::string& metric, const std::string& size,
              const std::vector<std::string>& variants);

std::string to_html(const Report& report);

}  // namespace regrad::experiment
