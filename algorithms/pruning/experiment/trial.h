// One row with one seed at one sparsity, as training/trial.h takes it, and what is reported of the
// pruned net.
#pragma once

#include <regrad/algorithms/pruning/experiment/rows.h>
#include <regrad/layers/nets/named_net.h>

namespace regrad::pruning {

class Pruned {
 public:
  Pruned(const experiment::Job& job, const Settings& s, const experiment::Images& images,
         int64_t batches);

  Tensor learn(const Batch& batch, int64_t i);
  NamedNet deployed() const { return learner_.deployed(); }
  void logged(experiment::Moment& m);  // after a point of the learning curve
  void report(const experiment::Job& job, const experiment::ImageBatches& set,
              experiment::Outcome& out) const;
  Metadata about() const { return to_metadata(net_); }
  static void parts(auto& self, auto&& part) {
    part("learner", self.learner_);
    part("curve", self.curve_);
  }

 private:
  Settings s_;
  NamedNetOptions net_;
  Learner learner_;
  Tensor before_;     // the first layer's weights before training
  Tensor curve_;      // f64: test accuracy at each point
  int64_t done_ = 0;  // steps, of those since this object was made
};

// "90%" of 0.9, "99.5%" of 0.995, and back.
std::string percent(double share);

}  // namespace regrad::pruning
