// maml_conv4 and resnet20_step: whole training steps of convolutional nets, written as a user of
// regrad would write them.
//
// maml_conv4: one second-order MAML step of Conv4 on images like Omniglot's, 5-way 1-shot.
//   Net    4 x [conv 3x3, 64 filters, no bias -> batch norm by the batch's statistics -> ReLU ->
//          max pool 2], 28 -> 14 -> 7 -> 3 -> 1, linear 64
//   -> 5.
//          Parameters p = 0..13 (W, gamma, beta of each block, then W, b): W = fill(1 + p, shape,
//              sqrt(6 / fan_in)), the last one's bound 1/8; gamma
//          1, beta and b 0.
//   Tasks  T = 4, the same batch at every step: prototype = unit(100) [T,5,28,28]; support =
//          prototype + fill(101, .., 0.3); 75 query images,
//          prototype[i mod 5] + fill(102, .., 0.3).
//   Inner  1 or 5 steps of gradient descent on all parameters, lr 0.1; the outer gradient goes
//          through them. Outer: Adam, lr 1e-3.
// Tasks run side by side on the pool's threads (gradient_by_chunks, one task a chunk).
//
// resnet20_step: one training step of ResNet-20, batch 128: SGD lr 0.05, momentum 0.9, weight decay
// 1e-4 on every parameter.
//   Convolutions k = 0..18 are fill(1 + k, shape, sqrt(6 / fan_in)), linear W = fill(50, [10,64],
//       1/8), b = 0; x = fill(100, [128,3,32,32], 1), label
//   i mod 10. masked: every convolution but the first uses W where |W| is above the 0.9 n-th
//       smallest of its layer, and 0 elsewhere; the gradient
//   goes to W as it is (straight-through). bf16: dense, and convolutions multiply in bf16.
//
// Checksums: the loss at steps 1, 2 and 5, before that step's update.
#include <regrad/algorithms/maml/maml.h>
#include <regrad/algorithms/shared/meta_gradient.h>
#include <regrad/layers/nets/conv4.h>
#include <regrad/layers/nets/resnet.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "numbers.h"
#include "program.h"

using namespace regrad;
using namespace regrad::bench;

namespace {

float bound_of(const Shape& weight) {
  return std::sqrt(6 / static_cast<float>(weight[1] * weight[2] * weight[3]));
}

constexpr int64_t tasks = 4, ways = 5, queries = 75;

Conv4 initial_conv4() {
  Conv4 net(Random(0), {.channels = 64, .conv_bias = false}, ways);
  std::vector<Tensor> values = parameters(net);
  for (size_t p = 0; p < values.size(); ++p) {
    const Shape s = values[p].shape();
    if (s.size() == 4) values[p] = fill(static_cast<uint32_t>(1 + p), s, bound_of(s));
    if (s.size() == 2) values[p] = fill(static_cast<uint32_t>(1 + p), s, 0.125f);
    if (p + 1 == values.size()) values[p] = zeros(s);
  }
  return as_leaves(at(net, values));
}

TaskBatch omniglot_like() {
  std::vector<float> prototype(static_cast<size_t>(tasks * ways * 784));
  for (size_t i = 0; i < prototype.size(); ++i) prototype[i] = unit(100, static_cast<uint32_t>(i));
  const Tensor p = from_data(prototype.data(), {tasks, ways, 784}, DType::f32);
  std::vector<int64_t> query_labels, support_labels;
  for (int64_t t = 0; t < tasks; ++t) {
    for (int64_t i = 0; i < queries; ++i) query_labels.push_back(i % ways);
    for (int64_t i = 0; i < ways; ++i) support_labels.push_back(i);
  }
  const Tensor of_query = repeat(p, {1, queries / ways, 1});
  return {reshape(p + fill(101, {tasks, ways, 784}, 0.3f), {tasks, ways, 1, 28, 28}),
          from_data(support_labels.data(), {tasks, ways}, DType::i64),
          reshape(of_query + fill(102, {tasks, queries, 784}, 0.3f), {tasks, queries, 1, 28, 28}),
          from_data(query_labels.data(), {tasks, queries}, DType::i64)};
}

struct MetaTraining {
  maml::Rule rule;
  TaskBatch data = omniglot_like();
  Conv4 net = initial_conv4();
  Adam adam{.lr = 1e-3};
  Adam::State state{};

  double step() {
    const auto [g, loss] =
        gradient_by_chunks(net, data, 1, [&](const Conv4& w, const TaskBatch& part) {
          return objective(w, rule, cross_entropy_by_task, part);
        });
    net = update(adam, std::move(net), state, g);
    return loss.item();
  }
};

// The magnitude below which a weight is masked: the k-th smallest, k = floor(0.9 n).
Tensor mask_of(const Tensor& w) {
  std::vector<float> magnitudes = w.detach().to_vector<float>();
  for (float& v : magnitudes) v = std::abs(v);
  const size_t k = magnitudes.size() * 9 / 10;
  std::nth_element(magnitudes.begin(), magnitudes.begin() + static_cast<std::ptrdiff_t>(k - 1),
                   magnitudes.end());
  return (abs(w.detach()) > scalar(static_cast<double>(magnitudes[k - 1]))).to(DType::f32);
}

struct Training {
  bool masked;
  Resnet net{Random(0), {}, 10};
  Tensor x = fill(100, {128, 3, 32, 32}, 1), y = remainder();
  Sgd sgd{.lr = 0.05, .momentum = 0.9, .weight_decay = 1e-4};
  Sgd::State state{};

  static Tensor remainder() {
    std::vector<int64_t> labels;
    for (int64_t i = 0; i < 128; ++i) labels.push_back(i % 10);
    return from_data(labels.data(), {128}, DType::i64);
  }
  explicit Training(bool mask) : masked(mask) {
    uint32_t k = 0;
    std::vector<Tensor> values = parameters(net);
    for (Tensor& v : values) {
      if (v.dim() == 4) v = fill(++k, v.shape(), bound_of(v.shape()));
      if (v.dim() == 2) v = fill(50, v.shape(), 0.125f);
    }
    values.back() = zeros({10});
    net = as_leaves(at(net, values));
  }
  // The net at mask * parameters: leaves of their own, whose gradient is the dense weights'.
  Resnet evaluated() const {
    if (!masked) return net;
    std::vector<Tensor> values = parameters(net);
    bool first = true;
    for (Tensor& v : values) {
      if (v.dim() != 4) continue;
      if (!first) v = v.detach() * mask_of(v);
      first = false;
    }
    return as_leaves(at(net, values));
  }
  double step() {
    Context ctx{.training = true};
    const Resnet here = evaluated();
    const Tensor loss = cross_entropy(here(x, ctx), y);
    const Resnet g = grad(loss, here);
    net = commit(update(sgd, std::move(net), state, g), ctx);
    return loss.item();
  }
};

template <int inner>
Run maml_conv4() {
  return steps_of(
      std::make_shared<MetaTraining>(MetaTraining{.rule = {.alpha = 0.1, .steps = inner}}));
}
template <bool masked>
Run resnet20_step() {
  return steps_of(std::make_shared<Training>(masked));
}
struct Bf16Training : Training {
  Bf16Training() : Training(false) {}
  double step() {
    const Bf16 low;
    return Training::step();
  }
};
Run resnet20_bf16() { return steps_of(std::make_shared<Bf16Training>()); }
const char* lacking_bf16() {
  return bf16_available() ? nullptr
                          : "this CPU does not multiply bf16 (it needs AVX-512 BF16 or AMX)";
}

}  // namespace

int main(int argc, char** argv) {
  return run_program(argc, argv,
                     {{"maml_conv4/1inner", maml_conv4<1>},
                      {"maml_conv4/5inner", maml_conv4<5>},
                      {"resnet20_step/dense", resnet20_step<false>},
                      {"resnet20_step/masked", resnet20_step<true>},
                      {"resnet20_step/bf16", resnet20_bf16, lacking_bf16}});
}
