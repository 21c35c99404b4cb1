// Learned step sizes: a net, and a step size of the inner loop for each of its adapted parameters.
#pragma once

#include <string>
#include <vector>

#include <regrad/algorithms/shared/adapt.h>

namespace regrad {

// Learned together. step_sizes: a tensor for each adapted parameter, in their order.
template <class Net>
struct WithStepSizes {
  Net net;
  std::vector<Tensor> step_sizes;
  static void parts(auto& self, auto&& part) {
    part("net", self.net);
    part("step_sizes", self.step_sizes);
  }
};
template <class Net>
const Net& net_of(const WithStepSizes<Net>& learner) {
  return learner.net;
}

// All start at alpha. shape_of(p): that of the step size of parameter p.
template <class Net, class ShapeOf>
WithStepSizes<Net> with_step_sizes(const Net& net, const std::vector<bool>& adapted, double alpha,
                                   ShapeOf&& shape_of) {
  WithStepSizes<Net> out{net, {}};
  for (const Tensor& p : flagged(net, adapted))
    out.step_sizes.push_back(full(shape_of(p), alpha, p.dtype()).requires_grad_());
  return out;
}

// w_j+1,i = w_j,i - at(j, w_j,i, step_sizes_i) g_i. ShapeError where there is not one for each
// adapted parameter.
struct LearnedStep {
  std::vector<Tensor> step_sizes;
  Tensor (*at)(int j, const Tensor& w, const Tensor& step_size);
  void operator()(int j, std::vector<Tensor>& w, const std::vector<Tensor>& g) const {
    if (w.size() != step_sizes.size())
      throw ShapeError("inner loop: " + std::to_string(step_sizes.size()) +
                       " learned step sizes for " + std::to_string(w.size()) +
                       " adapted parameters");
    for (size_t i = 0; i < w.size(); ++i) w[i] = w[i] - at(j, w[i], step_sizes[i]) * g[i];
  }
};

}  // namespace regrad
