#include <regrad/algorithms/rfn/experiment/methods.h>

namespace regrad::relaxed_norm {

const std::vector<Method>& methods() {
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
      {"freq-mixstyle", "frequency statistics of the input mixed between clips", none, 0, all, true,
       false, Change::freq_mix_style},
      {"crossgrad", "inputs moved along the gradient of a device classifier's loss", none, 0,
       simulated, true, false, Change::cross_grad},
      {"ifn-input", "IFN on the input alone", N::ifn, 0, microphones | curves, true, true},
      {"in-input", "instance norm on the input alone (one channel: the same as LN)", N::in, 0,
       microphones, true, true},
      {"resnorm-input", "residual norm on the input alone", N::resnorm, 0.1, microphones | curves,
       false, true},
      {"rfn-input", "RFN on the input alone", N::rfn, 0.5, microphones | curves, false, true},
  };
  return rows;
}

bool has_row(const Method& m, const std::string& devices) {
  if (devices == "microphones") return m.where & microphones;
  if (devices == "sd0") return m.where & equal;
  return devices.rfind("sd", 0) != 0 || m.where & curves;
}

}  // namespace regrad::relaxed_norm
