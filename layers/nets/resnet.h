// ResNet-20, 32, 44, 56, 110 for small images (He et al. 2016, section 4.2).
//
//   Resnet net(Random(seed), {.depth = 20}, 10);          // [N,3,32,32] -> [N,10]
//   Context ctx{.training = true};
//   Tensor loss = cross_entropy(net(x, ctx), y);
#pragma once

#include <regrad/layers/nets/residual.h>

namespace regrad {

// relu(norm(conv(relu(norm(conv(x))))) + shortcut(x))
struct BasicBlock {
  static constexpr int64_t expansion = 1;
  Conv2d conv1, conv2, shortcut;  // shortcut.weight undefined: identity or pad
  BatchNorm norm1, norm2, shortcut_norm;

  BasicBlock() = default;
  BasicBlock(const Random& r, int64_t in, int64_t out, int64_t stride, Shortcut kind,
             DType t = DType::f32);
  Tensor operator()(const Tensor& x, Context& ctx) const;
  static void parts(auto& self, auto&& part) {
    part("conv1", self.conv1);
    part("norm1", self.norm1);
    part("conv2", self.conv2);
    part("norm2", self.norm2);
    part("shortcut", self.shortcut);
    part("shortcut_norm", self.shortcut_norm);
  }
};

// ConfigError where depth is not 6 n + 2.
struct Resnet : ResidualNet<BasicBlock> {
  Resnet() = default;
  Resnet(const Random& r, const ResnetOptions& o, int64_t classes)
      : ResidualNet(r, o, blocks_per_stage(o.depth, 2, 6), classes) {}
};

}  // namespace regrad
