// What the experiments of all tasks share: variants "K=5", scores, heads, the card, and claims at
// each variant.
#pragma once

#include <regrad/algorithms/cml/cml.h>
#include <regrad/algorithms/cml/experiment/methods.h>
#include <regrad/algorithms/cml/experiment/settings.h>
#include <regrad/algorithms/experiment/claims.h>
#include <regrad/layers/linear.h>

#include <algorithm>

namespace regrad::cml {

inline int shots_of(const std::string& variant) { return std::stoi(variant.substr(2)); }
// "mse@10" of "mse" and "K=10".
inline std::string metric_at(const std::string& metric, const std::string& variant) {
  return metric + "@" + variant.substr(2);
}

// A body with theta, a linear map, and phi, a hidden ReLU layer and a linear map. Streams: r /
// "head", r / "cohead".
template <class Body>
Model<Body, Linear, Mlp> with_heads(Body body, const Random& r, int64_t features, int64_t hidden,
                                    int64_t out) {
  return {std::move(body), Linear(r / "head", features, out),
          Mlp(r / "cohead", {features, hidden, out}, true)};
}
// The same on an Mlp from `in` to each of `hidden`; its stream: r / "body".
template <class Body>
Model<Body, Linear, Mlp> mlp_net(const Random& r, int64_t in, const std::vector<int>& hidden,
                                 int64_t cohead_hidden, int64_t out) {
  std::vector<int64_t> widths{in};
  widths.insert(widths.end(), hidden.begin(), hidden.end());
  return with_heads(Body(r / "body", widths, false), r, hidden.back(), cohead_hidden, out);
}

// % of each task's query points whose largest logit is their class's: input [T,N,classes], target
// i64 [T,N] -> [T].
inline Tensor accuracy_by_task(const Tensor& input, const Tensor& target) {
  if (input.dim() != 3 || target.shape() != Shape{input.size(0), input.size(1)})
    throw ShapeError("accuracy_by_task: " + str(input.shape()) + " with targets " +
                     str(target.shape()) + "; [T,N,classes] with [T,N]");
  return 100 * mean(eq(argmax(input, -1), target).to(DType::f32), {1});
}

// Of predictions and targets, [T].
struct Scoring {
  const char *loss_name, *metric_name;
  TaskLoss loss, metric;
  experiment::Better better;
};
constexpr Scoring regression{"mse", "mse", mse_loss_by_task, mse_loss_by_task,
                             experiment::Better::lower},
    classification{"cross-entropy", "accuracy", cross_entropy_by_task, accuracy_by_task,
                   experiment::Better::higher};

// A table at one variant of its task. A claim that a side is missing of is left out.
struct Asked {
  experiment::Claims& claims;
  std::string variant, metric;  // "K=10", "mse@10"

  std::string text(const std::string& claim) const {
    return claim + " at K = " + variant.substr(2);
  }
  experiment::Sample of(const std::string& method) const { return claims.of(method, metric); }
  experiment::Sample unadapted(const std::string& method) const {
    return claims.of(method, "unadapted " + metric);
  }
  // "a below b" or "a above b", whichever is better in this table. named: b's name in the text,
  // where it is another.
  void better(const std::string& a, const std::string& b, const std::string& named = "") const {
    const bool lower = claims.result.better == experiment::Better::lower;
    const std::string what =
        text(a + (lower ? " below " : " above ") + (named.empty() ? b : named));
    lower ? claims.below(what, of(a), of(b)) : claims.above(what, of(a), of(b));
  }
  // "a above 58%".
  void reaches(const std::string& a, int percent) const {
    experiment::Sample bound = of(a);
    for (auto& values : bound.values) values.assign(values.size(), percent);
    claims.above(text(a + " above " + std::to_string(percent) + "%"), of(a), bound);
  }
};

template <class Settings>
class FewShotExperiment : public experiment::Experiment {
 public:
  experiment::Card card() const override {
    const std::vector<int>& shots = settings_.shots;
    const bool usual = std::count(shots.begin(), shots.end(), headline_) > 0 || shots.empty();
    const int k = usual ? std::max(headline_, 1) : shots[0];
    return {"cml",
            about_,
            {task_},
            experiment::method_cards(methods()),
            scoring_.metric_name + ("@" + std::to_string(k)),
            scoring_.better,
            "maml",
            {},
            {"cml", "dagger"}};
  }
  std::vector<experiment::Field> fields() override { return experiment::fields(settings_); }
  std::vector<std::string> variants() const override {
    std::vector<std::string> out;
    for (int k : settings_.shots) out.push_back("K=" + std::to_string(k));
    return out;
  }
  int seeds() const override { return seeds_; }
  int64_t steps(const experiment::Job&) const override { return settings_.steps; }
  int64_t log_every() const override { return settings_.log_every; }
  // The task's, then of each family whether its dagger and its CML are better than it.
  std::vector<experiment::Claim> claims(const experiment::Result& result) const override {
    experiment::Claims all(result);
    for (const std::string& variant : variants()) {
      const Asked at{all, variant, metric_at(scoring_.metric_name, variant)};
      ask(at);
      for (const std::string base : {"maml++", "boil", "sharp"}) {
        at.better(base + "-dagger", base);
        at.better(base + "-cml", base);
      }
    }
    return std::move(all.list);
  }

 protected:
  // headline: the K of the table's metric, where the table has it; else the first K.
  FewShotExperiment(std::string task, std::string about, const Scoring& scoring, int headline = 0)
      : task_(std::move(task)), about_(std::move(about)), scoring_(scoring), headline_(headline) {}
  virtual void ask(const Asked& at) const = 0;
  const std::string task_, about_;
  const Scoring scoring_;
  const int headline_;
  Settings settings_ = {};
  int seeds_ = 3;
};

}  // namespace regrad::cml
