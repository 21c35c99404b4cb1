// Residual nets for small images: ResNet-20, 32, 44, 56, 110 (He et al. 2016, section 4.2),
// WRN-28-2 (Zagoruyko and Komodakis 2016) and the few-shot ResNet-12.
//
//   Resnet net(Random(seed), {.depth = 20}, 10);          // [N,3,32,32] -> [N,10]
//   Context ctx{.training = true};
//   Tensor loss = cross_entropy(net(x, ctx), y);
#pragma once

#include <regrad/layers/linear.h>
#include <regrad/layers/nets/blocks.h>

namespace regrad {

// Where the number of channels grows. pad (option A): every second pixel, zero channels before and
// after; project (option B): a strided 1x1 convolution and batch norm.
enum class Shortcut { pad, project };

// relu(norm(conv(relu(norm(conv(x))))) + shortcut(x))
struct BasicBlock {
  Conv2d conv1, conv2, shortcut;  // shortcut.weight undefined: identity or pad
  BatchNorm norm1, norm2, shortcut_norm;

  BasicBlock() = default;
  BasicBlock(const Random& r, int64_t in, int64_t out, int64_t stride, Shortcut kind,
             DType t = DType::f32);
  Tensor operator()(const Tensor& x, Context& ctx) const;
  static void parts(auto& self, auto&& part) {
    part("conv1", self.conv1);
    part("norm1", self.norm1);
    part("conv2", self.conv2);
    part("norm2", self.norm2);
    part("shortcut", self.shortcut);
    part("shortcut_norm", self.shortcut_norm);
  }
};

struct ResnetOptions {
  int depth = 20;  // 6 n + 2
  int64_t in_channels = 3, width = 16;
  Shortcut shortcut = Shortcut::pad;
  DType dtype = DType::f32;
};
// conv 3x3, norm, ReLU; blocks; global average pool; linear.
template <class Block>
struct ResidualNet {
  Conv2d conv;
  BatchNorm norm;
  std::vector<Block> blocks;
  Linear linear;

  Tensor operator()(const Tensor& x, Context& ctx) const {
    Tensor y = norm(conv(x), ctx, {.relu = true});
    for (const Block& b : blocks) y = b(y, ctx);
    return linear(mean(y, {-2, -1}));
  }
  Tensor operator()(const Tensor& x) const {
    Context ctx;
    return (*this)(x, ctx);
  }
  static void parts(auto& self, auto&& part) {
    part("conv", self.conv);
    part("norm", self.norm);
    part("blocks", self.blocks);
    part("linear", self.linear);
  }
};

// Three stages of n basic blocks with width, 2 width, 4 width channels. Convolutions have no bias
// and He's initial values. ConfigError where depth is not 6 n + 2.
struct Resnet : ResidualNet<BasicBlock> {
  Resnet() = default;
  Resnet(const Random& r, const ResnetOptions& o, int64_t classes);
};

// relu(norm(conv1x1(relu(norm(conv3x3(relu(norm(conv1x1(x)))))))) + shortcut(x)) with 4 width
// channels at the end; the shortcut is a projection where channels or stride change.
struct BottleneckBlock {
  Conv2d conv1, conv2, conv3, shortcut;
  BatchNorm norm1, norm2, norm3, shortcut_norm;

  BottleneckBlock() = default;
  BottleneckBlock(const Random& r, int64_t in, int64_t width, int64_t stride, DType t = DType::f32);
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
// The same of bottleneck blocks: depth 9 n + 2 (ConfigError otherwise). DCIL's published code
// builds its ResNet-56 so. `shortcut` is not looked at.
struct BottleneckResnet : ResidualNet<BottleneckBlock> {
  BottleneckResnet() = default;
  BottleneckResnet(const Random& r, const ResnetOptions& o, int64_t classes);
};

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
  Tensor operator()(const Tensor& x) const;
  static void parts(auto& self, auto&& part) {
    part("conv", self.conv);
    part("blocks", self.blocks);
    part("norm", self.norm);
    part("linear", self.linear);
  }
};

// Three [conv 3x3, norm] with leaky ReLU 0.1 between, a projected shortcut, leaky ReLU, max pool 2.
// Norms by the batch's own statistics.
struct Resnet12Block {
  std::vector<Conv2d> convs;
  std::vector<BatchNorm> norms;
  Conv2d shortcut;
  BatchNorm shortcut_norm;

  Resnet12Block() = default;
  Resnet12Block(const Random& r, int64_t in, int64_t out, DType t = DType::f32);
  Tensor operator()(const Tensor& x) const;
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
  Tensor operator()(const Tensor& x) const;
  static void parts(auto& self, auto&& part) {
    part("blocks", self.blocks);
    part("linear", self.linear);
  }
};

}  // namespace regrad
