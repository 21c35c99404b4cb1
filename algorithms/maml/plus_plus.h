// MAML++ (Antoniou, Edwards and Storkey, ICLR 2019, section 4): a learned step size for each
// parameter tensor i and inner step j (LSLR), a loss after every inner step, first-order gradients
// at first, and norms with a scale and a shift for every inner step (BNWB). Its running statistics
// by step (BNRS) are left out: norms of few-shot nets take the batch's own.
//
//   w_i,j+1 = w_i,j - r_i[j] grad_i L(w_j, n_j; S_t)
//   J(w, n, r) = 1/T sum_t sum_j v_j L(w_t,j, n_j-1; Q_t),  j = 1..M;  learned: w, n, r
//
// n_j: scales and shifts of the adapted parts' norms at inner step j = 0..M-1, which the inner loop
// leaves alone (the authors' code, by default); without step_norms they are part of w. An adapted
// net predicts as at_step(net, M-1).
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
  bool step_norms = false;

  // With step_norms, norms' [C] are [M,C].
  template <class Net>
  WithStepSizes<Net> initial(const Net& net) const {
    if (!step_norms) return with_rates(net);
    const std::vector<bool> norms = norms_of(net);
    std::vector<Tensor> p = parameters(net);
    for (size_t i = 0; i < p.size(); ++i)
      if (norms[i])
        p[i] = contiguous(expand(p[i].detach(), {steps, p[i].numel()})).requires_grad_();
    return with_rates(at(net, p));
  }
  // The net at inner step j, whose norms are n_j: [M,C] -> [C], and [T,M,C] -> [T,C].
  template <class Net>
  Net at_step(const Net& net, int j) const {
    if (!step_norms) return net;
    const std::vector<bool> norms = norms_of(net);
    std::vector<Tensor> p = parameters(net);
    for (size_t i = 0; i < p.size(); ++i)
      if (norms[i]) p[i] = select(p[i], p[i].dim() == 3 ? 1 : 0, j);
    return at(net, p);
  }
  Tensor support_loss(const auto& net, TaskLoss loss, const Tensor& x, const Tensor& y,
                      int j) const {
    return sum(loss(at_step(net, j)(x), y));
  }
  Tensor query_loss(const auto& net, TaskLoss loss, const TaskBatch& batch, int j) const {
    return mean(loss(at_step(net, j)(batch.query_x), batch.query_y));
  }
  // ConfigError where there is no step to have a loss after.
  template <class Net>
  auto inner_loop(const WithStepSizes<Net>& learner) const {
    if (steps < 1)
      throw ConfigError("inner loop: " + std::to_string(steps) +
                        " steps; a loss after each needs at least one");
    return InnerLoop{steps, inner_parameters(learner.net), InnerGradient{second_order},
                     LearnedStep{learner.step_sizes, of_step}, weights};
  }

 private:
  template <class Net>
  WithStepSizes<Net> with_rates(const Net& net) const {
    return with_step_sizes(net, inner_parameters(net), alpha,
                           [&](const Tensor&) { return Shape{steps}; });
  }
  // Those of norms in the adapted parts: "blocks.0.norm.weight", "norms.1.bias".
  std::vector<bool> norms_of(const auto& net) const {
    std::vector<bool> out = adapted_parameters(net, adapted);
    const std::vector<bool> norm = flags(net, [](const std::string& name, const Tensor&) {
      return name.find("norm") != std::string::npos;
    });
    for (size_t i = 0; i < out.size(); ++i) out[i] = out[i] && norm[i];
    return out;
  }
  std::vector<bool> inner_parameters(const auto& net) const {
    std::vector<bool> out = adapted_parameters(net, adapted);
    if (!step_norms) return out;
    const std::vector<bool> norms = norms_of(net);
    for (size_t i = 0; i < out.size(); ++i) out[i] = out[i] && !norms[i];
    return out;
  }
};

}  // namespace regrad::maml
