// Sharp-MAML (Abbas et al., ICML 2022): MAML with sharpness-aware steps in the lower level, the
// upper one, or both.
//
//   lower:  e_t,j = alpha_low g / |g|, g = grad L(w_t,j; S_t);
//           w_t,j+1 = w_t,j - alpha grad L(w_t,j + e_t,j; S_t)
//   upper:  e = alpha_up g / |g|, g = grad J(w);
//           the outer step at w goes along grad J(w + e)
//
//   const Sharpness both{.alpha_low = 0.05, .alpha_up = 0.05};
//   net = update(adam, std::move(net), state, maml::gradient(net, rule, both, loss,
//       batch).gradient);
#pragma once

#include <regrad/algorithms/maml/maml.h>
#include <regrad/algorithms/shared/sharp.h>

namespace regrad::maml {

// MAML's functions (maml.h) with the lower level's perturbation, where sharp.low is set.
template <class Net>
Net adapt(const Net& net, const Rule& rule, const Sharpness& sharp, TaskLoss loss, const Tensor& x,
          const Tensor& y) {
  if (!sharp.low) return adapt(net, rule, loss, x, y);
  return inner_loop(per_task(net, x.size(0)), rule.steps, moves_of(net, rule.part),
                    sharp_slope(support_loss(loss, x, y), rule.second_order, sharp),
                    FixedRate{rule.alpha});
}
template <class Net>
Tensor objective(const Net& net, const Rule& rule, const Sharpness& sharp, TaskLoss loss,
                 const TaskBatch& batch) {
  return query_loss(adapt(net, rule, sharp, loss, batch.support_x, batch.support_y), loss, batch);
}
template <class Net>
Net adapted(const Net& net, const Rule& rule, const Sharpness& sharp, TaskLoss loss,
            const Tensor& x, const Tensor& y) {
  if (!sharp.low) return adapted(net, rule, loss, x, y);
  return inner_loop_values(net, x.size(0), rule.steps, moves_of(net, rule.part),
                           sharp_slope(support_loss(loss, x, y), false, sharp),
                           FixedRate{rule.alpha});
}

// The outer step's gradient: J's at w + e where sharp.up is set, else at w.
template <class Net>
MetaGradient<Net> gradient(const Net& net, const Rule& rule, const Sharpness& sharp, TaskLoss loss,
                           const TaskBatch& batch) {
  const auto j = [&](const Net& n) { return objective(n, rule, sharp, loss, batch); };
  return sharp.up ? sharp_gradient(net, sharp.alpha_up, j) : plain_gradient(net, j);
}

}  // namespace regrad::maml
