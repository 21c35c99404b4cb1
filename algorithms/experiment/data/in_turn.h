// Rows of a labelled set, and the order that takes classes in turn: the first so many of it are of
// all classes.
#pragma once

#include <regrad/datasets/images.h>
#include <regrad/engine/ops.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace regrad::experiment {

inline ImageSet rows(const ImageSet& set, const std::vector<int64_t>& index) {
  const Tensor at = tensor(index);
  return {index_select(set.images, 0, at), index_select(set.labels, 0, at), set.classes};
}

// Places of i64 [n] labels: classes in turn, each class in its order.
inline std::vector<int64_t> in_turn(const Tensor& labels, size_t classes) {
  std::vector<std::pair<int64_t, int64_t>> places;  // how many of its class lie before
  std::vector<int64_t> seen(classes, 0);
  for (const int64_t label : labels.to_vector<int64_t>())
    places.emplace_back(seen[static_cast<size_t>(label)]++, static_cast<int64_t>(places.size()));
  std::sort(places.begin(), places.end());
  std::vector<int64_t> index;
  for (const auto& [turn, at] : places) index.push_back(at);
  return index;
}
inline ImageSet in_turn(const ImageSet& set) {
  return rows(set, in_turn(set.labels, set.classes.size()));
}

}  // namespace regrad::experiment
