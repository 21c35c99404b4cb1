// Few-shot tasks, all of a batch at once.
#pragma once

#include <regrad/engine/random.h>

namespace regrad {

// T tasks: support [T,K,..] with targets, query [T,Q,..] with targets.
struct TaskBatch {
  Tensor support_x, support_y, query_x, query_y;
  int64_t tasks() const { return support_x.size(0); }
};

}  // namespace regrad
