// Optimizers as pure steps: (net, state, gradients) -> (net, state). Inner and outer loops share them.
//
//   const Adam adam{.lr = 1e-3};
//   Adam::State state;
//   net = update(adam, std::move(net), state, grad(loss, net));
#pragma once

#include <utility>
#include <vector>

#include <regrad/engine/ops.h>
#include <regrad/layers/params.h>

namespace regrad {

// Gradient descent: p - lr g. With momentum m: v = m v + g, p - lr v (PyTorch's form; the first v is g).
struct Sgd {
  double lr = 0.01, momentum = 0;
  struct State {
    std::vector<Tensor> velocity;
  };
  void step(std::vector<Tensor>& params, State& state, const std::vector<Tensor>& grads) const;
};

// Adam (Kingma and Ba 2015, algorithm 1): m, v = moving means of g and g^2; p - lr m' / (sqrt(v') + eps), with m' = m / (1 - beta1^t), v' = v / (1 -
// beta2^t).
struct Adam {
  double lr = 1e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
  struct State {
    std::vector<Tensor> m, v;
    int64_t t = 0;
  };
  void step(std::vector<Tensor>& params, State& state, const std::vector<Tensor>& grads) const;
};

// p - lr g for each, recorded where gradients are on: the inner loop's step, through which the outer gradient goes.
std::vector<Tensor> descend(const std::vector<Tensor>& params, const std::vector<Tensor>& grads, double lr);

// The one outer door: without recording, moving buffers that nobody else holds; the result's parameters are new leaves.
// grads: one a parameter, in the order of parameters(net). ShapeError where their number differs.
template <class Optimizer, class Net>
Net update(const Optimizer& optimizer, Net net, typename Optimizer::State& state, const std::vector<Tensor>& grads) {
  const NoGrad quiet;
  std::vector<Tensor*> slots;
  each(net, [&](const std::string&, Tensor& t, bool is_buffer) {
    if (!is_buffer) slots.push_back(&t);
  });
  if (slots.size() != grads.size())
    throw ShapeError("update: " + std::to_string(grads.size()) + " gradients for " + std::to_string(slots.size()) + " parameters");
  std::vector<Tensor> params;
  for (Tensor* t : slots) params.push_back(std::move(*t));
  optimizer.step(params, state, grads);
  for (size_t i = 0; i < slots.size(); ++i) *slots[i] = std::move(params[i].requires_grad_());
  return net;
}
template <class Optimizer, class Net>
requires(!std::is_convertible_v<const Net&, std::vector<Tensor>>) Net
    update(const Optimizer& optimizer, Net net, typename Optimizer::State& state, const Net& grads) {
  return update(optimizer, std::move(net), state, parameters(grads));
}

}  // namespace regrad
