// maml_sinusoid: one second-order MAML step on 25 sinusoids, written as a user of regrad would
// write it.
//
//   Net    MLP 1-40-40-1 with ReLU. Parameter p = 0..5 (W1 b1 W2 b2 W3 b3) is fill(1 + p, shape,
//          sqrt(1 / fan_in)), biases with their layer's fan_in.
//   Tasks  T = 25, 10 support and 10 query points each, the same batch at every step: A = 0.1 + 4.9
//          unit(100), phase = pi unit(101),
//          x = -5 + 10 unit(102), query 103; y = A sin(x + phase) in f64 from the f32 inputs,
//              rounded.
//   Inner  1 or 5 steps of gradient descent, lr 0.01, on the support mean squared error; the outer
//          gradient goes through them.
//   Outer  the mean over tasks of the query mean squared error; Adam, lr 1e-3.
//
// The same by chunks of 13 tasks (gradient_by_chunks), one for each of two threads: .../chunks.
//
// Checksums: the outer loss at steps 1, 2, 10 and 50, before that step's update.
#include <regrad/algorithms/maml/maml.h>
#include <regrad/algorithms/shared/meta_gradient.h>
#include <regrad/layers/linear.h>

#include <cmath>
#include <memory>

#include "numbers.h"
#include "program.h"

using namespace regrad;
using namespace regrad::bench;

namespace {

constexpr int64_t tasks = 25, points = 10;

Mlp initial() {
  Mlp net(Random(0), {1, 40, 40, 1}, true);
  std::vector<Tensor> values;
  uint32_t p = 0;
  for (const Linear& layer : net.layers) {
    const float bound = std::sqrt(1 / static_cast<float>(layer.weight.size(1)));
    values.push_back(fill(++p, layer.weight.shape(), bound));
    values.push_back(fill(++p, layer.bias.shape(), bound));
  }
  return as_leaves(at(net, values));
}

// x and y [T, points, 1] of one stream.
std::pair<Tensor, Tensor> sinusoids(uint32_t id) {
  std::vector<float> x, y;
  for (uint32_t i = 0; i < tasks * points; ++i) {
    const uint32_t t = i / points;
    const float amplitude = 0.1f + 4.9f * unit(100, t), phase = 3.14159265358979f * unit(101, t);
    x.push_back(-5.0f + 10.0f * unit(id, i));
    y.push_back(
        static_cast<float>(static_cast<double>(amplitude) *
                           std::sin(static_cast<double>(x.back()) + static_cast<double>(phase))));
  }
  const Shape sizes{tasks, points, 1};
  return {from_data(x.data(), sizes, DType::f32), from_data(y.data(), sizes, DType::f32)};
}

TaskBatch batch() {
  const auto [sx, sy] = sinusoids(102);
  const auto [qx, qy] = sinusoids(103);
  return {sx, sy, qx, qy};
}

struct Training {
  maml::Rule rule;
  int64_t chunk = 0;  // tasks a chunk; 0: all at once
  TaskBatch data = batch();
  Mlp net = initial();
  Adam adam{.lr = 1e-3};
  Adam::State state{};

  Tensor step() {
    const auto objective = [&](const Mlp& w, const TaskBatch& part) {
      return regrad::objective(w, rule, mse_loss_by_task, part);
    };
    if (chunk == 0) {
      const Tensor loss = objective(net, data);
      net = update(adam, std::move(net), state, grad(loss, net));
      return loss;
    }
    const auto [g, loss] = gradient_by_chunks(net, data, chunk, objective);
    net = update(adam, std::move(net), state, g);
    return loss;
  }
};

template <int inner_steps, int64_t chunk = 0>
Run maml_sinusoid() {
  auto training = std::make_shared<Training>(
      Training{.rule = {.alpha = 0.01, .steps = inner_steps}, .chunk = chunk});
  Run run;
  for (int i = 1; i <= 50; ++i) {
    const double loss = training->step().item();
    if (i == 1 || i == 2 || i == 10 || i == 50) run.checksum.push_back(loss);
  }
  run.step = [training] { training->step(); };
  return run;
}

}  // namespace

int main(int argc, char** argv) {
  return run_program(argc, argv,
                     {{"maml_sinusoid/1inner", maml_sinusoid<1>},
                      {"maml_sinusoid/5inner", maml_sinusoid<5>},
                      {"maml_sinusoid/1inner/chunks", maml_sinusoid<1, 13>},
                      {"maml_sinusoid/5inner/chunks", maml_sinusoid<5, 13>}});
}
