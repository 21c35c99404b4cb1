#include <regrad/engine/internal/decimal.h>
#include <regrad/layers/average.h>
#include <regrad/layers/schedule.h>

namespace regrad {

void detail::average(std::vector<Tensor>& a, const std::vector<Tensor>& b, double decay) {
  if (!(decay >= 0 && decay <= 1))
    throw ConfigError("moving_average: decay is " + decimal(decay) + "; it must lie in [0, 1]");
  if (a.size() != b.size())
    throw ShapeError("moving_average: an average of " + std::to_string(a.size()) +
                     " parameters and a net of " + std::to_string(b.size()));
  const NoGrad quiet;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i].shape() != b[i].shape())
      throw ShapeError("moving_average: parameter " + std::to_string(i) + " is " +
                       str(a[i].shape()) + " in the average and " + str(b[i].shape()) +
                       " in the net");
    a[i] = add(std::move(a[i]) * decay, b[i], 1 - decay);
  }
}

double cosine_momentum(double base, int64_t step, int64_t steps) {
  return 1 - CosineAnnealingLr{.lr = 1 - base, .eta_min = 0, .t_max = steps}(step);
}

}  // namespace regrad
