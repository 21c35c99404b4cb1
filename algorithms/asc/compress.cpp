#include <regrad/algorithms/asc/compress.h>
#include <regrad/algorithms/shared/distill.h>
#include <regrad/engine/functional.h>

#include <algorithm>

namespace regrad::asc {

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
