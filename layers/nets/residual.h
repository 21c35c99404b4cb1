// What residual nets for small images share.
#pragma once

#include <regrad/layers/linear.h>
#include <regrad/layers/nets/blocks.h>

namespace regrad {

// Where the number of channels grows. pad (option A): every second pixel, zero channels before and
// after; project (option B): a strided 1x1 convolution and batch norm.
enum class Shortcut { pad, project };

struct ResnetOptions {
  int depth = 20;  // 6 n + 2
  int64_t in_channels = 3, width = 16;
  Shortcut shortcut = Shortcut::pad;
  DType dtype = DType::f32;
};
// conv 3x3, norm, ReLU; three stages of `blocks`, with width, 2 width, 4 width channels; global
// average pool; linear. Convolutions have no bias and He's initial values.
template <class Block>
struct ResidualNet {
  Conv2d conv;
  BatchNorm norm;
  std::vector<Block> blocks;
  Linear linear;

  ResidualNet() = default;
  // n blocks per stage, each made by Block(r, in, width of the stage, stride, shortcut, dtype) with
  // Block::expansion times that width as output. Streams: r / "conv", r / "block" / i,
  // r / "linear".
  ResidualNet(const Random& r, const ResnetOptions& o, int n, int64_t classes)
      : conv(he_conv(r / "conv", o.in_channels, o.width, 3, 1, o.dtype)),
        norm(o.width, BatchNorm::Track::running, o.dtype) {
    int64_t in = o.width;
    for (int stage = 0; stage < 3; ++stage)
      for (int i = 0; i < n; ++i) {
        const int64_t width = o.width << stage;
        blocks.emplace_back(r / "block" / (stage * n + i), in, width, stage > 0 && i == 0 ? 2 : 1,
                            o.shortcut, o.dtype);
        in = Block::expansion * width;
      }
    linear = Linear(r / "linear", in, classes, true, o.dtype);
  }
  Tensor operator()(const Tensor& x, Context& ctx) const {
    Tensor y = norm(conv(x, ctx), ctx, {.relu = true});
    for (const Block& b : blocks) y = b(y, ctx);
    return linear(mean_over_pixels(y, ctx), ctx);
  }
  Tensor operator()(const Tensor& x) const { return out_of_training(*this, x); }
  static void parts(auto& self, auto&& part) {
    part("conv", self.conv);
    part("norm", self.norm);
    part("blocks", self.blocks);
    part("linear", self.linear);
  }
};

}  // namespace regrad
