// The residual net of bottleneck blocks that DCIL's published code calls ResNet-56.
#pragma once

#include <regrad/layers/nets/residual.h>

namespace regrad {

// relu(norm(conv1x1(relu(norm(conv3x3(relu(norm(conv1x1(x)))))))) + shortcut(x)) with 4 width
// channels at the end; the shortcut is a projection where channels or stride change.
struct BottleneckBlock {
  static constexpr int64_t expansion = 4;
  Conv2d conv1, conv2, conv3, shortcut;
  BatchNorm norm1, norm2, norm3, shortcut_norm;

  BottleneckBlock() = default;
  BottleneckBlock(const Random& r, int64_t in, int64_t width, int64_t stride,
                  Shortcut = Shortcut::project, DType t = DType::f32);
  Tensor operator()(const Tensor& x, Context& ctx) const;
  static void parts(auto& self, auto&& part) {
    part("conv1", self.conv1);
    part("norm1", self.norm1);
    part("conv2", self.conv2);
    part("norm2", self.norm2);
    part("conv3", self.conv3);
    part("norm3", self.norm3);
    part("shortcut", self.shortcut);
    part("shortcut_norm", self.shortcut_norm);
  }
};

// depth 9 n + 2 (ConfigError otherwise). `shortcut` is not looked at.
struct BottleneckResnet : ResidualNet<BottleneckBlock> {
  BottleneckResnet() = default;
  BottleneckResnet(const Random& r, const ResnetOptions& o, int64_t classes)
      : ResidualNet(r, o, blocks_per_stage(o.depth, 2, 9), classes) {}
};

}  // namespace regrad
