// A whole run: rows, log, checkpoints, and what it leaves in --out and on stdout.
#pragma once

#include <regrad/algorithms/experiment/options.h>

namespace regrad::experiment {

// `command`: how to run it again, without --force and --resume. Throws what the rows throw,
// Interrupted on a signal, and DiskError.
void run_table(Experiment& experiment, const Options& options, const std::string& command);

}  // namespace regrad::experiment
