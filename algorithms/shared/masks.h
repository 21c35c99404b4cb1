// Masks over a net's prunable weights: 1 is kept, 0 is pruned (pruning.md section 0).
//
//   const std::vector<size_t> at = prunable(parameters(net));
//   std::vector<Tensor> masks =
//       magnitude_masks(picked(parameters(net), at), cubic_sparsity(0.9, epoch, 0, 225));
#pragma once

#include <regrad/engine/functional.h>
#include <regrad/layers/params.h>

#include <string>
#include <vector>

namespace regrad {

// Positions of the weights that are pruned: every convolution's (four dims), the first one's and
// those of projected shortcuts included, never a classifier, norm or bias. A net without
// convolutions: its matrices but the last.
std::vector<size_t> prunable(const std::vector<Tensor>& params);
// The same without the last convolution where there is no matrix: a classifier that is a 1x1
// convolution, as BC-ResNet's.
std::vector<size_t> prunable_but_classifier(const std::vector<Tensor>& params);
std::vector<Tensor> picked(const std::vector<Tensor>& params, const std::vector<size_t>& at);

// s + (s0 - s) (1 - (t - t0) / (t1 - t0))^3 on [t0, t1] (Zhu and Gupta 2017, eq. 1); s0 before, s
// after. t: steps, or epochs (DCIL's code: constant inside an epoch).
double cubic_sparsity(double s, double t, double t0, double t1, double s0 = 0);

// floor(p n), where p n is a whole number but for rounding that number: 0.9 of 1,000 is 900.
int64_t pruned_count(int64_t n, double p);

struct MaskOptions {
  // exact: pruned_count(N, p) are pruned, ties by their place. official: DCIL's code, kept is what
  // lies above theta = v[int(N p)] of the sorted importances v, so that without ties one more is
  // pruned, even at p = 0.
  enum Rule { exact, official } rule = exact;
  bool per_layer = false;  // p of each layer, or one threshold for all
  bool filters = false;    // whole filters (dim 0) by the mean of their squares
};
// By |w|. Masks have the weights' shapes and dtypes. ConfigError where p is outside [0, 1].
std::vector<Tensor> magnitude_masks(const std::vector<Tensor>& weights, double p,
                                    const MaskOptions& options = {});
// The same by scores >= 0 that are given, one per entry: |w| is such a score.
inline std::vector<Tensor> score_masks(const std::vector<Tensor>& scores, double p,
                                       const MaskOptions& options = {}) {
  return magnitude_masks(scores, p, options);
}

// A mask for each parameter: round(ratio n) of the n prunable weights together, those of the
// smallest magnitude, are 0, ties by their place; all else keeps ones. ConfigError: ratio outside
// [0, 1].
std::vector<Tensor> one_shot_masks(const std::vector<Tensor>& params, double ratio);
template <class Net>
std::vector<Tensor> one_shot_masks(const Net& net, double ratio) {
  return one_shot_masks(parameters(net), ratio);
}
// The net at mask * prunable weights. Zeros stay zero whatever is trained, for the gradient goes
// through the product. ShapeError where the masks are not as many as the parameters.
template <class Net>
Net masked(const Net& net, const std::vector<Tensor>& masks) {
  std::vector<Tensor> p = parameters(net);
  if (p.size() != masks.size())
    throw ShapeError("masked: " + std::to_string(masks.size()) + " masks for " +
                     std::to_string(p.size()) + " parameters");
  for (const size_t i : prunable(p)) p[i] = p[i] * masks[i];
  return at(net, p);
}

// Entries that are 0, and all of them.
int64_t zeros_in(const std::vector<Tensor>& tensors);
inline int64_t entries_in(const std::vector<Tensor>& tensors) { return parameter_count(tensors); }
// Filters (dim 0) without an entry that is not 0.
int64_t empty_filters(const Tensor& weight);
// By how many weights (or filters) these are off what masks at p prune: too many zeros are above 0,
// too few below. Each layer for itself where masks are made so: that which is furthest off. Where
// whole filters are pruned, zeros outside of empty filters are too many.
int64_t off_target(const std::vector<Tensor>& weights, double p, const MaskOptions& options = {});

}  // namespace regrad
