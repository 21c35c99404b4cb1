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

#include <algorithm>

#include <regrad/algorithms/shared/step_sizes.h>

namespace regrad::maml {

// w_j+1,i = w_j,i - a_i * g_i. ShapeError where an a_i has not its parameter's shape.
struct ElementwiseStep {
  std::vector<Tensor> a;
  void operator()(int, std::vector<Tensor>& w, const std::vector<Tensor>& g) const {
    check_step_sizes(w, a);
    for (size_t i = 0; i < w.size(); ++i) {
      const Shape &of_w = w[i].shape(), &of_a = a[i].shape();
      if (of_w.size() != of_a.size() + 1 || !std::equal(of_a.begin(), of_a.end(), of_w.begin() + 1))
        throw ShapeError("inner loop: a learned step size " + str(of_a) +
                         " for parameters [tasks, ...] " + str(of_w));
      w[i] = w[i] - a[i] * g[i];
    }
  }
};

struct MetaSgd {
  double alpha = 0.01;  // where all entries of a start
  int steps = 1;
  bool second_order = true;
  Parts adapted = {};

  template <class Net>
  WithStepSizes<Net> initial(const Net& net) const {
    return with_step_sizes(net, adapted_parameters(net, adapted), alpha,
                           [](const Tensor& p) { return p.shape(); });
  }
  template <class Net>
  auto inner_loop(const WithStepSizes<Net>& learner) const {
    return InnerLoop{steps, adapted_parameters(learner.net, adapted), InnerGradient{second_order},
                     ElementwiseStep{learner.step_sizes}};
  }
};

}  // namespace regrad::maml
