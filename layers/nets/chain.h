// Image nets without shortcuts.
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
  Tensor operator()(const Tensor& x) const { return out_of_training(*this, x); }
  static void parts(auto& self, auto&& part) {
    part("convs", self.convs);
    part("linear", self.linear);
  }
};

}  // namespace regrad
