#include "program.h"

#include <regrad/engine/error.h>
#include <regrad/engine/parallel.h>
#include <regrad/engine/version.h>

#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "measure.h"

namespace regrad::bench {
namespace {

struct Flags {
  std::string workload;
  int threads = 1;
  double seconds = 2;
};

// Reads `--name value` pairs. False where there is something else.
bool read(int argc, char** argv, Flags& flags) {
  for (int i = 1; i < argc; i += 2) {
    const std::string flag = argv[i];
    if (i + 1 == argc) return false;
    char* end = nullptr;
    if (flag == "--workload") {
      flags.workload = argv[i + 1];
      continue;
    }
    const double value = std::strtod(argv[i + 1], &end);
    if (*end || !(value > 0)) return false;
    if (flag == "--threads" && value >= 1 && value <= 1024) {
      flags.threads = static_cast<int>(value);
    } else if (flag == "--seconds") {
      flags.seconds = value;
    } else {
      return false;
    }
  }
  return !flags.workload.empty();
}

void print_line(const Flags& flags, const Run& run, const Timing& t, double peak_mb) {
  std::string sums;
  for (const double v : run.checksum) {
    char number[32];
    std::snprintf(number, sizeof number, "%s%.9g", sums.empty() ? "" : ", ", v);
    sums += number;
  }
  const auto units = static_cast<double>(run.units);
  std::printf(
      "{\"workload\": \"%s\", \"threads\": %d, \"wall_ms\": %.9g, \"wall_min_ms\": %.9g, "
      "\"cpu_ms\": %.9g, \"repetitions\": %d, ",
      flags.workload.c_str(), flags.threads, t.wall_ms / units, t.wall_min_ms / units,
      t.cpu_ms / units, t.repetitions);
  std::printf("\"checksum\": [%s], \"peak_mb\": %.2f}\n", sums.c_str(), peak_mb);
}

const char* lacking(const Workload& w) { return w.lacking ? w.lacking() : nullptr; }

int run_one(const Flags& flags, const std::vector<Workload>& workloads) {
  for (const Workload& w : workloads) {
    if (flags.workload != w.name) continue;
    if (const char* why = lacking(w)) {
      std::printf("{\"workload\": \"%s\", \"left_out\": \"%s\"}\n", w.name, why);
      return 0;
    }
    set_num_threads(flags.threads);
    const int64_t before = resident();
    peak_resident_from_now();
    const Run run = w.make();
    const Timing t = measure(run.step, flags.seconds);
    print_line(flags, run, t, static_cast<double>(peak_resident() - before) / (1 << 20));
    return 0;
  }
  std::fprintf(stderr, "no workload '%s' here; there are:", flags.workload.c_str());
  for (const Workload& w : workloads) std::fprintf(stderr, " %s", w.name);
  std::fprintf(stderr, "\n");
  return 2;
}

void register_all(const std::vector<Workload>& workloads) {
  for (const Workload& w : workloads) {
    for (const int threads : {1, 2}) {
      const auto body = [w, threads](benchmark::State& state) {
        if (const char* why = lacking(w)) {
          state.SkipWithError(why);
          return;
        }
        set_num_threads(threads);
        const Run run = w.make();
        for (auto _ : state) run.step();
        state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * run.units);
      };
      benchmark::RegisterBenchmark((std::string(w.name) + "/on:" + std::to_string(threads)).c_str(),
                                   body)
          ->MeasureProcessCPUTime()
          ->UseRealTime();
    }
  }
}

}  // namespace

int run_program(int argc, char** argv, const std::vector<Workload>& workloads) try {
  if (argc == 2 && std::strcmp(argv[1], "--version") == 0) {
    std::printf("%s", version_text().c_str());
    return 0;
  }
  bool ours = false;
  for (int i = 1; i < argc; ++i) ours = ours || std::strcmp(argv[i], "--workload") == 0;
  if (ours) {
    Flags flags;
    if (read(argc, argv, flags)) return run_one(flags, workloads);
    std::fprintf(stderr, "usage: %s --workload NAME [--threads N] [--seconds S]\n", argv[0]);
    return 2;
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  register_all(workloads);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
} catch (const Error& e) {
  std::fprintf(stderr, "%s: %s\n", argv[0], e.what());
  return 1;
}

}  // namespace regrad::bench
