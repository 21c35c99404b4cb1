// One row with one seed at one sparsity: training by the method, accuracy after each epoch, and
// what is told of the pruned net.
#pragma once

#include <regrad/algorithms/experiment/data/images.h>
#include <regrad/algorithms/pruning/learner.h>
#include <regrad/datasets/loader.h>

#include <memory>

namespace regrad::pruning {

using experiment::Images;

class PruningTrial : public experiment::Trial {
 public:
  PruningTrial(const experiment::Job& job, const Settings& settings,
               std::shared_ptr<const Images> images);

  experiment::Moment step(int64_t i) override;
  experiment::Outcome finish() override;
  void state(const std::function<void(const std::string&, Tensor&)>& part) override;
  std::vector<NamedTensor> model() const override;
  Metadata about() const override;

  int64_t steps() const { return learner_.steps(); }

 private:
  void check_sparsity(const std::vector<Tensor>& effective) const;
  void figures(const std::vector<Tensor>& effective, experiment::Outcome& out) const;
  double swing() const;

  const experiment::Job job_;
  const Method method_;
  const Settings s_;
  const std::shared_ptr<const Images> images_;
  const double sparsity_;
  const NamedNetOptions net_;
  Loader loader_;
  Learner learner_;
  Tensor curve_;        // f64 [epochs]: accuracy after each
  bool ended_ = false;  // the last step was done here
};

// "90%" of 0.9, "99.5%" of 0.995, and back.
std::string percent(double share);

}  // namespace regrad::pruning
