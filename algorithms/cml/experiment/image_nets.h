// Bodies and heads for images beside Conv4's (layers/nets/conv4.h).
#pragma once

#include <regrad/layers/linear.h>
#include <regrad/layers/nets/conv4.h>
#include <regrad/layers/nets/resnet12.h>

namespace regrad::cml {

// An Mlp on the pixels of [..,c,h,w].
struct PixelMlp : Mlp {
  using Mlp::Mlp;
  Tensor operator()(const Tensor& x) const { return Mlp::operator()(flatten(x, -3)); }
  std::vector<Tensor> activations(const Tensor& x) const {
    return Mlp::activations(flatten(x, -3));
  }
};

// ResNet-12 without its linear map: [..,c,s,s] -> [..,8 channels,s/16,s/16]. The paper has it in
// its Table 9; where the co-learner branches off, and what it is made of, is ours: after the fourth
// block, as Conv4's is after the fourth; PooledHead.
struct Resnet12Body {
  std::vector<Resnet12Block> blocks;

  Resnet12Body() = default;
  // channels of the first block; each further one has twice as many. Streams: r / i for block i.
  Resnet12Body(const Random& r, int64_t in_channels, int64_t channels) {
    for (int64_t i = 0; i < 4; ++i, channels *= 2) {
      blocks.emplace_back(r / i, in_channels, channels);
      in_channels = channels;
    }
  }
  Tensor operator()(const Tensor& x, Context& ctx) const {
    Tensor y = x;
    for (const Resnet12Block& b : blocks) y = b(y, ctx);
    return y;
  }
  Tensor operator()(const Tensor& x) const { return out_of_training(*this, x); }
  std::vector<Tensor> activations(const Tensor& x) const {  // after each block
    Context ctx;
    std::vector<Tensor> out;
    for (const Resnet12Block& b : blocks) out.push_back(b(out.empty() ? x : out.back(), ctx));
    return out;
  }
  static void parts(auto& self, auto&& part) { part("blocks", self.blocks); }
};

// Some conv blocks (none for theta), the mean over pixels, a linear map.
struct PooledHead {
  std::vector<ConvBlock> blocks;
  Linear linear;

  PooledHead() = default;
  // Streams: r / "linear", r / "block" / i.
  PooledHead(const Random& r, int64_t channels, int64_t ways, int convs)
      : linear(r / "linear", channels, ways) {
    for (int i = 0; i < convs; ++i) blocks.emplace_back(r / "block" / i, channels, channels);
  }
  Tensor operator()(const Tensor& features, Context& ctx) const {
    Tensor y = features;
    for (const ConvBlock& b : blocks) y = b(y, false, ctx);
    return linear(mean_over_pixels(y, ctx), ctx);
  }
  Tensor operator()(const Tensor& features) const { return out_of_training(*this, features); }
  static void parts(auto& self, auto&& part) {
    part("blocks", self.blocks);
    part("linear", self.linear);
  }
};

}  // namespace regrad::cml
