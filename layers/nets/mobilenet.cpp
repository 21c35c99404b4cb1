#include <regrad/layers/nets/mobilenet.h>

namespace regrad {

ChainNet mobilenet(const Random& r, const ConvNetOptions& o, int64_t classes) {
  struct Stage {
    int64_t times, stride;  // channels in units of width, stride of the depthwise convolution
  };
  ChainNet net;
  int64_t in = o.width / 2;
  net.convs.emplace_back(r / "conv" / 0, o.in_channels, in, 3, 1, o.dtype);
  for (const Stage p : {Stage{1, 1},
                        {2, 1},
                        {2, 1},
                        {4, 2},
                        {4, 1},
                        {8, 2},
                        {8, 1},
                        {8, 1},
                        {8, 1},
                        {8, 1},
                        {8, 1},
                        {16, 2},
                        {16, 1}}) {
    const auto at = static_cast<int64_t>(net.convs.size());
    net.convs.emplace_back(r / "conv" / at, in, in, 3, p.stride, o.dtype, in);
    net.convs.emplace_back(r / "conv" / (at + 1), in, o.width * p.times, 1, 1, o.dtype);
    in = o.width * p.times;
  }
  net.linear = Linear(r / "linear", in, classes, true, o.dtype);
  return net;
}

}  // namespace regrad
