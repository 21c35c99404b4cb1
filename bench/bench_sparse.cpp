// sparse_infer: one forward pass of a pruned net, batch 1 and 64.
//
//   mlp       y = W2 relu(W1 x + b1) + b2, 1024 wide, W = fill(1 and 2, .., 1/32), b = 0; x =
//             fill(100, [B,1024], 1).
//   resnet20  shortcuts without parameters, norms at mean 0 and variance 1 folded in: convolution k
//             = 0..18 is fill(1 + k, .., sqrt(6 / fan_in)) /
//             sqrt(1 + 1e-5), linear fill(50, [10,64], 1/8), biases 0; x = fill(100, [B,3,32,32],
//                 1).
//   sparsity  by layer, weights whose |w| is at most the floor(s n)-th smallest become 0: both
//             matrices; all convolutions but the first.
//
// s0 is run the dense way, with its zeros s90 and s95 both ways (dense_s95). Checksum: sum |y|.
//
// resnet20-int8: the dense ResNet-20 by whole numbers of 8 bits (quantized.h), and in f32.
#include <regrad/layers/export.h>

#include <algorithm>
#include <cmath>

#include "numbers.h"
#include "program.h"
#include "quantized.h"

using namespace regrad;
using namespace regrad::bench;

namespace {

Tensor pruned(const Tensor& w, int percent) {
  if (percent == 0) return w;
  std::vector<float> v(w.data<float>(), w.data<float>() + w.numel()), magnitude = v;
  for (float& m : magnitude) m = std::fabs(m);
  const auto k = static_cast<size_t>(percent / 100.0 * static_cast<double>(v.size()));
  std::nth_element(magnitude.begin(), magnitude.begin() + static_cast<std::ptrdiff_t>(k - 1),
                   magnitude.end());
  const float most = magnitude[k - 1];
  for (float& x : v) x = std::fabs(x) > most ? x : 0.0f;
  return from_data(v.data(), w.shape(), DType::f32);
}

InferenceNet mlp(int percent, InferenceMode mode) {
  std::vector<InferenceLayer> layers(2);
  for (int i = 0; i < 2; ++i) {
    layers[static_cast<size_t>(i)].kind = InferenceLayer::linear,
    layers[static_cast<size_t>(i)].from = i;
    layers[static_cast<size_t>(i)].weight =
        pruned(fill(static_cast<uint32_t>(1 + i), {1024, 1024}, 1.0f / 32), percent);
    layers[static_cast<size_t>(i)].bias = zeros({1024});
  }
  layers[0].relu = true;
  return InferenceNet(layers, {1024, 1, 1, {}, {}, {}}, mode);
}

const NamedNetOptions resnet20_pad{
    .name = "resnet20-pad", .in_channels = 3, .size = 32, .classes = 10};

NamedNet resnet20_net(int percent) {
  NamedNet net(Random(0), resnet20_pad);
  std::vector<Tensor> p = parameters(net);
  uint32_t k = 0;
  for (Tensor& t : p) {
    const Shape s = t.shape();
    if (s.size() == 4) {
      t = fill(1 + k, s, std::sqrt(6 / static_cast<float>(s[1] * s[2] * s[3])));
      if (k++ > 0) t = pruned(t, percent);
    }
    if (s.size() == 2) t = fill(50, s, 0.125f);
  }
  p.back() = zeros({10});
  return at(net, p);
}
InferenceNet resnet20(int percent, InferenceMode mode) {
  return export_net(resnet20_net(percent), resnet20_pad).with_mode(mode);
}

template <InferenceNet (*make)(int, InferenceMode), int percent, InferenceMode mode, int64_t batch>
Run infer() {
  const InferenceNet net = make(percent, mode);
  const InferenceInfo& info = net.info();
  const Shape sizes = info.height == 1 ? Shape{batch, info.channels}
                                       : Shape{batch, info.channels, info.height, info.width};
  return forward(net, fill(100, sizes, 1.0f));
}

template <int64_t batch>
Run integers() {
  const Tensor x = fill(100, {batch, 3, 32, 32}, 1.0f);
  const NamedNet net = resnet20_net(0);
  return forward(export_net(net, resnet20_pad, {.quantization = eight_bits(net, x)})
                     .with_mode(InferenceMode::integers),
                 x);
}

constexpr InferenceMode dense = InferenceMode::dense, sparse = InferenceMode::sparse;

}  // namespace

int main(int argc, char** argv) {
  return run_program(argc, argv,
                     {{"sparse_infer/mlp_s0_b1", infer<mlp, 0, dense, 1>},
                      {"sparse_infer/mlp_s90_b1", infer<mlp, 90, sparse, 1>},
                      {"sparse_infer/mlp_s95_b1", infer<mlp, 95, sparse, 1>},
                      {"sparse_infer/mlp_s0_b64", infer<mlp, 0, dense, 64>},
                      {"sparse_infer/mlp_s90_b64", infer<mlp, 90, sparse, 64>},
                      {"sparse_infer/mlp_s95_b64", infer<mlp, 95, sparse, 64>},
                      {"sparse_infer/resnet20_s0_b1", infer<resnet20, 0, dense, 1>},
                      {"sparse_infer/resnet20_dense_s95_b1", infer<resnet20, 95, dense, 1>},
                      {"sparse_infer/resnet20_s90_b1", infer<resnet20, 90, sparse, 1>},
                      {"sparse_infer/resnet20_s95_b1", infer<resnet20, 95, sparse, 1>},
                      {"sparse_infer/resnet20_s0_b64", infer<resnet20, 0, dense, 64>},
                      {"sparse_infer/resnet20_s90_b64", infer<resnet20, 90, sparse, 64>},
                      {"sparse_infer/resnet20_s95_b64", infer<resnet20, 95, sparse, 64>},
                      {"resnet20-int8/b1", integers<1>},
                      {"resnet20-int8/b64", integers<64>},
                      {"resnet20-int8/f32_b1", infer<resnet20, 0, dense, 1>},
                      {"resnet20-int8/f32_b64", infer<resnet20, 0, dense, 64>}});
}
