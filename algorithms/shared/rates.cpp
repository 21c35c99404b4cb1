#include <regrad/algorithms/shared/rates.h>

namespace regrad {

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

std::vector<double> weights_of(std::vector<double> given, int steps) {
  if (steps < 1)
    throw ConfigError("inner loop: " + std::to_string(steps) +
                      " steps; a loss after each needs at least one");
  const auto n = static_cast<size_t>(steps);
  if (given.empty()) {
    given.assign(n, 0);
    given.back() = 1;
  }
  if (given.size() != n)
    throw ConfigError("inner loop: " + std::to_string(given.size()) + " weights for " +
                      std::to_string(steps) + " steps");
  return given;
}

}  // namespace regrad
