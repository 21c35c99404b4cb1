#include <regrad/algorithms/shared/sinusoids.h>

#include <cmath>

namespace regrad {

std::pair<double, double> Sinusoids::curve(const Random& stream) const {
  return {amplitude_low + (amplitude_high - amplitude_low) * stream.uniform(0),
          phase_high * stream.uniform(1)};
}

TaskBatch Sinusoids::sample(const std::vector<Random>& streams, int64_t k, int64_t q,
                            DType t) const {
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

TaskBatch Sinusoids::sample(const Random& r, int64_t tasks, int64_t k, int64_t q, DType t) const {
  std::vector<Random> streams;
  for (int64_t i = 0; i < tasks; ++i) streams.push_back(r / i);
  return sample(streams, k, q, t);
}

}  // namespace regrad
