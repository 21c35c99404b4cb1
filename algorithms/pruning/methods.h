// The rows of the pruning tables: MAP, DCIL and what stands beside them (pruning.md section 1).
#pragma once

#include <regrad/algorithms/experiment/trial.h>

namespace regrad::pruning {

enum class Kind { dense, one_shot, gmp, ste, dpf, snip, rigl, str, map, dcil };

struct Method {
  const char *name, *help;
  Kind kind;
  bool by_default = false;
  int times = 1;           // steps, in units of the table's
  bool per_layer = false;  // one threshold a layer (MAP: only its attention is per layer)
  bool soft = false;       // MAP
  bool filters = false;    // whole filters
  bool distill = true;     // DCIL
};

// In the table's order.
const std::vector<Method>& methods();
const Method& method(const std::string& name);  // ConfigError where there is none of that name
std::vector<experiment::MethodCard> method_cards();

}  // namespace regrad::pruning
