// Charts that a report makes of all rows of a table: means over the seeds, with their intervals.
#pragma once

#include <regrad/algorithms/experiment/run.h>

#include <functional>

namespace regrad::experiment {

// Steps of an epoch of a job; 0 where its settings do not count in epochs.
using Epoch = std::function<int64_t(const Job&)>;
// The experiment's, which must outlive it.
Epoch epochs_of(const Experiment& experiment);

// Learning curves: for each logged number a chart for each variant, a line per method, the mean
// over the seeds and the band of its 95% interval. By epoch where all of a chart's jobs have one,
// else by step.
std::vector<Chart> learning_curves(const std::vector<Row>& rows, const Epoch& epoch = {});

// Of the trials' charts those over named places (Chart::x_names), as accuracy by device: one chart
// for each title and variant, a series per method, the mean over the seeds and its interval.
std::vector<Chart> by_place(const std::vector<Row>& rows);

// The headline's mean over the seeds against a size's power of ten ("bytes": 3 is 1,000): a line
// per method that has both, a point per variant, smallest first.
Chart by_size(const Result& result, const std::string& metric, const std::string& size,
              const std::vector<std::string>& variants);

}  // namespace regrad::experiment
