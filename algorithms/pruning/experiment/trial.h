// One row with one seed at one sparsity, as training/trial.h takes it, and what is reported of the
// pruned net.
#pragma once

#include <regrad/algorithms/pruning/experiment/rows.h>

namespace regrad::pruning {

// scored_at: the variants that its scores stand at, the job's among them; empty: the job's alone.
std::unique_ptr<experiment::Trial> trial(const experiment::Job& job, const Settings& s,
                                         const std::shared_ptr<const experiment::Images>& images,
                                         const std::vector<std::string>& scored_at = {});

}  // namespace regrad::pruning
