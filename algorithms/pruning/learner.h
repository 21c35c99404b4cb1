// A pruning method at work on a net: masks, effective weights, the gradient that each weight gets,
// and the step. No net knows of it.
//
//   Learner learner(net, method("map"), settings, 0.9, batches, seed);
//   learner.learn(loader.at(epoch, position), i);
//   NamedNet net = learner.deployed();
#pragma once

#include <regrad/algorithms/pruning/methods.h>
#include <regrad/algorithms/pruning/settings.h>
#include <regrad/layers/nets/named_net.h>
#include <regrad/layers/optim.h>

namespace regrad::pruning {

// What the optimizer moves: the net with its dense weights, and what a method adds to it (DCIL: the
// dense path's norms and classifier; STR: a threshold a layer).
struct Trained {
  NamedNet net;
  std::vector<Tensor> extra;
  static void parts(auto& self, auto&& part) {
    part("net", self.net);
    part("extra", self.extra);
  }
};

class Learner {
 public:
  // sparsity: in the end. batches: steps of an epoch.
  Learner(NamedNet net, const Method& method, const Settings& settings, double sparsity,
          int64_t batches, uint64_t seed);

  // The i-th step on images x f32 [N,C,H,W] of classes y i64 [N]: refreshes the masks where it is
  // time, steps, and gives the loss before the step.
  Tensor learn(const Tensor& x, const Tensor& y, int64_t i);

  int64_t steps() const;
  int64_t epoch(int64_t i) const { return i / batches_; }
  double scheduled(int64_t i) const;  // p, the sparsity that is due at step i
  double lr(int64_t i) const;

  // The weights as they are deployed: masked, attention multiplied in, thresholds applied. One set
  // of norms, one classifier.
  NamedNet deployed() const;
  std::vector<Tensor> effective() const;  // its prunable weights
  const std::vector<Tensor>& masks() const { return masks_; }
  const std::vector<size_t>& prunable_at() const { return at_; }
  const Trained& trained() const { return trained_; }

  // weights that came back since the count was last taken
  double revived() const { return revived_.item(); }
  void forget_revived();
  // of the gradient that pruned weights got in the last step; 0 where none got any
  double pruned_gradient_sd() const { return spread_.item(); }

  // Everything that learn() changes.
  void state(const std::function<void(const std::string&, Tensor&)>& part);

 private:
  struct Gradients {
    std::vector<Tensor> all;  // one a parameter of trained_
    std::vector<Tensor> raw;  // of the prunable weights, before the method's rule
    Tensor loss;
  };
  int64_t at_share(double share) const;  // the epoch that begins after so much of them
  bool due(int64_t i) const;
  bool exploiting(int64_t i) const;
  bool sparse_from_start() const;
  void refresh(int64_t i, const Tensor& x, const Tensor& y);
  void adopt(std::vector<Tensor> masks);
  void clear_pruned();
  std::vector<Tensor> weights() const;
  std::vector<Tensor> forward_weights(int64_t i) const;
  Gradients gradients(const Tensor& x, const Tensor& y, int64_t i);
  Gradients plain(const Tensor& x, const Tensor& y, int64_t i);
  Gradients two_paths(const Tensor& x, const Tensor& y, int64_t i);
  Gradients thresholded(const Tensor& x, const Tensor& y);
  Tensor gradient_of(size_t l, const Tensor& g, int64_t i) const;
  bool regrow(const std::vector<Tensor>& raw, int64_t i);
  void step(std::vector<Tensor> gradients, int64_t i);
  void measure(const Gradients& g, int64_t i);

  Method method_;
  Settings s_;
  double sparsity_;
  int64_t batches_;
  Random random_;
  Trained trained_;
  NamedNet second_;  // DCIL's dense path: its buffers count, its parameters are put in
  std::vector<size_t> at_;
  std::vector<Tensor> masks_, attention_;
  Tensor lower_, revived_, spread_;  // f64 scalars
  Sgd::State sgd_;
};

}  // namespace regrad::pruning
