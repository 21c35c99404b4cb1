// Nets at few bits (engine/quantize.h): their weights alone, in training too, or weights and inputs
// of every convolution and linear map, simulated or by whole numbers.
//
//   net = fake_quantized(net, {.bits = 4});         // trains: gradients go straight through
//
//   Quantizer q({.weights = {.bits = 8}, .inputs = {.bits = 8}});
//   Context calibration{.evaluate = q.calibrate()}, simulated{.evaluate = q.simulate()},
//       integers{.evaluate = q.integers()};
//   net(images, calibration);                       // notes the ranges of every layer's input
//   Tensor y = net(x, simulated), z = net(x, integers);
#pragma once

#include <vector>

#include <regrad/engine/int8.h>
#include <regrad/layers/context.h>

namespace regrad {

// The net with every convolution's and linear map's weight (four dims, two) fake-quantized.
template <class Net>
Net fake_quantized(const Net& net, const QuantizeOptions& options = {}) {
  std::vector<Tensor> p = parameters(net);
  for (Tensor& t : p)
    if (t.dim() == 4 || t.dim() == 2) t = fake_quantize(t, options);
  return at(net, p);
}

// How one convolution or linear map is quantized: what training at few bits leaves, and what a file
// of integers holds. A net has one for each of them, in the order of its forward pass.
struct LayerQuantization {
  QuantizeOptions weights = {}, inputs = {};
  Ranges input = Range{};  // of what comes in
};

// Ways to evaluate a net's convolutions and linear maps. Inputs have one range per group of a
// convolution, so that in a depthwise one a small channel is not lost beside large ones, and one
// per linear map; norms, activations and sums stay as they are. Layers are matched by their
// weights, so a net and its copies share a Quantizer, and a net at other parameters needs its own.
// What the functions return refers to this object, which must outlive it; one thread at a time.
class Quantizer {
 public:
  explicit Quantizer(const Int8Options& options = {}) : options_(options) {}

  // As the layers are, noting the range of each one's input over all calls. ShapeError: an input
  // of a convolution that is not [N,C,H,W].
  Context::Evaluate calibrate();
  // s_x s_w f(l_x, l_w) + bias, f the convolution or linear map, in floating point; differentiable,
  // straight through. Any number of bits.
  Context::Evaluate simulate() const;
  // By whole numbers (Int8Conv2d); f32 only, no gradients. The same bits as simulate() in f32 of
  // inputs without NaN (there are no whole NaNs) while no sum of products passes 2^24: at 8 bits
  // below 519 weights an output; else within rounding.
  // ConfigError as Int8Conv2d's: more than 8 bits, or affine.
  Context::Evaluate integers();
  // ConfigError in simulate and integers: a layer that calibration did not see.

  size_t layers() const { return layers_.size(); }

 private:
  struct Layer {
    Tensor weight;  // held, so that no other tensor takes its address
    MinMaxObserver input;
    Int8Conv2d fast = {};
    bool ready = false;
  };
  size_t place(const Step& step) const;
  Int8Options options_;
  std::vector<Layer> layers_;
};

}  // namespace regrad
