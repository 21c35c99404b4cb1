#include <regrad/algorithms/pruning/rows.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace regrad::pruning {
namespace {

// 1 at the `count` largest values, ties by place; 0 elsewhere.
std::vector<double> largest(const std::vector<double>& v, size_t count) {
  std::vector<size_t> order(v.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return v[a] > v[b]; });
  std::vector<double> out(v.size(), 0.0);
  for (size_t i = 0; i < count; ++i) out[order[i]] = 1;
  return out;
}

// (sum of sizes) / (product of sizes)
double erk(const Tensor& w) {
  double total = 0;
  for (int d = 0; d < w.dim(); ++d) total += static_cast<double>(w.size(d));
  return total / static_cast<double>(w.numel());
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
    out.push_back(tensor(largest(u.to_vector(), static_cast<size_t>(keep[l])), u.shape(),
                         weights[l].dtype()));
  }
  return out;
}

Tensors drop_and_grow(const Tensors& masks, const Tensors& weights, const Tensors& gradients,
                      double share) {
  Tensors out;
  for (size_t l = 0; l < masks.size(); ++l) {
    std::vector<double> m = masks[l].to_vector(), w = weights[l].to_vector(),
                        g = gradients[l].to_vector();
    const auto kept = static_cast<size_t>(std::count(m.begin(), m.end(), 1.0));
    const size_t moved =
        std::min(static_cast<size_t>(share * static_cast<double>(kept)), m.size() - kept);
    for (size_t i = 0; i < m.size(); ++i) w[i] = m[i] > 0 ? std::abs(w[i]) : -1;
    m = largest(w, kept - moved);
    for (size_t i = 0; i < m.size(); ++i) g[i] = m[i] > 0 ? -1 : std::abs(g[i]);
    const std::vector<double> grown = largest(g, moved);
    for (size_t i = 0; i < m.size(); ++i) m[i] += grown[i];
    out.push_back(tensor(m, masks[l].shape(), masks[l].dtype()));
  }
  return out;
}

Method rigl(double share) {
  Method m = gmp();
  m.sparsity = in_full, m.due = at_first;
  m.masks = [](State& s, const Schedule& t, const Minibatch&, double p) {
    return random_masks(weights(s), p, t.random / "masks");
  };
  m.pass = [share](State& s, const Method& self, const Schedule& t, const Minibatch& batch) {
    Gradients g = one_pass(s, self, t, batch);
    const auto end = std::llround(t.target * static_cast<double>(t.steps()));
    if (batch.i == 0 || batch.i % t.refresh != 0 || batch.i >= end) return g;
    const double at = M_PI * static_cast<double>(batch.i) / static_cast<double>(end);
    g.masks = drop_and_grow(s.masks, weights(s), g.raw, share / 2 * (1 + std::cos(at)));
    return g;
  };
  return m;
}

}  // namespace regrad::pruning
