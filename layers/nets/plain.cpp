#include <regrad/layers/nets/plain.h>

#include <algorithm>

namespace regrad {

Tensor ChainNet::operator()(const Tensor& x, Context& ctx) const {
  Tensor y = x;
  for (size_t i = 0; i < convs.size(); ++i) {
    y = convs[i](y, ctx);
    const bool pools = std::find(pooled.begin(), pooled.end(), i) != pooled.end();
    if (pools && y.size(-1) > 1 && y.size(-2) > 1) y = max_pool2d(y, 2);
  }
  return linear(mean(y, {-2, -1}));
}

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

ChainNet mobilenet(const Random& r, const ConvNetOptions& o, int64_t classes) {
  struct Step {
    int64_t times, stride;  // channels in units of width, stride of the depthwise convolution
  };
  ChainNet net;
  int64_t in = o.width / 2;
  net.convs.emplace_back(r / "conv" / 0, o.in_channels, in, 3, 1, o.dtype);
  for (const Step p : {Step{1, 1},
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

ChainNet two_convs(const Random& r, const ConvNetOptions& o, int64_t classes) {
  ChainNet net;
  net.convs.emplace_back(r / "conv" / 0, o.in_channels, o.width, 3, 1, o.dtype);
  net.convs.emplace_back(r / "conv" / 1, o.width, 2 * o.width, 3, 1, o.dtype);
  net.linear = Linear(r / "linear", 2 * o.width, classes, true, o.dtype);
  net.pooled = {0, 1};
  return net;
}

}  // namespace regrad
