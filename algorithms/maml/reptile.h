// Reptile (Nichol, Achiam and Schulman, arXiv 1803.02999): move towards where a few steps of an
// optimizer on each task end.
//
//   w_t = M steps of the inner optimizer on L(.; S_t), from w;
//   w <- w + eps (1/T sum_t w_t - w)
//
//   const Adam inner{.lr = 1e-3, .beta1 = 0};
//   net = update(Sgd{.lr = 0.1}, std::move(net), state, reptile::gradient(net, inner, {.steps = 5},
//       loss, x, y));
//       // eps = 0.1
#pragma once

#include <regrad/algorithms/shared/adapt.h>

namespace regrad::reptile {

struct Rule {
  int steps = 5;  // M
  // rows of the support set a step, consecutive ones, around and around; 0: all
  int64_t minibatch = 0;
};

// Rows of x [T,K,..] that step j sees. ConfigError where minibatch is below 0 or does not divide K.
Tensor rows(const Tensor& x, const Rule& rule, int j);

// The net at each task's parameters w_t, [T, ...]: plain values. The inner optimizer starts with a
// new state for each task; x [T,K,..], y [T,K,..].
template <class Net, class Optimizer>
Net adapted(const Net& net, const Optimizer& inner, const Rule& rule, TaskLoss loss,
            const Tensor& x, const Tensor& y) {
  typename Optimizer::State state;
  const auto slope_at = [&](int j, const Net& n, const Moves&, const std::vector<Tensor>& w) {
    return gradients(sum(loss(n(rows(x, rule, j)), rows(y, rule, j))), w, false);
  };
  const auto step = [&](int, std::vector<Tensor>& w, const std::vector<Tensor>& g) {
    const NoGrad quiet;
    inner.step(w, state, g);
  };
  return inner_loop_values(net, x.size(0), rule.steps, moves(net), slope_at, step);
}

// w - mean_t w_t, of the net's shape: what an outer optimizer takes as the gradient.
template <class Net, class Optimizer>
Net gradient(const Net& net, const Optimizer& inner, const Rule& rule, TaskLoss loss,
             const Tensor& x, const Tensor& y) {
  const NoGrad quiet;
  const std::vector<Tensor> w = parameters(net),
                            fast = parameters(adapted(net, inner, rule, loss, x, y));
  std::vector<Tensor> g;
  for (size_t i = 0; i < w.size(); ++i) g.push_back(w[i] - mean(fast[i], {0}));
  return at(net, g);
}

}  // namespace regrad::reptile
