// What sparse training costs: the step time of each method over the dense step, ResNet-20, batch
// 128, on one thread.
//
//   bench-pruning [ROUNDS]
//
// A round times 16 steps of every method in turn, so that each has one refresh of its masks (STE:
// 16). The learners stand in the middle of their schedule, at half of the epochs; distillation is
// on. Printed: medians over the rounds, and their ratio to the dense step's.
#include <regrad/algorithms/dcil/dcil.h>
#include <regrad/algorithms/map/map.h>
#include <regrad/algorithms/pruning/rows.h>
#include <regrad/engine/parallel.h>
#include <regrad/layers/nets/named_net.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>

using namespace regrad;
using namespace regrad::pruning;

namespace {

constexpr int64_t batches = 16, batch = 128;
constexpr double lr = 0.1;

double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

double median(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  return v[v.size() / 2];
}

struct Timed {
  const char* name;
  Learner learner;
  std::vector<double> ms = {};
};

Timed timed(const char* name, Method method) {
  const NamedNet net(Random(1), {.name = "resnet20"});
  return {name, Learner(net, std::move(method),
                        {.sparsity = 0.95,
                         .epochs = 100,
                         .batches = batches,
                         .sgd = {.momentum = 0.9, .weight_decay = 1e-4, .nesterov = true}})};
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
  std::vector<Timed> methods;
  methods.push_back(timed("dense", dense()));
  methods.push_back(timed("gmp", gmp()));
  methods.push_back(timed("ste", ste()));
  methods.push_back(timed("dpf", dpf()));
  methods.push_back(timed("rigl", rigl()));
  methods.push_back(timed("map", map_pruning::method()));
  methods.push_back(timed("dcil-nokd", dcil::method({.distill = false})));
  methods.push_back(timed("dcil", dcil::method()));
  for (Timed& each : methods) each.learner.learn(x, y, 0, lr);
  for (int r = 0; r < rounds; ++r) {
    for (Timed& each : methods) {
      const double before = cpu_seconds();
      for (int64_t i = 0; i < batches; ++i) each.learner.learn(x, y, (50 + r) * batches + i, lr);
      each.ms.push_back((cpu_seconds() - before) / static_cast<double>(batches) * 1e3);
    }
  }
  for (const Timed& each : methods)
    std::printf("%-10s %8.1f ms per step, %.3f of dense\n", each.name, median(each.ms),
                median(each.ms) / median(methods[0].ms));
  return 0;
}
