// The methods of the RFN tables: norms over frequencies and what stands beside them (audio.md sections
// 1 and 3).
#pragma once

#include <regrad/algorithms/experiment/methods.h>
#include <regrad/layers/nets/bcresnet.h>

namespace regrad::relaxed_norm {

// What a training batch goes through beside the net.
enum class Change { none, mix_style, freq_mix_style, cross_grad };

struct Method {
  const char *name = "", *help = "";
  FreqNorm norm = FreqNorm::none;
  double lambda = 0;
  bool input_only = false;
  Change change = Change::none;
  bool by_default = true;
  // rows for microphones, for equal devices (sd0), for random curves
  bool microphones = true, equal = false, spread = false;
  // whether what its statistics say is measured
  bool information = false;
};

// In the table's order.
const std::vector<Method>& methods();
// Whether the table has a row of that method on such devices ("simulated", "microphones", "sd0",
// "sd4", ..).
bool has_row(const Method& method, const std::string& devices);

}  // namespace regrad::relaxed_norm
