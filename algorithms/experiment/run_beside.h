// What runs beside each other are compared by, for the text and the page alike (run_compare.h).
#pragma once

#include <regrad/algorithms/experiment/run_folder.h>

namespace regrad::experiment {

using Cells = std::vector<std::vector<std::string>>;  // of a table, row by row

// A, B, .., Z, "run 27", ..
std::string letter(size_t run);
// State, when, experiment, task, preset, time taken, headline.
std::vector<std::string> about(const RunFolder& run);
// `what`, then the runs' letters.
std::vector<std::string> first_row(const std::string& what, const std::vector<RunFolder>& runs);
// A row for each setting that is not the same in all.
Cells config_differences(const std::vector<RunFolder>& runs);
std::vector<std::string> metrics_of(const std::vector<RunFolder>& runs);
// A row per method that has the metric in some run, below the first one.
Cells table_of(const std::vector<RunFolder>& runs, const std::string& metric);

std::vector<std::vector<Curves>> all_curves(const std::vector<RunFolder>& runs);
// The curves of one number and variant: by method those of each run that has them.
struct Together {
  std::string metric, variant;
  std::vector<std::string> methods = {};
  std::vector<std::vector<const std::map<int64_t, double>*>> by_run = {};  // [run][method]
  std::string title() const { return metric + (variant.empty() ? "" : ", " + variant); }
};

// Points into `runs`.
std::vector<Together> together(const std::vector<std::vector<Curves>>& runs);
// "No learning curves of A, C: .."; empty where all have some.
std::string without_curves(const std::vector<std::vector<Curves>>& runs);

}  // namespace regrad::experiment
