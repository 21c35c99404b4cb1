// CP-ResNet (Koutini et al. 2019, "The receptive field as a regularizer in deep convolutional
// neural networks for acoustic scene classification"), after the authors' public code
// (github.com/kkoutini/cpjku_dcase20, models/cp_resnet.py): a ResNet over spectrograms [N,1,F,T]
// whose receptive field is set by how many of its kernels are 3x3 and how many 1x1.
//
//   CpResnet net(Random(seed), {.rho = 7, .base_channels = 64});   // [N,1,F,T] -> [N,10]
#pragma once

#include <regrad/layers/nets/blocks.h>

namespace regrad {

// relu(shortcut + BN(k2(relu(BN(k1(x)))))); the shortcut is x, or BN(1x1(x)) where channels change.
struct CpResnetBlock {
  ConvNorm first;
  Conv2d second, enter;
  BatchNorm second_norm, enter_norm;

  CpResnetBlock() = default;
  CpResnetBlock(const Random& r, int64_t in, int64_t out, int64_t k1, int64_t k2, DType t);
  Tensor operator()(const Tensor& x, Context& ctx) const;
  static void parts(auto& self, auto&& part) {
    part("first", self.first);
    part("second", self.second);
    part("second_norm", self.second_norm);
    part("enter", self.enter);
    part("enter_norm", self.enter_norm);
  }
};

struct CpResnetOptions {
  // How far the receptive field reaches: each of the 24 kernels but the second one, which is 1x1,
  // is 3x3 while its place, counted from 0 without that one, is below rho + 1. 0 to 22.
  int64_t rho = 7;
  int64_t base_channels = 128, classes = 10;
  DType dtype = DType::f32;
};
// conv 5x5 of stride 2 and padding 1, BN, ReLU; three stages of four blocks, base, 2 base and 4
// base channels; max pools of 2 behind blocks 1, 2 and 4; 1x1 to classes, BN, mean over the map.
// Initial values are Fixup's (Zhang et al. 2019) as the code has them: a block's first kernel N(0,
// 2 / (12 fan out)), its second one and the classifier 0, shortcuts N(0, 2 / fan out), the head
// N(0, 2 / fan in). ConfigError: rho outside, sizes below 1.
struct CpResnet {
  ConvNorm head;
  std::vector<CpResnetBlock> blocks;
  Conv2d classifier;
  BatchNorm classifier_norm;

  CpResnet() = default;
  CpResnet(const Random& r, const CpResnetOptions& o);
  Tensor operator()(const Tensor& x, Context& ctx) const;
  Tensor operator()(const Tensor& x) const { return out_of_training(*this, x); }
  static void parts(auto& self, auto&& part) {
    part("head", self.head);
    part("blocks", self.blocks);
    part("classifier", self.classifier);
    part("classifier_norm", self.classifier_norm);
  }
};

}  // namespace regrad
