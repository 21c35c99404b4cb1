// What a net costs to store and to run.
#pragma once

#include <regrad/engine/tensor.h>

#include <vector>

namespace regrad {

struct Cost {
  int64_t parameters = 0;   // scalars
  int64_t nonzeros = 0;     // of them
  int64_t macs = 0;         // multiply-accumulates of convolutions and matrix products
  int64_t sparse_macs = 0;  // of them those by a weight that is not 0
  int64_t bytes = 0;        // f32 values that are not 0, and for a tensor with zeros a bitmap
};

// logits: what the net makes of ONE example, recorded (its parameters require gradients); params:
// the net's. Counts are by walking the graph from the logits. Error where logits has no graph.
Cost cost_of(const Tensor& logits, const std::vector<Tensor>& params);

}  // namespace regrad
