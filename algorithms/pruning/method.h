// A pruning method is a row of functions: the sparsity at a step, when masks are made and how, what
// the net is evaluated at, the gradient that each weight gets. No net is changed for it.
//
//   Learner learner(net, gmp(), {.sparsity = 0.9, .epochs = 12, .batches = loader.batches()});
//   for (int64_t i = 0; i < learner.schedule.steps(); ++i) learner.learn(x, y, i, lr(i));
//   Net sparse = learner.deployed().as<Net>();
//
// W: the dense weights that can be pruned (shared/masks.h: all but a classifier), M: their masks,
// W^: what the net is evaluated at, g = dL/dW^, G: the gradient that W gets.
#pragma once

#include <regrad/algorithms/shared/masks.h>
#include <regrad/engine/random.h>
#include <regrad/layers/nets/named_net.h>
#include <regrad/layers/optim.h>

#include <cmath>
#include <functional>
#include <vector>

namespace regrad::pruning {

using Tensors = std::vector<Tensor>;

// What does not change from step to step. Shares are of the epochs.
struct Schedule {
  double sparsity = 0.9;  // share of the prunable weights (or filters) that is pruned in the end
  int64_t epochs = 12, batches = 1;  // steps of an epoch
  double target = 0.75;              // share after which the final sparsity is reached
  int64_t refresh = 16;              // steps between two masks
  bool by_step = false;              // the cubic schedule counts steps, not epochs
  MaskOptions masks = {};            // one threshold or one per layer, whole filters, DCIL's count
  Sgd sgd = {.momentum = 0.9, .weight_decay = 5e-4, .nesterov = true};  // lr comes with a step
  Random random = Random(0);

  int64_t steps() const { return epochs * batches; }
  int64_t epoch(int64_t i) const { return i / batches; }
  int64_t at_share(double share) const {  // the epoch that begins after so much of them
    return std::llround(share * static_cast<double>(epochs));
  }
};

// What the optimizer moves: the net with its dense weights, and what a method adds to it.
struct Trained {
  NamedNet net = {};
  Tensors extra = {};
  static void parts(auto& self, auto&& part) {
    part("net", self.net);
    part("extra", self.extra);
  }
};

// All that learn() changes: a checkpoint is its parts.
struct State {
  Trained trained = {};
  Tensors masks = {}, memory = {};  // M, one per prunable weight; what a method remembers
  // f64 scalars: weights that came back since the count was last taken; spread (sd) of the gradient
  // that pruned weights got at the last step of an epoch, 0 where none got any
  Tensor revived = {}, spread = {};
  Sgd::State sgd = {};
  std::vector<size_t> at = {};  // places of W among the net's parameters
  static void parts(auto& self, auto&& part) {
    part("trained", self.trained);
    part("masks", self.masks);
    part("memory", self.memory);
    part("revived", self.revived);
    part("spread", self.spread);
    part("sgd", self.sgd);
  }
};

// The i-th step's images x f32 [N,C,H,W] (or what the net takes) of classes y i64 [N].
struct Minibatch {
  Tensor x, y;
  int64_t i;
};

// What a pass over a batch gives.
struct Gradients {
  Tensor loss;                     // before the step
  Tensors all;                     // one per parameter of State::trained
  Tensors raw;                     // g, or what takes its place
  Tensors masks = {};              // where there are any, they are taken up instead of a step
  std::vector<double> decay = {};  // factors on the weight decay, one per parameter; none: 1
};

// What rows are made of.
double cubic(const Schedule& t, int64_t i);  // Zhu and Gupta's, from 0 to the target
bool each_refresh(const Schedule& t, int64_t i);
Tensors by_magnitude(State& s, const Schedule& t, const Minibatch& batch, double p);
Tensors masked(const State& s, const Schedule& t, int64_t i);                               // M W
Tensor kept_only(const State& s, size_t l, const Tensor& g, const Schedule& t, int64_t i);  // M g

struct Method;
// Forward at W^, cross-entropy, backward, the row's gradients; running statistics move.
Gradients one_pass(State& s, const Method& m, const Schedule& t, const Minibatch& batch);

// The defaults are DPF. A row that the first five functions do not cover has a pass of its own.
struct Method {
  // p at step i
  std::function<double(const Schedule&, int64_t i)> sparsity = cubic;
  // whether masks are made before step i; none: never, and the sparsity is the method's own affair
  std::function<bool(const Schedule&, int64_t i)> due = each_refresh;
  // M at p
  std::function<Tensors(State&, const Schedule&, const Minibatch&, double p)> masks = by_magnitude;
  // W^ at step i
  std::function<Tensors(const State&, const Schedule&, int64_t i)> forward = masked;
  // G of layer l; none: g
  std::function<Tensor(const State&, size_t l, const Tensor& g, const Schedule&, int64_t i)>
      gradient = {};
  bool zeros_pruned = false;  // where masks are made, pruned weights and their momentum become 0
  // whether pruned weights get no step, no decay and no momentum at step i
  std::function<bool(const Schedule&, int64_t i)> frozen = {};
  // what is deployed, where it is not `forward`
  std::function<Tensors(const State&)> deployed = {};
  // makes Trained::extra and State::memory
  std::function<void(State&, const Schedule&)> begin = {};
  std::function<Gradients(State&, const Method&, const Schedule&, const Minibatch&)> pass =
      one_pass;
};

// A method at work on a net.
struct Learner {
  Method method;
  Schedule schedule;
  State state;

  // The net: a NamedNet, or any struct that has parts and operator()(x, ctx). ConfigError where it
  // has no weights that can be pruned, or the schedule counts below 1.
  Learner(NamedNet net, Method how, Schedule when);
  template <class Net>
  Learner(const Net& net, Method how, Schedule when)
      : Learner(NamedNet::of(net), std::move(how), std::move(when)) {}

  // The i-th step: makes masks where they are due, steps, and gives the loss before the step.
  Tensor learn(const Tensor& x, const Tensor& y, int64_t i, double lr);
  Tensors effective() const;  // the prunable weights as they are deployed
  NamedNet deployed() const;  // the net with them: one set of norms, one classifier
  static void parts(auto& self, auto&& part) { part("state", self.state); }
};

// For passes of their own: W; the net's parameters with these in the places of W.
Tensors weights(const State& s);
Tensors placed(const State& s, const Tensors& w);

}  // namespace regrad::pruning
