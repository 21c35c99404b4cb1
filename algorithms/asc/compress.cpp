#include <regrad/algorithms/asc/compress.h>
#include <regrad/algorithms/shared/distill.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/internal/decimal.h>

#include <algorithm>
#include <cmath>

namespace regrad::asc {
namespace {

// Spacing of half precision's numbers near v: 11 digits, and 2^-24 below 2^-14.
double half_of(double v) {
  if (v == 0) return v;
  int e = 0;
  std::frexp(v, &e);
  const double step = std::ldexp(1.0, std::max(e - 11, -24)), h = std::nearbyint(v / step) * step;
  if (!(std::abs(h) <= 65504))
    throw NumericError("half precision: " + decimal(v) + " is beyond 65504");
  return h;
}

// y = (x - mean) / sqrt(var + eps) w + b = x s + t, s and t in half precision.
void fold(SubSpectralNorm& n) {
  const DType t = n.weight.dtype();
  const Tensor s = half((n.weight / sqrt(n.running_var + n.eps)).detach());
  n.bias = half((n.bias - n.running_mean * s).detach());
  n.weight = s;
  n.running_mean = zeros(n.running_mean.shape(), t);
  n.running_var = full(n.running_var.shape(), 1 - n.eps, t);
}

template <class F>
void each_norm(BcResnetAsc& net, F&& f) {
  f(net.head_norm);
  for (auto& stage : net.stages)
    for (BcBlock& b : stage) {
      if (b.enter.weight.defined()) f(b.enter_norm);
      f(b.freq_norm), f(b.time_norm);
    }
}

}  // namespace

Tensor soft_cross_entropy(const Tensor& logits, const Tensor& y) {
  if (logits.dim() != 2 || logits.shape() != y.shape())
    throw ShapeError("soft_cross_entropy: logits " + str(logits.shape()) + " and labels " +
                     str(y.shape()) + " are not both [N,K]");
  return sum(y * log_softmax(logits, -1)) * (-1.0 / static_cast<double>(logits.size(0)));
}

Tensor distilled_loss(const Tensor& student, const Tensor& teacher, const Tensor& y,
                      const Distillation& how) {
  return soft_cross_entropy(student, y) * (1 - how.share) +
         distillation(student, teacher, how.temperature) * how.share;
}

BcResnetAsc pruned(const BcResnetAsc& net, const std::vector<Tensor>& masks) {
  return as_leaves(masked(net, masks));
}

BcResnetAsc quieted(const BcResnetAsc& net) {
  const NoGrad quiet;
  BcResnetAsc out = net;
  each_norm(out, [](SubSpectralNorm& n) {
    n.weight = n.weight *
               ge(n.running_var, full(n.running_var.shape(), n.eps / 100, n.running_var.dtype()))
                   .to(n.weight.dtype());
  });
  return out;
}

BcResnetAsc as_tuned(const BcResnetAsc& net, const std::vector<Tensor>& masks, bool quantized) {
  const NoGrad quiet;
  const BcResnetAsc at_masks = masked(quieted(net), masks);
  return quantized ? fake_quantized(at_masks) : at_masks;
}

Tensor fine_tune(BcResnetAsc& net, Sgd::State& state, const Sgd& sgd,
                 const std::vector<Tensor>& masks, const Tensor& x, const Tensor& y,
                 const Tensor* teacher, const FineTuning& how, const Random& r) {
  Context ctx{.training = true, .random = r};
  const BcResnetAsc at_masks = masked(net, masks);
  const Tensor logits = (how.quantized ? fake_quantized(at_masks) : at_masks)(x, ctx);
  const Tensor loss = teacher ? distilled_loss(logits, *teacher, y, how.distillation)
                              : soft_cross_entropy(logits, y);
  const BcResnetAsc g = grad(loss, net);
  net = update(sgd, commit(std::move(net), ctx), state, g);
  return loss.detach();
}

Tensor half(const Tensor& x) {
  std::vector<double> v = x.detach().to_vector();
  for (double& e : v) e = half_of(e);
  return tensor(v, x.shape(), x.dtype());
}

BcResnetAsc deployed(const BcResnetAsc& net, const std::vector<Tensor>& masks) {
  const NoGrad quiet;
  BcResnetAsc out = as_leaves(as_tuned(net, masks, true), false);
  each_norm(out, fold);
  out.classifier.bias = half(out.classifier.bias);
  return out;
}

Tensor logits_of(const BcResnetAsc& net, const Tensor& x, int64_t batch,
                 const Context::Evaluate& evaluate) {
  const NoGrad quiet;
  std::vector<Tensor> out;
  for (int64_t at = 0; at < x.size(0); at += batch) {
    Context ctx{.evaluate = evaluate};
    out.push_back(net(slice(x, 0, at, std::min(at + batch, x.size(0))).contiguous(), ctx));
  }
  return cat(out, 0);
}

Int8Report evaluate_int8(const BcResnetAsc& net, const Tensor& calibration,
                         const std::vector<Tensor>& tests) {
  if (calibration.size(0) == 0) throw ConfigError("evaluate_int8: no clips to calibrate by");
  Quantizer quantizer;
  logits_of(net, calibration, 100, quantizer.calibrate());
  Int8Report out;
  const Context::Evaluate fast = quantizer.integers(), simulated = quantizer.simulate();
  for (const Tensor& x : tests) {
    out.logits.push_back(logits_of(net, x, 100, fast));
    const double apart = amax(abs(out.logits.back() - logits_of(net, x, 100, simulated))).item();
    out.largest_difference = std::max(out.largest_difference, apart);
  }
  return out;
}

}  // namespace regrad::asc
