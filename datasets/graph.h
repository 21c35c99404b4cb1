// A graph whose nodes have features and a class each: what every reader and generator of graphs
// gives.
#pragma once

#include <regrad/engine/tensor.h>

#include <string>
#include <vector>

namespace regrad {

struct Graph {
  Tensor features;  // f32 [n, f]
  // i64 [n], in [0, classes.size()); Planetoid's nodes that have none: -1
  Tensor labels;
  // i64 [2, e]: undirected, each once with edges[0] < edges[1], in ascending order
  Tensor edges;
  std::vector<std::string> classes;  // names
  std::vector<std::string> names;    // n of them, the papers' ids
  int64_t nodes() const { return features.size(0); }
};

// What was left out on the way to `edges`.
struct EdgeCounts {
  int64_t links = 0;     // as they came
  int64_t dangling = 0;  // an end that is no node
  int64_t loops = 0;     // from a node to itself
  int64_t repeated = 0;  // there already, in either direction
};

}  // namespace regrad
