// The task of sinusoids (CML section 4.1; Finn et al. 2017, section 5.1): few-shot regression, mean
// squared error after adaptation. What the paper leaves open (outer steps, optimizer, query size,
// test tasks) is a setting with the default of the README's protocol.
#pragma once

#include <regrad/algorithms/cml/experiment/few_shot.h>

namespace regrad::cml {

struct SinusoidSettings : MetaSettings {
  std::vector<int> hidden = {40, 40};
  int cohead_hidden = 40;
  int test_points = 100;

  static void parts(auto& self, auto&& part) {
    MetaSettings::parts(self, part);
    part("hidden", self.hidden, "widths of the body's layers", experiment::at_least(1));
    part("cohead_hidden", self.cohead_hidden, "width of the co-learner's hidden layer",
         experiment::at_least(1));
    part("test_points", self.test_points, "query points of a test task; in training there are K",
         experiment::at_least(1));
  }
};

class SinusoidExperiment : public FewShotExperiment<SinusoidSettings> {
 public:
  SinusoidExperiment() : FewShotExperiment("sinusoid", "mse") {}
  experiment::Card card() const override;
  void choose(const std::string& task, const std::string& preset) override;
  int seeds() const override { return seeds_; }
  void check() const override;
  std::vector<experiment::Need> needs(const experiment::Job& job) const override;
  std::unique_ptr<experiment::Trial> trial(const experiment::Job& job) const override;

 private:
  void ask(const Asked& at) const override;
  int seeds_ = 3;
};

}  // namespace regrad::cml
