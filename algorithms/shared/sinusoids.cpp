#include <regrad/algorithms/shared/sinusoids.h>

#include <cmath>
#include <vector>

namespace regrad {

std::pair<double, double> Sinusoids::curve(const Random& r, int64_t i) const {
  const Random task = r / i;
  return {amplitude_low + (amplitude_high - amplitude_low) * task.uniform(0),
          phase_high * task.uniform(1)};
}

TaskBatch Sinusoids::sample(const Random& r, int64_t tasks, int64_t k, int64_t q, DType t) const {
  std::vector<double> sx, sy, qx, qy;
  for (int64_t i = 0; i < tasks; ++i) {
    const auto [amplitude, phase] = curve(r, i);
    const Random task = r / i;
    for (int64_t j = 0; j < k + q; ++j) {
      // Targets belong to the inputs as the net sees them.
      double x = x_high * (2 * task.uniform(static_cast<uint64_t>(2 + j)) - 1);
      if (t == DType::f32) x = static_cast<float>(x);
      (j < k ? sx : qx).push_back(x);
      (j < k ? sy : qy).push_back(amplitude * std::sin(x - phase));
    }
  }
  return {tensor(sx, {tasks, k, 1}, t), tensor(sy, {tasks, k, 1}, t), tensor(qx, {tasks, q, 1}, t),
          tensor(qy, {tasks, q, 1}, t)};
}

}  // namespace regrad
