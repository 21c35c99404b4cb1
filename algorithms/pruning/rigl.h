// RigL (Evci et al. 2020): sparse from the first step to the last.
#pragma once

#include <regrad/algorithms/pruning/method.h>

namespace regrad::pruning {

// Random masks with pruned_count(N, s) zeros in all; a layer's density by Erdos-Renyi-Kernel:
// proportional to sum(sizes) / product(sizes), at most 1.
Tensors random_masks(const Tensors& weights, double s, const Random& r);

// In every layer: the smallest |w| of so large a share of its kept weights are dropped, and as many
// pruned ones grow where |g| is largest. What was dropped may grow at once again. Numbers of kept
// weights stay.
Tensors drop_and_grow(const Tensors& masks, const Tensors& weights, const Tensors& gradients,
                      double share);

// W^ = M W, G = M g. At a refresh the masks are regrown instead of a step, until the schedule's
// target; the share that is dropped falls from `share` to 0 as a cosine.
Method rigl(double share = 0.3);

}  // namespace regrad::pruning
