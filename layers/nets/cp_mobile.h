// CP-Mobile (Schmid et al. 2023, the CP-JKU system of DCASE 2023 task 1), after the authors' public
// code (github.com/fschmid56/cpjku_dcase23, models/cp_mobile_clean.py): inverted bottlenecks over
// spectrograms [N,1,F,T] with a global response norm behind each.
//
//   CpMobile net(Random(seed), {});   // 10 classes: [N,1,F,T] -> [N,10]
#pragma once

#include <regrad/layers/nets/blocks.h>

namespace regrad {

// Global response norm (ConvNeXt V2, Woo et al. 2023), with one weight for all channels as the
// authors' code has it: y = gamma x g / (mean_c g + 1e-6) + beta + x, g_nc = sqrt(sum_ft x^2).
// gamma and beta [1] start at 0.
struct ResponseNorm {
  Tensor weight, bias;
  ResponseNorm() = default;
  explicit ResponseNorm(DType t);
  Tensor operator()(const Tensor& x) const;  // [N,C,F,T]
  static void parts(auto& self, auto&& part) {
    part("weight", self.weight);
    part("bias", self.bias);
  }
};

// relu(GRN(shortcut + BN(1x1(relu(BN(depthwise 3x3(relu(BN(1x1(x))))))))); a shortcut where
// channels stay: x, or where the block strides its 3x3 average of stride and padding 1.
struct CpMobileBlock {
  ConvNorm expand, depthwise;
  Conv2d project;
  BatchNorm project_norm;
  ResponseNorm response;
  Pair stride = 1;
  bool shortcut = false;

  CpMobileBlock() = default;
  CpMobileBlock(const Random& r, int64_t in, int64_t out, int64_t inside, Pair stride_of, DType t);
  Tensor operator()(const Tensor& x, Context& ctx) const;
  static void parts(auto& self, auto&& part) {
    part("expand", self.expand);
    part("depthwise", self.depthwise);
    part("project", self.project);
    part("project_norm", self.project_norm);
    part("response", self.response);
  }
};

struct CpMobileOptions {
  int64_t classes = 10, base_channels = 32;
  double channels_multiplier = 2.3, expansion_rate = 3;
  DType dtype = DType::f32;
};
// Two 3x3 convolutions of stride 2 to base / 4 and base channels, each with BN and ReLU; stages of
// 3, 2 and 1 blocks of base, base m and base m^2 channels, widths rounded to multiples of 8; the
// second block halves both axes, the fourth the frequencies; 1x1 to classes, BN, mean over the map.
// Initial values of convolutions are N(0, 2 / fan out), as the code has them. ConfigError: a size
// below 1.
struct CpMobile {
  ConvNorm first, second;
  std::vector<CpMobileBlock> blocks;
  Conv2d classifier;
  BatchNorm classifier_norm;

  CpMobile() = default;
  CpMobile(const Random& r, const CpMobileOptions& o);
  Tensor operator()(const Tensor& x, Context& ctx) const;
  Tensor operator()(const Tensor& x) const { return out_of_training(*this, x); }
  static void parts(auto& self, auto&& part) {
    part("first", self.first);
    part("second", self.second);
    part("blocks", self.blocks);
    part("classifier", self.classifier);
    part("classifier_norm", self.classifier_norm);
  }
};

}  // namespace regrad
