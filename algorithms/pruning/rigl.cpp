#include <regrad/algorithms/pruning/rigl.h>
#include <regrad/algorithms/pruning/rows.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace regrad::pruning {
namespace {

using Order = std::vector<size_t>;

// Places in the order of falling values, ties by place.
Order falling(const std::vector<double>& v) {
  Order order(v.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return v[a] > v[b]; });
  return order;
}

Tensor as_mask(const std::vector<double>& v, const Tensor& like) {
  return tensor(v, like.shape(), like.dtype());
}

double sum_over_product(const Tensor& w) {
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
    for (size_t l = 0; l < weights.size(); ++l) {
      if (full[l]) room -= static_cast<double>(weights[l].numel());
      if (!full[l]) units += sum_over_product(weights[l]) * static_cast<double>(weights[l].numel());
    }
    for (size_t l = 0; l < weights.size(); ++l) {
      if (full[l]) continue;
      const double density = room / units * sum_over_product(weights[l]);
      out[l] = std::min(
          weights[l].numel(),
          static_cast<int64_t>(std::llround(density * static_cast<double>(weights[l].numel()))));
      if (density > 1) full[l] = again = true, out[l] = weights[l].numel();
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

Tensor drop_and_grow_layer(const Tensor& mask, const Tensor& weight, const Tensor& gradient,
                           double share) {
  std::vector<double> m = mask.to_vector(), w = weight.to_vector(), g = gradient.to_vector();
  for (size_t i = 0; i < m.size(); ++i)
    w[i] = m[i] > 0 ? std::abs(w[i]) : -1, g[i] = std::abs(g[i]);
  const auto kept =
      static_cast<size_t>(std::count_if(m.begin(), m.end(), [](double x) { return x > 0; }));
  const size_t moved =
      std::min(static_cast<size_t>(share * static_cast<double>(kept)), m.size() - kept);
  const Order by_weight = falling(w);
  for (size_t i = kept - moved; i < kept; ++i) m[by_weight[i]] = 0;
  for (size_t i = 0; i < m.size(); ++i) g[i] = m[i] > 0 ? -1 : g[i];
  const Order by_gradient = falling(g);
  for (size_t i = 0; i < moved; ++i) m[by_gradient[i]] = 1;
  return as_mask(m, mask);
}

}  // namespace

Tensors random_masks(const Tensors& weights, double s, const Random& r) {
  const int64_t n = entries_in(weights);
  const std::vector<int64_t> keep = layer_counts(weights, n - pruned_count(n, s));
  Tensors out;
  for (size_t l = 0; l < weights.size(); ++l) {
    const Order order = falling(
        uniform(r / static_cast<int64_t>(l), weights[l].shape(), 0, 1, DType::f64).to_vector());
    std::vector<double> m(order.size(), 0.0);
    for (size_t i = 0; i < static_cast<size_t>(keep[l]); ++i) m[order[i]] = 1;
    out.push_back(as_mask(m, weights[l]));
  }
  return out;
}

Tensors drop_and_grow(const Tensors& masks, const Tensors& weights, const Tensors& gradients,
                      double share) {
  Tensors out;
  for (size_t l = 0; l < masks.size(); ++l)
    out.push_back(drop_and_grow_layer(masks[l], weights[l], gradients[l], share));
  return out;
}

Method rigl(double share) {
  Method m = gmp();
  m.sparsity = in_full, m.due = at_first;
  m.masks = [](State& s, const Schedule& t, const Step&, double p) {
    return random_masks(weights(s), p, t.random / "masks");
  };
  m.pass = [share](State& s, const Method& self, const Schedule& t, const Step& step) {
    Gradients g = one_pass(s, self, t, step);
    const auto end = std::llround(t.target * static_cast<double>(t.steps()));
    if (step.i == 0 || step.i % t.refresh != 0 || step.i >= end) return g;
    const double at = M_PI * static_cast<double>(step.i) / static_cast<double>(end);
    g.masks = drop_and_grow(s.masks, weights(s), g.raw, share / 2 * (1 + std::cos(at)));
    return g;
  };
  return m;
}

}  // namespace regrad::pruning
