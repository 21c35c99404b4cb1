// Compression of convolutional nets: one-shot magnitude pruning, 8-bit weights, and the count of
// bytes of DCASE 2021 task 1A (audio.md, "Compression"). The challenge's system is described in
// abstracts only; the rules here are a reconstruction that gives its 61.0 KB.
//
//   const std::vector<Tensor> masks = one_shot_masks(net, 0.89);
//       // of convolutions; ones elsewhere
//   net = fake_quantized(masked(net, masks));
//       // trains through both: gradients go straight through
//   challenge_size(net).total();
//
//   Int8Net int8;  // evaluates the convolutions by 8-bit integers
//   net(clips, ctx, int8.calibrate());  // notes what comes into each convolution
//   Tensor y = net(x, ctx, int8.evaluate()), z = net(x, ctx, int8.simulate());
#pragma once

#include <regrad/engine/int8.h>
#include <regrad/layers/conv.h>

#include <cmath>

namespace regrad {

// w as 8-bit weights have it: |w - s q| <= s / 2, s = max|w| / 127; straight-through gradient.
Tensor fake_quantize(const Tensor& w);

namespace detail {
std::vector<Tensor> one_shot_masks(const std::vector<Tensor>& params, double ratio);
}

// A mask, 1 or 0, for each parameter: round(ratio n) of the n weights of all convolutions (four
// dims) together, those of the smallest magnitude, are 0, ties by their place; norms and biases
// keep ones. ConfigError: ratio outside [0, 1].
template <class Net>
std::vector<Tensor> one_shot_masks(const Net& net, double ratio) {
  return detail::one_shot_masks(parameters(net), ratio);
}
// The net at mask * parameters. Zeros stay zero whatever is trained, for the gradient goes through
// the product.
template <class Net>
Net masked(const Net& net, const std::vector<Tensor>& masks) {
  std::vector<Tensor> p = parameters(net);
  if (p.size() != masks.size())
    throw ShapeError("masked: " + std::to_string(masks.size()) + " masks for " +
                     std::to_string(p.size()) + " parameters");
  for (size_t i = 0; i < p.size(); ++i)
    if (p[i].dim() == 4) p[i] = p[i] * masks[i];
  return at(net, p);
}
// The net with every convolution's weight fake-quantized.
template <class Net>
Net fake_quantized(const Net& net) {
  std::vector<Tensor> p = parameters(net);
  for (Tensor& t : p)
    if (t.dim() == 4) t = fake_quantize(t);
  return at(net, p);
}

// Bytes of a net whose convolutions are 8-bit integers. Weights that are 0 are free, as are running
// statistics.
struct ChallengeSize {
  int64_t weights = 0;  // non-zero weights of convolutions, a byte each
  int64_t rest = 0;     // norms and biases, two bytes each
  int64_t scales = 0;   // four bytes for each convolution
  int64_t total() const { return weights + rest + scales; }
};
namespace detail {
ChallengeSize challenge_size(const std::vector<Tensor>& params);
}
template <class Net>
ChallengeSize challenge_size(const Net& net) {
  return detail::challenge_size(parameters(net));
}
// Without the scales, as the reconstruction counts: 62,335 for BC-ResNet-ASC-8 at 0.89.
template <class Net>
int64_t challenge_bytes(const Net& net) {
  const ChallengeSize s = challenge_size(net);
  return s.weights + s.rest;
}

// Evaluation of a net's convolutions by 8-bit integers: weights at one scale a tensor, inputs at
// one a group of channels, so that in a depthwise convolution a small channel is not lost beside
// large ones. Norms, activations and sums stay f32. Known by their weights, so a net and its copies
// share one. The functions refer to this object, which must outlive them; one thread at a time.
class Int8Net {
 public:
  // As the convolutions are, noting the ranges of each one's input over all calls. ShapeError: an
  // input that is not [N,C,H,W].
  Convolve calibrate();
  // conv2d of input and weight at 8 bits, in floating point; differentiable, straight through.
  Convolve simulate() const;
  // By whole numbers (oneDNN); f32 only, no gradients. The same bits as simulate() in f32 while 255
  // * 127 * (channels / groups) * kh * kw < 2^24, that is below 519 weights an output; else within
  // rounding.
  Convolve evaluate();
  // ConfigError in simulate and evaluate: a convolution that calibration did not see.

  size_t convolutions() const { return entries_.size(); }

 private:
  struct Entry {
    Tensor weight;                 // held, so that no other tensor takes its address
    std::vector<Int8Range> input;  // of each group
    Int8Conv2d fast;
    bool ready = false;
  };
  size_t place(const Conv2d& c) const;
  std::vector<Entry> entries_;
};

}  // namespace regrad
