// Learned step sizes (Meta-SGD, MAML++), and MAML++'s loss after every inner step.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <regrad/algorithms/shared/adapt.h>

namespace regrad {

// A net and the step sizes of its inner loop, learned together: one tensor a parameter that moves,
// in their order.
template <class Net>
struct Rated {
  Net net;
  std::vector<Tensor> rates;
  static void parts(auto& self, auto&& part) {
    part("net", self.net);
    part("rates", self.rates);
  }
};

// Meta-SGD (Li et al. 2017): a step size an element; each tensor has its parameter's shape. All
// start at alpha.
template <class Net>
Rated<Net> element_rates(const Net& net, const Moves& which, double alpha) {
  Rated<Net> out{net, {}};
  for (const Tensor& p : moving(net, which))
    out.rates.push_back(full(p.shape(), alpha, p.dtype()).requires_grad_());
  return out;
}
// MAML++ (Antoniou et al. 2019), LSLR: a step size a parameter tensor and step; each tensor is
// [steps]. All start at alpha.
template <class Net>
Rated<Net> step_rates(const Net& net, const Moves& which, int steps, double alpha) {
  Rated<Net> out{net, {}};
  for (const Tensor& p : moving(net, which))
    out.rates.push_back(full({steps}, alpha, p.dtype()).requires_grad_());
  return out;
}

// The steps. ShapeError where rates do not fit the parameters that move.
inline void check_rates(const std::vector<Tensor>& w, const std::vector<Tensor>& rates) {
  if (w.size() != rates.size())
    throw ShapeError("inner loop: " + std::to_string(rates.size()) + " learned rates for " +
                     std::to_string(w.size()) + " parameters that move");
}
// w_i - rate_i g_i, elementwise.
struct ElementRate {
  std::vector<Tensor> rates;
  void operator()(int, std::vector<Tensor>& w, const std::vector<Tensor>& g) const {
    check_rates(w, rates);
    for (size_t i = 0; i < w.size(); ++i) {
      const Shape &of_w = w[i].shape(), &of_rate = rates[i].shape();
      if (of_w.size() != of_rate.size() + 1 ||
          !std::equal(of_rate.begin(), of_rate.end(), of_w.begin() + 1))
        throw ShapeError("inner loop: a learned rate " + str(of_rate) +
                         " for parameters [tasks, ...] " + str(of_w));
      w[i] = w[i] - rates[i] * g[i];
    }
  }
};
// w_i - rate_i[j] g_i at step j.
struct StepRate {
  std::vector<Tensor> rates;
  void operator()(int j, std::vector<Tensor>& w, const std::vector<Tensor>& g) const {
    check_rates(w, rates);
    for (size_t i = 0; i < w.size(); ++i) {
      if (rates[i].dim() != 1 || rates[i].size(0) <= j)
        throw ShapeError("inner loop: step " + std::to_string(j) + " has no learned rate in " +
                         str(rates[i].shape()));
      w[i] = w[i] - select(rates[i], 0, j) * g[i];
    }
  }
};

// MAML++'s weights of the query loss after each inner step, v_1..v_M, annealed to the last step
// (the authors' code): while epoch < epochs
//   v_j = max((1 - epoch / epochs) / M, 0.03 / M) for j < M,   v_M = the rest of 1;
// from then on (0, ..., 0, 1). ConfigError where steps or epochs is below 1, or epoch below 0.
std::vector<double> step_weights(int steps, int64_t epoch, int64_t epochs);

// The weights that a loss over M steps uses: those given, or for none the last step's alone.
// ConfigError where steps is below 1, or their number is not M.
std::vector<double> weights_of(std::vector<double> given, int steps);
// total + weight term; term weighted alone where total is undefined.
inline void accumulate(Tensor& total, double weight, const Tensor& term) {
  total = total.defined() ? add(std::move(total), term, weight) : weight * term;
}

}  // namespace regrad
