// PPP, prototype-based personalized pruning (Kim et al., arXiv 2103.15564), as pruning.md section 5
// reads it. One net with gates is trained once, for all persons; personalize.h then cuts it for one
// of them by a few examples, without labels, gradients or training.
//
//   batch: P persons x K examples, those of a person neighbours
//   pi_u = mean of pi(x) over the K examples of person u              (by block and gate)
//   L = CE(y, net with gates h) + a L_rate + b L_proto
//     L_rate  = mean_l (tau - mean_{x,c} h_l)^2                       tau = 0.6, a = 2 (AIG's)
//     L_proto = mean_{u,x in u,l,c} (pi(x) - sg(pi_u))^2              b = 1 (ours)
//   h: each example's own hard Gumbel sample; in every second step, where `shared`, one of the
//   person's h_u ~ Bernoulli(pi_u)
//
// The mean of L_proto is over all gates of all blocks alike. b = 0 without `shared` is AIG with
// gates of channels. The abstract has the global net, the prototype and that nothing is retrained;
// gates of channels are the patent's; the losses, b and the shared gates are our reading.
//
//   ppp::Learner learner(GatedNet(r / "init", {.classes = 10}), {.prototype = 1}, r);
//   for (int64_t i = 0; i < steps; ++i) learner.learn({x, y, 8}, i, {.lr = 0.1, .momentum = 0.9});
//   const ppp::Personal mine = ppp::personalize(learner.net, my_examples);
#pragma once

#include <regrad/algorithms/ppp/gates.h>
#include <regrad/layers/optim.h>

namespace regrad::ppp {

struct Options {
  double target = 0.6;   // tau
  double rate = 2;       // a
  double prototype = 1;  // b
  bool shared = true;    // a person's shared gates in steps 1, 3, 5, ..
};

// Examples x [P K, C, H, W] of classes y i64 [P K], by person.
struct PersonBatch {
  Tensor x, y;
  int64_t persons = 1;  // P
};

// mean over blocks of (tau - mean of h)^2, a scalar. ConfigError: of no block.
Tensor rate_loss(const Tensors& h, double target);
// mean over all gates of all examples of (pi - sg(pi_u))^2, a scalar. ConfigError: of no block;
// ShapeError where persons do not divide the examples.
Tensor prototype_loss(const Tensors& pi, int64_t persons);

struct Loss {
  Tensor total, cross_entropy, rate, prototype;  // prototype: undefined where b = 0
  double open = 0;                               // mean of h over blocks
};
// In the context's mode, which gets the norms' reports. shared_gates: of this batch. ConfigError
// where the net has no gates.
Loss loss(const GatedNet& net, const PersonBatch& batch, const Options& o, bool shared_gates,
          const Random& r, Context& ctx);

struct Learner {
  GatedNet net;
  Options options;
  Random random;
  Sgd::State sgd;

  // momentum: whether the steps will have one
  Learner(GatedNet start, const Options& o, const Random& r, double momentum = 0.9);
  // Step i, gates by random / "gates" / i. The losses before it, detached.
  Loss learn(const PersonBatch& batch, int64_t i, const Sgd& by);
  static void parts(auto& self, auto&& part) {
    part("net", self.net);
    part("sgd", self.sgd);
  }
};

}  // namespace regrad::ppp
