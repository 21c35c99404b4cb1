// Cooperative meta-learning with gradient augmentation (CML: Shin, Han and Kim, UAI 2024, PMLR
// 244:3198-3210), and MAML, which it extends (Finn, Abbeel and Levine, ICML 2017).
//
// psi: feature extractor (body), theta: the meta-learner's head, phi: the co-learner's head. f^m =
// head_theta(body_psi(x)), f^c = cohead_phi(body_psi(x)).
//
// Inner loop (CML eq. 5), M steps on the support set, the meta-learner's loss only:
//     (psi_i', theta_i') = (psi, theta) - alpha grad_(psi,theta) L(f^m; S_i),      phi_i' = phi
// Outer objective (CML eq. 6-7; MAML: gamma = 0), the mean over the N tasks of a batch, as the
// authors' code has it (the paper writes the sum):
//     J = 1/N sum_i [ L(f^m_(psi_i',theta_i'); Q_i) + gamma L(f^c_(psi_i',phi); Q_i) ]
// The paper's "learnable noise" is the co-learner's gradient with respect to psi: nothing is
// sampled.
// At test the co-learner is dropped, or, in mode "dagger", the un-adapted co-learner predicts from
// the adapted body psi_i'.
//
// Controls: CL adapts phi too (its inner loss is ours: L^m_S + gamma L^c_S; the paper does not give
// it). Frozen noise keeps phi at its initial value.
#pragma once

#include <regrad/algorithms/shared/adapt.h>
#include <regrad/layers/context.h>

namespace regrad::cml {

// Three nets that are evaluated at any parameters. Body, Head and CoHead are structs with parts.
template <class Body, class Head, class CoHead>
struct Model {
  Body body;
  Head head;
  CoHead cohead;
  static void parts(auto& self, auto&& part) {
    part("body", self.body);
    part("head", self.head);
    part("cohead", self.cohead);
  }
};

// part(x), or part(x, ctx) where it takes a context. Support passes of training get {training, a
// stream of the outer and the inner step}, its query passes {training} alone, so that they drop
// nothing (as the code does that the paper's graphs come from); passes at test get {}. Reports to a
// context are not kept: norms of few-shot nets use their batch's statistics.
template <class Part>
Tensor evaluated(const Part& part, const Tensor& x, Context ctx = {}) {
  if constexpr (std::is_invocable_v<const Part&, const Tensor&, Context&>) {
    return part(x, ctx);
  } else {
    return part(x);
  }
}

struct Rule {
  double alpha = 0.01;        // inner step size
  double gamma = 0.2;         // weight of the co-learner's loss; 0: MAML
  int steps = 1;              // M
  bool second_order = true;   // false: inner gradients are constants (first-order MAML)
  bool adapt_cohead = false;  // CL
  bool adapt_head = true;     // false: BOIL's inner loop (Oh et al. 2021), alpha = 0 for the head
  Context context = {};       // of the support passes; an inner step j draws from its random / j
};

// Loss of each task: input, target -> [T].
using Loss = TaskLoss;

// What the inner loop moves: psi, theta unless adapt_head is off, phi where adapt_cohead is on.
template <class M>
Moves moves_of(const M& model, const Rule& rule) {
  Moves out = moves(model, {"body"});
  const auto with = [&](const char* part) {
    const Moves more = moves(model, {part});
    for (size_t i = 0; i < out.size(); ++i) out[i] = out[i] || more[i];
  };
  if (rule.adapt_head) with("head");
  if (rule.adapt_cohead) with("cohead");
  return out;
}

// The inner loss, L^m_S (CL: + gamma L^c_S), summed over the tasks, as a function of the model and
// the inner step.
inline auto support_loss(const Rule& rule, Loss loss, const Tensor& x, const Tensor& y) {
  return [rule, loss, x, y](const auto& model, int j) {
    Context ctx{.training = rule.context.training};
    if (rule.context.random) ctx.random = *rule.context.random / j;
    const Tensor features = evaluated(model.body, x, ctx);
    Tensor support = sum(loss(evaluated(model.head, features, ctx), y));
    if (rule.adapt_cohead)
      support = support + rule.gamma * sum(loss(evaluated(model.cohead, features, ctx), y));
    return support;
  };
}

// The inner loop at T tasks at once. `model`: parameters with a leading task dimension (per_task).
// Returns the same model at psi', theta' (CL: phi').
template <class M>
M adapt(M model, const Rule& rule, Loss loss, const Tensor& x, const Tensor& y) {
  const Moves which = moves_of(model, rule);
  return inner_loop(std::move(model), rule.steps, which,
                    slope(support_loss(rule, loss, x, y), rule.second_order),
                    FixedRate{rule.alpha});
}

// J, and its two parts before weighting (each the mean over tasks).
struct Objective {
  Tensor total, meta, co;  // co: undefined for gamma = 0
};
// At an adapted model.
template <class M>
Objective query_loss(const M& fast, const Rule& rule, Loss loss, const TaskBatch& batch) {
  const Context ctx{.training = rule.context.training};
  const Tensor features = evaluated(fast.body, batch.query_x, ctx);
  Objective o;
  o.meta = mean(loss(evaluated(fast.head, features, ctx), batch.query_y));
  if (rule.gamma == 0) {
    o.total = o.meta;
    return o;
  }
  o.co = mean(loss(evaluated(fast.cohead, features, ctx), batch.query_y));
  o.total = o.meta + rule.gamma * o.co;
  return o;
}
template <class M>
Objective objective(const M& model, const Rule& rule, Loss loss, const TaskBatch& batch) {
  return query_loss(
      adapt(per_task(model, batch.tasks()), rule, loss, batch.support_x, batch.support_y), rule,
      loss, batch);
}

// Adaptation for evaluation, outside of any graph: leaves in, plain values out.
template <class M>
M adapted(const M& model, const Rule& rule, Loss loss, const Tensor& x, const Tensor& y) {
  return inner_loop_values(model, x.size(0), rule.steps, moves_of(model, rule),
                           slope(support_loss(rule, loss, x, y), false), FixedRate{rule.alpha});
}

}  // namespace regrad::cml
