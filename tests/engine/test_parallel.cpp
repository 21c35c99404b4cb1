#include <doctest/doctest.h>

#include <regrad/engine/autograd.h>
#include <regrad/engine/ops.h>
#include <regrad/engine/parallel.h>
#include <regrad/engine/random.h>

#include <algorithm>
#include <atomic>
#include <stdexcept>
#include <thread>

using namespace regrad;

namespace {
struct Threads {
  int before = num_threads();
  explicit Threads(int n) { set_num_threads(n); }
  ~Threads() { set_num_threads(before); }
};
}  // namespace

TEST_CASE(
    "every block runs once, the first exception by number arrives, nested calls and modes hold") {
  const Threads four(4);
  std::vector<std::atomic<int>> ran(1000);
  parallel_for(1000, [&](int64_t b) { ++ran[static_cast<size_t>(b)]; });
  CHECK(std::all_of(ran.begin(), ran.end(), [](const auto& r) { return r == 1; }));
  std::string message;
  try {
    parallel_for(100, [](int64_t b) {
      if (b % 10 == 3) throw std::runtime_error(std::to_string(b));
    });
  } catch (const std::runtime_error& e) {
    message = e.what();
  }
  CHECK(message == "3");
  std::atomic<int> inner{0};
  const NoGrad quiet;
  parallel_for(8, [&](int64_t) {
    if (!grad_enabled()) parallel_for(8, [&](int64_t) { ++inner; });
  });
  CHECK(inner == 64);
  CHECK_THROWS_AS(set_num_threads(0), ConfigError);
}

TEST_CASE("a tensor made on one thread dies on another, for ever, in bounded memory") {
  const Threads two(2);
  const auto round = [] {
    std::vector<Tensor> made(8);
    parallel_for(8, [&](int64_t b) { made[static_cast<size_t>(b)] = ones({10000}); });
  };
  for (int i = 0; i < 100; ++i) round();
  const int64_t before = memory_stats().live_bytes + memory_stats().cached_bytes;
  for (int i = 0; i < 2000; ++i) round();
  CHECK(memory_stats().live_bytes + memory_stats().cached_bytes <= before + 20 * 50000);
}

TEST_CASE(
    "threads read and let go of the same tensors at once, while their maker reuses the memory") {
  const MemoryStats before = memory_stats();
  std::atomic<int> wrong{0};
  for (int round = 0; round < 30; ++round) {
    std::vector<Tensor> made, graphs;
    for (int i = 0; i < 100; ++i) {
      const Tensor leaf = full({16}, i).requires_grad_();
      made.push_back(full({16}, i));
      graphs.push_back(tanh(leaf * leaf));
    }
    const auto read = [&wrong](std::vector<Tensor> a, std::vector<Tensor> b) {
      for (size_t i = 0; i < a.size(); ++i) {
        wrong += a[i].to_vector()[7] != static_cast<double>(i);
        wrong += b[i].requires_grad() ? 0 : 1;
        a[i] = {};
        b[i] = {};
      }
    };
    std::thread one(read, made, graphs), two(read, made, graphs);
    made.clear();
    graphs.clear();
    for (int i = 0; i < 300; ++i) wrong += (full({16}, -1) * full({16}, 2)).to_vector()[7] != -2;
    one.join();
    two.join();
  }
  CHECK(wrong == 0);
  CHECK(memory_stats().live_nodes == before.live_nodes);
  CHECK(memory_stats().live_bytes == before.live_bytes);
}

TEST_CASE(
    "the same bits for any thread count: large sums, products and elementwise maps, forward and "
    "backward") {
  const Tensor a = uniform(Random(1), {301, 453}, -1, 1).requires_grad_(),
               b = uniform(Random(2), {453, 1007}, -1, 1).requires_grad_();
  std::vector<std::vector<double>> seen;
  for (const int threads : {1, 2, 3, 4, 8}) {
    const Threads n(threads);
    const Tensor y = mean(tanh(matmul(a, b)));
    const auto g = grad(TensorList(y), {a, b});
    auto bits = g[0].to_vector();
    const auto second = g[1].to_vector();
    bits.insert(bits.end(), second.begin(), second.end());
    bits.push_back(y.item());
    seen.push_back(bits);
  }
  for (const auto& s : seen) CHECK(s == seen[0]);
}
