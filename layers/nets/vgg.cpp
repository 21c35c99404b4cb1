#include <regrad/layers/nets/vgg.h>

namespace regrad {

ChainNet vgg16(const Random& r, const ConvNetOptions& o, int64_t classes) {
  ChainNet net;
  int64_t in = o.in_channels;
  for (const int64_t times : {1, 1, 2, 2, 4, 4, 4, 8, 8, 8, 8, 8, 8}) {
    net.convs.emplace_back(r / "conv" / static_cast<int64_t>(net.convs.size()), in, o.width * times,
                           3, 1, o.dtype);
    in = o.width * times;
  }
  net.linear = Linear(r / "linear", in, classes, true, o.dtype);
  net.pooled = {1, 3, 6, 9, 12};
  return net;
}

}  // namespace regrad
