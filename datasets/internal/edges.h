// Links as they come, made into a Graph's edges. Internal to the readers.
#pragma once

#include <regrad/datasets/graph.h>

#include <utility>
#include <vector>

namespace regrad::detail {

// Pairs of nodes -> i64 [2, e] without loops and repetitions, which are counted.
Tensor undirected(std::vector<std::pair<int64_t, int64_t>> links, EdgeCounts& counts);

}  // namespace regrad::detail
