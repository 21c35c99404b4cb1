// Few-shot tasks, all of a batch at once.
#pragma once

#include <regrad/engine/random.h>

#include <vector>

namespace regrad {

// T tasks: support [T,K,..] with targets, query [T,Q,..] with targets.
struct TaskBatch {
  Tensor support_x, support_y, query_x, query_y;
  int64_t tasks() const { return support_x.size(0); }
};

// A stream for each task: r / first .. r / (first + count - 1).
inline std::vector<Random> task_streams(const Random& r, int64_t first, int64_t count) {
  std::vector<Random> out;
  for (int64_t t = first; t < first + count; ++t) out.push_back(r / t);
  return out;
}

}  // namespace regrad
