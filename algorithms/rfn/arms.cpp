#include <regrad/algorithms/rfn/arms.h>
#include <regrad/engine/error.h>

namespace regrad::relaxed_norm {

const std::vector<Arm>& arms() {
  static const std::vector<Arm> all = {
      {.name = "none",
       .help = "batch norm only",
       .equal = true,
       .spread = true,
       .information = true},
      {.name = "global",
       .help = "the training set's mean and deviation of each frequency, on the input",
       .norm = FreqNorm::global,
       .microphones = false},
      {.name = "in", .help = "instance norm", .norm = FreqNorm::in, .microphones = false},
      {.name = "ln", .help = "layer norm of each clip", .norm = FreqNorm::ln},
      {.name = "ifn",
       .help = "instance frequency-wise norm",
       .norm = FreqNorm::ifn,
       .equal = true,
       .information = true},
      {.name = "resnorm",
       .help = "residual norm, 0.1 x + IFN(x)",
       .norm = FreqNorm::resnorm,
       .lambda = 0.1,
       .equal = true},
      {.name = "resnorm-0.5",
       .help = "0.5 x + IFN(x)",
       .norm = FreqNorm::resnorm,
       .lambda = 0.5,
       .by_default = false},
      {.name = "resnorm-1", .help = "x + IFN(x)", .norm = FreqNorm::resnorm, .lambda = 1},
      {.name = "rfn",
       .help = "relaxed IFN, 0.5 LN(x) + 0.5 IFN(x)",
       .norm = FreqNorm::rfn,
       .lambda = 0.5,
       .equal = true,
       .spread = true,
       .information = true},
      {.name = "rfn-0.1",
       .help = "0.1 LN(x) + 0.9 IFN(x)",
       .norm = FreqNorm::rfn,
       .lambda = 0.1,
       .spread = true},
      {.name = "rfn-0.9", .help = "0.9 LN(x) + 0.1 IFN(x)", .norm = FreqNorm::rfn, .lambda = 0.9},
      {.name = "bin", .help = "batch-instance norm", .norm = FreqNorm::bin, .microphones = false},
      {.name = "mixstyle",
       .help = "channel statistics mixed between clips",
       .change = Change::mix_style,
       .equal = true,
       .spread = true},
      {.name = "freq-mixstyle",
       .help = "frequency statistics of the input mixed between clips",
       .change = Change::freq_mix_style,
       .equal = true,
       .spread = true},
      {.name = "crossgrad",
       .help = "inputs moved along the gradient of a device classifier's loss",
       .change = Change::cross_grad,
       .microphones = false},
      {.name = "ifn-input",
       .help = "IFN on the input alone",
       .norm = FreqNorm::ifn,
       .input_only = true,
       .spread = true},
      {.name = "in-input",
       .help = "instance norm on the input alone (one channel: the same as LN)",
       .norm = FreqNorm::in,
       .input_only = true},
      {.name = "resnorm-input",
       .help = "residual norm on the input alone",
       .norm = FreqNorm::resnorm,
       .lambda = 0.1,
       .input_only = true,
       .by_default = false,
       .spread = true},
      {.name = "rfn-input",
       .help = "RFN on the input alone",
       .norm = FreqNorm::rfn,
       .lambda = 0.5,
       .input_only = true,
       .by_default = false,
       .spread = true},
  };
  return all;
}

const Arm& arm(const std::string& name) {
  for (const Arm& a : arms())
    if (name == a.name) return a;
  throw ConfigError("no arm is called '" + name + "'");
}

bool has_row(const Arm& a, const std::string& devices) {
  if (devices == "microphones") return a.microphones;
  if (devices == "sd0") return a.equal;
  return devices.rfind("sd", 0) != 0 || a.spread;
}

std::vector<experiment::MethodCard> arm_cards() {
  std::vector<experiment::MethodCard> out;
  for (const Arm& a : arms()) out.push_back({a.name, a.help, "", a.by_default});
  return out;
}

}  // namespace regrad::relaxed_norm
