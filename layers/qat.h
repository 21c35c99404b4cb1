// Quantization-aware training: a net whose convolutions and linear maps take few bits of weights
// and inputs, in training (gradients go straight through, engine/quantize.h) and after it.
//
//   const FewBits few{.bits = 4};
//   Tensor ranges = few.begin(net);
//   Context ctx{.training = true, .evaluate = few.training(ranges)};
//   Tensor loss = cross_entropy(net(x, ctx), y);      // ranges have moved
//   Context test{.evaluate = few.frozen(ranges)};
//   export_net(net, info, {.quantization = few.layers(ranges)});
//
// Weights: symmetric, one scale per tensor. Inputs: one scale per layer, by a running mean of the
// batches' largest |x|; unsigned until a negative value has come, as behind a ReLU. Layers are
// those of a forward pass in its order, so a net must run each of its convolutions and linear maps
// once, in the same order each time.
#pragma once

#include <regrad/layers/context.h>
#include <regrad/layers/nets/named_net.h>
#include <regrad/layers/quantize.h>

namespace regrad {

struct FewBits {
  int bits = 4;           // of weights and inputs, 2 to 8
  int edge_bits = 8;      // of the first and the last layer, where `bits` are fewer
  double momentum = 0.1;  // a batch's weight in the running mean

  int bits_of(int64_t layer, int64_t layers) const {
    return layer == 0 || layer == layers - 1 ? std::max(bits, edge_bits) : bits;
  }

  // f64 [L,3], a row per layer: running mean of the largest |x|; 1 where a negative x has come;
  // batches. L: the net's parameters of four or two dims.
  template <class Net>
  Tensor begin(const Net& net) const {
    int64_t layers = 0;
    for (const Tensor& p : parameters(net)) layers += p.dim() == 4 || p.dim() == 2;
    return zeros({layers, 3}, DType::f64);
  }

  // Context::evaluate of ONE forward pass. training: each layer's range takes in its input first,
  // and `ranges`, which must outlive the pass, is what it has become. ConfigError: more layers than
  // ranges has rows; in frozen, a layer that has seen no batch. ShapeError as fake_quantize's.
  Context::Evaluate training(Tensor& ranges) const;
  Context::Evaluate frozen(const Tensor& ranges) const;

  // For each layer what a file of integers needs.
  std::vector<LayerQuantization> layers(const Tensor& ranges) const;
};

// A trained net by name, or any other, as it is used: weights in float, rounded to their bits in
// each pass, inputs by frozen ranges. Without `quantize` the net alone.
struct FewBitNet {
  NamedNet net;
  bool quantize = true;
  FewBits few = {};
  Tensor ranges = zeros({0, 3}, DType::f64);
  Tensor operator()(const Tensor& x, Context& ctx) const;
  Tensor operator()(const Tensor& x) const { return out_of_training(*this, x); }
  static void parts(auto& self, auto&& part) {
    NamedNet::parts(self.net, part);  // names as of the net alone
    if (self.quantize) part("ranges", self.ranges, buffer);
  }
};

}  // namespace regrad
