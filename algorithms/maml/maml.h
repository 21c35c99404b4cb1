// MAML, model-agnostic meta-learning (Finn, Abbeel and Levine, ICML 2017, section 2.2).
//
//   w_t,0 = w;   w_t,j+1 = w_t,j - alpha grad L(w_t,j; S_t),  j = 0..M-1
//   J(w) = 1/T sum_t L(w_t,M; Q_t)        (the paper has the sum; eq. 1 is an outer step along it)
//
//   const maml::Rule rule{.alpha = 0.01, .steps = 5};
//   net = update(adam, std::move(net), state,
//                grad(objective(net, rule, mse_loss_by_task, batch), net));
//   Net fast = adapted(net, rule, mse_loss_by_task, support_x, support_y);
//
// A net is any struct with parts and operator()(x), without a task dimension; batches are x
// [T,K,..] and y [T,K,..]. The functions are those of shared/adapt.h; README.md has the family.
//
// ANIL (Raghu, Raghu, Bengio and Vinyals, ICLR 2020) and BOIL (Oh, Yoo, Kim and Yun, ICLR 2021)
// adapt one part of a net head(body(x)), w = (psi, theta); the outer loop learns both:
//
//   ANIL:   theta_t,j+1 = theta_t,j - alpha grad_theta L(psi, theta_t,j; S_t)       the head alone
//   BOIL:   psi_t,j+1 = psi_t,j - alpha grad_psi L(psi_t,j, theta; S_t)             the body alone
#pragma once

#include <regrad/algorithms/shared/adapt.h>

namespace regrad::maml {

struct Rule {
  double alpha = 0.01;       // inner step size
  int steps = 1;             // M
  bool second_order = true;  // false: inner gradients are constants (first-order MAML, section 5.2)
  Parts adapted = {};        // the parts that the inner loop adapts; none: all

  auto inner_loop(const auto& net) const {
    return InnerLoop{steps, adapted_parameters(net, adapted), InnerGradient{second_order},
                     FixedStep{alpha}};
  }
};
// ConfigError, from the inner loop, where a net has no part named head, or body.
inline Rule anil(Rule rule = {}) {
  rule.adapted = {"head"};
  return rule;
}
inline Rule boil(Rule rule = {}) {
  rule.adapted = {"body"};
  return rule;
}

// A net with both parts.
template <class Body, class Head>
struct Model {
  Body body;
  Head head;
  Tensor operator()(const Tensor& x) const { return head(body(x)); }
  static void parts(auto& self, auto&& part) {
    part("body", self.body);
    part("head", self.head);
  }
};

}  // namespace regrad::maml
