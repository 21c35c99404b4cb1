// Meta-SGD (Li, Zhou, Chen and Li, arXiv 1707.09835): MAML with a learned step size for each
// element of the parameters.
//
//   w_t,j+1 = w_t,j - a * grad L(w_t,j; S_t);      the outer loop learns w and a
//
//   auto learner = maml::meta_sgd(net, rule);  // {net, rates}, all rates rule.alpha
//   learner = update(adam, std::move(learner), state, grad(maml::objective(learner, rule, loss,
//       batch), learner));
#pragma once

#include <regrad/algorithms/maml/maml.h>
#include <regrad/algorithms/shared/rates.h>

namespace regrad::maml {

template <class Net>
Rated<Net> meta_sgd(const Net& net, const Rule& rule) {
  return element_rates(net, moves_of(net, rule.part), rule.alpha);
}

// As MAML's (maml.h); rule.alpha is not read: the learner's rates stand in its place. ShapeError
// where they do not fit what rule.part moves.
template <class Net>
Net adapt(const Rated<Net>& learner, const Rule& rule, TaskLoss loss, const Tensor& x,
          const Tensor& y) {
  return inner_loop(per_task(learner.net, x.size(0)), rule.steps, moves_of(learner.net, rule.part),
                    slope(support_loss(loss, x, y), rule.second_order), ElementRate{learner.rates});
}
template <class Net>
Tensor objective(const Rated<Net>& learner, const Rule& rule, TaskLoss loss,
                 const TaskBatch& batch) {
  return query_loss(adapt(learner, rule, loss, batch.support_x, batch.support_y), loss, batch);
}
template <class Net>
Net adapted(const Rated<Net>& learner, const Rule& rule, TaskLoss loss, const Tensor& x,
            const Tensor& y) {
  return inner_loop_values(learner.net, x.size(0), rule.steps, moves_of(learner.net, rule.part),
                           slope(support_loss(loss, x, y), false), ElementRate{learner.rates});
}

}  // namespace regrad::maml
