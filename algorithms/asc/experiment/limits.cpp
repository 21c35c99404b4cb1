#include <regrad/algorithms/asc/experiment/limits.h>
#include <regrad/algorithms/asc/experiment/other_nets.h>

namespace regrad::asc {

Cost cost_of_row(const Method& m, const Settings& s, const experiment::FrontEnd& front) {
  const Tensor x = zeros({1, 1, front.mel.mels, front.mel.frames(front.samples)});
  Cost out = of_backbone(m, s, 10, Random(0), DType::f32, [&](const auto& net) {
    Context ctx;
    return cost_of(net(x, ctx), parameters(net));
  });
  out.parameters *= m.members, out.macs *= m.members;
  return out;
}

void check_limits(const Method& m, const Settings& s, const experiment::FrontEnd& front) {
  const Cost c = cost_of_row(m, s, front);
  const auto at_most = [&](int64_t n, int64_t most, const char* what) {
    experiment::need(n <= most, std::string(m.name) + ": " + std::to_string(n) + " " + what +
                                    ", and tau2022 allows " + std::to_string(most) +
                                    "; a smaller tau, or fewer mels");
  };
  at_most(c.parameters, most_bytes, "bytes of 8-bit parameters");
  at_most(c.macs, most_macs, "multiply-adds for a clip");
}

}  // namespace regrad::asc
