// Linear maps and the nets made of them.
//
//   const Mlp body(Random(seed) / "body", {1, 40, 40});
//   Tensor h = body(x);                  // x [N,1] -> [N,40]; or x [T,N,1] with per_task(body, T)
#pragma once

#include <vector>

#include <regrad/layers/init.h>
#include <regrad/layers/steps.h>

namespace regrad {

// y = x W^T + b. weight [out,in] or [T,out,in]; bias [out] or [T,out]; x [..,in] or [T,N,in].
struct Linear {
  Tensor weight, bias;

  Linear() = default;
  // PyTorch's initial values: both uniform in +-sqrt(1/in). Streams: r / "weight", r / "bias".
  Linear(const Random& r, int64_t in, int64_t out, bool with_bias = true, DType t = DType::f32)
      : weight(init::torch_default(r / "weight", {out, in}, in, t).requires_grad_()),
        bias(with_bias ? init::torch_default(r / "bias", {out}, in, t).requires_grad_()
                       : Tensor()) {}

  Tensor operator()(const Tensor& x, Context& ctx) const;
  Tensor operator()(const Tensor& x) const { return linear(x, weight, bias); }
  static void parts(auto& self, auto&& part) {
    part("weight", self.weight);
    part("bias", self.bias);
  }
};

enum class Activation { relu, tanh };

// Linear maps with an activation after each; after the last one too unless `linear_output`.
struct Mlp {
  std::vector<Linear> layers;
  Activation activation = Activation::relu;
  bool linear_output = false;

  Mlp() = default;
  // sizes: {in, hidden..., out}. Streams: r / i for layer i.
  Mlp(const Random& r, const std::vector<int64_t>& sizes, bool linear_out,
      Activation act = Activation::relu, DType t = DType::f32);

  Tensor operator()(const Tensor& x, Context& ctx) const;
  Tensor operator()(const Tensor& x) const { return out_of_training(*this, x); }
  // each layer's output, after its activation; the last is the net's
  std::vector<Tensor> activations(const Tensor& x) const;
  static void parts(auto& self, auto&& part) { part("layers", self.layers); }
};

}  // namespace regrad
