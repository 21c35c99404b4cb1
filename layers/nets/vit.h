// ViT (Dosovitskiy et al. 2021) in the form of MoCo v3 (Chen et al. 2021): a patch projection that
// stays as it was drawn, fixed positions, and what is read is the class token.
//
//   const Vit net(Random(seed), vit_options("tiny", 32, 4));
//   std::vector<Tensor> f = net.features(x, ctx);    // x [N,3,32,32] -> 12 times [N,192]
//   Tensor last = net(x, ctx);                       // [N,192], f.back()
#pragma once

#include <regrad/layers/attention.h>

#include <string>

namespace regrad {

struct VitOptions {
  int64_t image = 224, patch = 16, channels = 3;
  int64_t width = 192, layers = 12, heads = 6;
  int64_t inner = 0;           // 0: 4 * width
  double eps = 1e-6;           // of the norms
  bool frozen_patches = true;  // the patch projection is no parameter
  bool recompute = true;       // EncoderOptions'
  DType dtype = DType::f32;
};
// tiny: 192 wide, 6 heads; small: 384, 12; base: 768, 12; each of 12 layers. ConfigError: another
// name.
VitOptions vit_options(const std::string& name, int64_t image = 224, int64_t patch = 16);

// Positions of a grid of rows x columns tokens, row by row: [rows * columns, width]. Of a token at
// (row, column), with w_k = 10000^(-4 k / width), k = 0 .. width / 4 - 1, side by side
//   sin(column w_k), cos(column w_k), sin(row w_k), cos(row w_k)
// (which half is whose is ours). ConfigError: width is no multiple of 4.
Tensor sin_cos_positions(int64_t rows, int64_t columns, int64_t width, DType t = DType::f32);

// x = [cls; patches W^T + b + positions], blocks, and of each block's output the class token's row
// through one norm that all layers share.
struct Vit {
  Linear patch;      // [width, channels patch^2], a patch flattened as (channel, y, x)
  Tensor cls;        // [1, width]
  Tensor positions;  // [tokens, width], fixed; cls has none
  std::vector<TransformerEncoderLayer> layers;
  LayerNorm norm;
  VitOptions options;

  Vit() = default;
  // Linear weights as Glorot's uniform, those of queries, keys and values as three matrices; biases
  // 0; cls N(0, 1e-12). Streams: r / "patch", "cls", "layers" / i. ConfigError: image is no
  // multiple of patch, heads do not divide width, width no multiple of 4, sizes below 1.
  Vit(const Random& r, const VitOptions& o);

  int64_t tokens() const { return positions.size(0); }
  // x [N,C,H,W]. The layers' class tokens, norm(cls of layer l) [N, width]; ShapeError: another
  // size of image.
  std::vector<Tensor> features(const Tensor& x, Context& ctx) const;
  // The last of them alone.
  Tensor operator()(const Tensor& x, Context& ctx) const;
  Tensor operator()(const Tensor& x) const { return out_of_training(*this, x); }
  static void parts(auto& self, auto&& part) {
    if (self.options.frozen_patches) {
      part("patch", self.patch, buffer);
    } else {
      part("patch", self.patch);
    }
    part("cls", self.cls);
    part("positions", self.positions, buffer);
    part("layers", self.layers);
    part("norm", self.norm);
  }
};

}  // namespace regrad
