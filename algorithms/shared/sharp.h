// Sharpness-aware minimization (Foret et al., ICLR 2021) for inner and outer loops, as Sharp-MAML
// (Abbas et al., ICML 2022) uses it: gradients at the point of the largest loss near by, w + radius
// g / |g|, to first order.
#pragma once

#include <utility>
#include <vector>

#include <regrad/algorithms/shared/adapt.h>
#include <regrad/algorithms/shared/meta_gradient.h>

namespace regrad {

struct Sharpness {
  bool low = true, up = true;                // perturb in the inner loop, in the outer one
  double alpha_low = 0.05, alpha_up = 0.05;  // radii
  // second order: differentiate through the inner perturbation
  bool through = true;
};

// radius g / |g| with one norm over all of g, or with one a task where g are [T, ...] (by_task).
// |g| = sqrt(sum g^2 + 1e-24), whose derivative at 0 is finite. Recorded where gradients are on.
std::vector<Tensor> ascent(const std::vector<Tensor>& g, double radius, bool by_task);
// w + e for each.
std::vector<Tensor> shifted(const std::vector<Tensor>& w, const std::vector<Tensor>& e);

// The slope at w + e, e = radius g / |g| of each task's g = grad support(w), over the parameters
// that move. `through`: e is recorded too.
template <class Support>
struct SharpSlope {
  Support support;
  bool second_order;
  double radius;
  bool through;
  template <class Net>
  std::vector<Tensor> operator()(int j, const Net& net, const Moves& which,
                                 const std::vector<Tensor>& w) const {
    const std::vector<Tensor> near = shifted(
        w,
        ascent(gradients(support_at(support, j, net), w, second_order && through), radius, true));
    return gradients(support_at(support, j, with_moving(net, which, near)), near, second_order);
  }
};
template <class Support>
SharpSlope<Support> sharp_slope(Support support, bool second_order, const Sharpness& s) {
  return {std::move(support), second_order, s.alpha_low, s.through};
}

// grad f(net + e), e = radius g / |g|, g = grad f(net), over all parameters of the net; e is a
// constant. f: net -> scalar.
template <class Net, class F>
MetaGradient<Net> sharp_gradient(const Net& net, double radius, F&& f) {
  const Net here = as_leaves(net);
  const Tensor loss = f(here);
  const std::vector<Tensor> g = parameters(grad(loss, here));
  Net near = here;
  {
    const NoGrad quiet;
    near = at(std::move(near), shifted(parameters(here), ascent(g, radius, false)));
  }
  near = as_leaves(std::move(near));
  return {grad(f(near), near), loss.detach()};
}

}  // namespace regrad
