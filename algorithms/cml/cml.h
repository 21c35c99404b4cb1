// CML, cooperative meta-learning with gradient augmentation (Shin, Han and Kim, UAI 2024, PMLR
// 244:3198-3210), on any method of the MAML family.
//
// psi: feature extractor (body), theta: the meta-learner's head, phi: the co-learner's head.
// f^m = head_theta(body_psi(x)), f^c = cohead_phi(body_psi(x)).
//
//   inner loop (eq. 5), M steps on the support set, the meta-learner's loss only:
//     (psi_i', theta_i') = (psi, theta) - alpha grad_(psi,theta) L(f^m; S_i),       phi_i' = phi
//   outer objective (eq. 6-7), the mean over the N tasks of a batch as in the authors' code (the
//   paper writes the sum):
//     J = 1/N sum_i [ L(f^m_(psi_i',theta_i'); Q_i) + gamma L(f^c_(psi_i',phi); Q_i) ]
//
// The paper's "learnable noise" is the co-learner's gradient with respect to psi: nothing is
// sampled. At test the co-learner is dropped, or, in mode "dagger", the un-adapted co-learner
// predicts from the adapted body psi_i'.
//
//   const cml::Rule<> rule{.inner = {.alpha = 0.01}, .gamma = 0.2};
//   net = update(adam, std::move(net), state, grad(objective(net, rule, loss, batch).total, net));
//   const auto fast = adapted(net, rule, loss, support_x, support_y);
//   const Tensor prediction = fast.head(fast.body(x)), dagger = fast.cohead(fast.body(x));
//   const auto by_phi = adapted(net, ByCoLearner<maml::Rule>{rule}, loss, support_x, support_y);
//
// Controls: CL adapts phi too (its inner loss is ours: L^m_S + gamma L^c_S; the paper does not give
// it). Frozen noise keeps phi at its initial value: an outer step that leaves phi out.
//
// On the family (the paper's Table 1, which leaves open how the co-learner meets it; what follows
// is ours): `inner` is the other method's rule. BOIL: maml::boil(), phi meets the adapted psi'.
// MAML++: its step sizes belong to psi and theta (CL: phi too), and v_j weighs both terms.
// Sharp-MAML: the lower perturbation is that of the inner loss over the adapted parameters, so phi
// is not perturbed there; the upper one is SAM's on J, along its whole gradient in (psi, theta,
// phi). With gamma = 0 each is the method itself, and phi gets no gradient.
#pragma once

#include <regrad/algorithms/maml/maml.h>
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

// part(x), or part(x, ctx) where it takes a context. Reports to a context are not kept: norms of
// few-shot nets use their batch's statistics.
template <class Part>
Tensor evaluated(const Part& part, const Tensor& x, Context ctx = {}) {
  if constexpr (std::is_invocable_v<const Part&, const Tensor&, Context&>) {
    return part(x, ctx);
  } else {
    return part(x);
  }
}

// J, and its two parts before weighting (each the mean over tasks).
struct Objective {
  Tensor total, meta, co;  // co: undefined for gamma = 0
};
inline void accumulate(Objective& total, double weight, const Objective& term) {
  accumulate(total.total, weight, term.total);
  accumulate(total.meta, weight, term.meta);
  if (term.co.defined()) accumulate(total.co, weight, term.co);
}

template <class Inner = maml::Rule>
struct Rule {
  Inner inner = {};           // MAML, or another of its family
  double gamma = 0.2;         // weight of the co-learner's loss; 0: `inner` itself
  bool adapt_cohead = false;  // CL
  // Support passes get {training, random / j} at inner step j, query passes {training} alone, so
  // that they drop nothing (as the code does that the paper's graphs come from).
  Context context = {};

  // `inner` on psi and theta, or on the parts that it names; CL: and on phi.
  Inner on_model() const {
    Inner rule = inner;
    if (rule.adapted.empty()) rule.adapted = {"body", "head"};
    if (adapt_cohead) rule.adapted.push_back("cohead");
    return rule;
  }
  auto inner_loop(const auto& learner) const { return on_model().inner_loop(learner); }
  auto initial(const auto& model) const { return on_model().initial(model); }  // MAML++, Meta-SGD

  // L^m_S; CL: + gamma L^c_S.
  Tensor support_loss(const auto& model, TaskLoss loss, const Tensor& x, const Tensor& y,
                      int j) const {
    const auto& here = at_step(model, j);
    const Context ctx = of_support(j);
    const Tensor features = evaluated(here.body, x, ctx);
    Tensor support = sum(loss(evaluated(here.head, features, ctx), y));
    if (adapt_cohead)
      support = support + gamma * sum(loss(evaluated(here.cohead, features, ctx), y));
    return support;
  }
  Objective query_loss(const auto& fast, TaskLoss loss, const TaskBatch& batch, int j) const {
    const auto& here = at_step(fast, j);
    const Context ctx{.training = context.training};
    const Tensor features = evaluated(here.body, batch.query_x, ctx);
    Objective o;
    o.total = o.meta = mean(loss(evaluated(here.head, features, ctx), batch.query_y));
    if (gamma == 0) return o;
    o.co = mean(loss(evaluated(here.cohead, features, ctx), batch.query_y));
    o.total = o.meta + gamma * o.co;
    return o;
  }

  // The model at inner step j: MAML++'s norms may differ by step.
  template <class M>
  decltype(auto) at_step(const M& model, int j) const {
    const Inner rule = on_model();
    if constexpr (requires { rule.at_step(model, j); }) {
      return rule.at_step(model, j);
    } else {
      return (model);
    }
  }
  Context of_support(int j) const {
    Context ctx{.training = context.training};
    if (context.random) ctx.random = *context.random / j;
    return ctx;
  }
};

// Dagger as the paper's eq. 9 has it: the inner loop adapts psi alone, by the co-learner's support
// loss, psi_i' = psi - alpha grad_psi L(f^c_(psi,phi); S_i). (The authors' code adapts psi and
// theta by the meta-learner's, as in training.) A net with step sizes has psi's alone.
template <class Inner>
struct ByCoLearner {
  Rule<Inner> rule = {};

  auto inner_loop(const auto& learner) const {
    Inner inner = rule.inner;
    inner.adapted = {"body"};
    return inner.inner_loop(learner);
  }
  Tensor support_loss(const auto& model, TaskLoss loss, const Tensor& x, const Tensor& y,
                      int j) const {
    const auto& here = rule.at_step(model, j);
    const Context ctx = rule.of_support(j);
    return sum(loss(evaluated(here.cohead, evaluated(here.body, x, ctx), ctx), y));
  }
};

}  // namespace regrad::cml
