// Meta-SGD (Li, Zhou, Chen and Li, arXiv 1707.09835): MAML with a learned step size for each
// element of the parameters.
//
//   w_t,j+1 = w_t,j - a * grad L(w_t,j; S_t)         (elementwise; the paper has one step)
//   J(w, a) = 1/T sum_t L(w_t,M; Q_t);               the outer loop learns w and a
//
//   const maml::MetaSgd rule{.alpha = 0.01};
//   auto learner = rule.initial(net);                // {net, step_sizes}
//   learner = update(adam, std::move(learner), state,
//                    grad(objective(learner, rule, loss, batch), learner));
#pragma once

#include <regrad/algorithms/shared/step_sizes.h>

namespace regrad::maml {

// a_i itself. ShapeError where it has not its parameter's shape.
inline Tensor elementwise(int, const Tensor& w, const Tensor& a) {
  if (Shape(w.shape().begin() + 1, w.shape().end()) != a.shape())
    throw ShapeError("inner loop: a learned step size " + str(a.shape()) +
                     " for parameters [tasks, ...] " + str(w.shape()));
  return a;
}

struct MetaSgd {
  double alpha = 0.01;  // where all entries of a start
  int steps = 1;
  bool second_order = true;
  Parts adapted = {};

  auto initial(const auto& net) const {  // WithStepSizes
    return with_step_sizes(net, adapted_parameters(net, adapted), alpha,
                           [](const Tensor& p) { return p.shape(); });
  }
  template <class Net>
  auto inner_loop(const WithStepSizes<Net>& learner) const {
    return InnerLoop{steps, adapted_parameters(learner.net, adapted), InnerGradient{second_order},
                     LearnedStep{learner.step_sizes, elementwise}};
  }
};

}  // namespace regrad::maml
