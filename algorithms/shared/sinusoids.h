// Few-shot regression on sinusoids (Finn, Abbeel and Levine 2017, section 5.1; CML section 4.1):
// y = A sin(x - phase), A ~ U[0.1, 5], phase ~ U[0, pi], x ~ U[-5, 5], no noise. Needs no data.
#pragma once

#include <regrad/algorithms/shared/episodes.h>

#include <cmath>
#include <vector>

namespace regrad {

struct Sinusoids {
  double amplitude_low = 0.1, amplitude_high = 5, phase_high = 3.141592653589793, x_high = 5;

  // Amplitude and phase of a stream's sinusoid.
  std::pair<double, double> curve(const Random& stream) const {
    return {amplitude_low + (amplitude_high - amplitude_low) * stream.uniform(0),
            phase_high * stream.uniform(1)};
  }
  // One sinusoid for each stream, which decides all of it, with k support and q query points: x and
  // y [T,k,1] and [T,q,1].
  TaskBatch sample(const std::vector<Random>& streams, int64_t k, int64_t q,
                   DType t = DType::f32) const {
    std::vector<double> sx, sy, qx, qy;
    for (const Random& stream : streams) {
      const auto [amplitude, phase] = curve(stream);
      for (int64_t j = 0; j < k + q; ++j) {
        // Targets belong to the inputs as the net sees them.
        double x = x_high * (2 * stream.uniform(static_cast<uint64_t>(2 + j)) - 1);
        if (t == DType::f32) x = static_cast<float>(x);
        (j < k ? sx : qx).push_back(x);
        (j < k ? sy : qy).push_back(amplitude * std::sin(x - phase));
      }
    }
    const Shape support{static_cast<int64_t>(streams.size()), k, 1}, query{support[0], q, 1};
    return {tensor(sx, support, t), tensor(sy, support, t), tensor(qx, query, t),
            tensor(qy, query, t)};
  }
  // The streams r / 0 .. r / (tasks - 1).
  TaskBatch sample(const Random& r, int64_t tasks, int64_t k, int64_t q,
                   DType t = DType::f32) const {
    return sample(task_streams(r, 0, tasks), k, q, t);
  }
};

}  // namespace regrad
