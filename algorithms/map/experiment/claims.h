// What MAP's abstract claims, of a table.
#pragma once

#include <regrad/algorithms/pruning/experiment/table.h>

namespace regrad::map_pruning {

// Sparse models near dense accuracy, and above earlier pruning methods. "Near" is ours:
// within one point.
inline void claims(experiment::Claims& c, const std::string& variant) {
  const std::string metric = experiment::on("accuracy", variant);
  for (const std::string own : {"map", "map-layer"}) {
    for (const char* other : {"one-shot", "gmp", "dpf"})
      pruning::ask(c, "accuracy", own, other, variant);
    c.within(own + " within 1 point of dense at " + variant, c.items(own, metric),
             c.items("dense", metric), 1);
  }
}

}  // namespace regrad::map_pruning
