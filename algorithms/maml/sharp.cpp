#include <regrad/algorithms/maml/sharp.h>

namespace regrad::maml {
namespace {

// Sum of the squares: over all dims, or over all but the first.
Tensor squares(const Tensor& g, bool by_task) {
  const Tensor s = square(g);
  if (!by_task) return sum(s);
  return g.dim() > 1 ? sum(flatten(s, 1), {1}) : s;
}

// [T] as [T, 1, ...] of g's rank.
Tensor beside(const Tensor& scale, const Tensor& g) {
  Shape sizes = scale.shape();
  while (sizes.size() < g.dim()) sizes.push_back(1);
  return reshape(scale, sizes);
}

}  // namespace

std::vector<Tensor> uphill(const std::vector<Tensor>& w, const std::vector<Tensor>& g,
                           double radius, bool by_task) {
  Tensor total;
  for (const Tensor& part : g) {
    const Tensor s = squares(part, by_task);
    total = total.defined() ? std::move(total) + s : s;
  }
  const Tensor scale = radius * rsqrt(total + 1e-24);
  std::vector<Tensor> out;
  for (size_t i = 0; i < w.size(); ++i) {
    const Tensor factor = by_task ? beside(scale, g[i]) : scale, e = g[i] * factor;
    out.push_back(w[i] + e);
  }
  return out;
}

}  // namespace regrad::maml
