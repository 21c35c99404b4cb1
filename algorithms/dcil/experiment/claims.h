// What DCIL's abstract claims, of a table.
#pragma once

#include <regrad/algorithms/pruning/experiment/table.h>

namespace regrad::dcil {

// Refined gradients are better than the straight-through estimator's, and training is
// more stable.
inline void claims(experiment::Claims& c, const std::string& variant) {
  for (const char* other : {"ste", "dpf", "dpf-x2"})
    pruning::ask(c, "accuracy", "dcil", other, variant);
  for (const char* other : {"ste", "dpf"}) pruning::ask(c, "swing", "dcil", other, variant);
  pruning::ask(c, "accuracy", "dcil-filters", "dpf-filters", variant);
}

}  // namespace regrad::dcil
