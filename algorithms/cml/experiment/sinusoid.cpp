#include <algorithm>
#include <cmath>
#include <numeric>

#include <regrad/algorithms/cml/experiment/sinusoid.h>
#include <regrad/algorithms/cml/experiment/trial.h>
#include <regrad/algorithms/shared/sinusoids.h>
#include <regrad/layers/linear.h>

namespace regrad::cml {
namespace {

using experiment::Chart;
using experiment::Job;
using experiment::Series;

class SinusoidTask {
 public:
  using Net = Model<Mlp, Linear, Mlp>;
  static constexpr const char *loss_name = "mse", *metric_name = "mse";

  SinusoidTask(const SinusoidSettings& s, const std::string& variant)
      : s_(s), variant_(variant), k_(shots_of(variant)) {}

  const MetaSettings& settings() const { return s_; }
  static TaskLoss loss() { return mse_loss_by_task; }
  static Tensor metric(const Tensor& prediction, const Tensor& target) {
    return mse_loss_by_task(prediction, target);
  }

  Net initial(uint64_t seed) const {
    const Random r = Random(seed) / "init";
    std::vector<int64_t> sizes{1};
    sizes.insert(sizes.end(), s_.hidden.begin(), s_.hidden.end());
    const int64_t features = sizes.back();
    return {Mlp(r / "body", sizes, false), Linear(r / "head", features, 1),
            Mlp(r / "cohead", {features, s_.cohead_hidden, 1}, true)};
  }

  TaskBatch training(uint64_t seed, int64_t step) const {
    return Sinusoids{}.sample(Random(seed) / "tasks" / step, s_.tasks, k_, k_);
  }

  // A stream a hundred tasks, whatever number is asked for at once.
  TaskBatch held_out(Held split, int64_t first, int64_t count) const {
    const Random r = Random(0) / name(split);
    std::vector<TaskBatch> runs;
    for (int64_t at = first; at < first + count;) {
      const int64_t run = at / kRun, last = std::min(first + count, (run + 1) * kRun);
      runs.push_back(tasks_of(Sinusoids{}.sample(r / run, last - run * kRun, k_, s_.test_points),
                              at - run * kRun, last - run * kRun));
      at = last;
    }
    return runs.size() == 1 ? runs[0] : joined(runs);
  }

  // Two test tasks: the truth, the net before and after adaptation, the support points.
  void show(const Method& method, const Learner<Net>& learner, experiment::Outcome& out) const {
    if (method.cohead == Method::frozen || method.cohead == Method::adapted) return;  // controls
    constexpr int64_t shown = 2, points = 121;
    const TaskBatch tasks = held_out(Held::test, 0, shown);
    Tensor grid =
        arange(0, static_cast<double>(points)).to(DType::f32) * (10.0 / (points - 1)) - 5.0;
    grid = expand(reshape(grid, {1, points, 1}), {shown, points, 1});
    const Net& net = learner.net();
    const Net after = learner.adapted(tasks.support_x, tasks.support_y);
    const NoGrad quiet;
    const Tensor before_y = net.head(net.body(grid)), features = after.body(grid),
                 after_y = after.head(features);
    for (int64_t t = 0; t < shown; ++t) {
      const auto [amplitude, phase] = Sinusoids{}.curve(Random(0) / "test" / 0, t);
      const std::vector<double> x = grid[t].to_vector();
      std::vector<double> truth;
      for (double v : x) truth.push_back(amplitude * std::sin(v - phase));
      Chart c{std::string(method.name) + ", " + variant_ + ", test task " + std::to_string(t + 1),
              "x", "y"};
      c.series = {{"truth", x, truth, Series::dashed, 6},
                  {"before", x, before_y[t].to_vector(), Series::line, 4},
                  {"after", x, after_y[t].to_vector(), Series::line, 0}};
      if (dagger_of(method.name))
        c.series.push_back(
            {"after, co-learner", x, after.cohead(features)[t].to_vector(), Series::line, 2});
      c.series.push_back({"support", tasks.support_x[t].to_vector(), tasks.support_y[t].to_vector(),
                          Series::points, 1});
      out.figures.push_back(std::move(c));
    }
  }

 private:
  static constexpr int64_t kRun = 100;

  static TaskBatch joined(const std::vector<TaskBatch>& runs) {
    const auto all = [&](Tensor TaskBatch::*part) {
      std::vector<Tensor> list;
      for (const TaskBatch& b : runs) list.push_back(b.*part);
      return cat(list, 0);
    };
    return {all(&TaskBatch::support_x), all(&TaskBatch::support_y), all(&TaskBatch::query_x),
            all(&TaskBatch::query_y)};
  }

  SinusoidSettings s_;
  std::string variant_;
  int64_t k_;
};

}  // namespace

experiment::Card SinusoidExperiment::card() const {
  const std::vector<int>& shots = settings_.shots;
  const bool usual = shots.empty() || std::find(shots.begin(), shots.end(), 10) != shots.end();
  return card_of(
      "MAML and cooperative meta-learning (CML: Shin, Han and Kim, UAI 2024) on sinusoids: "
      "few-shot regression, test error after adaptation.",
      experiment::Better::lower, usual ? 10 : shots[0]);
}

void SinusoidExperiment::choose(const std::string&, const std::string& preset) {
  settings_ = SinusoidSettings();
  if (preset == "tiny") {  // the first arm of the specification's pilot
    settings_.steps = 10000;
    settings_.log_every = 200;
    seeds_ = 6;
  } else {
    settings_.shots = {5, 10, 20};
    seeds_ = 8;
  }
  if (preset == "long") settings_.steps = 150000;
  if (preset == "paper") {  // Finn's defaults where the paper is silent
    settings_.steps = 70000;
    settings_.test_tasks = 600;
  }
}

void SinusoidExperiment::check() const {
  cml::check(settings_);
  experiment::need(!settings_.hidden.empty(), "hidden: at least one width");
}

std::vector<experiment::Need> SinusoidExperiment::needs(const Job& job) const {
  const SinusoidSettings& s = settings_;
  std::vector<double> body{1};
  body.insert(body.end(), s.hidden.begin(), s.hidden.end());
  const double k = shots_of(job.variant), features = body.back(), cohead = s.cohead_hidden;
  const double parameters =
      mlp_parameters(body) + features + 1 + mlp_parameters({features, cohead, 1});
  return needs_of(s, {parameters, k, k, static_cast<double>(s.test_points), 2,
                      std::accumulate(body.begin() + 1, body.end(), 0.0)});
}

std::unique_ptr<experiment::Trial> SinusoidExperiment::trial(const Job& job) const {
  return std::make_unique<TaskTrial<SinusoidTask>>(SinusoidTask(settings_, job.variant), job);
}

void SinusoidExperiment::ask(const Asked& at) const {
  const experiment::Sample maml = at.of("maml");
  at.better("dagger", "maml");
  at.better("cml", "maml");
  at.claims.within(at.text("cml within 10% of maml"), at.of("cml"), maml,
                   maml ? 0.1 * experiment::mean(maml.values[0]) : 1);
  at.better("cml", "noise", "frozen noise");
  experiment::Sample third = at.unadapted("maml");
  for (auto& values : third.values)
    for (double& v : values) v *= 0.35;
  at.claims.below(at.text("maml's adapted error below 0.35 of the unadapted"), maml, third);
}

}  // namespace regrad::cml
