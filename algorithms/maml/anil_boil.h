// ANIL (Raghu, Raghu, Bengio and Vinyals, ICLR 2020) and BOIL (Oh, Yoo, Kim and Yun, ICLR 2021):
// MAML whose inner loop adapts one part of a net head(body(x)), w = (psi, theta), in training and
// at test.
//
//   ANIL:   theta_t,j+1 = theta_t,j - alpha grad_theta L(psi, theta_t,j; S_t)       the head alone
//   BOIL:   psi_t,j+1 = psi_t,j - alpha grad_psi L(psi_t,j, theta; S_t)             the body alone
//
// The outer loop learns both parts.
//
//   net = update(adam, std::move(net), state,
//                grad(objective(net, maml::anil({.alpha = 0.1}), loss, batch), net));
//
// The parts are named head and body; ConfigError, from the inner loop, where a net has no such
// part.
#pragma once

#include <regrad/algorithms/maml/maml.h>

namespace regrad::maml {

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

inline Rule anil(Rule rule = {}) {
  rule.adapted = {"head"};
  return rule;
}
inline Rule boil(Rule rule = {}) {
  rule.adapted = {"body"};
  return rule;
}

}  // namespace regrad::maml
