// What a table would cost, before it is run.
#pragma once

#include <regrad/algorithms/experiment/options.h>

namespace regrad::experiment {

// Times three steps, one that is logged, and the evaluation of each method; a table of what the
// whole would cost on that many threads.
std::string estimate(const Experiment& experiment, const Options& options);

}  // namespace regrad::experiment
