#include <regrad/algorithms/sdssl/checks.h>
#include <regrad/algorithms/sdssl/probe.h>
#include <regrad/engine/autograd.h>
#include <regrad/engine/error.h>
#include <regrad/engine/functional.h>
#include <regrad/layers/optim.h>
#include <regrad/layers/schedule.h>

#include <algorithm>
#include <cmath>
#include <string>

namespace regrad::sdssl {
namespace {

void check(const ProbeOptions& o, int64_t classes) {
  if (o.epochs < 1 || o.batch < 1 || classes < 1)
    throw ConfigError("linear_probe: epochs, batch and classes must be at least 1");
  if (!(o.lr > 0) || !std::isfinite(o.lr)) throw ConfigError("linear_probe: lr must be above 0");
  if (!(o.momentum >= 0 && o.momentum < 1))
    throw ConfigError("linear_probe: momentum lies in [0, 1)");
}

// An epoch's features [L,n,d].
Tensor of_epoch(const EpochFeatures& features, int64_t epoch, const Shape& expected) {
  const Tensor x = detail::by_layer("linear_probe", features(epoch));
  if (expected.size() != 0 && x.shape() != expected)
    throw ShapeError("linear_probe: features of epoch " + std::to_string(epoch) + " are " +
                     str(x.shape()) + ", before they were " + str(expected));
  return x;
}

LinearProbe trained(const EpochFeatures& features, const Tensor& labels, int64_t classes,
                    const ProbeOptions& o) {
  Tensor x = of_epoch(features, 0, {});
  const Shape sizes = x.shape();
  const int64_t n = sizes[0], layers = sizes[1], batch = std::min(o.batch, n);
  detail::check_labels("linear_probe", labels, n, classes);
  detail::check_features("linear_probe", x);
  const DType t = x.dtype();
  LinearProbe probe{zeros({layers, classes, sizes[2]}, t).requires_grad_(),
                    zeros({layers, classes}, t).requires_grad_()};
  const Sgd sgd{.momentum = o.momentum};
  Sgd::State state;
  const int64_t steps = (n + batch - 1) / batch;
  const CosineAnnealingLr lr{.lr = o.lr * static_cast<double>(batch) / 256,
                             .t_max = o.epochs * steps};
  for (int64_t epoch = 0; epoch < o.epochs; ++epoch) {
    if (epoch > 0) {
      x = of_epoch(features, epoch, sizes);
      detail::check_features("linear_probe", x);
    }
    const Tensor order = randperm(o.random / "order" / epoch, n);
    for (int64_t i = 0; i < steps; ++i) {
      const Tensor rows = slice(order, 0, i * batch, std::min(n, (i + 1) * batch));
      const Tensor y = index_select(labels, 0, rows);
      const Tensor loss = sum(cross_entropy_by_task(probe(index_select(x, 0, rows)),
                                                    expand(y, {layers, rows.size(0)})));
      const std::vector<Tensor> g = grad(loss, {probe.weight, probe.bias});
      probe = update(with_lr(sgd, lr(epoch * steps + i)), std::move(probe), state, g);
    }
  }
  return map(probe, [](const Tensor& p) { return p.detach(); });
}

}  // namespace

Tensor LinearProbe::operator()(const Tensor& features) const {
  const Tensor x = detail::by_layer("LinearProbe", features);
  return linear(x.transpose(0, 1), weight, bias);
}

LinearProbe linear_probe(const EpochFeatures& features, const Tensor& labels, int64_t classes,
                         const ProbeOptions& options) {
  check(options, classes);
  return typed_memory([&] { return trained(features, labels, classes, options); });
}
LinearProbe linear_probe(const Tensor& features, const Tensor& labels, int64_t classes,
                         const ProbeOptions& options) {
  const Tensor x = features.detach();
  return linear_probe([&](int64_t) { return x; }, labels, classes, options);
}

std::vector<double> probe_accuracy(const LinearProbe& probe, const Tensor& features,
                                   const Tensor& truth) {
  const NoGrad quiet;
  const Tensor logits = probe(features);
  detail::check_labels("probe_accuracy", truth, logits.size(1), logits.size(2));
  std::vector<double> out;
  for (int64_t l = 0; l < logits.size(0); ++l)
    out.push_back(detail::share_of_equal(argmax(logits[l], 1), truth));
  return out;
}

}  // namespace regrad::sdssl
