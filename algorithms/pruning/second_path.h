// A second way through the same weights: with norms of its own, and a classifier (DCIL's dense
// path, PQK's teacher).
#pragma once

#include <regrad/algorithms/pruning/method.h>

#include <utility>

namespace regrad::pruning {

// A net's running statistics, in the order of its parts; the net with these.
Tensors buffers(const NamedNet& net);
NamedNet with_buffers(NamedNet net, const Tensors& buffers);

// Where the classifier stands among a net's parameters, [first, end): the last matrix and the bias
// behind it, or of a net of convolutions alone nothing.
std::pair<size_t, size_t> classifier_of(const Tensors& params);

// Places of the parameters that a second path has for itself: norms and biases, the classifier. All
// that is not pruned and no classifier counts as norms.
std::vector<size_t> own_places(const State& s, bool share_norms = false,
                               bool share_classifier = false);

// What the second path evaluates the net at, as new leaves: W as it is, `mine` in the places `own`,
// and the first path's parameters elsewhere.
Tensors second_parameters(const State& s, const std::vector<size_t>& own, const Tensors& mine);

// dL/d of both paths' parameters.
std::pair<Tensors, Tensors> of_paths(const Tensor& loss, const Tensors& first,
                                     const Tensors& second);

}  // namespace regrad::pruning
