// What the paper's figures 3b to 3d look at, on any net: how far the two heads pull the body the
// same way, how large the inner gradient still is in each layer after adaptation, and how much
// adaptation changes a layer's activations.
#pragma once

#include <algorithm>

#include <regrad/algorithms/cml/cml.h>
#include <regrad/algorithms/experiment/trial.h>

namespace regrad::cml {

// Linear CKA (Kornblith et al., ICML 2019) of each task: a [T,N,..], b [T,N,..], N examples of any
// features -> T numbers in [0, 1].
//   CKA = |B^T A|_F^2 / (|A^T A|_F |B^T B|_F), columns centred;
//   by the Gram matrices K = A A^T, L = B B^T: <K, L> / (|K| |L|).
// Where one of them is constant over the examples it is 0, where both are 1. ShapeError where T or
// N differ.
std::vector<double> linear_cka(const Tensor& a, const Tensor& b);

// Parameters by layer: neighbours whose names agree up to their first number ("layers.0.weight" and
// "layers.0.bias"), or, without one, up to the first dot.
std::vector<std::vector<Tensor>> by_layer(
    const std::vector<std::pair<std::string, Tensor>>& parameters);

// The cosine of two lists of layers, each as one vector.
double cosine(const std::vector<std::vector<Tensor>>& a, const std::vector<std::vector<Tensor>>& b);

// The norm over all of a layer's parameters [T, ...], the mean over the tasks.
double mean_norm(const std::vector<Tensor>& layer);

// Cosines of the heads' query gradients at the adapted psi', over all tasks' parameters as one
// vector: those of the whole body, and of its last layer alone (a block with its norm), where the
// paper's figure 3b looks: conv 4.
struct CosineOfHeads {
  double body, last_layer;
};
// fast: leaves [T, ...].
template <class M>
CosineOfHeads cosine_of_heads(const M& fast, TaskLoss loss, const TaskBatch& batch) {
  const Tensor features = evaluated(fast.body, batch.query_x);
  const auto gradient = [&](const Tensor& prediction) {
    return named_parameters(
        grad(sum(loss(prediction, batch.query_y)), fast.body, {.retain_graph = true}));
  };
  const auto meta = gradient(evaluated(fast.head, features)),
             co = gradient(evaluated(fast.cohead, features));
  return {cosine(by_layer(meta), by_layer(co)),
          cosine({by_layer(meta).back()}, {by_layer(co).back()})};
}
template <class M>
void log_cosine_of_heads(const M& fast, TaskLoss loss, const TaskBatch& batch,
                         experiment::Moment& out) {
  const CosineOfHeads c = cosine_of_heads(fast, loss, batch);
  out.emplace_back("cosine of the heads' gradients, whole body", c.body);
  out.emplace_back("cosine of the heads' gradients, last body layer", c.last_layer);
}

// name + ", body layer 1", .., name + ", head": the last of the values.
void log_layers(const std::string& name, const std::vector<double>& values,
                experiment::Moment& out);

// The support loss's gradient after adaptation, layer by layer of the body, and the head's.
template <class M>
void log_support_gradient(const M& fast, TaskLoss loss, const TaskBatch& batch,
                          experiment::Moment& out) {
  const M g = grad(
      sum(loss(evaluated(fast.head, evaluated(fast.body, batch.support_x), {}), batch.support_y)),
      fast);
  std::vector<double> norms;
  for (const auto& layer : by_layer(named_parameters(g.body))) norms.push_back(mean_norm(layer));
  norms.push_back(mean_norm(parameters(g.head)));
  log_layers("support gradient's norm", norms, out);
}

// CKA of each body layer's activations, [T,N,..] as the body lists them, and of the head's
// predictions, on the query points before and after adaptation; the mean over the tasks.
template <class M>
void log_cka(const M& before, const M& fast, const Tensor& query_x, experiment::Moment& out) {
  const NoGrad quiet;
  const auto layers = [&](const M& net) {
    std::vector<Tensor> all = net.body.activations(query_x);
    all.push_back(evaluated(net.head, all.back()));
    return all;
  };
  const std::vector<Tensor> then = layers(per_task(before, query_x.size(0))), now = layers(fast);
  std::vector<double> alike;
  for (size_t l = 0; l < then.size(); ++l)
    alike.push_back(experiment::mean(linear_cka(then[l], now[l])));
  log_layers("CKA before and after adaptation", alike, out);
}

}  // namespace regrad::cml
