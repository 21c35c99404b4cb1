#include <regrad/algorithms/asc/translate.h>
#include <regrad/engine/functional.h>

#include <string>
#include <vector>

namespace regrad::asc {
namespace {

Conv2d same_size(const Random& r, int64_t in, int64_t out, DType t) {
  return {r, in, out, 3, {.padding = 1}, true, t};
}

}  // namespace

TranslationNet::TranslationNet(const Random& r, int64_t devices, int64_t mels, int64_t width,
                               DType t) {
  if (devices < 1 || mels < 1 || width < 1)
    throw ConfigError("TranslationNet: " + std::to_string(devices) + " devices, " +
                      std::to_string(mels) + " mel bands, " + std::to_string(width) +
                      " channels; at least 1 of each");
  first = same_size(r / "first", 1, width, t);
  second = same_size(r / "second", width, width, t);
  third = same_size(r / "third", width, width, t);
  last = same_size(r / "last", width, 1, t);
  last.weight = zeros_like(last.weight.detach()).requires_grad_();
  last.bias = zeros_like(last.bias.detach()).requires_grad_();
  device = normal(r / "device", {devices, width}, 0, 0.1, t).requires_grad_();
  scale = ones({devices, mels}, t).requires_grad_();
  shift = zeros({devices, mels}, t).requires_grad_();
  centre = scalar(0, t), spread = scalar(1, t);
}

Tensor TranslationNet::operator()(const Tensor& x, const Tensor& d) const {
  if (x.dim() != 4 || x.size(1) != 1 || x.size(2) != scale.size(1) || d.dim() != 1 ||
      d.size(0) != x.size(0))
    throw ShapeError("TranslationNet: x " + str(x.shape()) + " and devices " + str(d.shape()) +
                     "; needs [N,1," + std::to_string(scale.size(1)) + ",T] and [N]");
  const int64_t n = x.size(0), f = x.size(2), w = device.size(1);
  const auto of_device = [&](const Tensor& t, const Shape& sizes) {
    return reshape(index_select(t, 0, d), sizes);
  };
  Tensor h = relu(first((x - centre) / spread) + of_device(device, {n, w, 1, 1}));
  h = last(relu(third(relu(second(h)))));
  return of_device(scale, {n, 1, f, 1}) * (x + spread * (h + of_device(shift, {n, 1, f, 1})));
}

TranslationNet standardized(TranslationNet net, const Tensor& x) {
  if (x.numel() == 0)
    throw ConfigError("translation: no spectrograms to take mean and deviation of");
  const NoGrad quiet;
  const Tensor all = x.detach().to(DType::f64), m = mean(all);
  net.centre = m.to(net.centre.dtype());
  net.spread = (sqrt(mean(square(all - m))) + 1e-5).to(net.spread.dtype());
  return net;
}

Tensor learn_translation(TranslationNet& net, Adam::State& state, double lr, const Tensor& x,
                         const Tensor& y, const Tensor& d) {
  const Tensor loss = l1_loss(net(x, d), y);
  net = update(Adam{.lr = lr}, std::move(net), state, grad(loss, net));
  return loss.detach();
}

Tensor translated(const TranslationNet& net, const Tensor& x, const Tensor& device, double p,
                  const Random& r) {
  const NoGrad quiet;
  const int64_t devices = net.scale.size(0);
  const std::vector<int64_t> of = device.to_vector<int64_t>();
  std::vector<int64_t> at, to;
  for (size_t i = 0; i < of.size() && devices > 1; ++i) {
    const Random own = r / static_cast<int64_t>(i);
    if (of[i] != 0 || own.uniform(0) >= p) continue;
    at.push_back(static_cast<int64_t>(i)), to.push_back(1 + own.integer(1, devices - 1));
  }
  if (at.empty()) return x;
  const Tensor places = tensor(at);
  return index_put(x, places, net(index_select(x, 0, places), tensor(to)).detach());
}

}  // namespace regrad::asc
