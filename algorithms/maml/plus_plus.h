// MAML++ (Antoniou, Edwards and Storkey, ICLR 2019, section 4) without its batch normalization: a
// learned step size for each parameter tensor i and inner step j (LSLR), a loss after every inner
// step, and first-order gradients at first.
//
//   w_i,j+1 = w_i,j - r_i[j] grad_i L(w_j; S_t)
//   J(w, r) = 1/T sum_t sum_j v_j L(w_t,j; Q_t),  j = 1..M;       the outer loop learns w and r
//
//   const maml::PlusPlus rule{.weights = maml::step_weights(5, epoch, 15),
//                             .second_order = epoch >= 50};
//   auto learner = rule.initial(net);          // {net, step_sizes}
//   learner = update(adam, std::move(learner), state,
//                    grad(objective(learner, rule, loss, batch), learner));
#pragma once

#include <algorithm>
#include <cstdint>

#include <regrad/algorithms/shared/step_sizes.h>

namespace regrad::maml {

// v_1..v_M, annealed to the last step (the authors' code): while epoch < epochs
//   v_j = max((1 - epoch / epochs) / M, 0.03 / M) for j < M,   v_M = the rest of 1;
// from then on (0, ..., 0, 1). ConfigError where steps or epochs is below 1, or epoch below 0.
inline std::vector<double> step_weights(int steps, int64_t epoch, int64_t epochs) {
  if (steps < 1 || epochs < 1 || epoch < 0)
    throw ConfigError("step_weights: " + std::to_string(steps) + " steps, epoch " +
                      std::to_string(epoch) + " of " + std::to_string(epochs) +
                      "; steps and epochs start at 1, epoch at 0");
  const double m = steps, left = 1 - static_cast<double>(epoch) / static_cast<double>(epochs),
               v = epoch < epochs ? std::max(left / m, 0.03 / m) : 0;
  std::vector<double> out(static_cast<size_t>(steps), v);
  out.back() = 1 - (m - 1) * v;
  return out;
}

// r_i[j]. ShapeError where r_i is not [steps], or too short.
inline Tensor of_step(int j, const Tensor&, const Tensor& r) {
  if (r.dim() != 1 || r.size(0) <= j)
    throw ShapeError("inner loop: step " + std::to_string(j) + " has no learned step size in " +
                     str(r.shape()));
  return select(r, 0, j);
}

struct PlusPlus {
  double alpha = 0.01;               // where all of r start
  int steps = 5;                     // M
  std::vector<double> weights = {};  // v_1..v_M; none: the last step alone
  bool second_order = true;
  Parts adapted = {};

  auto initial(const auto& net) const {  // WithStepSizes
    return with_step_sizes(net, adapted_parameters(net, adapted), alpha,
                           [&](const Tensor&) { return Shape{steps}; });
  }
  // ConfigError where there is no step to have a loss after.
  template <class Net>
  auto inner_loop(const WithStepSizes<Net>& learner) const {
    if (steps < 1)
      throw ConfigError("inner loop: " + std::to_string(steps) +
                        " steps; a loss after each needs at least one");
    return InnerLoop{steps, adapted_parameters(learner.net, adapted), InnerGradient{second_order},
                     LearnedStep{learner.step_sizes, of_step}, weights};
  }
};

}  // namespace regrad::maml
