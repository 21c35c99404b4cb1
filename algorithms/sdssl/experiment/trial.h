// One row with one seed: trained on pairs of views, then judged layer by layer.
#pragma once

#include <regrad/algorithms/experiment/data/images.h>
#include <regrad/algorithms/sdssl/experiment/settings.h>

namespace regrad::sdssl {

// The two views of a training image.
std::vector<ViewRecipe> recipes(const Settings& s);

class SdsslTrial : public experiment::Trial {
 public:
  SdsslTrial(const experiment::Job& job, const Settings& s,
             std::shared_ptr<const experiment::Images> images);
  experiment::Moment step(int64_t i) override;
  experiment::Outcome finish() override;
  void state(const std::function<void(const std::string&, Tensor&)>& part) override;
  std::vector<NamedTensor> model() const override;
  Metadata about() const override;

  const Learner& learner() const { return learner_; }
  const Vit& judged() const;

 private:
  const experiment::Job job_;
  const Settings s_;
  const Row row_;
  const std::shared_ptr<const experiment::Images> images_;
  Loader loader_;
  Learner learner_;
};

// Steps of a row: one that does nothing where it is not trained.
int64_t steps_of(const Row& row, const Settings& s);

}  // namespace regrad::sdssl
