#include <regrad/algorithms/dcil/experiment/claims.h>
#include <regrad/algorithms/map/experiment/claims.h>

namespace regrad::dcil {

// The abstract: refined gradients are better than the straight-through estimator's, and training is
// more stable.
void claims(experiment::Claims& c, const std::string& variant) {
  for (const char* other : {"ste", "dpf", "dpf-x2"}) pruning::above(c, "dcil", other, variant);
  for (const char* other : {"ste", "dpf"}) pruning::swings_less(c, "dcil", other, variant);
  pruning::above(c, "dcil-filters", "dpf-filters", variant);
}

experiment::TaskList tasks() {
  return pruning::tasks({"dcil",
                         "DCIL, refined gradients for pruned weights (Kim et al. 2021), beside "
                         "MAP and other pruning: test accuracy in %.",
                         {claims, map_pruning::claims}});
}

}  // namespace regrad::dcil
