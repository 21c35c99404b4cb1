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

TEST_CASE("every block runs once, the first exception by number arrives, nested calls and modes hold") {
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

TEST_CASE("the same bits for any thread count: large sums, products and elementwise maps, forward and backward") {
  const Tensor a = uniform(Random(1), {301, 453}, -1, 1).requires_grad_(), b = uniform(Random(2), {453, 1007}, -1, 1).requires_grad_();
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
