#include <regrad/layers/nets/blocks.h>

#include <cmath>
#include <string>

namespace regrad {

Conv2d he_conv(const Random& r, int64_t in, int64_t out, int64_t kernel, int64_t stride, DType t,
               int64_t groups) {
  Conv2d c;
  c.weight =
      init::kaiming_normal(r / "weight", {out, in / groups, kernel, kernel}, std::sqrt(2.0), t)
          .requires_grad_();
  c.options = {.stride = stride, .padding = kernel / 2, .groups = groups};
  return c;
}

int blocks_per_stage(int depth, int rest, int per_stage) {
  if (depth <= rest || (depth - rest) % per_stage)
    throw ConfigError("a depth of " + std::to_string(depth) + " is not " +
                      std::to_string(per_stage) + " n + " + std::to_string(rest));
  return (depth - rest) / per_stage;
}

}  // namespace regrad
