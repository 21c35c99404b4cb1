#include <regrad/layers/nets/plain.h>

namespace regrad {
namespace {

Tensor averaged(const Tensor& x) { return mean(x, {-2, -1}); }

Tensor halved(const Tensor& x) { return x.size(-1) > 1 && x.size(-2) > 1 ? max_pool2d(x, 2) : x; }

}  // namespace

Vgg::Vgg(const Random& r, const ConvNetOptions& o, int64_t classes) {
  int64_t in = o.in_channels;
  for (const int64_t times : {1, 1, 2, 2, 4, 4, 4, 8, 8, 8, 8, 8, 8}) {
    convs.emplace_back(r / "conv" / static_cast<int64_t>(convs.size()), in, o.width * times, 3, 1, o.dtype);
    in = o.width * times;
  }
  linear = Linear(r / "linear", in, classes, true, o.dtype);
}
Tensor Vgg::operator()(const Tensor& x, Context& ctx) const {
  Tensor y = x;
  for (size_t i = 0; i < convs.size(); ++i) {
    y = convs[i](y, ctx);
    if (i == 1 || i == 3 || i == 6 || i == 9 || i == 12) y = halved(y);
  }
  return linear(averaged(y));
}

MobileNet::MobileNet(const Random& r, const ConvNetOptions& o, int64_t classes) {
  struct Step {
    int64_t times, stride;  // channels in units of width, stride of the depthwise convolution
  };
  int64_t in = o.width / 2;
  convs.emplace_back(r / "conv" / 0, o.in_channels, in, 3, 1, o.dtype);
  for (const Step p : {Step{1, 1}, {2, 1}, {2, 1}, {4, 2}, {4, 1}, {8, 2}, {8, 1}, {8, 1}, {8, 1}, {8, 1}, {8, 1}, {16, 2}, {16, 1}}) {
    const auto at = static_cast<int64_t>(convs.size());
    convs.emplace_back(r / "conv" / at, in, in, 3, p.stride, o.dtype, in);
    convs.emplace_back(r / "conv" / (at + 1), in, o.width * p.times, 1, 1, o.dtype);
    in = o.width * p.times;
  }
  linear = Linear(r / "linear", in, classes, true, o.dtype);
}
Tensor MobileNet::operator()(const Tensor& x, Context& ctx) const {
  Tensor y = x;
  for (const ConvNorm& c : convs) y = c(y, ctx);
  return linear(averaged(y));
}

TwoConvs::TwoConvs(const Random& r, const ConvNetOptions& o, int64_t classes) : linear(r / "linear", 2 * o.width, classes, true, o.dtype) {
  convs.emplace_back(r / "conv" / 0, o.in_channels, o.width, 3, 1, o.dtype);
  convs.emplace_back(r / "conv" / 1, o.width, 2 * o.width, 3, 1, o.dtype);
}
Tensor TwoConvs::operator()(const Tensor& x, Context& ctx) const {
  Tensor y = x;
  for (const ConvNorm& c : convs) y = halved(c(y, ctx));
  return linear(averaged(y));
}

}  // namespace regrad
