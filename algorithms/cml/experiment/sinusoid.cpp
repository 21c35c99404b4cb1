#include <cmath>

#include <regrad/algorithms/cml/experiment/sinusoid.h>
#include <regrad/algorithms/cml/experiment/tasks.h>

namespace regrad::cml {
namespace {

using experiment::Chart;
using experiment::Series;

// Two test tasks: the truth, the net before and after adaptation, the support points.
void show(const std::string& variant, const Task<SinusoidNet>& task, const Method& method,
          const Learner<SinusoidNet>& learner, experiment::Outcome& out) {
  constexpr int64_t shown = 2, points = 121;
  const TaskBatch tasks = task.held_out(Split::test, 0, shown);
  Tensor grid = arange(0, static_cast<double>(points)).to(DType::f32) * (10.0 / (points - 1)) - 5.0;
  grid = expand(reshape(grid, {1, points, 1}), {shown, points, 1});
  const SinusoidNet net = learner.net(), after = learner.adapted(tasks.support_x, tasks.support_y);
  const NoGrad quiet;
  const Tensor before_y = net.head(net.body(grid)), features = after.body(grid),
               after_y = after.head(features);
  for (int64_t t = 0; t < shown; ++t) {
    const auto [amplitude, phase] = Sinusoids{}.curve(sinusoid_stream(Random(0) / "test", t));
    const std::vector<double> x = grid[t].to_vector();
    std::vector<double> truth;
    for (double v : x) truth.push_back(amplitude * std::sin(v - phase));
    Chart c{std::string(method.name) + ", " + variant + ", test task " + std::to_string(t + 1), "x",
            "y"};
    c.series = {{"truth", x, truth, Series::dashed, 6},
                {"before", x, before_y[t].to_vector(), Series::line, 4},
                {"after", x, after_y[t].to_vector(), Series::line, 0}};
    if (readings_of(method.name).size() > 1)
      c.series.push_back(
          {"after, co-learner", x, after.cohead(features)[t].to_vector(), Series::line, 2});
    c.series.push_back({"support", tasks.support_x[t].to_vector(), tasks.support_y[t].to_vector(),
                        Series::points, 1});
    out.figures.push_back(std::move(c));
  }
}

class SinusoidExperiment : public FewShotExperiment<SinusoidSettings> {
 public:
  SinusoidExperiment()
      : FewShotExperiment(
            "sinusoid",
            "MAML and cooperative meta-learning (CML: Shin, Han and Kim, UAI 2024) on "
            "sinusoids: few-shot regression, test error after adaptation.",
            regression, 10) {}
  void choose(const std::string&, const std::string& preset) override {
    SinusoidSettings s;
    s.shots = {5, 10, 20}, seeds_ = 8;
    if (preset == "tiny") {  // the first arm of the specification's pilot
      s.shots = {10}, s.steps = 10000, s.log_every = 200, seeds_ = 6;
    } else if (preset == "long") {
      s.steps = 150000;
    } else if (preset == "paper") {  // Finn's defaults where the paper is silent
      s.steps = 70000, s.test_tasks = 600;
    }
    settings_ = s;
  }
  void check() const override {
    cml::check(settings_);
    need(!settings_.hidden.empty(), "hidden: at least one width");
  }
  std::string unused(const std::string& key,
                     const std::vector<std::string>& methods) const override {
    return why_unused(key, settings_, methods, {});
  }
  std::vector<experiment::Need> needs(const experiment::Job& job) const override {
    NetSize net = mlp_size(1, settings_.hidden, settings_.cohead_hidden, 1);
    net.inputs = 2;  // x and y
    const int k = shots_of(job.variant);
    return needs_of(settings_, net, k, k, settings_.test_points);
  }
  std::unique_ptr<experiment::Trial> trial(const experiment::Job& job) const override {
    Task<SinusoidNet> task = sinusoid_task(settings_, shots_of(job.variant));
    task.show = [v = job.variant](auto&... of) { show(v, of...); };
    return trial_of(std::move(task), job);
  }

 private:
  void ask(const Asked& at) const override {
    const experiment::Sample maml = at.of("maml");
    at.better("dagger", "maml");
    at.better("cml", "maml");
    at.claims.within(at.text("cml within 10% of maml"), at.of("cml"), maml,
                     maml ? 0.1 * mean_of(maml) : 1);
    at.better("cml", "noise", "frozen noise");
    experiment::Sample third = at.unadapted("maml");
    for (auto& values : third.values)
      for (double& v : values) v *= 0.35;
    at.claims.below(at.text("maml's adapted error below 0.35 of the unadapted"), maml, third);
  }
};

}  // namespace

std::unique_ptr<experiment::Experiment> sinusoid_experiment() {
  return std::make_unique<SinusoidExperiment>();
}

}  // namespace regrad::cml
