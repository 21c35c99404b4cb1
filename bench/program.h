// The two faces of a bench binary. Without flags of ours it is a Google Benchmark of its workloads
// at 1 and 2 threads; with
//
//   bench-maml --workload maml_sinusoid/1inner --threads 2 --seconds 2
//
// it runs one workload in this process and prints one line of JSON, which bench/compare reads
// (--version: regrad's, with the instruction set in use):
//
//   {"workload": "maml_sinusoid/1inner", "threads": 2, "wall_ms": 0.5, "wall_min_ms": 0.4,
//       "cpu_ms": 0.9, "repetitions": 4000,
//    "checksum": [3.454, ...], "peak_mb": 3.1}
//
// or, where this CPU cannot run it, {"workload": "...", "left_out": "why"}. Peers print the same
// line. Times are medians of one unit of work; memory is the peak less what stood when the program
// had started.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace regrad::bench {

// A workload ready to run.
struct Run {
  std::vector<double> checksum;  // numbers that every peer must agree with; computing them warms up
  std::function<void()> step;    // what is timed
  int64_t units = 1;             // units of work in one step: times are divided by it
};
// Steps of a training, T::step() giving its loss: the checksum is the loss at steps 1, 2 and 5.
template <class T>
Run steps_of(std::shared_ptr<T> training) {
  Run run;
  for (int i = 1; i <= 5; ++i) {
    const double loss = training->step();
    if (i != 3 && i != 4) run.checksum.push_back(loss);
  }
  run.step = [training] { training->step(); };
  return run;
}
struct Workload {
  const char* name;
  Run (*make)();
  const char* (*lacking)() = nullptr;  // what this CPU lacks for it; null: nothing
};

// main. Exit codes: 0; 1 failed; 2 command line.
int run_program(int argc, char** argv, const std::vector<Workload>& workloads);

}  // namespace regrad::bench
