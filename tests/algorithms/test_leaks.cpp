// What long runs must keep: memory that comes back to the byte, and the same bits on any number of
// threads.
#include <doctest/doctest.h>

#include <regrad/engine/parallel.h>

#include <fstream>
#include <set>

#include <time.h>
#include <unistd.h>

#include "cml_nets.h"

using namespace regrad;
using namespace regrad::test;

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitized = true;  // memory is kept on purpose there, and all is slow
#else
constexpr bool sanitized = false;
#endif

int64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  int64_t pages = 0, resident = 0;
  file >> pages >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

// Seconds of CPU that the process's other threads have used.
double others_cpu() {
  const auto seconds = [](clockid_t clock) {
    timespec t{};
    clock_gettime(clock, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
  };
  return seconds(CLOCK_PROCESS_CPUTIME_ID) - seconds(CLOCK_THREAD_CPUTIME_ID);
}

struct Training {
  Net net;
  Adam adam{.lr = 1e-3};
  Adam::State state{};
  cml::Rule<> rule{.gamma = 0.2};
  int64_t tasks, k;

  void step(int i) {
    const TaskBatch batch = Sinusoids{}.sample(Random(51) / "train" / i, tasks, k, k);
    const Net g = grad(objective(net, rule, batch).total, net);
    net = update(adam, std::move(net), state, g);
  }
};

// FNV-1a over the bytes of all parameters.
uint64_t hash(const Net& net) {
  uint64_t h = 0xcbf29ce484222325;
  for (const Tensor& t : parameters(net)) {
    const auto* bytes = reinterpret_cast<const unsigned char*>(t.data<float>());
    for (int64_t i = 0; i < t.numel() * 4; ++i) h = (h ^ bytes[i]) * 0x100000001b3;
  }
  return h;
}

}  // namespace

TEST_CASE("10,000 second-order meta-steps leave no node, no byte, no resident memory") {
  const MemoryStats before = memory_stats();
  CHECK(before.live_nodes == 0);
  {
    Training t{.net = sinusoid_net(50, 40, Activation::relu, DType::f32), .tasks = 4, .k = 10};
    const int steps = sanitized ? 500 : 10000, warm = steps / 10;
    for (int i = 0; i < warm; ++i) t.step(i);
    const MemoryStats start = memory_stats();
    const int64_t resident = resident_bytes();
    for (int i = warm; i < steps; ++i) t.step(i);
    const MemoryStats end = memory_stats();
    CHECK(end.live_nodes == start.live_nodes);
    CHECK(end.live_bytes == start.live_bytes);
    CHECK(end.cached_bytes == start.cached_bytes);
    if (!sanitized) CHECK(resident_bytes() - resident <= 1 << 20);
  }
  const MemoryStats after = memory_stats();
  CHECK(after.live_nodes == 0);
  CHECK(after.live_bytes == before.live_bytes);
}

TEST_CASE("200 meta-steps: one hash on 1, 2, 3, 4 and 8 threads, twice each") {
  // Wide enough that products, elementwise ops on the weights and the sums over tasks are cut into
  // blocks.
  const int before = num_threads(), steps = sanitized ? 5 : 200;
  std::set<uint64_t> hashes;
  for (const int threads : {1, 2, 3, 4, 8}) {
    set_num_threads(threads);
    for (int run = 0; run < 2; ++run) {
      Training t{.net = sinusoid_net(52, 64, Activation::relu, DType::f32), .tasks = 25, .k = 10};
      for (int i = 0; i < steps; ++i) t.step(i);
      hashes.insert(hash(t.net));
    }
  }
  set_num_threads(before);
  CHECK(others_cpu() > 0);  // the others did take part
  CHECK(hashes.size() == 1);
}
