// The inner loop that MAML, its family and CML share: which parameters move, along which slope, by
// which step.
//
//   const Moves head = moves(net, {"head"});
//   Net fast = inner_loop(per_task(net, T), 5, head, slope(support, true), FixedRate{0.01});
//       // w <- w - 0.01 grad support(w), five times
//
// Parameters carry a leading task dimension, [T, ...]. `support` is a function of the net that
// gives the support loss summed over the tasks, a scalar: each task's slice then gets its own
// task's gradient.
#pragma once

#include <initializer_list>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <regrad/algorithms/shared/episodes.h>
#include <regrad/layers/optim.h>
#include <regrad/layers/params.h>

namespace regrad {

// Loss of each task: input, target -> [T].
using TaskLoss = Tensor (*)(const Tensor& input, const Tensor& target);

// Which parameters the inner loop moves: a flag a parameter, in the order of parameters(net).
using Moves = std::vector<bool>;

// All of them.
template <class Net>
Moves moves(const Net& net) {
  return flags(net, [](const std::string&, const Tensor&) { return true; });
}
// Those of the parts with these names, at the top of the net. ConfigError where the net has no such
// part with parameters.
template <class Net>
Moves moves(const Net& net, std::initializer_list<const char*> parts) {
  Moves out = flags(net, [](const std::string&, const Tensor&) { return false; });
  for (const char* part : parts) {
    const std::string prefix = std::string(part) + ".";
    const Moves here = flags(net, [&](const std::string& name, const Tensor&) {
      return name == part || name.compare(0, prefix.size(), prefix) == 0;
    });
    bool any = false;
    for (size_t i = 0; i < here.size(); ++i) {
      any = any || here[i];
      out[i] = out[i] || here[i];
    }
    if (!any)
      throw ConfigError("inner loop: the net has no parameters in a part named '" +
                        std::string(part) + "'");
  }
  return out;
}

// The parameters that move; and the net with others in their place (ShapeError where their number
// differs).
template <class Net>
std::vector<Tensor> moving(const Net& net, const Moves& which) {
  const std::vector<Tensor> all = parameters(net);
  if (which.size() != all.size())
    throw ShapeError("inner loop: " + std::to_string(which.size()) + " flags for " +
                     std::to_string(all.size()) + " parameters");
  std::vector<Tensor> out;
  for (size_t i = 0; i < all.size(); ++i)
    if (which[i]) out.push_back(all[i]);
  return out;
}
template <class Net>
Net with_moving(Net net, const Moves& which, const std::vector<Tensor>& values) {
  size_t parameter = 0, value = 0;
  each(net, [&](const std::string&, Tensor& t, bool is_buffer) {
    if (is_buffer || !which.at(parameter++)) return;
    if (value < values.size()) t = values[value];
    ++value;
  });
  if (value != values.size())
    throw ShapeError("inner loop: " + std::to_string(values.size()) + " tensors for " +
                     std::to_string(value) + " that move");
  return net;
}

// grad of `loss` with respect to w; zeros where it does not reach one. create_graph holds only
// while gradients are on.
inline std::vector<Tensor> gradients(const Tensor& loss, const std::vector<Tensor>& w,
                                     bool create_graph) {
  std::vector<Tensor> g =
      grad(TensorList(loss), TensorList(w),
           {.create_graph = create_graph && grad_enabled(), .allow_unused = true});
  for (size_t i = 0; i < g.size(); ++i)
    if (!g[i].defined()) g[i] = zeros_like(w[i]);
  return g;
}

// `support` at inner step j: it may take the step's number beside the net, for what is drawn anew
// at each.
template <class Support, class Net>
Tensor support_at(const Support& support, int j, const Net& net) {
  if constexpr (std::is_invocable_v<const Support&, const Net&, int>) {
    return support(net, j);
  } else {
    return support(net);
  }
}

// The slope of a step: the support loss's gradient with respect to w, the parameters of `net` that
// move. second_order: recorded, so that the outer gradient goes through it.
template <class Support>
struct Slope {
  Support support;
  bool second_order;
  template <class Net>
  std::vector<Tensor> operator()(int j, const Net& net, const Moves&,
                                 const std::vector<Tensor>& w) const {
    return gradients(support_at(support, j, net), w, second_order);
  }
};
template <class Support>
Slope<Support> slope(Support support, bool second_order) {
  return {std::move(support), second_order};
}

// w - alpha g at every step: MAML's.
struct FixedRate {
  double alpha;
  void operator()(int, std::vector<Tensor>& w, const std::vector<Tensor>& g) const {
    w = descend(w, g, alpha);
  }
};

// `steps` times: w <- step(j, w, slope(j, net, which, w)), for the parameters w that move. seen(j,
// net) is called after step j = 0, 1, ..., and may change the net.
template <class Net, class SlopeAt, class Step, class Seen>
Net inner_loop(Net net, int steps, const Moves& which, const SlopeAt& slope_at, const Step& step,
               Seen&& seen) {
  for (int j = 0; j < steps; ++j) {
    std::vector<Tensor> w = moving(net, which);
    step(j, w, slope_at(j, std::as_const(net), which, w));
    net = with_moving(std::move(net), which, w);
    seen(j, net);
  }
  return net;
}
template <class Net, class SlopeAt, class Step>
Net inner_loop(Net net, int steps, const Moves& which, const SlopeAt& slope_at, const Step& step) {
  return inner_loop(std::move(net), steps, which, slope_at, step, [](int, const Net&) {});
}

// The inner loop for evaluation, from a net without a task dimension: plain values [T, ...] out,
// and no graph longer than one step. The slope must be of first order.
template <class Net, class SlopeAt, class Step>
Net inner_loop_values(const Net& net, int64_t tasks, int steps, const Moves& which,
                      const SlopeAt& slope_at, const Step& step) {
  Net start = net;
  {
    const NoGrad quiet;
    start = per_task(net, tasks);
  }
  const NoGrad record(true);
  const auto cut = [](int, Net& n) { n = as_leaves(std::move(n)); };
  return as_leaves(inner_loop(as_leaves(std::move(start)), steps, which, slope_at, step, cut),
                   false);
}

}  // namespace regrad
