// Optimizers as pure steps: (net, state, gradients) -> (net, state). Inner and outer loops share
// them.
//
//   const Adam adam{.lr = 1e-3};
//   Adam::State state;
//   net = update(adam, std::move(net), state, grad(loss, net));
//
// A state lists its parts, so it is saved as a net is (serialize.h): save(state, path). To load
// one, start from one that has every part: load(adam.initial(parameters(net)), path).
// Every step throws ShapeError where gradients, state or factors do not fit the parameters, and
// Error where a gradient is undefined.
#pragma once

#include <utility>
#include <vector>

#include <regrad/engine/ops.h>
#include <regrad/layers/params.h>

namespace regrad {

// Factors on an optimizer's options, one per parameter in the order of parameters(net); an empty
// list: 1 for all. They do what parameter groups do:
//   const Adam adamw{.lr = 1e-3, .weight_decay = 0.05, .decoupled_weight_decay = true,
//                    .factors = {.weight_decay = factors(net, matrices)}};
struct Factors {
  std::vector<double> lr = {}, weight_decay = {};
};
// f(name, parameter) of each parameter, as a number (false: 0, true: 1).
template <class Net, class F>
std::vector<double> factors(const Net& net, F&& f) {
  std::vector<double> out;
  for (const auto& [name, t] : named_parameters(net))
    out.push_back(static_cast<double>(f(name, t)));
  return out;
}
// Whether a parameter has two dims or more. Those with fewer, biases and the scales of norms, are
// mostly left out of weight decay and of LARS.
inline bool matrices(const std::string&, const Tensor& t) { return t.dim() > 1; }

// Gradient descent: p - lr g. Options and their order are PyTorch's:
//   g = g + weight_decay p;   v = momentum v + (1 - dampening) g, the first v is g;
//   p - lr v, or with nesterov p - lr (g + momentum v).
// Nesterov needs momentum and no dampening (ConfigError).
struct Sgd {
  double lr = 0.01, momentum = 0, dampening = 0, weight_decay = 0;
  bool nesterov = false;
  Factors factors = {};
  struct State {
    std::vector<Tensor> velocity;  // empty without momentum
    Tensor t;                      // steps done, an i64 scalar; undefined before the first
    static void parts(auto& self, auto&& part) {
      part("velocity", self.velocity);
      part("t", self.t);
    }
  };
  State initial(const std::vector<Tensor>& params) const;
  void step(std::vector<Tensor>& params, State& state, const std::vector<Tensor>& grads) const;
};

// Adam (Kingma and Ba 2015, algorithm 1): m, v = moving means of g and g^2; p - lr m' / (sqrt(v') +
// eps), m' = m / (1 - beta1^t), v' = v / (1 - beta2^t). Weight decay: g = g + weight_decay p (L2);
// or decoupled (AdamW: Loshchilov and Hutter 2019, as PyTorch has it): first p = p (1 - lr
// weight_decay).
struct Adam {
  double lr = 1e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0;
  bool decoupled_weight_decay = false;
  Factors factors = {};
  struct State {
    std::vector<Tensor> m, v;
    Tensor t;  // steps done, an i64 scalar; undefined before the first
    static void parts(auto& self, auto&& part) {
      part("m", self.m);
      part("v", self.v);
      part("t", self.t);
    }
  };
  State initial(const std::vector<Tensor>& params) const;
  void step(std::vector<Tensor>& params, State& state, const std::vector<Tensor>& grads) const;
};

// LARS (You, Gitman and Ginsburg 2017), in the form of MoCo v3's code: for each parameter tensor
//   d = g + weight_decay p;   q = trust_coefficient |p| / |d|, or 1 where a norm is 0;
//   v = momentum v + q d;   p - lr v, or with nesterov p - lr (q d + momentum v).
// The paper has |g| + weight_decay |p| below the line (`sum_of_norms`), and lr inside v: the same
// for a constant lr.
// exclude: a flag per parameter; those set are stepped with q = 1 and without weight decay. Empty:
// none is.
//   const Lars lars{.lr = 0.3, .weight_decay = 1e-6,
//                   .exclude = flags(net, [](const std::string&, const Tensor& t) {
//                     return t.dim() < 2;
//                   })};
struct Lars {
  double lr = 0.1, momentum = 0.9, weight_decay = 0, trust_coefficient = 0.001;
  bool nesterov = false, sum_of_norms = false;
  std::vector<bool> exclude = {};
  Factors factors = {};
  struct State {
    std::vector<Tensor> velocity;
    static void parts(auto& self, auto&& part) { part("velocity", self.velocity); }
  };
  State initial(const std::vector<Tensor>& params) const;
  void step(std::vector<Tensor>& params, State& state, const std::vector<Tensor>& grads) const;
};
// wanted(name, parameter) of each parameter.
template <class Net, class F>
std::vector<bool> flags(const Net& net, F&& wanted) {
  std::vector<bool> out;
  for (const auto& [name, t] : named_parameters(net)) out.push_back(wanted(name, t));
  return out;
}

// The same optimizer at another step size: update(with_lr(adam, schedule(step)), ...).
template <class Optimizer>
Optimizer with_lr(Optimizer optimizer, double lr) {
  optimizer.lr = lr;
  return optimizer;
}

// p - lr g for each, recorded where gradients are on: the inner loop's step, through which the
// outer gradient goes.
std::vector<Tensor> descend(const std::vector<Tensor>& params, const std::vector<Tensor>& grads,
                            double lr);

// The one outer door: without recording, moving buffers that nobody else holds; the result's
// parameters are new leaves.
// grads: one per parameter, in the order of parameters(net), or a net of gradients. ShapeError
// where their number differs. A net that is given away is taken only after the other arguments are
// there: update(opt, std::move(net), state, grad(loss, net)) is right whatever the order of
// evaluation.
template <class Optimizer, class Net>
requires(!std::is_reference_v<Net>) Net
    update(const Optimizer& optimizer, Net&& given, typename Optimizer::State& state,
           const std::vector<Tensor>& grads) {
  return typed_memory([&] {
    const NoGrad quiet;
    Net net = std::move(given);
    std::vector<Tensor*> slots;
    each(net, [&](const std::string&, Tensor& t, bool is_buffer) {
      if (!is_buffer) slots.push_back(&t);
    });
    if (slots.size() != grads.size())
      throw ShapeError("update: " + std::to_string(grads.size()) + " gradients for " +
                       std::to_string(slots.size()) + " parameters");
    std::vector<Tensor> params;
    for (Tensor* t : slots) params.push_back(std::move(*t));
    optimizer.step(params, state, grads);
    for (size_t i = 0; i < slots.size(); ++i) *slots[i] = std::move(params[i].requires_grad_());
    return net;
  });
}
template <class Optimizer, class Net>
requires(!std::is_reference_v<Net> && !std::is_convertible_v<const Net&, std::vector<Tensor>>) Net
    update(const Optimizer& optimizer, Net&& net, typename Optimizer::State& state,
           const std::type_identity_t<Net>& grads) {
  return update(optimizer, std::move(net), state, parameters(grads));
}
template <class Optimizer, class Net, class Grads>
Net update(const Optimizer& optimizer, const Net& net, typename Optimizer::State& state,
           const Grads& grads) {
  return update(optimizer, Net(net), state, grads);
}

}  // namespace regrad
