// Sharp-MAML (Abbas, Xiao, Chen, Chen and Chen, ICML 2022): MAML whose gradients are taken at the
// point of the largest loss nearby, to first order, as sharpness-aware minimization has it (SAM:
// Foret, Kleiner, Mobahi and Neyshabur, ICLR 2021): in the lower level, the upper one, or both.
//
//   lower:   e_t,j = alpha_low g / |g|,  g = grad L(w_t,j; S_t)
//            w_t,j+1 = w_t,j - alpha grad L(w_t,j + e_t,j; S_t)
//   upper:   e = alpha_up g / |g|,  g = grad J(w);     the outer step at w goes along grad J(w + e)
//
//   const maml::SharpMaml rule{.steps = 5, .sharpness = {.alpha_low = 0.05, .alpha_up = 0.05}};
//   const auto g = sharp_gradient(net, rule.sharpness, [&](const Net& at_w) {
//     return plain_gradient(at_w, [&](const Net& w) { return objective(w, rule, loss, batch); });
//   });
//   net = update(adam, std::move(net), state, g.gradient);
#pragma once

#include <regrad/algorithms/shared/adapt.h>
#include <regrad/algorithms/shared/meta_gradient.h>

namespace regrad::maml {

struct Sharpness {
  bool low = true, up = true;                // which levels
  double alpha_low = 0.05, alpha_up = 0.05;  // radii
  bool through = true;                       // at second order: through e_t,j too
};

// Over all of g: a scalar; by_task, of g [T, ...]: [T].
inline Tensor sum_of_squares(const std::vector<Tensor>& g, bool by_task) {
  Tensor total;
  for (const Tensor& part : g) {
    Tensor s = square(part);
    if (!by_task) s = sum(s);
    if (by_task && s.dim() > 1) s = sum(flatten(s, 1), {1});
    total = total.defined() ? std::move(total) + s : s;
  }
  return total;
}

// w + radius g / |g|, with one norm over all of g, or with one for each task where g are [T, ...]
// (by_task). |g| = sqrt(sum g^2 + 1e-24), whose derivative at 0 is finite. Recorded where gradients
// are on.
inline std::vector<Tensor> uphill(const std::vector<Tensor>& w, const std::vector<Tensor>& g,
                                  double radius, bool by_task) {
  const Tensor scale = radius * rsqrt(sum_of_squares(g, by_task) + 1e-24);
  std::vector<Tensor> out;
  for (size_t i = 0; i < w.size(); ++i) {
    Shape sizes = scale.shape();
    while (by_task && sizes.size() < g[i].dim()) sizes.push_back(1);
    const Tensor factor = reshape(scale, sizes), e = g[i] * factor;
    out.push_back(w[i] + e);
  }
  return out;
}

// grad L(w + e), e of each task's grad L(w).
struct SharpGradient {
  bool second_order;
  Sharpness sharpness;
  template <class Loss>
  std::vector<Tensor> operator()(const Loss& loss, const std::vector<Tensor>& w) const {
    if (!sharpness.low) return gradients(loss(w), w, second_order);
    const std::vector<Tensor> g = gradients(loss(w), w, second_order && sharpness.through),
                              near = uphill(w, g, sharpness.alpha_low, true);
    return gradients(loss(near), near, second_order);
  }
};

struct SharpMaml {
  double alpha = 0.01;
  int steps = 1;
  bool second_order = true;
  Parts adapted = {};
  Sharpness sharpness = {};

  auto inner_loop(const auto& net) const {
    return InnerLoop{steps, adapted_parameters(net, adapted),
                     SharpGradient{second_order, sharpness}, FixedStep{alpha}};
  }
};

// The outer step's gradient: gradient_at's, net -> MetaGradient, at w + e where the upper level is
// sharp, else at w. The loss is that at w. e is a constant, over all parameters of the net.
template <class Net, class GradientAt>
MetaGradient<Net> sharp_gradient(const Net& net, const Sharpness& sharpness,
                                 GradientAt&& gradient_at) {
  MetaGradient<Net> g = gradient_at(net);
  if (!sharpness.up) return g;
  const auto near = [&] {
    const NoGrad quiet;
    return at(net, uphill(parameters(net), parameters(g.gradient), sharpness.alpha_up, false));
  };
  return {gradient_at(near()).gradient, g.loss};
}

}  // namespace regrad::maml
