#include <fmt/format.h>
#include <regrad/algorithms/experiment/run.h>
#include <regrad/engine/parallel.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <mutex>
#include <optional>

namespace regrad::experiment {
namespace {

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// Writes the lines of jobs in the order of the jobs.
class InOrder {
 public:
  InOrder(size_t jobs, JsonLines* log) : waiting_(jobs), log_(log) {}
  void ended(size_t at, const Job& job, const std::vector<Line>& lines) {
    std::vector<Record> records;
    for (const Line& line : lines) {
      Record r{{"method", job.method}, {"seed", job.seed}};
      if (!job.variant.empty()) r.emplace_back("variant", job.variant);
      r.emplace_back("step", line.step);
      for (const auto& [name, value] : line.moment) r.emplace_back(name, value);
      records.push_back(std::move(r));
    }
    const std::lock_guard lock(mutex_);
    waiting_[at] = std::move(records);
    for (; next_ < waiting_.size() && waiting_[next_]; ++next_) {
      if (!log_) continue;
      for (const Record& r : *waiting_[next_]) log_->write(r);
      waiting_[next_] = std::vector<Record>();
    }
  }

 private:
  std::mutex mutex_;
  std::vector<std::optional<std::vector<Record>>> waiting_;
  size_t next_ = 0;
  JsonLines* log_;
};

void check_finite(const Job& job, int64_t step, const Moment& moment) {
  for (const auto& [name, value] : moment) {
    if (!std::isfinite(value))
      throw NumericError(job_name(job) + ": " + name + " is " + fmt::format("{}", value) + " at step " + std::to_string(step));
  }
}

Finished run_one(const Experiment& experiment, const Job& job, Progress& progress) {
  Finished f{job, {}, {}};
  const std::unique_ptr<Trial> trial = experiment.trial(job);
  progress.phase(job_name(job));
  for (int64_t i = 0; i < trial->steps(); ++i) {
    Moment moment = trial->step(i);
    progress.tick();
    if (moment.empty()) continue;
    check_finite(job, i + 1, moment);
    progress.metric(moment[0].first, moment[0].second);
    f.lines.push_back({i + 1, std::move(moment)});
  }
  f.outcome = trial->finish();
  for (const Score& s : f.outcome.scores) check_finite(job, trial->steps(), {{s.method + "'s " + s.metric, s.value}});
  return f;
}

}  // namespace

std::string job_name(const Job& job) { return job.method + ", seed " + std::to_string(job.seed) + (job.variant.empty() ? "" : ", " + job.variant); }

std::vector<Job> jobs_of(const Experiment& experiment, const Options& options) {
  std::vector<std::string> trained;
  const Card card = experiment.card();
  for (const std::string& name : options.methods) {
    const auto m = std::find_if(card.methods.begin(), card.methods.end(), [&](const MethodCard& c) { return c.name == name; });
    const std::string by = m->trained_by.empty() ? name : m->trained_by;
    if (std::find(trained.begin(), trained.end(), by) == trained.end()) trained.push_back(by);
  }
  std::vector<Job> out;
  for (const std::string& variant : experiment.variants())
    for (uint64_t seed : options.seeds)
      for (const std::string& method : trained) out.push_back({method, variant, seed});
  return out;
}

std::vector<Finished> run_jobs(const Experiment& experiment, const std::vector<Job>& jobs, Progress& progress, JsonLines* log) {
  std::vector<Finished> out(jobs.size());
  InOrder lines(jobs.size(), log);
  parallel_for(static_cast<int64_t>(jobs.size()), [&](int64_t j) {
    const auto at = static_cast<size_t>(j);
    out[at] = run_one(experiment, jobs[at], progress);
    lines.ended(at, jobs[at], out[at].lines);
  });
  return out;
}

Result gather(const Experiment& experiment, const Options& options, const std::vector<Finished>& finished) {
  const Card card = experiment.card();
  Result r;
  r.experiment = card.name, r.task = options.task, r.preset = options.preset, r.seeds = options.seeds, r.threads = options.threads;
  r.metric = card.metric, r.better = card.better;
  r.baseline = std::find(options.methods.begin(), options.methods.end(), card.baseline) == options.methods.end() ? options.methods[0] : card.baseline;
  for (const std::string& name : options.methods) {
    MethodResult m{name, {}, 0};
    for (const Finished& f : finished) {
      for (const Score& s : f.outcome.scores) {
        if (s.method != name) continue;
        auto metric = std::find_if(m.metrics.begin(), m.metrics.end(), [&](const auto& known) { return known.first == s.metric; });
        if (metric == m.metrics.end()) metric = m.metrics.insert(m.metrics.end(), {s.metric, {}});
        metric->second.push_back(s.value);
      }
      for (const auto& [method, count] : f.outcome.parameters)
        if (method == name) m.parameters = count;
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
  std::string out = fmt::format("{:<24}{:>10}{:>12}{:>12}{:>8}{:>12}\n", "method", "steps", "ms a step", "evaluation", "seeds", "in all");
  double total = 0;
  for (const auto& [key, count] : seeds) {
    const std::unique_ptr<Trial> trial = experiment.trial({key.first, key.second, options.seeds[0]});
    const int64_t steps = trial->steps();
    if (steps > 0) trial->step(0);  // the first one pays for memory and caches
    const double start = now();
    int64_t timed = 0;
    for (; timed < 3 && 1 + timed < steps; ++timed) trial->step(1 + timed);
    const double step = timed ? (now() - start) / static_cast<double>(timed) : 0, before = now();
    trial->finish();
    const double evaluation = now() - before, whole = static_cast<double>(count) * (static_cast<double>(steps) * step + evaluation);
    total += whole;
    out += fmt::format("{:<24}{:>10}{:>12.3f}{:>12}{:>8}{:>12}\n", key.first + (key.second.empty() ? "" : ", " + key.second), steps, step * 1e3,
                       duration(evaluation), count, duration(whole));
  }
  const int64_t at_once = std::min<int64_t>(options.threads, static_cast<int64_t>(jobs.size()));
  return out + fmt::format("\nabout {} of CPU time; about {} on {} thread{}\n", duration(total), duration(total / static_cast<double>(at_once)),
                           options.threads, options.threads == 1 ? "" : "s");
}

}  // namespace regrad::experiment
