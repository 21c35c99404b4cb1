#include <regrad/layers/linear.h>

namespace regrad {
namespace {

Tensor through(const Mlp& net, size_t i, const Tensor& x, Context& ctx) {
  Tensor h = net.layers[i](x, ctx);
  if (i + 1 == net.layers.size() && net.linear_output) return h;
  return net.activation == Activation::relu ? relu(std::move(h), ctx) : tanh(h);
}

}  // namespace

Tensor Linear::operator()(const Tensor& x, Context& ctx) const {
  return evaluated(
      ctx, [&] { return Step{.kind = Step::linear, .x = x, .weight = weight, .bias = bias}; },
      [&] { return (*this)(x); });
}

Mlp::Mlp(const Random& r, const std::vector<int64_t>& sizes, bool linear_out, Activation act,
         DType t)
    : activation(act), linear_output(linear_out) {
  if (sizes.size() < 2) throw ShapeError("Mlp: needs at least an input and an output size");
  for (size_t i = 0; i + 1 < sizes.size(); ++i)
    layers.emplace_back(r / static_cast<int64_t>(i), sizes[i], sizes[i + 1], true, t);
}

Tensor Mlp::operator()(const Tensor& x, Context& ctx) const {
  Tensor h = x;
  for (size_t i = 0; i < layers.size(); ++i) h = through(*this, i, h, ctx);
  return h;
}

std::vector<Tensor> Mlp::activations(const Tensor& x) const {
  Context ctx;
  std::vector<Tensor> out;
  for (size_t i = 0; i < layers.size(); ++i)
    out.push_back(through(*this, i, i == 0 ? x : out.back(), ctx));
  return out;
}

}  // namespace regrad
