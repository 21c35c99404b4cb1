// Model-agnostic meta-learning (Finn, Abbeel and Levine, ICML 2017), with ANIL (Raghu et al., ICLR
// 2020) and BOIL (Oh et al., ICLR 2021), which move one part only in the inner loop. README.md has
// the family's equations.
//
//   w_t,j+1 = w_t,j - alpha grad L(w_t,j; S_t),  j = 0..M-1;      J(w) = 1/T sum_t L(w_t,M; Q_t)
//
//   const maml::Rule rule{.alpha = 0.01, .steps = 5};
//   net = update(adam, std::move(net), state, grad(maml::objective(net, rule, mse_loss_by_task,
//       batch), net));
//   Net fast = maml::adapted(net, rule, mse_loss_by_task, support_x, support_y);
//
// A net is any struct with parts and operator()(x). For ANIL and BOIL its parts are named body and
// head. Nets come in without a task dimension; batches are x [T,K,..] and y [T,K,..].
#pragma once

#include <regrad/algorithms/shared/adapt.h>

namespace regrad::maml {

// A net in two parts: head(body(x)).
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

// What the inner loop moves: MAML, ANIL, BOIL.
enum class Part { all, head, body };

struct Rule {
  double alpha = 0.01;       // inner step size
  int steps = 1;             // M
  bool second_order = true;  // false: inner gradients are constants (first-order MAML)
  Part part = Part::all;
};

// ConfigError where the net has no part of that name.
template <class Net>
Moves moves_of(const Net& net, Part part) {
  if (part == Part::all) return moves(net);
  return part == Part::head ? moves(net, {"head"}) : moves(net, {"body"});
}

// The support loss, summed over the tasks, as a function of the net; and the query loss, the mean
// over them.
inline auto support_loss(TaskLoss loss, const Tensor& x, const Tensor& y) {
  return [loss, x, y](const auto& net) { return sum(loss(net(x), y)); };
}
template <class Net>
Tensor query_loss(const Net& fast, TaskLoss loss, const TaskBatch& batch) {
  return mean(loss(fast(batch.query_x), batch.query_y));
}

// The net at each task's parameters w_t,M, [T, ...]: recorded, so that the outer gradient goes
// through it.
template <class Net>
Net adapt(const Net& net, const Rule& rule, TaskLoss loss, const Tensor& x, const Tensor& y) {
  return inner_loop(per_task(net, x.size(0)), rule.steps, moves_of(net, rule.part),
                    slope(support_loss(loss, x, y), rule.second_order), FixedRate{rule.alpha});
}

// J, a scalar.
template <class Net>
Tensor objective(const Net& net, const Rule& rule, TaskLoss loss, const TaskBatch& batch) {
  return query_loss(adapt(net, rule, loss, batch.support_x, batch.support_y), loss, batch);
}

// adapt for evaluation: plain values, no graph.
template <class Net>
Net adapted(const Net& net, const Rule& rule, TaskLoss loss, const Tensor& x, const Tensor& y) {
  return inner_loop_values(net, x.size(0), rule.steps, moves_of(net, rule.part),
                           slope(support_loss(loss, x, y), false), FixedRate{rule.alpha});
}

}  // namespace regrad::maml
