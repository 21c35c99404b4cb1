// Runs beside each other: what differs in their settings, their tables, their learning curves; as
// text and as one page of HTML that needs no other file.
//
//   const std::vector<RunFolder> runs = {read_run("runs/a"), read_run("runs/b")};
//   std::string page = compare_html(runs), text = compare_text(runs, {.columns = 80, .utf8 = true});
#pragma once

#include <regrad/algorithms/experiment/run_folder.h>

namespace regrad::experiment {

struct TextStyle {
  int columns = 80;
  bool utf8 = true;
};

// A line per run: state, when, experiment, task, preset, time taken, headline, folder.
std::string list_text(const std::vector<RunFolder>& runs, const TextStyle& style);

// Runs are called A, B, .. in their order. Curves: a line of blocks per method and run, on one
// scale.
std::string compare_text(const std::vector<RunFolder>& runs, const TextStyle& style);
std::string compare_html(const std::vector<RunFolder>& runs);

}  // namespace regrad::experiment
