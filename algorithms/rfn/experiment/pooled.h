// The net of the specification's pilot (audio.md section 3): one norm, on the log-mel input, then
// an MLP of 64 hidden units on frames pooled in time.
//
//   const PooledNet net(Random(seed), {.mels = 40, .classes = 10, .norm = FreqNorm::rfn, .lambda =
//       0.5});
//   Tensor logits = net(x);                                          // x [N,1,40,T] -> [N,10]
//
// How many segments time is pooled into, and whether features are standardized, is not given there:
// ten means and batch norm are ours.
#pragma once

#include <regrad/engine/conv.h>
#include <regrad/engine/functional.h>
#include <regrad/layers/linear.h>
#include <regrad/layers/nets/bcresnet.h>
#include <regrad/layers/norm.h>

#include <string>
#include <vector>

namespace regrad::relaxed_norm {

struct PooledOptions {
  int64_t mels = 40, classes = 10, segments = 10, hidden = 64;
  FreqNorm norm = FreqNorm::none;
  double lambda = 0;
  DType dtype = DType::f32;
};

struct PooledNet {
  std::vector<FreqNormPlace> norms;  // one
  BatchNorm standard;                // of each of the mels * segments features
  Linear hidden, output;
  int64_t segments = 10;

  PooledNet() = default;
  PooledNet(const Random& r, const PooledOptions& o)
      : norms{FreqNormPlace(o.norm, o.lambda, 1, o.dtype)},
        standard(o.mels * o.segments, BatchNorm::Track::running, o.dtype),
        hidden(r / "hidden", o.mels * o.segments, o.hidden, true, o.dtype),
        output(r / "output", o.hidden, o.classes, true, o.dtype),
        segments(o.segments) {}
  // ShapeError: x is not [N,1,mels,T] with T of at least one frame a segment
  Tensor operator()(const Tensor& x, Context& ctx) const {
    const int64_t mels = hidden.weight.size(1) / segments;
    if (x.dim() != 4 || x.size(1) != 1 || x.size(2) != mels || x.size(3) < segments)
      throw ShapeError("PooledNet: needs [N,1," + std::to_string(mels) + ",T] with at least " +
                       std::to_string(segments) + " frames, not " + str(x.shape()));
    const Tensor pooled = adaptive_avg_pool2d(norms[0](x, ctx), {mels, segments});
    return output(relu(hidden(standard(reshape(pooled, {x.size(0), mels * segments}), ctx))));
  }
  Tensor operator()(const Tensor& x) const {  // not in training
    Context ctx;
    return (*this)(x, ctx);
  }
  static void parts(auto& self, auto&& part) {
    part("norms", self.norms);
    part("standard", self.standard);
    part("hidden", self.hidden);
    part("output", self.output);
  }
};

}  // namespace regrad::relaxed_norm
