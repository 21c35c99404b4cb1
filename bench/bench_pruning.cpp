// What sparse training costs: the step time of each method over the dense step, ResNet-20, batch
// 128, on one thread.
//
//   bench-pruning [ROUNDS]
//
// A round times 16 steps of every method in turn, so that each has one refresh of its masks (STE:
// 16). The learners stand in the middle of their schedule, at half of the epochs; distillation is
// on. Printed: medians over the rounds, and their ratio to the dense step's.
#include <regrad/algorithms/pruning/learner.h>
#include <regrad/engine/parallel.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>

using namespace regrad;
using namespace regrad::pruning;

namespace {

constexpr int64_t batches = 16, batch = 128;

double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

double median(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  return v[v.size() / 2];
}

struct Row {
  const char* name;
  Learner learner;
  std::vector<double> ms = {};
};

Row row(const char* name) {
  Settings s;
  s.net = "resnet20", s.epochs = 100, s.weight_decay = 1e-4;
  const NamedNet net(Random(1), {.name = s.net});
  return {name, Learner(net, method(name), s, 0.95, batches, 1)};
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 5;
  if (rounds < 1) {
    std::fprintf(stderr, "bench-pruning: '%s' is no number of rounds\n", argv[1]);
    return 2;
  }
  set_num_threads(1);
  const Tensor x = normal(Random(2), {batch, 3, 32, 32}), y = randint(Random(3), 0, 10, {batch});
  std::vector<Row> rows;
  for (const char* name : {"dense", "gmp", "ste", "dpf", "rigl", "map", "dcil-nokd", "dcil"}) {
    rows.push_back(row(name));
    rows.back().learner.learn(x, y, 0);
  }
  for (int r = 0; r < rounds; ++r) {
    for (Row& each : rows) {
      const double before = cpu_seconds();
      for (int64_t i = 0; i < batches; ++i) each.learner.learn(x, y, (50 + r) * batches + i);
      each.ms.push_back((cpu_seconds() - before) / static_cast<double>(batches) * 1e3);
    }
  }
  for (const Row& each : rows)
    std::printf("%-10s %8.1f ms a step, %.3f of dense\n", each.name, median(each.ms),
                median(each.ms) / median(rows[0].ms));
  return 0;
}
