#include <regrad/algorithms/maml/plus_plus.h>

#include <algorithm>

namespace regrad::maml {

std::vector<double> step_weights(int steps, int64_t epoch, int64_t epochs) {
  if (steps < 1 || epochs < 1 || epoch < 0)
    throw ConfigError("step_weights: " + std::to_string(steps) + " steps, epoch " +
                      std::to_string(epoch) + " of " + std::to_string(epochs) +
                      "; steps and epochs start at 1, epoch at 0");
  std::vector<double> out(static_cast<size_t>(steps), 0);
  double rest = 1;
  if (epoch < epochs) {
    const double m = steps,
                 v = std::max((1 - static_cast<double>(epoch) / static_cast<double>(epochs)) / m,
                              0.03 / m);
    std::fill(out.begin(), out.end() - 1, v);
    rest = 1 - (m - 1) * v;
  }
  out.back() = rest;
  return out;
}

}  // namespace regrad::maml
