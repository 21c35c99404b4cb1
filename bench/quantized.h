// Nets by whole numbers for the benches: 8 bits, weights at a scale per channel, ranges of inputs
// from the very input that is measured, as the peers' files have them (peers/runtimes.py).
#pragma once

#include <regrad/layers/export.h>

#include <cmath>
#include <memory>

#include "program.h"

namespace regrad::bench {

// Of each convolution and linear map, in their order.
template <class Net>
std::vector<LayerQuantization> eight_bits(const Net& net, const Tensor& x) {
  const NoGrad quiet;
  std::vector<LayerQuantization> out;
  Context ctx{.evaluate = [&](const Step& s, const std::function<Tensor()>& plain) {
    if (s.kind == Step::conv || s.kind == Step::linear) {
      MinMaxObserver seen(s.options.groups);
      seen.observe(s.x);
      out.push_back({.weights = {.per_channel = true}, .input = seen.ranges()});
    }
    return plain();
  }};
  net(x, ctx);
  return out;
}

// One forward pass; checksum: sum |y|.
inline Run forward(InferenceNet made, const Tensor& x) {
  const auto net = std::make_shared<InferenceNet>(std::move(made));
  double total = 0;
  for (const double v : (*net)(x).to_vector()) total += std::fabs(v);
  return {{total}, [net, x] { (*net)(x); }};
}

}  // namespace regrad::bench
