// A small experiment for tests of the frame: gradient descent on a parabola with noise from named
// streams, so that every number is known to be a function of method, seed and step.
#pragma once

#include <regrad/algorithms/experiment/claims.h>
#include <regrad/algorithms/experiment/options.h>
#include <regrad/engine/autograd.h>
#include <regrad/engine/error.h>
#include <regrad/engine/ops.h>
#include <regrad/engine/random.h>

#include <cmath>
#include <functional>

namespace regrad::experiment {

struct ToySettings {
  int steps = 10;
  double lr = 0.1;
  int nan_at = -1;  // the step at which method b gives a NaN
  static void parts(auto& self, auto&& part) {
    part("steps", self.steps, "steps");
    part("lr", self.lr, "step size");
    part("nan_at", self.nan_at, "a step of method b that gives no number");
  }
};

class ToyTrial : public Trial {
 public:
  ToyTrial(const ToySettings& s, const Job& job, std::function<void(const Job&, int64_t)> before)
      : s_(s),
        job_(job),
        before_(std::move(before)),
        w_(uniform(Random(job.seed) / "init", {3}).requires_grad_()),
        sum_(zeros({3}, DType::f64)) {}

  Moment step(int64_t i) override {
    if (before_) before_(job_, i);
    const Tensor target = normal(Random(job_.seed) / "data" / i, {3});
    const Tensor loss =
        sum(square(w_ - target)) * (job_.method == "b" && i == s_.nan_at ? std::nan("") : 1.0);
    const Tensor g = grad(loss, w_);
    w_ = (w_ - g * (job_.method == "b" ? 2 * s_.lr : s_.lr)).detach().requires_grad_();
    sum_ = sum_ + g.to(DType::f64);
    if ((i + 1) % 2) return {};
    return {{"loss", loss.item()}, {"weight", w_[0].item()}};
  }
  Outcome finish() override {
    Outcome out;
    out.scores = {{job_.method, "distance", sum(square(w_)).item()}};
    out.parameters = {{job_.method, 3}};
    if (job_.method == "a")
      out.scores.push_back({"read", "distance", sum(square(sum_)).item()}),
          out.parameters.emplace_back("read", 6);
    Chart c{"weights <" + job_.method + ">", "x", "y"};
    c.series.push_back({"w & \"w\"", {0, 1, 2}, w_.to_vector(), Series::points});
    out.figures = {c};
    return out;
  }
  void state(const std::function<void(const std::string&, Tensor&)>& part) override {
    part("w", w_);
    part("sum", sum_);
  }
  std::vector<NamedTensor> model() const override { return {{"w", w_}}; }

 private:
  ToySettings s_;
  Job job_;
  std::function<void(const Job&, int64_t)> before_;
  Tensor w_, sum_;
};

class ToyExperiment : public Experiment {
 public:
  ToySettings settings;
  std::string folder = "";
  std::function<void(const Job&, int64_t)> before_step = {};  // of every trial

  Card card() const override {
    return {"toy",      "A parabola.",
            {"toy"},    {{"a", "slow"}, {"b", "fast"}, {"read", "a, read otherwise", "a"}},
            "distance", Better::lower,
            "a"};
  }
  void choose(const std::string&, const std::string& preset) override {
    settings = ToySettings();
    if (preset == "small") settings.steps = 20;
  }
  int seeds() const override { return 2; }
  std::vector<Field> fields() override { return experiment::fields(settings); }
  void data(const std::string& where) override { folder = where; }
  void check() const override {
    if (settings.steps < 1) throw ConfigError("steps must be at least 1");
  }
  int64_t steps(const Job&) const override { return settings.steps; }
  std::unique_ptr<Trial> trial(const Job& job) const override {
    return std::make_unique<ToyTrial>(settings, job, before_step);
  }
  std::vector<Claim> claims(const Result& result) const override {
    if (result.methods.size() < 2) return {};
    Claims c(result);
    c.below("b below a", c.seeds("b", "distance"), c.seeds("a", "distance"));
    return c.list;
  }
};

}  // namespace regrad::experiment
