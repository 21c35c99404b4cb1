#include <regrad/layers/optim.h>

#include <cmath>

namespace regrad {

void Sgd::step(std::vector<Tensor>& params, State& state, const std::vector<Tensor>& grads) const {
  const bool first = state.velocity.empty();
  for (size_t i = 0; i < params.size(); ++i) {
    if (momentum == 0) {
      params[i] = sub(std::move(params[i]), grads[i], lr);
      continue;
    }
    if (first) {
      state.velocity.push_back(grads[i]);
    } else {
      state.velocity[i] = std::move(state.velocity[i]) * momentum + grads[i];
    }
    params[i] = sub(std::move(params[i]), state.velocity[i], lr);
  }
}

void Adam::step(std::vector<Tensor>& params, State& state, const std::vector<Tensor>& grads) const {
  if (state.m.empty()) {
    for (const Tensor& p : params) {
      state.m.push_back(zeros_like(p));
      state.v.push_back(zeros_like(p));
    }
  }
  const auto t = static_cast<double>(++state.t);
  const double c1 = -std::expm1(t * std::log(beta1)), c2 = -std::expm1(t * std::log(beta2));
  for (size_t i = 0; i < params.size(); ++i) {
    const Tensor& g = grads[i];
    state.m[i] = add(std::move(state.m[i]) * beta1, g, 1 - beta1);
    state.v[i] = add(std::move(state.v[i]) * beta2, g * g, 1 - beta2);
    params[i] = sub(std::move(params[i]), state.m[i] / affine(sqrt(state.v[i]), 1 / std::sqrt(c2), eps), lr / c1);
  }
}

std::vector<Tensor> descend(const std::vector<Tensor>& params, const std::vector<Tensor>& grads, double lr) {
  std::vector<Tensor> out;
  out.reserve(params.size());
  for (size_t i = 0; i < params.size(); ++i) out.push_back(sub(params[i], grads[i], lr));
  return out;
}

}  // namespace regrad
