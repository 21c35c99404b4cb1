// bcresnet_step, bcresnet_infer, bcresnet-int8 and res_norm: BC-ResNet-1 (keyword spotting),
// written as a user of regrad would write it.
//
// bcresnet_step/F40, F256: one training step of BC-ResNet-1 on 64 clips of F mels and 101 frames,
// 12 classes; 5 bands (F40) or 4 (F256), no dropout,
//   classifier without bias. Convolutions k = 0, 1, .. in the order they are applied (the 1x1 to
//       classes too) are fill(1 + k, shape, sqrt(6 /
//   fan_in)), fan_in = (Cin / groups) kh kw; norms start at 1 and 0. x = fill(100, [64,1,F,101],
//       1), label i mod 12; SGD lr 0.05, momentum 0.9.
//   Checksums: the loss at steps 1, 2 and 5, before that step's update.
// bcresnet_infer/F40, F256: the same net at its first values, by running statistics (0 and 1), on
// the first clip alone.
//   Checksums: sum and sum of magnitudes of the logits.
// bcresnet-int8: the net of bcresnet_infer/F40, exported, by whole numbers of 8 bits (quantized.h)
// and in f32, on the first clip and on all. Checksum: the sum of the logits' magnitudes.
// res_norm/F40, F256: y = 0.1 x + IFN(x), x = fill(100, [64,20,F,101], 1), and its gradient at
// fill(101, .., 1). Checksums: sum |y|, sum |dx|.
#include <regrad/layers/nets/bcresnet.h>
#include <regrad/layers/optim.h>

#include <cmath>
#include <memory>

#include "numbers.h"
#include "program.h"
#include "quantized.h"

using namespace regrad;
using namespace regrad::bench;

namespace {

constexpr int64_t clips = 64, frames = 101, classes = 12;

template <int64_t mels>
BcResnet initial() {
  BcResnet net(
      Random(0),
      {.classes = classes, .bands = mels == 40 ? 5 : 4, .dropout = 0, .classifier_bias = false});
  uint32_t k = 0;
  std::vector<Tensor> values = parameters(net);
  for (Tensor& v : values)
    if (v.dim() == 4)
      v = fill(++k, v.shape(),
               std::sqrt(6 / static_cast<float>(v.size(1) * v.size(2) * v.size(3))));
  return as_leaves(at(net, values));
}

template <int64_t mels>
struct Training {
  BcResnet net = initial<mels>();
  Tensor x = fill(100, {clips, 1, mels, frames}, 1), y = labels();
  Sgd sgd{.lr = 0.05, .momentum = 0.9};
  Sgd::State state{};

  static Tensor labels() {
    std::vector<int64_t> v;
    for (int64_t i = 0; i < clips; ++i) v.push_back(i % classes);
    return from_data(v.data(), {clips}, DType::i64);
  }
  double step() {
    Context ctx{.training = true};
    const Tensor loss = cross_entropy(net(x, ctx), y);
    const BcResnet g = grad(loss, net);
    net = commit(update(sgd, std::move(net), state, g), ctx);
    return loss.item();
  }
};

template <int64_t mels>
Run step() {
  return steps_of(std::make_shared<Training<mels>>());
}

template <int64_t mels>
Run infer() {
  const auto net = std::make_shared<BcResnet>(initial<mels>());
  const Tensor x = slice(fill(100, {clips, 1, mels, frames}, 1), 0, 0, 1).contiguous();
  const auto evaluate = [net, x] {
    const NoGrad quiet;
    return (*net)(x);
  };
  const Tensor z = evaluate();
  return {{sum(z).item(), sum(abs(z)).item()}, evaluate};
}

template <bool whole, int64_t count>
Run exported() {
  const BcResnet net = initial<40>();
  const Tensor x = fill(100, {count, 1, 40, frames}, 1);
  const InferenceInfo info{1, 40, frames, {}, {}, {}};
  if (!whole) return forward(export_net(net, info).with_mode(InferenceMode::dense), x);
  return forward(export_net(net, info, {.quantization = eight_bits(net, x)})
                     .with_mode(InferenceMode::integers),
                 x);
}

double total_magnitude(const Tensor& x) { return sum(abs(x.detach().to(DType::f64))).item(); }

template <int64_t mels>
Run residual_norm() {
  const Tensor x = fill(100, {clips, 20, mels, frames}, 1).requires_grad_(),
               g = fill(101, {clips, 20, mels, frames}, 1);
  const auto both = [x, g] {
    const Tensor y = res_norm(x, 0.1);
    return std::pair{y, grad(y, x, {.grad_outputs = g})};
  };
  const auto [y, dx] = both();
  return {{total_magnitude(y), total_magnitude(dx)}, both};
}

}  // namespace

int main(int argc, char** argv) {
  return run_program(argc, argv,
                     {{"bcresnet_step/F40", step<40>},
                      {"bcresnet_step/F256", step<256>},
                      {"bcresnet_infer/F40", infer<40>},
                      {"bcresnet_infer/F256", infer<256>},
                      {"bcresnet-int8/b1", exported<true, 1>},
                      {"bcresnet-int8/b64", exported<true, clips>},
                      {"bcresnet-int8/f32_b1", exported<false, 1>},
                      {"bcresnet-int8/f32_b64", exported<false, clips>},
                      {"res_norm/F40", residual_norm<40>},
                      {"res_norm/F256", residual_norm<256>}});
}
