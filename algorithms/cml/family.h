// CML on the methods of the MAML family. The paper applies it to MAML++, BOIL and Sharp-MAML too
// (its Table 1) and does not say how the co-learner meets them; what follows is ours. With gamma =
// 0 each is the method itself, and phi gets no gradient.
//
// BOIL: Rule{.adapt_head = false} (cml.h). The inner loop moves psi alone; phi meets the adapted
// psi' as before.
//
// MAML++: the rates belong to psi and theta (CL: phi too). After every inner step j the query loss
// is CML's, with MAML++'s weight v_j on both terms:
//     J = 1/T sum_t sum_j v_j [ L(f^m_(psi_j,theta_j); Q_t) + gamma L(f^c_(psi_j,phi); Q_t) ]
//
// Sharp-MAML: the lower perturbation is that of the inner loss, over what the inner loop moves, so
// phi is not perturbed there; the upper one is SAM's on CML's J, along its whole gradient in (psi,
// theta, phi).
//
// At test all are read as CML is: phi dropped, or un-adapted on psi' ("dagger").
#pragma once

#include <regrad/algorithms/cml/cml.h>
#include <regrad/algorithms/shared/rates.h>
#include <regrad/algorithms/shared/sharp.h>

namespace regrad::cml {

// MAML++. A learner {net, rates} with rates for rule.steps steps, all rule.alpha.
template <class M>
Rated<M> plus_plus(const M& model, const Rule& rule) {
  return step_rates(model, moves_of(model, rule), rule.steps, rule.alpha);
}
namespace detail {
template <class M, class Seen>
M plus_plus_loop(const Rated<M>& learner, const Rule& rule, Loss loss, const Tensor& x,
                 const Tensor& y, Seen&& seen) {
  return inner_loop(per_task(learner.net, x.size(0)), rule.steps, moves_of(learner.net, rule),
                    slope(support_loss(rule, loss, x, y), rule.second_order),
                    StepRate{learner.rates}, seen);
}
}  // namespace detail
// The model at psi', theta' of each task, [T, ...].
template <class M>
M adapt(const Rated<M>& learner, const Rule& rule, Loss loss, const Tensor& x, const Tensor& y) {
  return detail::plus_plus_loop(learner, rule, loss, x, y, [](int, const M&) {});
}
// weights: v_1..v_M (step_weights), or none for the last step alone; ConfigError where they are not
// one a step.
template <class M>
Objective objective(const Rated<M>& learner, const Rule& rule, const std::vector<double>& weights,
                    Loss loss, const TaskBatch& batch) {
  const std::vector<double> v = weights_of(weights, rule.steps);
  Objective o;
  detail::plus_plus_loop(learner, rule, loss, batch.support_x, batch.support_y,
                         [&](int j, const M& fast) {
                           const double weight = v[static_cast<size_t>(j)];
                           if (weight == 0) return;
                           const Objective here = query_loss(fast, rule, loss, batch);
                           accumulate(o.total, weight, here.total);
                           accumulate(o.meta, weight, here.meta);
                           if (here.co.defined()) accumulate(o.co, weight, here.co);
                         });
  if (!o.total.defined()) throw ConfigError("cml::objective: all weights are 0");
  return o;
}
template <class M>
M adapted(const Rated<M>& learner, const Rule& rule, Loss loss, const Tensor& x, const Tensor& y) {
  return inner_loop_values(learner.net, x.size(0), rule.steps, moves_of(learner.net, rule),
                           slope(support_loss(rule, loss, x, y), false), StepRate{learner.rates});
}

// Sharp-MAML.
template <class M>
M adapt(M model, const Rule& rule, const Sharpness& sharp, Loss loss, const Tensor& x,
        const Tensor& y) {
  if (!sharp.low) return adapt(std::move(model), rule, loss, x, y);
  const Moves which = moves_of(model, rule);
  return inner_loop(std::move(model), rule.steps, which,
                    sharp_slope(support_loss(rule, loss, x, y), rule.second_order, sharp),
                    FixedRate{rule.alpha});
}
template <class M>
Objective objective(const M& model, const Rule& rule, const Sharpness& sharp, Loss loss,
                    const TaskBatch& batch) {
  return query_loss(
      adapt(per_task(model, batch.tasks()), rule, sharp, loss, batch.support_x, batch.support_y),
      rule, loss, batch);
}
template <class M>
M adapted(const M& model, const Rule& rule, const Sharpness& sharp, Loss loss, const Tensor& x,
          const Tensor& y) {
  if (!sharp.low) return adapted(model, rule, loss, x, y);
  return inner_loop_values(model, x.size(0), rule.steps, moves_of(model, rule),
                           sharp_slope(support_loss(rule, loss, x, y), false, sharp),
                           FixedRate{rule.alpha});
}
// The outer step's gradient in (psi, theta, phi): J's at the model + e where sharp.up is set, else
// at the model.
template <class M>
MetaGradient<M> gradient(const M& model, const Rule& rule, const Sharpness& sharp, Loss loss,
                         const TaskBatch& batch) {
  const auto j = [&](const M& m) { return objective(m, rule, sharp, loss, batch).total; };
  return sharp.up ? sharp_gradient(model, sharp.alpha_up, j) : plain_gradient(model, j);
}

}  // namespace regrad::cml
