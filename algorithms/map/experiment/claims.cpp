#include <regrad/algorithms/dcil/experiment/claims.h>
#include <regrad/algorithms/map/experiment/claims.h>

namespace regrad::map_pruning {

// The abstract: sparse models near dense accuracy, and above earlier pruning methods. "Near" is
// ours: within one point.
void claims(experiment::Claims& c, const std::string& variant) {
  const std::string metric = experiment::on("accuracy", variant);
  for (const std::string own : {"map", "map-layer"}) {
    for (const char* other : {"one-shot", "gmp", "dpf"}) pruning::above(c, own, other, variant);
    c.within(own + " within 1 point of dense at " + variant, c.seeds(own, metric),
             c.seeds("dense", metric), 1);
  }
}

experiment::TaskList tasks() {
  return pruning::tasks({"map",
                         "MAP, magnitude attention-based dynamic pruning (Back et al. 2023), "
                         "beside DCIL and other pruning: test accuracy in %.",
                         {claims, dcil::claims}});
}

}  // namespace regrad::map_pruning
