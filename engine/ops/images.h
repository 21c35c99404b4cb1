// Images as rows see them: [n, c, h, w], or [t, n, c, h, w] with a task dimension, and in memory
// channels last.
#pragma once

#include <regrad/engine/internal/node.h>
#include <regrad/engine/ops.h>

namespace regrad {

// x itself where its images lie dense and channels last (tasks at any distance), else such a copy.
// Outside of any graph.
Tensor channels_last(const Tensor& x);

// An image operand after channels_last().
struct Images {
  Tensor x;
  int64_t tasks, n, c, h, w, task_stride;  // task_stride in elements
  explicit Images(const Tensor& any);
  template <class T>
  const T* at(int64_t task, int64_t image = 0) const {
    return x.node()->ptr<T>() + task * task_stride + image * c * h * w;
  }
};

}  // namespace regrad
