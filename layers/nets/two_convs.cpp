#include <regrad/layers/nets/two_convs.h>

namespace regrad {

ChainNet two_convs(const Random& r, const ConvNetOptions& o, int64_t classes) {
  ChainNet net;
  net.convs.emplace_back(r / "conv" / 0, o.in_channels, o.width, 3, 1, o.dtype);
  net.convs.emplace_back(r / "conv" / 1, o.width, 2 * o.width, 3, 1, o.dtype);
  net.linear = Linear(r / "linear", 2 * o.width, classes, true, o.dtype);
  net.pooled = {0, 1};
  return net;
}

}  // namespace regrad
