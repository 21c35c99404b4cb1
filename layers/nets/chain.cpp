#include <regrad/layers/nets/chain.h>

#include <algorithm>

namespace regrad {

Tensor ChainNet::operator()(const Tensor& x, Context& ctx) const {
  Tensor y = x;
  for (size_t i = 0; i < convs.size(); ++i) {
    y = convs[i](y, ctx);
    const bool pools = std::find(pooled.begin(), pooled.end(), i) != pooled.end();
    if (pools && y.size(-1) > 1 && y.size(-2) > 1) y = max_pool2d(y, 2, ctx);
  }
  return linear(mean_over_pixels(y, ctx), ctx);
}

}  // namespace regrad
