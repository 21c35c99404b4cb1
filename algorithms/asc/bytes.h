// Bytes of a net by the count of DCASE 2021 task 1A: convolutions' weights are 8-bit integers, all
// other parameters half precision; weights that are 0 are free, as are running statistics. The
// challenge's system is described in abstracts only; this count is a reconstruction that gives its
// 61.0 KB.
//
//   challenge_bytes(masked(net, masks));  // 62,335 for BC-ResNet-ASC-8 at 0.89
#pragma once

#include <regrad/algorithms/shared/masks.h>

namespace regrad::asc {

struct ChallengeSize {
  int64_t weights = 0;  // non-zero weights of convolutions, a byte each
  int64_t rest = 0;     // norms and biases, two bytes each
  int64_t scales = 0;   // four bytes for each convolution
  int64_t total() const { return weights + rest + scales; }
};
template <class Net>
ChallengeSize challenge_size(const Net& net) {
  ChallengeSize s;
  for (const Tensor& t : parameters(net)) {
    if (t.dim() == 4) {
      s.weights += t.numel() - zeros_in({t}), s.scales += 4;
    } else {
      s.rest += 2 * t.numel();
    }
  }
  return s;
}
// Without the scales, as the reconstruction counts.
template <class Net>
int64_t challenge_bytes(const Net& net) {
  const ChallengeSize s = challenge_size(net);
  return s.weights + s.rest;
}

}  // namespace regrad::asc
