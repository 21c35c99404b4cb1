// A row of several nets whose probabilities are averaged. That ensembles were submitted and taught
// is the report's (arXiv 2206.13909); of what nets, and how they were joined, is unknown: ours.
#pragma once

#include <regrad/algorithms/asc/experiment/trial.h>

namespace regrad::asc {

// The members are trained one after the other, the first as the row of one net is. Their model is
// none: a file of a scene model holds one net.
class EnsembleTrial : public experiment::Trial {
 public:
  EnsembleTrial(const Job& job, const Settings& settings,
                const std::shared_ptr<const Recordings>& data);
  Moment step(int64_t i) override;
  Outcome finish() override;
  void state(const std::function<void(const std::string&, Tensor&)>& part) override;

  const std::vector<std::unique_ptr<AscTrial>>& members() const { return members_; }

 private:
  const Job job_;
  const std::shared_ptr<const Recordings> data_;
  int64_t each_;  // steps of a member
  std::vector<std::unique_ptr<AscTrial>> members_ = {};
};

// log of the mean over nets of their softmax, of logits [m,K] of each.
Tensor joined(const std::vector<Tensor>& logits);

}  // namespace regrad::asc
