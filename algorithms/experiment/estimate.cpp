#include <fmt/format.h>
#include <regrad/algorithms/experiment/estimate.h>
#include <regrad/algorithms/experiment/progress.h>
#include <regrad/algorithms/experiment/run.h>

#include <algorithm>
#include <map>

namespace regrad::experiment {
namespace {

double seconds_of(const std::function<void()>& f) {
  const double start = steady_seconds();
  f();
  return steady_seconds() - start;
}

// Steps of a row that are logged, and the time that one of them takes.
int64_t logged(const Experiment& experiment, int64_t steps) {
  return experiment.log_every() > 0 ? steps / experiment.log_every() : 0;
}
double time_logging(const Experiment& experiment, Trial& trial, int64_t first, int64_t steps) {
  if (logged(experiment, steps) == 0) return 0;
  const int64_t every = experiment.log_every();
  return seconds_of([&] { trial.step(std::min((first / every + 1) * every, steps) - 1); });
}

}  // namespace

std::string estimate(const Experiment& experiment, const Options& options) {
  const std::vector<Job> jobs = jobs_of(experiment, options);
  std::map<std::pair<std::string, std::string>, int64_t> seeds;
  for (const Job& j : jobs) ++seeds[{j.method, j.variant}];
  std::string out = fmt::format("{:<24}{:>10}{:>12}{:>12}{:>8}{:>12}\n", "method", "steps",
                                "ms a step", "evaluation", "seeds", "in all");
  double total = 0;
  for (const auto& [key, count] : seeds) {
    const Job job{key.first, key.second, options.seeds[0]};
    const std::unique_ptr<Trial> trial = experiment.trial(job);
    const int64_t steps = experiment.steps(job);
    const int64_t first = std::min(experiment.usual_step(job), std::max<int64_t>(0, steps - 4));
    if (steps > 0) trial->step(first);  // the first one pays for memory and caches
    const int64_t timed = std::clamp<int64_t>(steps - first - 1, 0, 3);
    const double three = seconds_of([&] {
      for (int64_t i = 1; i <= timed; ++i) trial->step(first + i);
    });
    const double step = timed ? three / static_cast<double>(timed) : 0;
    const double logging = std::max(0.0, time_logging(experiment, *trial, first, steps) - step);
    const double evaluation = seconds_of([&] { trial->finish(); }) +
                              logging * static_cast<double>(logged(experiment, steps));
    const double whole =
        static_cast<double>(count) * (static_cast<double>(steps) * step + evaluation);
    total += whole;
    out += fmt::format("{:<24}{:>10}{:>12.3f}{:>12}{:>8}{:>12}\n",
                       key.first + (key.second.empty() ? "" : ", " + key.second), steps, step * 1e3,
                       duration(evaluation), count, duration(whole));
  }
  const int64_t at_once = std::min<int64_t>(options.threads, static_cast<int64_t>(jobs.size()));
  return out + fmt::format("\nabout {} of CPU time; about {} on {} thread{}\n", duration(total),
                           duration(total / static_cast<double>(at_once)), options.threads,
                           options.threads == 1 ? "" : "s");
}

}  // namespace regrad::experiment
