// Clipping of gradients, before update.
//
//   auto [g, norm] = clip_grad_norm(grad(loss, net), 1.0);
//   net = update(adam, std::move(net), state, g);
#pragma once

#include <type_traits>
#include <utility>
#include <vector>

#include <regrad/layers/params.h>

namespace regrad {

// sqrt of the sum of the squares of all elements of all gradients. Undefined gradients count as
// zeros.
double global_norm(const std::vector<Tensor>& grads);

// The gradients times min(1, max_norm / (norm + 1e-6)), with the global norm before clipping:
// PyTorch's clip_grad_norm_. Gradients within the bound keep their bits. A norm that is not a
// number makes all gradients so. ConfigError where max_norm is below 0.
std::pair<std::vector<Tensor>, double> clip_grad_norm(std::vector<Tensor> grads, double max_norm);

// Each element clamped to [-clip_value, clip_value]: PyTorch's clip_grad_value_. ConfigError where
// clip_value is below 0.
std::vector<Tensor> clip_grad_value(std::vector<Tensor> grads, double clip_value);

// The same for gradients that have their net's shape, as grad(loss, net) gives them.
template <class Net>
requires(!std::is_convertible_v<const Net&, TensorList>) std::pair<Net, double> clip_grad_norm(
    const Net& grads, double max_norm) {
  auto [clipped, norm] = clip_grad_norm(parameters(grads), max_norm);
  return {at(grads, clipped), norm};
}
template <class Net>
requires(!std::is_convertible_v<const Net&, TensorList>) Net
    clip_grad_value(const Net& grads, double clip_value) {
  return at(grads, clip_grad_value(parameters(grads), clip_value));
}

}  // namespace regrad
