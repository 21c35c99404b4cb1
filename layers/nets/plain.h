// Image nets without shortcuts: VGG (Simonyan and Zisserman 2015) with batch norm for small images,
// MobileNetV1 (Howard et al. 2017), and a net of two convolutions for quick trials.
#pragma once

#include <regrad/layers/linear.h>
#include <regrad/layers/nets/blocks.h>

namespace regrad {

struct ConvNetOptions {
  int64_t in_channels = 3;
  int64_t width = 64;  // channels of the first stage
  DType dtype = DType::f32;
};

// Convolutions one after the other, each with batch norm and ReLU, max pool 2 after those in
// `pooled` where the map is wider than one pixel; the mean over what is left, one linear map.
// [N,C,H,W] -> [N,classes].
struct ChainNet {
  std::vector<ConvNorm> convs;
  Linear linear;
  std::vector<size_t> pooled = {};

  Tensor operator()(const Tensor& x, Context& ctx) const;
  static void parts(auto& self, auto&& part) {
    part("convs", self.convs);
    part("linear", self.linear);
  }
};

// VGG-16-BN: 13 convolutions 3x3 of width x {1,1, 2,2, 4,4,4, 8,8,8, 8,8,8}, pooled after each
// stage: 32x32 pixels end at 1x1 (the form that is used for CIFAR).
ChainNet vgg16(const Random& r, const ConvNetOptions& o, int64_t classes);

// MobileNetV1: a 3x3 convolution of `width` / 2 channels, then 13 pairs of a depthwise 3x3 and a
// 1x1 convolution. For images of 32 pixels the first convolution and the second pair keep the size,
// so that the last map is 4x4 (of 28: too); width 64 is the paper's net at multiplier 1.
ChainNet mobilenet(const Random& r, const ConvNetOptions& o, int64_t classes);

// Two 3x3 convolutions of `width` and 2 width channels, pooled both.
ChainNet two_convs(const Random& r, const ConvNetOptions& o, int64_t classes);

}  // namespace regrad
