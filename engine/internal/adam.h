// Adam's step on one tensor in pieces that stay in cache: the ops of layers/optim.cpp, one after
// the other on each piece, so that the bits are those of the ops over whole tensors. For the
// optimizer alone.
#pragma once

#include <regrad/engine/tensor.h>

namespace regrad::detail {

struct AdamStep {
  double beta1, beta2, eps;
  double shrink;  // p is multiplied by it first, where it is not 1
  double decay;   // g + decay p, where it is not 0
  double rate;    // lr / (1 - beta1^t)
  double unbias;  // 1 / sqrt(1 - beta2^t)
};
// p, m, v become new tensors, in their own memory where nobody else holds it. False, and nothing is
// done, where they are recorded, few, not all contiguous or not all of one floating dtype.
bool adam_step(const AdamStep& s, const Tensor& g, Tensor& p, Tensor& m, Tensor& v);

}  // namespace regrad::detail
