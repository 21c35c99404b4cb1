// The methods of the RFN tables: norms over frequencies and what stands beside them (audio.md
// sections 1 and 3).
#pragma once

#include <regrad/algorithms/experiment/methods.h>
#include <regrad/layers/nets/bcresnet.h>

namespace regrad::relaxed_norm {

// What a training batch goes through beside the net.
enum class Change { none, mix_style, freq_mix_style, cross_grad };

// Where the table has rows of a method beside those for simulated devices: microphones, equal
// devices (sd0), random curves; and whether what its statistics say is measured.
enum Where : unsigned { simulated = 0, microphones = 1, equal = 2, curves = 4, measured = 8 };

struct Method {
  const char *name, *help;
  FreqNorm norm = FreqNorm::none;
  double lambda = 0;
  unsigned where = microphones;
  bool by_default = true, input_only = false;
  Change change = Change::none;
};

// In the table's order.
const std::vector<Method>& methods();
// Whether the table has a row of that method on such devices ("simulated", "microphones", "sd0",
// "sd4", ..).
bool has_row(const Method& method, const std::string& devices);

}  // namespace regrad::relaxed_norm
