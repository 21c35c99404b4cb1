// MAML++ (Antoniou, Edwards and Storkey, ICLR 2019) without its batch normalization: a learned step
// size for each parameter tensor and inner step (LSLR), a loss after every inner step, and
// first-order gradients at first.
//
//   w_i,j+1 = w_i,j - r_i[j] grad_i L(w_j; S_t);
//   J = 1/T sum_t sum_j v_j L(w_t,j; Q_t),  j = 1..M
//
//   const maml::PlusPlus rule{.weights = step_weights(5, epoch, 15), .second_order = epoch >= 50};
//   auto learner = maml::plus_plus(net, rule);  // {net, rates}, all rates rule.alpha
//   learner = update(adam, std::move(learner), state, grad(maml::objective(learner, rule, loss,
//       batch), learner));
#pragma once

#include <regrad/algorithms/maml/maml.h>
#include <regrad/algorithms/shared/rates.h>

namespace regrad::maml {

struct PlusPlus {
  double alpha = 0.01;               // where the learned rates start
  int steps = 5;                     // M
  std::vector<double> weights = {};  // v_1..v_M; none: the last step alone
  bool second_order = true;
  Part part = Part::all;
};

template <class Net>
Rated<Net> plus_plus(const Net& net, const PlusPlus& rule) {
  return step_rates(net, moves_of(net, rule.part), rule.steps, rule.alpha);
}

namespace detail {
template <class Net, class Seen>
Net plus_plus_loop(const Rated<Net>& learner, const PlusPlus& rule, TaskLoss loss, const Tensor& x,
                   const Tensor& y, Seen&& seen) {
  return inner_loop(per_task(learner.net, x.size(0)), rule.steps, moves_of(learner.net, rule.part),
                    slope(support_loss(loss, x, y), rule.second_order), StepRate{learner.rates},
                    seen);
}
}  // namespace detail

// The net at each task's parameters w_t,M, [T, ...]. ShapeError where the rates do not fit what
// rule.part moves, or are fewer than the steps.
template <class Net>
Net adapt(const Rated<Net>& learner, const PlusPlus& rule, TaskLoss loss, const Tensor& x,
          const Tensor& y) {
  return detail::plus_plus_loop(learner, rule, loss, x, y, [](int, const Net&) {});
}

// J, a scalar. Steps of weight 0 are not evaluated on the query set. ConfigError where weights are
// not one a step.
template <class Net>
Tensor objective(const Rated<Net>& learner, const PlusPlus& rule, TaskLoss loss,
                 const TaskBatch& batch) {
  const std::vector<double> v = weights_of(rule.weights, rule.steps);
  Tensor total;
  detail::plus_plus_loop(learner, rule, loss, batch.support_x, batch.support_y,
                         [&](int j, const Net& fast) {
                           const double weight = v[static_cast<size_t>(j)];
                           if (weight != 0)
                             accumulate(total, weight, query_loss(fast, loss, batch));
                         });
  if (!total.defined()) throw ConfigError("maml::objective: all weights are 0");
  return total;
}

// adapt for evaluation: plain values, no graph.
template <class Net>
Net adapted(const Rated<Net>& learner, const PlusPlus& rule, TaskLoss loss, const Tensor& x,
            const Tensor& y) {
  return inner_loop_values(learner.net, x.size(0), rule.steps, moves_of(learner.net, rule.part),
                           slope(support_loss(loss, x, y), false), StepRate{learner.rates});
}

}  // namespace regrad::maml
