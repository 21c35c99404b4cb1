// Reptile (Nichol, Achiam and Schulman, arXiv 1803.02999): towards where a few steps of an
// optimizer on each task end.
//
//   w_t = M steps of the inner optimizer on L(.; S_t), from w;     w <- w + eps (1/T sum_t w_t - w)
//
//   const maml::Reptile<Adam> rule{.inner = {.lr = 1e-3, .beta1 = 0}};
//   net = update(Sgd{.lr = 0.1}, std::move(net), state,              // eps = 0.1
//                maml::reptile_gradient(net, rule, loss, x, y));
#pragma once

#include <regrad/algorithms/shared/adapt.h>

namespace regrad::maml {

template <class Optimizer>
struct Reptile {
  Optimizer inner = {};   // its state starts anew for each task
  int steps = 5;          // M
  int64_t minibatch = 0;  // rows of the support set at a step, in turn, around and around; 0: all

  auto inner_loop(const auto& net) const {
    const auto step = [inner = inner, state = typename Optimizer::State()](
                          int, std::vector<Tensor>& w, const std::vector<Tensor>& g) mutable {
      const NoGrad quiet;
      inner.step(w, state, g);
    };
    return InnerLoop{steps, adapted_parameters(net, {}), InnerGradient{false}, step};
  }
  Tensor support_loss(const auto& net, TaskLoss loss, const Tensor& x, const Tensor& y,
                      int j) const {
    return sum(loss(net(rows(x, j)), rows(y, j)));
  }
  // Those of x [T,K,..] at step j. ConfigError where minibatch is below 0 or does not divide K.
  Tensor rows(const Tensor& x, int j) const {
    if (minibatch == 0) return x;
    const int64_t k = x.size(1);
    if (minibatch < 0 || k % minibatch != 0)
      throw ConfigError("reptile: a minibatch of " + std::to_string(minibatch) +
                        " does not divide the support set of " + std::to_string(k));
    const int64_t from = j * minibatch % k;
    return slice(x, 1, from, from + minibatch);
  }
};

// w - mean_t w_t, of the net's shape: what an outer optimizer takes as the gradient. w_t are those
// of adapted(net, rule, loss, x, y) (shared/adapt.h); x, y [T,K,..].
template <class Net, class Optimizer>
Net reptile_gradient(const Net& net, const Reptile<Optimizer>& rule, TaskLoss loss, const Tensor& x,
                     const Tensor& y) {
  const NoGrad quiet;
  const std::vector<Tensor> w = parameters(net), fast = parameters(adapted(net, rule, loss, x, y));
  std::vector<Tensor> g;
  for (size_t i = 0; i < w.size(); ++i) g.push_back(w[i] - mean(fast[i], {0}));
  return at(net, g);
}

}  // namespace regrad::maml
