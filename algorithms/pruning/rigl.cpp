#include <regrad/algorithms/pruning/rows.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace regrad::pruning {
namespace {

// 1 at the `count` largest values, ties by place; 0 elsewhere.
Tensor largest(const Tensor& v, int64_t count) {
  const Tensor first = slice(argsort(flatten(v), 0, true), 0, 0, count);
  return reshape(index_put(zeros({v.numel()}, v.dtype()), first, ones({count}, v.dtype())),
                 v.shape());
}

// (sum of sizes) / (product of sizes)
double erk(const Tensor& w) {
  const Shape sizes = w.shape();
  return static_cast<double>(std::accumulate(sizes.begin(), sizes.end(), int64_t{0})) /
         static_cast<double>(w.numel());
}

// Weights that each layer keeps: `keep` in all.
std::vector<int64_t> layer_counts(const Tensors& weights, int64_t keep) {
  std::vector<int64_t> out(weights.size(), 0);
  std::vector<bool> full(weights.size(), false);
  for (bool again = true; again;) {
    again = false;
    double room = static_cast<double>(keep), units = 0;
    for (size_t l = 0; l < out.size(); ++l) {
      const auto n = static_cast<double>(weights[l].numel());
      full[l] ? room -= n : units += erk(weights[l]) * n;
    }
    for (size_t l = 0; l < out.size(); ++l) {
      if (full[l]) continue;
      const int64_t n = weights[l].numel();
      const double density = room / units * erk(weights[l]);
      out[l] = std::min<int64_t>(n, std::llround(density * static_cast<double>(n)));
      if (density > 1) full[l] = again = true, out[l] = n;
    }
  }
  int64_t left = keep - std::accumulate(out.begin(), out.end(), int64_t{0});
  // what rounding left over: to the last layers, which are the largest
  for (size_t l = out.size(); l-- > 0 && left != 0;) {
    const int64_t moved = std::clamp(left, -out[l], weights[l].numel() - out[l]);
    out[l] += moved, left -= moved;
  }
  return out;
}

}  // namespace

Tensors random_masks(const Tensors& weights, double s, const Random& r) {
  const int64_t n = entries_in(weights);
  const std::vector<int64_t> keep = layer_counts(weights, n - pruned_count(n, s));
  Tensors out;
  for (size_t l = 0; l < weights.size(); ++l) {
    const Tensor u = uniform(r / static_cast<int64_t>(l), weights[l].shape(), 0, 1, DType::f64);
    out.push_back(largest(u, keep[l]).to(weights[l].dtype()));
  }
  return out;
}

Tensors drop_and_grow(const Tensors& masks, const Tensors& weights, const Tensors& gradients,
                      double share) {
  Tensors out;
  for (size_t l = 0; l < masks.size(); ++l) {
    const Tensor m = masks[l].detach(), none = full(m.shape(), -1, m.dtype());
    const auto kept = static_cast<int64_t>(sum(m.to(DType::f64)).item());
    const int64_t moved =
        std::min(static_cast<int64_t>(share * static_cast<double>(kept)), m.numel() - kept);
    const Tensor stay =
        largest(where(m > zeros_like(m), abs(weights[l].detach()), none), kept - moved);
    out.push_back(stay +
                  largest(where(stay > zeros_like(m), none, abs(gradients[l].detach())), moved));
  }
  return out;
}

Method rigl(double share, int64_t period) {
  if (period < 1) throw ConfigError("rigl: the period is at least 1 step");
  Method m = gmp();
  m.sparsity = in_full, m.due = at_first;
  m.masks = [](State& s, const Schedule& t, const Minibatch&, double p) {
    return random_masks(weights(s), p, t.random / "masks");
  };
  m.pass = [share, period](State& s, const Method& self, const Schedule& t,
                           const Minibatch& batch) {
    Gradients g = one_pass(s, self, t, batch);
    const auto end = std::llround(t.target * static_cast<double>(t.steps()));
    if (batch.i == 0 || batch.i % period != 0 || batch.i >= end) return g;
    const double at = M_PI * static_cast<double>(batch.i) / static_cast<double>(end);
    g.masks = drop_and_grow(s.masks, weights(s), g.raw, share / 2 * (1 + std::cos(at)));
    return g;
  };
  return m;
}

}  // namespace regrad::pruning
