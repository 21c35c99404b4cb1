// The net of the specification's pilot (audio.md section 3): one norm, on the log-mel input, then
// an MLP of 64 hidden units on frames pooled in time.
//
//   const PooledNet net(Random(seed), {.mels = 40, .classes = 10, .norm = FreqNorm::rfn, .lambda =
//       0.5});
//   Tensor logits = net(x);                                          // x [N,1,40,T] -> [N,10]
//
// How many segments time is pooled into, and whether features are standardized, is not said there:
// ten means and batch norm are ours.
#pragma once

#include <regrad/layers/linear.h>
#include <regrad/layers/nets/bcresnet.h>
#include <regrad/layers/norm.h>

#include <vector>

namespace regrad::relaxed_norm {

struct PooledOptions {
  int64_t mels = 40, classes = 10, segments = 10, hidden = 64;
  FreqNorm norm = FreqNorm::none;
  double lambda = 0;
};

struct PooledNet {
  std::vector<FreqNormPlace> norms;  // one
  BatchNorm standard;                // of each of the mels * segments features
  Linear hidden, output;
  int64_t segments = 10;

  PooledNet() = default;
  PooledNet(const Random& r, const PooledOptions& o);
  // ShapeError: x is not [N,1,mels,T] with T of at least one frame a segment
  Tensor operator()(const Tensor& x, Context& ctx) const;
  Tensor operator()(const Tensor& x) const;  // not in training
  static void parts(auto& self, auto&& part) {
    part("norms", self.norms);
    part("standard", self.standard);
    part("hidden", self.hidden);
    part("output", self.output);
  }
};

}  // namespace regrad::relaxed_norm
