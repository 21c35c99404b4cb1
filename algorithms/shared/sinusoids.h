// Few-shot regression on sinusoids (Finn, Abbeel and Levine 2017, section 5.1; CML section 4.1):
// y = A sin(x - phase), A ~ U[0.1, 5], phase ~ U[0, pi], x ~ U[-5, 5], no noise. Needs no data.
#pragma once

#include <regrad/algorithms/shared/episodes.h>

#include <vector>

namespace regrad {

struct Sinusoids {
  double amplitude_low = 0.1, amplitude_high = 5, phase_high = 3.141592653589793, x_high = 5;

  // One sinusoid for each stream, which decides all of it, with k support and q query points: x and
  // y [T,k,1] and [T,q,1].
  TaskBatch sample(const std::vector<Random>& streams, int64_t k, int64_t q,
                   DType t = DType::f32) const;
  // The streams r / 0 .. r / (tasks - 1).
  TaskBatch sample(const Random& r, int64_t tasks, int64_t k, int64_t q,
                   DType t = DType::f32) const;
  // Amplitude and phase of a stream's sinusoid.
  std::pair<double, double> curve(const Random& stream) const;
};

}  // namespace regrad
