// What DCIL's abstract says, asked of a table.
#pragma once

#include <regrad/algorithms/pruning/experiment/table.h>

namespace regrad::dcil {

// The abstract: refined gradients are better than the straight-through estimator's, and training is
// more stable.
inline void claims(experiment::Claims& c, const std::string& variant) {
  for (const char* other : {"ste", "dpf", "dpf-x2"}) pruning::above(c, "dcil", other, variant);
  for (const char* other : {"ste", "dpf"}) pruning::swings_less(c, "dcil", other, variant);
  pruning::above(c, "dcil-filters", "dpf-filters", variant);
}

}  // namespace regrad::dcil
