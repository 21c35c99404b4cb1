// vit_step/simclr: one training step of a small ViT with NT-Xent, written as a user of regrad would
// write it.
//
// 64 images [64,3,32,32], two views of 32: rows 2i and 2i+1 are base[i] + fill(101, .., 0.3), base
// = fill(100, [32,3,32,32], 1). Patches of 4 x 4 (64 tokens, row by row, as (channel, y, x)) by a
// linear map to 192, plus a position embedding; 12 pre-norm layers, 3 heads of 64, inner 768, erf
// GELU, eps 1e-6; a norm; the mean over tokens; linear 192 -> 192, ReLU, linear 192 -> 128. NT-Xent
// at temperature 0.5. AdamW, lr 1e-4, weight decay 0.05 on all. Matrices k = 1, 2, .. (patch,
// positions, by layer qkv, out, fc1, fc2, then the head's two) are fill(k, shape, sqrt(3 / in)),
// positions 0.02; biases 0. 5.4 million parameters, 138 GFLOP a step.
// Checksums: the loss at steps 1, 2 and 5, before that step's update.
#include <regrad/engine/autograd.h>
#include <regrad/layers/attention.h>
#include <regrad/layers/optim.h>

#include <cmath>
#include <limits>

#include "numbers.h"
#include "program.h"

using namespace regrad;
using namespace regrad::bench;

namespace {

constexpr int64_t rows = 64, side = 8, patch = 4, tokens = side * side, width = 192;

struct Net {
  Linear patches = Linear(Random(0), 3 * patch * patch, width);
  Tensor positions = zeros({tokens, width}).requires_grad_();
  std::vector<TransformerEncoderLayer> layers;
  LayerNorm norm = LayerNorm({width});
  Linear up = Linear(Random(0), width, width), down = Linear(Random(0), width, 128);

  Net() {
    const EncoderOptions block{
        .width = width, .heads = 3, .inner = 4 * width, .eps = 1e-6, .recompute = true};
    for (int i = 0; i < 12; ++i) layers.emplace_back(Random(0), block);
    norm.eps = 1e-6;
  }
  // x [rows tokens, 48] -> [rows,128], rows of unit length
  Tensor operator()(const Tensor& x, Context& ctx) const {
    Tensor h =
        reshape(reshape(patches(x), {rows, tokens, width}) + positions, {rows * tokens, width});
    const Tensor image = segments(rows, tokens);
    for (const auto& layer : layers) h = layer(h, image, ctx);
    {
      const Recompute lean;
      h = mean(reshape(norm(h), {rows, tokens, width}), {1});
    }
    h = down(relu(up(h)));
    return h / clamp_min(regrad::norm(h, 2, {1}, true), 1e-12);
  }
  static void parts(auto& self, auto&& part) {
    part("patches", self.patches);
    part("positions", self.positions);
    part("layers", self.layers);
    part("norm", self.norm);
    part("up", self.up);
    part("down", self.down);
  }
};

Net initial() {
  const Net net;
  uint32_t k = 0;
  std::vector<Tensor> values;
  for (const auto& [name, p] : named_parameters(net)) {
    if (p.dim() == 2) {
      const bool place = name == "positions";
      values.push_back(
          fill(++k, p.shape(), place ? 0.02F : std::sqrt(3.0F / static_cast<float>(p.size(1)))));
    } else {
      values.push_back(name.find("norm") != std::string::npos &&
                               name.find("weight") != std::string::npos
                           ? ones(p.shape())
                           : zeros(p.shape()));
    }
  }
  return as_leaves(at(net, values));
}

// [rows tokens, 48]
Tensor images() {
  const Tensor base = fill(100, {32, 3, 32, 32}, 1),
               both = reshape(stack({base, base}, 1), {rows, 3, 32, 32});
  const Tensor x =
      reshape(both + fill(101, {rows, 3, 32, 32}, 0.3F), {rows, 3, side, patch, side, patch});
  return reshape(permute(x, {0, 2, 4, 1, 3, 5}), {rows * tokens, 3 * patch * patch}).contiguous();
}

Tensor partners() {
  std::vector<int64_t> v;
  for (int64_t i = 0; i < rows; ++i) v.push_back(i ^ 1);
  return tensor(v);
}

struct Training {
  Net net = initial();
  Tensor x = images(), y = partners(), itself = eye(rows, DType::b8);
  Adam adam{.lr = 1e-4, .weight_decay = 0.05, .decoupled_weight_decay = true};
  Adam::State state{};

  double step() {
    Context ctx{.training = true};
    const Tensor z = net(x, ctx), like = masked_fill(matmul(z, transpose(z, 0, 1)) / 0.5, itself,
                                                     -std::numeric_limits<double>::infinity());
    const Tensor loss = cross_entropy(like, y);
    const Net g = grad(loss, net);
    net = update(adam, std::move(net), state, g);
    return loss.item();
  }
};

Run simclr() { return steps_of(std::make_shared<Training>()); }

}  // namespace

int main(int argc, char** argv) { return run_program(argc, argv, {{"vit_step/simclr", simclr}}); }
