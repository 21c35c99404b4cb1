// Norms as layers. Batch norm has two kinds of statistics: the batch's own, and running ones.
//
//   BatchNorm norm(16);
//   Context ctx{.training = true};
//   Tensor y = norm(x, ctx, {.relu = true});
//       // by the batch's statistics, reported to ctx; [N,16,H,W] -> [N,16,H,W]
//   norm = commit(norm, ctx);
//   Tensor z = norm(x);                                   // by the running ones
#pragma once

#include <regrad/layers/context.h>

namespace regrad {

// weight, bias [C] (or [T,C] per task), ones and zeros at first.
struct BatchNorm {
  Tensor weight, bias;
  // undefined: always the batch's own statistics, in training and after (few-shot nets:
  // transductive)
  Tensor running_mean, running_var;
  double eps = 1e-5, momentum = 0.1;

  enum class Track { running, never };
  BatchNorm() = default;
  explicit BatchNorm(int64_t channels, Track track = Track::running, DType t = DType::f32);

  // x [N,C,H,W], [N,C] or [T,N,C,H,W]. options: what else happens in the same pass; its eps is the
  // layer's.
  Tensor operator()(const Tensor& x, Context& ctx, BatchNormOptions options = {}) const;
  Tensor operator()(const Tensor& x, BatchNormOptions options = {}) const;  // not in training
  static void parts(auto& self, auto&& part) {
    part("weight", self.weight);
    part("bias", self.bias);
    part("running_mean", self.running_mean, buffer);
    part("running_var", self.running_var, buffer);
  }

 private:
  Tensor normed(const Tensor& x, Context& ctx, const BatchNormOptions& options) const;
};

// x [N,C,..] in groups of neighbouring channels; groups = C is instance norm.
struct GroupNorm {
  Tensor weight, bias;
  int64_t groups = 1;
  double eps = 1e-5;

  GroupNorm() = default;
  GroupNorm(int64_t groups_of, int64_t channels, DType t = DType::f32);
  Tensor operator()(const Tensor& x) const { return group_norm(x, groups, weight, bias, eps); }
  static void parts(auto& self, auto&& part) {
    part("weight", self.weight);
    part("bias", self.bias);
  }
};
struct InstanceNorm : GroupNorm {
  InstanceNorm() = default;
  explicit InstanceNorm(int64_t channels, DType t = DType::f32)
      : GroupNorm(channels, channels, t) {}
};
struct LayerNorm {
  Tensor weight, bias;
  double eps = 1e-5;

  LayerNorm() = default;
  explicit LayerNorm(const Shape& normalized_shape, DType t = DType::f32)
      : weight(ones(normalized_shape, t).requires_grad_()),
        bias(zeros(normalized_shape, t).requires_grad_()) {}
  Tensor operator()(const Tensor& x) const {
    return layer_norm(x, weight.shape(), weight, bias, eps);
  }
  static void parts(auto& self, auto&& part) {
    part("weight", self.weight);
    part("bias", self.bias);
  }
};

}  // namespace regrad
