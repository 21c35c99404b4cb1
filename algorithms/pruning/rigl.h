// RigL (Evci et al. 2020): sparse from the first step to the last.
#pragma once

#include <regrad/engine/functional.h>
#include <regrad/engine/random.h>

#include <vector>

namespace regrad::pruning {

// Random masks with pruned_count(N, s) zeros in all; a layer's density by Erdos-Renyi-Kernel:
// proportional to sum(sizes) / product(sizes), at most 1.
std::vector<Tensor> random_masks(const std::vector<Tensor>& weights, double s, const Random& r);

// In every layer: the smallest |w| of so large a share of its kept weights are dropped, and as many
// pruned ones grow where |g| is largest. What was dropped may grow at once again. Numbers of kept
// weights stay.
std::vector<Tensor> drop_and_grow(const std::vector<Tensor>& masks,
                                  const std::vector<Tensor>& weights,
                                  const std::vector<Tensor>& gradients, double share);

}  // namespace regrad::pruning
