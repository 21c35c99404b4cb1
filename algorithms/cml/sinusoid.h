// The experiment on sinusoids (CML section 4.1; Finn et al. 2017, section 5.1): MAML, CML, its co-learner at test (dagger), and the controls.
// What the paper leaves open (outer steps, optimizer, query size, test tasks) is a setting with the default of the README's protocol.
#pragma once

#include <regrad/algorithms/experiment/trial.h>

namespace regrad::cml {

struct SinusoidSettings {
  int steps = 50000;              // outer steps
  int tasks = 4;                  // a batch
  std::vector<int> shots = {10};  // K, support points; as many query points in training
  int inner_steps = 1;
  double alpha = 0.01, gamma = 0.2, lr = 1e-3;
  bool first_order = false;
  std::vector<int> hidden = {40, 40};
  int cohead_hidden = 40;
  int test_tasks = 2000, test_points = 100;
  int log_every = 500;
  int validation_tasks = 100;
  bool mechanism = true;

  static void parts(auto& self, auto&& part) {
    part("steps", self.steps, "outer steps");
    part("tasks", self.tasks, "tasks a batch");
    part("shots", self.shots, "support points a task (K), each with a table of its own; training has as many query points");
    part("inner_steps", self.inner_steps, "inner steps (M)");
    part("alpha", self.alpha, "inner step size");
    part("gamma", self.gamma, "weight of the co-learner's loss");
    part("lr", self.lr, "outer step size (Adam)");
    part("first_order", self.first_order, "inner gradients are constants (FOMAML)");
    part("hidden", self.hidden, "widths of the body's layers");
    part("cohead_hidden", self.cohead_hidden, "width of the co-learner's hidden layer");
    part("test_tasks", self.test_tasks, "test tasks, the same for every seed and method");
    part("test_points", self.test_points, "query points of a test task");
    part("log_every", self.log_every, "outer steps between two points of the learning curves");
    part("validation_tasks", self.validation_tasks, "tasks behind a point of the learning curve, none of them a test task");
    part("mechanism", self.mechanism, "log the cosine of the heads' gradients and the support gradient's norms by layer too");
  }
};

class SinusoidExperiment : public experiment::Experiment {
 public:
  experiment::Card card() const override;
  void choose(const std::string& task, const std::string& preset) override;
  int seeds() const override { return seeds_; }
  std::vector<experiment::Field> fields() override { return experiment::fields(settings_); }
  void check() const override;
  std::vector<std::string> variants() const override;  // "K=5", ...
  int64_t steps(const experiment::Job&) const override { return settings_.steps; }
  std::unique_ptr<experiment::Trial> trial(const experiment::Job& job) const override;
  std::vector<experiment::Claim> claims(const experiment::Result& result) const override;

 private:
  SinusoidSettings settings_;
  int seeds_ = 3;
};

}  // namespace regrad::cml
