#include <fmt/format.h>
#include <regrad/algorithms/experiment/run.h>
#include <regrad/algorithms/experiment/signals.h>
#include <regrad/engine/parallel.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <csignal>
#include <map>

namespace regrad::experiment {
namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void check_finite(const Job& job, int64_t step, const Moment& moment) {
  for (const auto& [name, value] : moment) {
    if (!std::isfinite(value))
      throw NumericError(job_name(job) + ": " + name + " is " + fmt::format("{}", value) +
                         " at step " + std::to_string(step) +
                         "; smaller step sizes may keep it finite");
  }
}

// What stops the rows of one run: a signal, or a failure of one of them.
struct Stop {
  std::atomic<bool> failed{false};
  bool now() const { return failed.load(std::memory_order_relaxed) || Signals::caught(); }
};

void run_row(const Experiment& experiment, Ledger& ledger, size_t r, Progress& progress,
             const Stop& stop) {
  const Job job = ledger.row(r).job;
  const std::unique_ptr<Trial> trial = experiment.trial(job);
  ledger.restore(r, *trial);
  progress.phase(job_name(job));
  const int64_t steps = experiment.steps(job);
  for (int64_t i = ledger.row(r).step; i < steps; ++i) {
    if (stop.now()) return ledger.keep(r, i, *trial);
    if (ledger.due(r)) ledger.keep(r, i, *trial);
    Moment moment = trial->step(i);
    progress.tick();
    if (moment.empty()) continue;
    check_finite(job, i + 1, moment);
    progress.metric(moment[0].first, moment[0].second);
    ledger.log(r, {i + 1, std::move(moment)});
  }
  Outcome outcome = trial->finish();
  for (const Score& s : outcome.scores)
    check_finite(job, steps, {{s.method + "'s " + s.metric, s.value}});
  // the report shows the first seed's
  if (job.seed != ledger.row(0).job.seed) outcome.figures.clear(), outcome.galleries.clear();
  ledger.finish(r, steps, std::move(outcome), *trial);
}

// Steps of a row that are logged, and the time that one of them takes.
int64_t logged(const Experiment& experiment, int64_t steps) {
  return experiment.log_every() > 0 ? steps / experiment.log_every() : 0;
}
double time_logging(const Experiment& experiment, Trial& trial, int64_t first, int64_t steps) {
  if (logged(experiment, steps) == 0) return 0;
  const double start = now();
  const int64_t every = experiment.log_every();
  trial.step(std::min((first / every + 1) * every, steps) - 1);
  return now() - start;
}

}  // namespace

std::vector<Job> jobs_of(const Experiment& experiment, const Options& options) {
  std::vector<std::string> trained;
  const Card card = experiment.card();
  for (const std::string& name : options.methods) {
    const auto m = std::find_if(card.methods.begin(), card.methods.end(),
                                [&](const MethodCard& c) { return c.name == name; });
    const std::string by = m->trained_by.empty() ? name : m->trained_by;
    if (std::find(trained.begin(), trained.end(), by) == trained.end()) trained.push_back(by);
  }
  std::vector<Job> out;
  for (const std::string& variant : experiment.variants())
    for (uint64_t seed : options.seeds)
      for (const std::string& method : trained)
        if (experiment.has_row({method, variant, seed})) out.push_back({method, variant, seed});
  return out;
}

Settings settings_of(Experiment& experiment, const Options& options) {
  std::string seeds;
  for (uint64_t seed : options.seeds) seeds += (seeds.empty() ? "" : ",") + std::to_string(seed);
  Settings out = {{"experiment", experiment.card().name},
                  {"task", options.task},
                  {"preset", options.preset},
                  {"methods", joined(options.methods)},
                  {"seeds", seeds}};
  for (const Field& field : experiment.fields()) out.emplace_back(field.name, text(field));
  return out;
}

void run_rows(const Experiment& experiment, Ledger& ledger, Progress& progress,
              const std::string& again) {
  const Signals signals;
  Stop stop;
  parallel_for(static_cast<int64_t>(ledger.size()), [&](int64_t at) {
    const auto r = static_cast<size_t>(at);
    if (ledger.row(r).finished || stop.now()) return;
    try {
      run_row(experiment, ledger, r, progress, stop);
    } catch (...) {
      stop.failed = true;
      throw;
    }
  });
  const int which = Signals::caught();
  if (!which) return;
  ledger.save();
  throw Interrupted(
      which, std::string("stopped by ") + (which == SIGINT ? "SIGINT" : "SIGTERM") + "; " + again);
}

Result gather(const Experiment& experiment, const Options& options, const std::vector<Row>& rows) {
  const Card card = experiment.card();
  Result r;
  r.experiment = card.name, r.task = options.task, r.preset = options.preset,
  r.seeds = options.seeds, r.threads = options.threads;
  r.metric = card.metric, r.better = card.better;
  r.baseline = std::find(options.methods.begin(), options.methods.end(), card.baseline) ==
                       options.methods.end()
                   ? options.methods[0]
                   : card.baseline;
  for (const std::string& name : options.methods) {
    MethodResult m{name, {}, 0};
    for (const Row& f : rows) {
      for (const Score& s : f.outcome.scores) {
        if (s.method != name) continue;
        auto metric = std::find_if(m.metrics.begin(), m.metrics.end(),
                                   [&](const auto& known) { return known.first == s.metric; });
        if (metric == m.metrics.end()) metric = m.metrics.insert(m.metrics.end(), {s.metric, {}});
        metric->second.push_back(s.value);
      }
      for (const auto& [method, count] : f.outcome.parameters)
        if (method == name) m.parameters = count;
      for (const Items& i : f.outcome.items) {
        if (i.method != name) continue;
        auto metric = std::find_if(m.items.begin(), m.items.end(),
                                   [&](const auto& known) { return known.first == i.metric; });
        if (metric == m.items.end()) metric = m.items.insert(m.items.end(), {i.metric, {}});
        metric->second.push_back(i.values);
      }
    }
    r.methods.push_back(std::move(m));
  }
  r.claims = experiment.claims(r);
  return r;
}

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
    const double start = now();
    int64_t timed = 0;
    for (; timed < 3 && first + 1 + timed < steps; ++timed) trial->step(first + 1 + timed);
    const double step = timed ? (now() - start) / static_cast<double>(timed) : 0;
    const double logging = std::max(0.0, time_logging(experiment, *trial, first, steps) - step);
    const double before = now();
    trial->finish();
    const double evaluation =
                     now() - before + logging * static_cast<double>(logged(experiment, steps)),
                 whole =
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
