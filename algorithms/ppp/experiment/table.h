// The experiment behind regrad-ppp.
#pragma once

#include <regrad/algorithms/experiment/claims.h>
#include <regrad/algorithms/experiment/tasks.h>

namespace regrad::ppp {

// Tasks glyphs (no data), persons, digits, folder.
experiment::TaskList ppp_tasks();

// In percentage points: a difference below it is taken for none. Ours, named before any table.
constexpr double margin = 2;

// What pruning.md section 5.4 expects, judged by seeds and persons; of persons in the training and
// of unseen ones, where the result has them.
std::vector<experiment::Claim> directions(const experiment::Result& result);

}  // namespace regrad::ppp
