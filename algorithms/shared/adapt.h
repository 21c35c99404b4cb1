// The inner loop of the MAML family. A method is a value, its rule, that makes one:
//
//   rule.inner_loop(learner)   ->   InnerLoop{steps, adapted, gradient, step}
//
// and the three functions at the end of this page run it, at T tasks at once:
//
//   w_t,0 = w;   w_t,j+1 = step(j, w_t,j, gradient of L(.; S_t) at w_t,j),  j = 0..M-1      (adapt)
//   J(w) = 1/T sum_t L(w_t,M; Q_t)                                                      (objective)
//
// A learner is a net, or a net with learned step sizes (step_sizes.h). L is loss(net(x), y); a rule
// with a loss of its own, such as CML's two heads, has two functions more:
//   Tensor support_loss(net, loss, x, y, j) const    at step j, summed over the tasks: each task's
//                                                    slice then gets its own task's gradient
//   auto query_loss(net, loss, batch, j) const       after step j, the mean over the tasks
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <regrad/algorithms/shared/episodes.h>
#include <regrad/layers/optim.h>
#include <regrad/layers/params.h>

namespace regrad {

// Loss of each task: input, target -> [T].
using TaskLoss = Tensor (*)(const Tensor& input, const Tensor& target);

// Names of parts at the top of a net; none: the whole net.
using Parts = std::vector<std::string>;

template <class Gradient, class Step>
struct InnerLoop {
  int steps;                      // M
  std::vector<bool> adapted;      // the adapted parameters w: a flag for each parameter of the net
  Gradient gradient;              // g = gradient(L, w), L: w -> scalar; has a flag second_order
  Step step;                      // step(j, w, g) makes w_j+1 of w_j
  std::vector<double> weights{};  // v_1..v_M: J = 1/T sum_t sum_j v_j L(w_t,j; Q_t); none: as above
};
template <class Gradient, class Step>
InnerLoop(int, std::vector<bool>, Gradient, Step, std::vector<double> = {})
    -> InnerLoop<Gradient, Step>;

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

// g = grad L(w).
struct InnerGradient {
  bool second_order;  // recorded, so that the outer gradient goes through it; else a constant
  template <class Loss>
  std::vector<Tensor> operator()(const Loss& loss, const std::vector<Tensor>& w) const {
    return gradients(loss(w), w, second_order);
  }
};

// w_j+1 = w_j - alpha g.
struct FixedStep {
  double alpha;
  void operator()(int, std::vector<Tensor>& w, const std::vector<Tensor>& g) const {
    w = descend(w, g, alpha);
  }
};

// Flags of the parameters of these parts. ConfigError where the net has no such part with
// parameters.
template <class Net>
std::vector<bool> adapted_parameters(const Net& net, const Parts& parts) {
  std::vector<bool> out = flags(net, [&](const auto&, const Tensor&) { return parts.empty(); });
  for (const std::string& part : parts) {
    const std::vector<bool> here = flags(net, [&](const std::string& name, const Tensor&) {
      return name == part || name.compare(0, part.size() + 1, part + ".") == 0;
    });
    if (std::count(here.begin(), here.end(), true) == 0)
      throw ConfigError("inner loop: the net has no parameters in a part named '" + part + "'");
    for (size_t i = 0; i < out.size(); ++i) out[i] = out[i] || here[i];
  }
  return out;
}

// The flagged parameters. ShapeError where there are not as many flags as parameters.
template <class Net>
std::vector<Tensor> flagged(const Net& net, const std::vector<bool>& flags) {
  const std::vector<Tensor> all = parameters(net);
  if (flags.size() != all.size())
    throw ShapeError("inner loop: " + std::to_string(flags.size()) + " flags for " +
                     std::to_string(all.size()) + " parameters");
  std::vector<Tensor> out;
  for (size_t i = 0; i < all.size(); ++i)
    if (flags[i]) out.push_back(all[i]);
  return out;
}

// The net of a learner.
template <class Net>
const Net& net_of(const Net& net) {
  return net;
}

// total + weight term; term weighted alone where total is undefined.
inline void accumulate(Tensor& total, double weight, const Tensor& term) {
  total = total.defined() ? add(std::move(total), term, weight) : weight * term;
}

namespace detail {

// From a net [T, ...]. seen(j, net) is called after step j, and may change the net.
template <class Net, class Loop, class Rule, class Seen>
Net run(Net net, Loop& loop, const Rule& rule, TaskLoss loss, const Tensor& x, const Tensor& y,
        Seen&& seen) {
  const auto with = [&](const std::vector<Tensor>& w) {
    std::vector<Tensor> all = parameters(net);
    for (size_t i = 0, k = 0; i < all.size(); ++i)
      if (loop.adapted[i]) all[i] = w[k++];
    return at(net, all);
  };
  for (int j = 0; j < loop.steps; ++j) {
    std::vector<Tensor> w = flagged(net, loop.adapted);
    const auto support = [&](const std::vector<Tensor>& at_w) -> Tensor {
      const Net here = with(at_w);
      if constexpr (requires { rule.support_loss(here, loss, x, y, j); }) {
        return rule.support_loss(here, loss, x, y, j);
      } else {
        return sum(loss(here(x), y));
      }
    };
    loop.step(j, w, loop.gradient(support, w));
    net = with(w);
    seen(j, net);
  }
  return net;
}

}  // namespace detail

// The net at each task's w_t,M, [T, ...]: recorded, so that the outer gradient goes through it.
// x [T,K,..], y [T,K,..]: the support sets.
template <class Learner, class Rule>
auto adapt(const Learner& learner, const Rule& rule, TaskLoss loss, const Tensor& x,
           const Tensor& y) {
  auto loop = rule.inner_loop(learner);
  return detail::run(per_task(net_of(learner), x.size(0)), loop, rule, loss, x, y,
                     [](int, const auto&) {});
}

// J: a scalar, or what the rule's query_loss gives. A step of weight 0 is not evaluated on the
// query set. ConfigError where weights are not one for each step, or all 0.
template <class Learner, class Rule>
auto objective(const Learner& learner, const Rule& rule, TaskLoss loss, const TaskBatch& batch) {
  auto loop = rule.inner_loop(learner);
  const std::vector<double> v = loop.weights;
  if (!v.empty() && v.size() != static_cast<size_t>(loop.steps))
    throw ConfigError("inner loop: " + std::to_string(v.size()) + " weights for " +
                      std::to_string(loop.steps) + " steps");
  if (!v.empty() && v == std::vector<double>(v.size()))
    throw ConfigError("inner loop: all weights of the query loss are 0");
  const auto query = [&](const auto& net, int j) {
    if constexpr (requires { rule.query_loss(net, loss, batch, j); }) {
      return rule.query_loss(net, loss, batch, j);
    } else {
      return mean(loss(net(batch.query_x), batch.query_y));
    }
  };
  decltype(query(net_of(learner), 0)) total{};
  const auto fast = detail::run(per_task(net_of(learner), batch.tasks()), loop, rule, loss,
                                batch.support_x, batch.support_y, [&](int j, const auto& net) {
                                  if (v.empty()) return;
                                  const double weight = v[static_cast<size_t>(j)];
                                  if (weight != 0) accumulate(total, weight, query(net, j));
                                });
  return v.empty() ? query(fast, loop.steps - 1) : total;
}

// adapt for evaluation: plain values, and no graph longer than one step. At first order.
template <class Learner, class Rule>
auto adapted(const Learner& learner, const Rule& rule, TaskLoss loss, const Tensor& x,
             const Tensor& y) {
  auto loop = rule.inner_loop(learner);
  loop.gradient.second_order = false;
  const NoGrad record(true);
  const auto cut = [](int, auto& n) { n = as_leaves(std::move(n)); };
  auto net = as_leaves(per_task(net_of(learner), x.size(0)));
  return as_leaves(detail::run(std::move(net), loop, rule, loss, x, y, cut), false);
}

}  // namespace regrad
