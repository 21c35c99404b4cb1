#include <fmt/format.h>
#include <regrad/algorithms/experiment/left_out.h>
#include <regrad/algorithms/experiment/methods.h>
#include <regrad/algorithms/experiment/run.h>
#include <regrad/algorithms/experiment/signals.h>
#include <regrad/engine/autograd.h>
#include <regrad/engine/ops.h>
#include <regrad/engine/parallel.h>
#include <regrad/engine/profile.h>

#include <atomic>
#include <cmath>
#include <csignal>

namespace regrad::experiment {
namespace {

void check_finite(const Job& job, int64_t step, const Moment& moment) {
  for (const auto& [name, value] : moment)
    if (!std::isfinite(value))
      throw NumericError(
          fmt::format("{}: {} is {} at step {}; smaller step sizes may keep it finite",
                      job_name(job), name, value, step));
}

// A net that is no number scores as chance does, which a last step that is not logged would hide.
void check_state(const Job& job, int64_t step, Trial& trial) {
  const NoGrad quiet;
  trial.state([&](const std::string& name, Tensor& t) {
    if (!t.defined() || !is_floating(t.dtype()) || t.numel() == 0) return;
    if (amax(isnan(t).to(DType::f32)).item() > 0)
      throw NumericError(
          fmt::format("{}: {} is not a number at step {}; smaller step sizes may keep it finite",
                      job_name(job), name, step));
  });
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
    Moment moment;
    {
      const ProfileScope scope("step");
      moment = trial->step(i);
    }
    progress.tick();
    if (moment.empty()) continue;
    check_finite(job, i + 1, moment);
    progress.metric(moment[0].first, moment[0].second);
    ledger.log(r, {i + 1, std::move(moment)});
  }
  check_state(job, steps, *trial);
  const ProfileScope scope("evaluation");
  Outcome outcome = trial->finish();
  for (const Score& s : outcome.scores)
    check_finite(job, steps, {{s.method + "'s " + s.metric, s.value}});
  // the report shows the first seed's, and the mean of charts over named places
  if (job.seed != ledger.row(0).job.seed) {
    std::erase_if(outcome.figures, [](const Chart& c) { return c.x_names.empty(); });
    outcome.galleries.clear(), outcome.listings.clear();
  }
  ledger.finish(r, steps, std::move(outcome), *trial);
}

// The list of a metric; an empty one at the end where it is new.
template <class T>
std::vector<T>& of(std::vector<std::pair<std::string, std::vector<T>>>& lists,
                   const std::string& metric) {
  for (auto& [known, list] : lists)
    if (known == metric) return list;
  return lists.emplace_back(metric, std::vector<T>()).second;
}

// A row's parameters are those of every metric that it has of the method.
void count_parameters(const Outcome& outcome, const std::string& method, int64_t count,
                      std::vector<std::pair<std::string, std::vector<double>>>& by_metric) {
  for (const Score& score : outcome.scores)
    if (score.method == method) of(by_metric, score.metric).push_back(static_cast<double>(count));
}

}  // namespace

std::string trainer(const Card& card, const std::string& method) {
  const MethodCard& m = find_method(card.methods, method);
  return m.trained_by.empty() ? method : m.trained_by;
}

std::vector<Job> jobs_of(const Experiment& experiment, const Options& options) {
  std::vector<std::string> trained;
  for (const std::string& name : options.methods) {
    const std::string by = trainer(experiment.card(), name);
    if (!among(by, trained)) trained.push_back(by);
  }
  std::vector<Job> out;
  for (const std::string& variant : experiment.variants())
    for (uint64_t seed : options.seeds)
      for (const std::string& method : trained)
        if (experiment.has_row({method, variant, seed})) out.push_back({method, variant, seed});
  return out;
}

Settings settings_of(Experiment& experiment, const Options& options) {
  Settings out = {{"experiment", experiment.card().name},
                  {"task", options.task},
                  {"preset", options.preset},
                  {"methods", joined(options.methods)},
                  {"seeds", fmt::format("{}", fmt::join(options.seeds, ","))}};
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
  r.baseline = among(card.baseline, options.methods) ? card.baseline : options.methods[0];
  for (auto s = card.subjects.rbegin(); s != card.subjects.rend(); ++s)
    if (among(*s, options.methods)) r.subject = *s;
  for (const std::string& name : options.methods) {
    MethodResult m{name, {}, 0};
    std::vector<std::pair<std::string, std::vector<double>>> scalars;  // by metric, by seed
    for (const Row& f : rows) {
      for (const Score& score : f.outcome.scores)
        if (score.method == name) of(m.metrics, score.metric).push_back(score.value);
      for (const auto& [method, count] : f.outcome.parameters)
        if (method == name) count_parameters(f.outcome, name, count, scalars);
      for (const Items& i : f.outcome.items)
        if (i.method == name) of(m.items, i.metric).push_back({i.values, i.groups});
    }
    for (const auto& [metric, counts] : scalars) {
      m.parameters_of.emplace_back(metric, std::llround(mean(counts)));
      if (m.parameters == 0 || metric == r.metric) m.parameters = m.parameters_of.back().second;
    }
    r.methods.push_back(std::move(m));
  }
  for (const uint64_t seed : r.seeds)
    if (std::vector<int64_t> parts = experiment.parts_of(seed); !parts.empty())
      r.parts.push_back(std::move(parts));
  leave_out_holes(r, rows);
  r.claims = experiment.claims(r);
  return r;
}

}  // namespace regrad::experiment
