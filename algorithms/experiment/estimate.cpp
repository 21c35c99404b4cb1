#include <fmt/format.h>
#include <regrad/algorithms/experiment/estimate.h>
#include <regrad/algorithms/experiment/progress.h>
#include <regrad/algorithms/experiment/run.h>

#include <algorithm>
#include <ctime>
#include <fstream>
#include <map>
#include <numeric>
#include <utility>

namespace regrad::experiment {
namespace {

double status_bytes(const std::string& word) {
  std::ifstream in("/proc/self/status");
  std::string found;
  while (in >> found && found != word) {
  }
  double kilobytes = 0;
  return in >> kilobytes ? 1024 * kilobytes : 0;
}

double seconds_of(const std::function<void()>& f) {
  const double start = cpu_seconds();
  f();
  return cpu_seconds() - start;
}

// Of one row.
struct Cost {
  int64_t steps = 0;
  double stepping = 0, evaluation = 0;  // seconds of all steps; of what is logged and at the end
  // the most that the process had, what rows before have left it for reuse included: a thread
  // keeps that in a run too
  double bytes = 0;
  double seconds() const { return stepping + evaluation; }
};

// Steps of a phase from `first` on, for at least so many seconds and three steps. The first one is
// timed apart: it pays for memory and caches, or for what a phase begins with. What logging adds is
// counted elsewhere: a step that is logged, one of `every`, is run and not timed.
double time_phase(Trial& trial, int64_t first, int64_t steps, int64_t every, double least) {
  if (steps == 0) return 0;
  const double once = seconds_of([&] { trial.step(first); });
  double spent = 0, passed = 0;
  int64_t timed = 0;
  for (int64_t i = first + 1; i < first + steps && (timed < 3 || passed < least); ++i) {
    const double took = seconds_of([&] { trial.step(i); });
    passed += took;
    if (every > 1 && (i + 1) % every == 0) continue;
    spent += took;
    ++timed;
  }
  return once +
         (timed == 0 ? 0 : spent / static_cast<double>(timed)) * static_cast<double>(steps - 1);
}

// What logging adds to the steps that are logged.
double time_logging(const Experiment& experiment, Trial& trial, int64_t steps, double step) {
  const int64_t every = experiment.log_every();
  if (every <= 0 || steps < every) return 0;
  const auto log = [&] { return seconds_of([&] { trial.step(every - 1); }); };
  const double first = log(), second = log();  // the first one pays for memory and caches
  return std::max(0.0, std::min(first, second) - step) * static_cast<double>(steps / every);
}

void train(Trial& trial, int64_t steps, double most) {
  const double until = cpu_seconds() + most;
  for (int64_t i = 0; i < steps && cpu_seconds() < until; ++i) trial.step(i);
}

Cost cost_of(const Experiment& experiment, const Job& job, double least, double training) {
  forget_peak();
  Cost cost;
  cost.steps = experiment.steps(job);
  std::unique_ptr<Trial> trial;
  cost.evaluation = seconds_of([&] { trial = experiment.trial(job); });
  const std::vector<Phase> phases = experiment.phases(job);
  const bool learns =
      std::any_of(phases.begin(), phases.end(), [](const Phase& p) { return p.of_learnt; });
  int64_t first = 0;
  for (const Phase& phase : phases) {
    const double all = time_phase(*trial, first, phase.steps, experiment.log_every(), least);
    if (first == 0 && phase.steps > 0) {
      cost.evaluation +=
          time_logging(experiment, *trial, cost.steps, all / static_cast<double>(phase.steps));
      if (learns) train(*trial, phase.steps, training);
    }
    cost.stepping += all;
    first += phase.steps;
  }
  cost.evaluation += seconds_of([&] { trial->rehearse(); });
  cost.bytes = peak_bytes();
  return cost;
}

std::string megabytes(double bytes) { return fmt::format("{:.0f} MB", bytes / 1e6); }

std::string line(const std::string& name, const Cost& c, int64_t seeds) {
  const double step = c.steps == 0 ? 0 : 1e3 * c.stepping / static_cast<double>(c.steps);
  return fmt::format("{:<24}{:>9}{:>12.3f}{:>12}{:>10}{:>7}{:>10}\n", name, c.steps, step,
                     duration(c.evaluation), megabytes(c.bytes), seeds,
                     duration(static_cast<double>(seeds) * c.seconds()));
}

}  // namespace

double cpu_seconds() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

double peak_bytes() { return status_bytes("VmHWM:"); }
double resident_bytes() { return status_bytes("VmRSS:"); }
void forget_peak() { std::ofstream("/proc/self/clear_refs") << 5; }

double makespan(const std::vector<double>& seconds, int threads) {
  if (seconds.size() == 1) return seconds[0] / threads;
  std::vector<double> busy(static_cast<size_t>(threads), 0.0);
  for (const double s : seconds) *std::min_element(busy.begin(), busy.end()) += s;
  return *std::max_element(busy.begin(), busy.end());
}

std::string estimate(const Experiment& experiment, const Options& options,
                     const std::function<void(const std::string&)>& say, double timing) {
  const double begun = cpu_seconds(), data_peak = peak_bytes(), data = resident_bytes();
  const std::vector<Job> jobs = jobs_of(experiment, options);
  using Key = std::pair<std::string, std::string>;  // method and variant
  std::vector<Key> keys;
  std::map<Key, int64_t> seeds;
  for (const Job& j : jobs)
    if (++seeds[{j.method, j.variant}] == 1) keys.emplace_back(j.method, j.variant);
  size_t phases = 0;
  for (const auto& [method, variant] : keys)
    phases += experiment.phases({method, variant, options.seeds[0]}).size();

  std::string out = fmt::format("{:<24}{:>9}{:>12}{:>12}{:>10}{:>7}{:>10}\n", "method", "steps",
                                "ms a step", "evaluation", "peak", "seeds", "in all");
  std::map<Key, Cost> costs;
  for (const Key& key : keys) {
    const std::string name = key.first + (key.second.empty() ? "" : ", " + key.second);
    if (say) say(fmt::format("timing {} ({} of {})", name, costs.size() + 1, keys.size()));
    costs[key] = cost_of(experiment, {key.first, key.second, options.seeds[0]},
                         std::min(timing / static_cast<double>(phases), 1.0), timing);
    out += line(name, costs[key], seeds[key]);
  }

  std::vector<double> seconds, bytes;
  for (const Job& j : jobs) {
    seconds.push_back(costs[{j.method, j.variant}].seconds());
    bytes.push_back(std::max(0.0, costs[{j.method, j.variant}].bytes - data));
  }
  std::sort(bytes.rbegin(), bytes.rend());
  bytes.resize(std::min(bytes.size(), static_cast<size_t>(options.threads)));
  const double peak = std::max(data_peak, std::accumulate(bytes.begin(), bytes.end(), data));
  const double total = std::accumulate(seconds.begin(), seconds.end(), begun);
  return out + fmt::format("\nabout {} of CPU time and {} of memory; about {} on {} thread{}\n",
                           duration(total), megabytes(peak),
                           duration(begun + makespan(seconds, options.threads)), options.threads,
                           options.threads == 1 ? "" : "s");
}

}  // namespace regrad::experiment
