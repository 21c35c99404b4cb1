// What the compositions on images share. Internal to the engine.
#pragma once

#include <regrad/engine/conv.h>

#include <string>
#include <utility>
#include <vector>

namespace regrad {

// f on [N,C,H,W] or [T,N,C,H,W]; a single image [C,H,W] as a batch of one.
template <class F>
Tensor on_batch(const char* op, const Tensor& x, F&& f) {
  if (x.dim() == 3) return f(x.unsqueeze(0)).squeeze(0);
  if (x.dim() != 4 && x.dim() != 5)
    throw ShapeError(std::string(op) + ": needs images [N,C,H,W], [C,H,W] or [T,N,C,H,W], not " +
                     str(x.shape()));
  return f(x);
}

// [from, to) of each window of adaptive pooling.
std::vector<std::pair<int64_t, int64_t>> adaptive_windows(int64_t size, int64_t output);
// Before tables of the output's size are made: ShapeError where there is none, memory for it.
void need_output(const char* op, const Tensor& x, Pair output);

}  // namespace regrad
