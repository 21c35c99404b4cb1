#include <regrad/algorithms/rfn/information.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/linalg.h>
#include <regrad/layers/linear.h>
#include <regrad/layers/optim.h>

#include <algorithm>
#include <cmath>

namespace regrad::relaxed_norm {
namespace {

Tensor mean_and_deviation(const Tensor& x, const Dims& over) {
  const Tensor m = mean(x, over, true), v = mean(square(x - m), over, true);
  const int64_t n = x.size(0);
  return cat({reshape(m, {n, m.numel() / n}), reshape(sqrt(v), {n, v.numel() / n})}, 1);
}

// Standardize and project, learned on some rows and applied to others.
struct Projection {
  Tensor centre, scale, axes;

  Projection(const Tensor& s, int64_t components) {
    centre = regrad::mean(s, {0}, true);
    scale = sqrt(mean(square(s - centre), {0}, true)) + 1e-12;
    const Tensor z = (s - centre) / scale;
    if (components <= 0 || components >= s.size(1)) return;
    const Eigh e = eigh(matmul(z.mT(), z) / static_cast<double>(s.size(0)));  // eigenvalues rise
    axes = slice(e.vectors, 1, s.size(1) - components, s.size(1)).contiguous();
  }
  Tensor operator()(const Tensor& s) const {
    const Tensor z = (s - centre) / scale;
    return axes.defined() ? matmul(z, axes) : z;
  }
};

double entropy(const Tensor& d, int64_t classes) {
  std::vector<double> count(static_cast<size_t>(classes), 0.0);
  for (int64_t c : d.to_vector<int64_t>()) count.at(static_cast<size_t>(c)) += 1;
  double h = 0;
  for (double n : count)
    h -= n > 0 ? n / static_cast<double>(d.size(0)) * std::log(n / static_cast<double>(d.size(0)))
               : 0;
  return h;
}

}  // namespace

Tensor channel_statistics(const Tensor& x) { return mean_and_deviation(x, {2, 3}); }
Tensor frequency_statistics(const Tensor& x) { return mean_and_deviation(x, {1, 3}); }

double information(const Tensor& train_s, const Tensor& train_d, const Tensor& test_s,
                   const Tensor& test_d, int64_t classes, const InformationOptions& o) {
  for (const auto& [s, d] : {std::pair{train_s, train_d}, std::pair{test_s, test_d}}) {
    if (s.dim() != 2 || d.dim() != 1 || s.size(0) != d.size(0) || s.size(1) != train_s.size(1))
      throw ShapeError("information: statistics " + str(s.shape()) + " with labels " +
                       str(d.shape()) + "; [n,k] with [n]");
    if (s.size(0) == 0) throw ConfigError("information: no rows");
  }
  if (classes < 2)
    throw ConfigError("information: " + std::to_string(classes) + " classes; at least 2");
  const Tensor train = train_s.detach().to(DType::f64), test = test_s.detach().to(DType::f64);
  const Projection project(train, o.components);
  const Tensor x = project(train);
  Linear q(Random(0), x.size(1), classes, true, DType::f64);
  q = as_leaves(map(q, [](const Tensor& t) { return zeros_like(t); }));
  const Adam adam{.lr = o.lr, .weight_decay = o.weight_decay};
  Adam::State state;
  for (int i = 0; i < o.steps; ++i)
    q = update(adam, std::move(q), state, grad(cross_entropy(q(x), train_d), q));
  return std::max(0.0, entropy(test_d, classes) - cross_entropy(q(project(test)), test_d).item());
}

}  // namespace regrad::relaxed_norm
