#include <fmt/format.h>
#include <regrad/algorithms/experiment/memory.h>
#include <regrad/engine/error.h>
#include <sys/resource.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <sstream>

namespace regrad::experiment {
namespace {

constexpr double endless = std::numeric_limits<double>::infinity();

// The number behind a word of a file ("MemAvailable: 1234 kB"), its first for no word; `otherwise`
// where there is none.
double number_in(const std::string& file, const std::string& word, double otherwise) {
  std::ifstream in(file);
  std::string found;
  while (!word.empty() && in >> found && found != word) {
  }
  int64_t n = 0;
  return in >> n ? static_cast<double>(n) : otherwise;
}

double of_system() {
  return 1024 * (number_in("/proc/meminfo", "MemAvailable:", endless) +
                 number_in("/proc/meminfo", "SwapFree:", 0));
}

double of_process() {
  rlimit limit{};
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return endless;
  return static_cast<double>(limit.rlim_cur) - 1024 * number_in("/proc/self/status", "VmSize:", 0);
}

std::string shown(double bytes) {
  return fmt::format("{:.0f} bytes ({:.1f} GiB)", bytes, bytes / (1 << 30));
}

}  // namespace

double group_bytes(const std::string& member, const std::string& mount) {
  double least = endless;
  std::ifstream in(member);
  for (std::string line; std::getline(in, line);) {
    const bool first = line.find(":memory:") != std::string::npos;  // version 1
    if (!first && !line.starts_with("0::")) continue;
    const std::string files = first ? "total_" : "", root = mount + (first ? "/memory" : "");
    std::string at = line.substr(line.rfind(':') + 1);
    for (;;) {  // a group's limit holds for those inside
      const std::string of = root + (at == "/" ? "" : at) + "/memory.";
      const double most = number_in(of + (first ? "limit_in_bytes" : "max"), "", endless);
      const double used = number_in(of + (first ? "usage_in_bytes" : "current"), "", 0);
      const double cached = number_in(of + "stat", files + "inactive_file", 0) +
                            number_in(of + "stat", files + "active_file", 0);
      least = std::min(least, most - used + cached);
      if (at.empty() || at == "/") break;
      at = at.substr(0, at.rfind('/'));
    }
  }
  return least;
}

Need trained(double parameters, int kept, const std::string& optimizer) {
  return {4 * parameters * (2 + kept),
          fmt::format("{:.0f} parameters with their gradients and {}", parameters, optimizer)};
}

double free_bytes() {
  return std::max(0.0, std::min({of_system(), group_bytes("/proc/self/cgroup", "/sys/fs/cgroup"),
                                 of_process()}));
}

void check_memory(const std::vector<Need>& needs, const std::string& who) {
  double all = 0;
  for (const Need& need : needs) all += need.bytes;
  if (all < 1 << 26) return;  // not worth the look
  const double there = free_bytes();
  if (all <= there) return;
  const Need& largest = *std::max_element(
      needs.begin(), needs.end(), [](const Need& a, const Need& b) { return a.bytes < b.bytes; });
  throw OutOfMemory(
      fmt::format("out of memory: {} needs at least {}, most of them for {}; {} are free. Smaller "
                  "settings need "
                  "less",
                  who, shown(all), largest.of, shown(there)));
}

}  // namespace regrad::experiment
