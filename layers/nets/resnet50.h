// ResNet-50 for large images (He et al. 2016, table 1), as torchvision has it: a block's stride is
// in its 3x3 convolution.
//
//   Resnet50 net(Random(seed), {}, 1000);          // [N,3,224,224] -> [N,1000]
#pragma once

#include <regrad/layers/linear.h>
#include <regrad/layers/nets/bottleneck.h>
#include <regrad/layers/nets/chain.h>

namespace regrad {

// conv 7x7 of stride 2, norm, ReLU, max pool 3x3 of stride 2; stages of 3, 4, 6 and 3 bottleneck
// blocks with width, 2 width, 4 width, 8 width channels inside and four times that outside; global
// average pool; linear. Convolutions have no bias and He's initial values.
struct Resnet50 {
  Conv2d conv;
  BatchNorm norm;
  std::vector<BottleneckBlock> blocks;
  Linear linear;

  Resnet50() = default;
  // Streams: r / "conv", r / "block" / i, r / "linear".
  Resnet50(const Random& r, const ConvNetOptions& o, int64_t classes);
  Tensor operator()(const Tensor& x, Context& ctx) const;
  Tensor operator()(const Tensor& x) const { return out_of_training(*this, x); }
  static void parts(auto& self, auto&& part) {
    part("conv", self.conv);
    part("norm", self.norm);
    part("blocks", self.blocks);
    part("linear", self.linear);
  }
};

}  // namespace regrad
