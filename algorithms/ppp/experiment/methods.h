// The rows of regrad-ppp (pruning.md section 5.4).
#pragma once

#include <regrad/algorithms/experiment/methods.h>

#include <optional>

namespace regrad::ppp {

struct Method {
  const char *name, *help;
  const char* trained_by = "";  // the row whose trials score it
  bool by_default = true;
  // b and the shared gates of a row that trains a net; none: the settings'
  std::optional<double> prototype = {};
  std::optional<bool> shared = {};
};

// In the table's order.
inline const std::vector<Method>& methods() {
  static const std::vector<Method> rows = {
      {"full", "the same net without gates, trained on the same batches", "ppp"},
      {"aig", "gates by example (b = 0, nothing shared): the whole net must be stored", "", true,
       0.0, false},
      {"aig-own", "the same net cut by one's own prototype", "aig"},
      {"ppp", "PPP, cut by one's own prototype"},
      {"ppp-other", "the same net cut by another person's prototype", "ppp"},
      {"random", "the same net cut to random channels, as many in each block", "ppp"},
      {"norm-gated", "the same net cut to the filters of largest L2 norm, as many in each block",
       "ppp"},
      {"norm", "the full net cut to the filters of largest L2 norm, as many, not fine-tuned",
       "ppp"},
      {"norm-tuned", "the same, fine-tuned on the person's few examples and their labels", "ppp"},
      {"ppp-b0", "PPP with b = 0", "", true, 0.0},
      {"ppp-b0.1", "PPP with b = 0.1", "", true, 0.1},
      {"ppp-b10", "PPP with b = 10", "", true, 10.0},
      {"ppp-unshared", "PPP without shared gates", "", false, {}, false},
  };
  return rows;
}

// Whether its trials train the full net too, and nets without one person.
inline bool is_whole(const std::string& method) { return method == "ppp"; }

}  // namespace regrad::ppp
