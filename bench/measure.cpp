#include "measure.h"

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include <time.h>

namespace regrad::bench {
namespace {

double milliseconds(clockid_t clock) {
  timespec t{};
  clock_gettime(clock, &t);
  return 1e3 * static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_nsec);
}

double median(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  const size_t half = v.size() / 2;
  return v.size() % 2 ? v[half] : (v[half - 1] + v[half]) / 2;
}

int64_t status_bytes(const std::string& key) {
  std::ifstream file("/proc/self/status");
  for (std::string word; file >> word;) {
    if (word != key) continue;
    int64_t kilobytes = 0;
    file >> kilobytes;
    return kilobytes * 1024;
  }
  return 0;
}

}  // namespace

Timing measure(const std::function<void()>& step, double seconds) {
  std::vector<double> wall, cpu;
  const double end = milliseconds(CLOCK_MONOTONIC) + 1e3 * seconds;
  while (wall.size() < 5 || milliseconds(CLOCK_MONOTONIC) < end) {
    const double cpu_start = milliseconds(CLOCK_PROCESS_CPUTIME_ID),
                 wall_start = milliseconds(CLOCK_MONOTONIC);
    step();
    wall.push_back(milliseconds(CLOCK_MONOTONIC) - wall_start);
    cpu.push_back(milliseconds(CLOCK_PROCESS_CPUTIME_ID) - cpu_start);
  }
  return {median(wall), median(cpu), *std::min_element(wall.begin(), wall.end()),
          static_cast<int>(wall.size())};
}

int64_t resident() { return status_bytes("VmRSS:"); }
int64_t peak_resident() { return status_bytes("VmHWM:"); }
void peak_resident_from_now() {
  std::ofstream file("/proc/self/clear_refs");
  file << "5" << std::flush;  // proc(5): resets the peak resident set size to what is resident now
}

}  // namespace regrad::bench
