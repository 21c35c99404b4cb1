#include <regrad/layers/linear.h>

namespace regrad {

Mlp::Mlp(const Random& r, const std::vector<int64_t>& sizes, bool linear_out, Activation act, DType t) : activation(act), linear_output(linear_out) {
  if (sizes.size() < 2) throw ShapeError("Mlp: needs at least an input and an output size");
  for (size_t i = 0; i + 1 < sizes.size(); ++i) layers.emplace_back(r / static_cast<int64_t>(i), sizes[i], sizes[i + 1], true, t);
}

Tensor Mlp::operator()(const Tensor& x) const {
  Tensor h = x;
  for (size_t i = 0; i < layers.size(); ++i) {
    h = layers[i](h);
    if (i + 1 < layers.size() || !linear_output) h = activation == Activation::relu ? relu(std::move(h)) : tanh(h);
  }
  return h;
}

}  // namespace regrad
