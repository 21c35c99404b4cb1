// What the tests of CML share: the nets of the sinusoid experiment, MAML written without CML's
// code, and comparisons.
#pragma once

#include <regrad/algorithms/cml/cml.h>
#include <regrad/algorithms/maml/maml.h>
#include <regrad/algorithms/shared/sinusoids.h>
#include <regrad/layers/linear.h>

#include <algorithm>
#include <cmath>

namespace regrad::test {

// psi: 1-width-width, an activation after each; theta: width-1; phi: width-width-1.
using Net = cml::Model<Mlp, Linear, Mlp>;
inline Net sinusoid_net(uint64_t seed, int64_t width = 40, Activation act = Activation::relu,
                        DType t = DType::f64) {
  const Random r(seed);
  return {Mlp(r / "body", {1, width, width}, false, act, t), Linear(r / "head", width, 1, true, t),
          Mlp(r / "cohead", {width, width, 1}, true, act, t)};
}
// The same without a co-learner: what MAML trains and what is deployed.
using Deployed = maml::Model<Mlp, Linear>;
inline Deployed deployed(const Net& net) { return {net.body, net.head}; }

inline TaskBatch sinusoids(uint64_t seed, int64_t tasks = 4, int64_t k = 10) {
  return Sinusoids{}.sample(Random(seed) / "tasks", tasks, k, k, DType::f64);
}
inline TaskBatch one_task(const TaskBatch& b, int64_t i) {
  const auto part = [i](const Tensor& t) { return slice(t, 0, i, i + 1); };
  return {part(b.support_x), part(b.support_y), part(b.query_x), part(b.query_y)};
}

inline cml::Objective objective(const Net& net, const cml::Rule<>& rule, const TaskBatch& batch) {
  return objective(net, rule, mse_loss_by_task, batch);
}
inline Net adapted_on(const Net& net, const cml::Rule<>& rule, const TaskBatch& batch) {
  return adapt(net, rule, mse_loss_by_task, batch.support_x, batch.support_y);
}

// MAML's outer loss over tasks at once, M steps, second order. In the operations and order that
// CML's inner loop has, so that bits can agree.
inline Tensor maml_loss(const Deployed& net, double alpha, int steps, const TaskBatch& batch) {
  Deployed fast = per_task(net, batch.tasks());
  for (int i = 0; i < steps; ++i) {
    const std::vector<Tensor> p = parameters(fast);
    const Tensor support = sum(mse_loss_by_task(fast(batch.support_x), batch.support_y));
    fast = at(fast,
              descend(p, grad(TensorList(support), TensorList(p), {.create_graph = true}), alpha));
  }
  return mean(mse_loss_by_task(fast(batch.query_x), batch.query_y));
}
// The same by its formula, task by task, without a task axis.
inline Tensor maml_loss_by_formula(const Deployed& net, double alpha, int steps,
                                   const TaskBatch& batch) {
  Tensor total = scalar(0, DType::f64);
  for (int64_t t = 0; t < batch.tasks(); ++t) {
    std::vector<Tensor> p = parameters(net);
    for (int i = 0; i < steps; ++i) {
      const std::vector<Tensor> g =
          grad(TensorList(mse_loss(at(net, p)(batch.support_x[t]), batch.support_y[t])),
               TensorList(p), {.create_graph = true});
      for (size_t k = 0; k < p.size(); ++k) p[k] = p[k] - alpha * g[k];
    }
    total = total + mse_loss(at(net, p)(batch.query_x[t]), batch.query_y[t]);
  }
  return total / static_cast<double>(batch.tasks());
}

// All numbers of a net, or of a list of tensors, in order.
inline std::vector<double> flat(const std::vector<Tensor>& tensors) {
  std::vector<double> out;
  for (const Tensor& t : tensors) {
    const std::vector<double> v = t.to_vector();
    out.insert(out.end(), v.begin(), v.end());
  }
  return out;
}
template <class Part>
std::vector<double> flat(const Part& net) {
  return flat(parameters(net));
}

// Largest difference, over the largest magnitude of b. Infinite where sizes differ or something is
// not a number.
inline double gap(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size()) return INFINITY;
  double difference = 0, largest = 1e-300;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!std::isfinite(a[i]) || !std::isfinite(b[i])) return INFINITY;
    difference = std::max(difference, std::abs(a[i] - b[i]));
    largest = std::max(largest, std::abs(b[i]));
  }
  return difference / largest;
}
inline double largest(const std::vector<double>& v) {
  double m = 0;
  for (double x : v) m = std::max(m, std::abs(x));
  return m;
}

}  // namespace regrad::test
