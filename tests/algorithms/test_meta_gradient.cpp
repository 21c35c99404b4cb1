// The outer gradient by chunks of tasks: the plain gradient's value, and the same bits on any
// number of threads.
#include <doctest/doctest.h>

#include <regrad/algorithms/maml/maml.h>
#include <regrad/algorithms/shared/meta_gradient.h>
#include <regrad/algorithms/shared/sinusoids.h>
#include <regrad/layers/linear.h>

#include <algorithm>
#include <cmath>
#include <set>

using namespace regrad;

namespace {

constexpr int64_t tasks = 11;

Mlp small_net(DType t) { return Mlp(Random(3), {1, 16, 16, 1}, true, Activation::tanh, t); }
TaskBatch sinusoids(DType t) { return Sinusoids{}.sample(Random(4), tasks, 5, 5, t); }

const auto loss_of = [](const Mlp& net, const TaskBatch& batch) {
  return objective(net, maml::Rule{.alpha = 0.05, .steps = 2}, mse_loss_by_task, batch);
};

std::vector<double> numbers(const MetaGradient<Mlp>& m) {
  std::vector<double> out{m.loss.item()};
  for (const Tensor& t : parameters(m.gradient)) {
    const std::vector<double> v = t.to_vector();
    out.insert(out.end(), v.begin(), v.end());
  }
  return out;
}

}  // namespace

TEST_CASE("by chunks of any size: the plain gradient and loss, uneven last chunk included") {
  const Mlp net = small_net(DType::f64);
  const TaskBatch batch = sinusoids(DType::f64);
  const std::vector<double> plain =
      numbers(plain_gradient(net, [&](const Mlp& w) { return loss_of(w, batch); }));
  double largest = 0;
  for (const double v : plain) largest = std::max(largest, std::abs(v));
  for (const int64_t chunk : {1, 2, 4, 10, 11, 50}) {
    CAPTURE(chunk);
    const std::vector<double> got = numbers(gradient_by_chunks(net, batch, chunk, loss_of));
    REQUIRE(got.size() == plain.size());
    for (size_t i = 0; i < got.size(); ++i) CHECK(std::abs(got[i] - plain[i]) <= 1e-13 * largest);
    if (chunk >= tasks) CHECK(got == plain);  // one chunk is the plain gradient to the bit
  }
}

TEST_CASE("the same bits on 1, 2, 3, 4 and 8 threads, and nothing left alive") {
  const int before = num_threads();
  const int64_t nodes = memory_stats().live_nodes;
  {
    const Mlp net = small_net(DType::f32);
    const TaskBatch batch = sinusoids(DType::f32);
    std::set<std::vector<double>> seen;
    for (const int threads : {1, 2, 3, 4, 8}) {
      set_num_threads(threads);
      for (int run = 0; run < 5; ++run)
        seen.insert(numbers(gradient_by_chunks(net, batch, 3, loss_of)));
    }
    CHECK(seen.size() == 1);
  }
  set_num_threads(before);
  CHECK(memory_stats().live_nodes == nodes);
}

TEST_CASE(
    "what cannot be: chunks of no task, a batch without tasks, an objective that throws on another "
    "thread") {
  const Mlp net = small_net(DType::f32);
  const TaskBatch batch = sinusoids(DType::f32);
  CHECK_THROWS_WITH_AS(gradient_by_chunks(net, batch, 0, loss_of),
                       "gradient_by_chunks: chunks of 0 tasks; at least 1", ConfigError);
  CHECK_THROWS_WITH_AS(gradient_by_chunks(net, tasks_of(batch, 0, 0), 3, loss_of),
                       "gradient_by_chunks: a batch without tasks", ShapeError);
  const auto fails = [](const Mlp& w, const TaskBatch& part) {
    if (part.tasks() == 2) throw NumericError("the last chunk");
    return loss_of(w, part);
  };
  CHECK_THROWS_WITH_AS(gradient_by_chunks(net, batch, 3, fails), "the last chunk", NumericError);
}
