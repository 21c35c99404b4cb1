// The methods of the RFN tables: norms over frequencies and what stands beside them (audio.md
// sections 1 and 3).
//
// The namespace is relaxed_norm, for regrad::rfn is a function (layers/freq_norm.h).
#pragma once

#include <regrad/algorithms/experiment/methods.h>
#include <regrad/layers/nets/bcresnet.h>

namespace regrad::relaxed_norm {

// What a training batch goes through beside the net.
enum class Change {
  none,
  mix_style,         // of the input
  mix_style_inside,  // of the maps after the first three stages
  freq_mix_style,
  cross_grad,
  clipped_cross_grad
};

// Where the table has rows of a method beside those for simulated devices: microphones, equal
// devices (sd0), random curves; and whether what its statistics hold is measured.
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
inline const std::vector<Method>& methods() {
  using N = FreqNorm;
  constexpr auto none = N::none;
  constexpr unsigned all = microphones | equal | curves;
  static const std::vector<Method> rows = {
      {"none", "batch norm only", none, 0, all | measured},
      {"global", "the training set's mean and deviation of each frequency, on the input", N::global,
       0, simulated},
      {"in", "instance norm", N::in, 0, simulated},
      {"ln", "layer norm of each clip", N::ln},
      {"ifn", "instance frequency-wise norm", N::ifn, 0, microphones | equal | measured},
      {"resnorm", "residual norm, 0.1 x + IFN(x)", N::resnorm, 0.1, microphones | equal},
      {"resnorm-0.5", "0.5 x + IFN(x)", N::resnorm, 0.5, microphones, false},
      {"resnorm-1", "x + IFN(x)", N::resnorm, 1},
      {"rfn", "relaxed IFN, 0.5 LN(x) + 0.5 IFN(x)", N::rfn, 0.5, all | measured},
      {"rfn-0.1", "0.1 LN(x) + 0.9 IFN(x)", N::rfn, 0.1, microphones | curves},
      {"rfn-0.9", "0.9 LN(x) + 0.1 IFN(x)", N::rfn, 0.9},
      {"bin", "batch-instance norm", N::bin, 0, simulated},
      {"mixstyle", "channel statistics mixed between clips", none, 0, all, true, false,
       Change::mix_style},
      {"mixstyle-inside",
       "the same of the maps after the first three stages, as its authors place it", none, 0,
       simulated, true, false, Change::mix_style_inside},
      {"freq-mixstyle", "frequency statistics of the input mixed between clips", none, 0, all, true,
       false, Change::freq_mix_style},
      {"crossgrad", "inputs moved along the gradient of a device classifier's loss", none, 0,
       simulated, true, false, Change::cross_grad},
      {"crossgrad-clipped", "the same with its authors' longer step along a clipped gradient", none,
       0, simulated, true, false, Change::clipped_cross_grad},
      {"ifn-input", "IFN on the input alone", N::ifn, 0, microphones | curves, true, true},
      {"in-input", "instance norm on the input alone (one channel: the same as LN)", N::in, 0,
       microphones, true, true},
      {"resnorm-input", "residual norm on the input alone", N::resnorm, 0.1, microphones | curves,
       false, true},
      {"rfn-input", "RFN on the input alone", N::rfn, 0.5, microphones | curves, false, true},
  };
  return rows;
}

// Whether the table has a row of that method on such devices ("simulated", "microphones", "sd0",
// "sd4", ..).
inline bool has_row(const Method& m, const std::string& devices) {
  if (devices == "microphones") return m.where & microphones;
  if (devices == "sd0") return m.where & equal;
  return devices.rfind("sd", 0) != 0 || m.where & curves;
}

}  // namespace regrad::relaxed_norm
