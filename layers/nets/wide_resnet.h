// WRN-28-2 for small images (Zagoruyko and Komodakis 2016).
#pragma once

#include <regrad/layers/linear.h>
#include <regrad/layers/nets/blocks.h>

namespace regrad {

// Norm and ReLU before each convolution: x + conv2(relu(norm2(conv1(relu(norm1(x)))))); where
// channels or stride change, the shortcut is a 1x1 convolution of relu(norm1(x)).
struct PreActBlock {
  BatchNorm norm1, norm2;
  Conv2d conv1, conv2, shortcut;

  PreActBlock() = default;
  PreActBlock(const Random& r, int64_t in, int64_t out, int64_t stride, DType t = DType::f32);
  Tensor operator()(const Tensor& x, Context& ctx) const;
  static void parts(auto& self, auto&& part) {
    part("norm1", self.norm1);
    part("conv1", self.conv1);
    part("norm2", self.norm2);
    part("conv2", self.conv2);
    part("shortcut", self.shortcut);
  }
};

struct WideResnetOptions {
  int depth = 28, widen = 2;  // depth = 6 n + 4
  int64_t in_channels = 3;
  DType dtype = DType::f32;
};
struct WideResnet {
  Conv2d conv;
  std::vector<PreActBlock> blocks;
  BatchNorm norm;
  Linear linear;

  WideResnet() = default;
  WideResnet(const Random& r, const WideResnetOptions& o, int64_t classes);
  Tensor operator()(const Tensor& x, Context& ctx) const;
  Tensor operator()(const Tensor& x) const { return out_of_training(*this, x); }
  static void parts(auto& self, auto&& part) {
    part("conv", self.conv);
    part("blocks", self.blocks);
    part("norm", self.norm);
    part("linear", self.linear);
  }
};

}  // namespace regrad
