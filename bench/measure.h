// What one process of a workload costs: medians of wall and CPU time, and memory on top of what
// stood before.
#pragma once

#include <cstdint>
#include <functional>

namespace regrad::bench {

struct Timing {
  // medians of a repetition; CPU time is that of all threads together
  double wall_ms = 0, cpu_ms = 0;
  double wall_min_ms = 0;  // what a busy machine disturbs least
  int repetitions = 0;
};
// Repeats `step` for about `seconds`, at least 5 times.
Timing measure(const std::function<void()>& step, double seconds);

// This process's resident memory in bytes: now, and the most since peak_resident_from_now.
int64_t resident();
int64_t peak_resident();
// where the system allows it; else the peak counts from the process's start
void peak_resident_from_now();

}  // namespace regrad::bench
