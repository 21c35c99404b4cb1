// The few-shot ResNet-12.
#pragma once

#include <regrad/layers/linear.h>
#include <regrad/layers/nets/blocks.h>

namespace regrad {

// Three [conv 3x3, norm] with leaky ReLU 0.1 between, a projected shortcut, leaky ReLU, max pool 2.
// Norms by the batch's own statistics.
struct Resnet12Block {
  std::vector<Conv2d> convs;
  std::vector<BatchNorm> norms;
  Conv2d shortcut;
  BatchNorm shortcut_norm;

  Resnet12Block() = default;
  Resnet12Block(const Random& r, int64_t in, int64_t out, DType t = DType::f32);
  Tensor operator()(const Tensor& x, Context& ctx) const;
  static void parts(auto& self, auto&& part) {
    part("convs", self.convs);
    part("norms", self.norms);
    part("shortcut", self.shortcut);
    part("shortcut_norm", self.shortcut_norm);
  }
};
// Four such blocks, then global average pooling and a linear map. Channels as in Oreshkin et al.
// 2018 (64, 128, 256, 512) unless given.
struct Resnet12 {
  std::vector<Resnet12Block> blocks;
  Linear linear;

  Resnet12() = default;
  Resnet12(const Random& r, int64_t ways,
           const std::vector<int64_t>& channels = {64, 128, 256, 512}, int64_t in_channels = 3,
           DType t = DType::f32);
  Tensor operator()(const Tensor& x, Context& ctx) const;
  Tensor operator()(const Tensor& x) const { return out_of_training(*this, x); }
  static void parts(auto& self, auto&& part) {
    part("blocks", self.blocks);
    part("linear", self.linear);
  }
};

}  // namespace regrad
