#include <regrad/algorithms/pruning/method.h>

#include <algorithm>
#include <cmath>

namespace regrad::pruning {
namespace {

// W becomes f(layer, its weight), and the momentum of pruned weights 0.
template <class F>
void rewrite(State& s, F&& f) {
  const NoGrad quiet;
  Tensors params = parameters(s.trained.net);
  for (size_t l = 0; l < s.at.size(); ++l) {
    const size_t k = s.at[l];
    params[k] = f(l, params[k]).detach().requires_grad_();
    if (!s.sgd.velocity.empty()) s.sgd.velocity[k] = s.sgd.velocity[k] * s.masks[l];
  }
  s.trained.net = at(std::move(s.trained.net), params);
}

void adopt(State& s, Tensors masks, bool zeros_pruned) {
  double back = 0;
  for (size_t l = 0; l < masks.size(); ++l) back += sum((1 - s.masks[l]) * masks[l]).item();
  s.revived = s.revived + back;
  s.masks = std::move(masks);
  if (zeros_pruned) rewrite(s, [&](size_t l, const Tensor& w) { return w * s.masks[l]; });
}

// The spread of the gradients that pruned weights get: DCIL's point is that theirs differ from the
// straight-through ones.
void measure(State& s, const Gradients& g) {
  const NoGrad quiet;
  double n = 0, first = 0, second = 0;
  for (size_t l = 0; l < s.at.size(); ++l) {
    const Tensor pruned = ((1 - s.masks[l]) * g.all[s.at[l]]).to(DType::f64);
    n += static_cast<double>(s.masks[l].numel()) - sum(s.masks[l].to(DType::f64)).item();
    first += sum(pruned).item();
    second += sum(pruned * pruned).item();
  }
  s.spread = scalar(n > 0 ? std::sqrt(std::max(0.0, second / n - first / n * (first / n))) : 0,
                    DType::f64);
}

}  // namespace

double cubic(const Schedule& t, int64_t i) {
  const int64_t each = t.by_step ? t.batches : 1, now = t.by_step ? i : t.epoch(i);
  return cubic_sparsity(t.sparsity, static_cast<double>(now), 0,
                        static_cast<double>(t.at_share(t.target) * each));
}
bool each_refresh(const Schedule& t, int64_t i) { return i % t.refresh == 0; }
Tensors by_magnitude(State& s, const Schedule& t, const Minibatch&, double p) {
  return magnitude_masks(weights(s), p, t.masks);
}
Tensors masked(const State& s, const Schedule&, int64_t) {
  Tensors w = weights(s);
  for (size_t l = 0; l < w.size(); ++l) w[l] = s.masks[l] * w[l];
  return w;
}
Tensor kept_only(const State& s, size_t l, const Tensor& g, const Schedule&, int64_t) {
  return s.masks[l] * g;
}

Tensors weights(const State& s) { return picked(parameters(s.trained.net), s.at); }
Tensors placed(const State& s, const Tensors& w) {
  Tensors out = parameters(s.trained.net);
  for (size_t l = 0; l < s.at.size(); ++l) out[s.at[l]] = w[l];
  return out;
}

Gradients one_pass(State& s, const Method& m, const Schedule& t, const Minibatch& batch) {
  const auto forward = [&] {
    const NoGrad quiet;
    return m.forward(s, t, batch.i);
  };
  const Tensors all = placed(s, as_leaves(forward()));
  Context ctx{.training = true};
  Gradients out;
  out.loss = cross_entropy(at(s.trained.net, all)(batch.x, ctx), batch.y);
  out.all = grad(TensorList(out.loss), TensorList(all));
  out.raw = picked(out.all, s.at);
  const NoGrad quiet;
  for (size_t l = 0; m.gradient && l < s.at.size(); ++l)
    out.all[s.at[l]] = m.gradient(s, l, out.raw[l], t, batch.i);
  s.trained.net = commit(std::move(s.trained.net), ctx);
  return out;
}

Learner::Learner(NamedNet net, Method how, Schedule when)
    : method(std::move(how)), schedule(std::move(when)) {
  if (schedule.epochs < 1 || schedule.batches < 1 || schedule.refresh < 1)
    throw ConfigError("Schedule: epochs, batches and refresh are at least 1");
  state.at = prunable_but_classifier(parameters(net));
  if (state.at.empty()) throw ConfigError("the net has no weights that can be pruned");
  state.trained.net = std::move(net);
  for (const Tensor& w : weights(state)) state.masks.push_back(ones_like(w.detach()));
  state.revived = state.spread = scalar(0, DType::f64);
  if (method.begin) method.begin(state, schedule);
  state.sgd = schedule.sgd.initial(parameters(state.trained));
}

Tensor Learner::learn(const Tensor& x, const Tensor& y, int64_t i, double lr) {
  const Minibatch batch{x, y, i};
  if (method.due && method.due(schedule, i))
    adopt(state, method.masks(state, schedule, batch, method.sparsity(schedule, i)),
          method.zeros_pruned);
  Gradients g = method.pass(state, method, schedule, batch);
  if ((i + 1) % schedule.batches == 0) measure(state, g);
  if (!g.masks.empty()) {
    adopt(state, std::move(g.masks), method.zeros_pruned);
    return g.loss.detach();
  }
  const bool frozen = method.frozen && method.frozen(schedule, i);
  const Tensors before = frozen ? weights(state) : Tensors();
  Sgd sgd = with_lr(schedule.sgd, lr);
  sgd.factors.weight_decay = std::move(g.decay);
  state.trained = update(sgd, std::move(state.trained), state.sgd, g.all);
  if (frozen)  // pruned weights stay as they were, to the bit
    rewrite(state, [&](size_t l, const Tensor& w) {
      return where(gt(state.masks[l], zeros_like(w)), w, before[l]);
    });
  return g.loss.detach();
}

Tensors Learner::effective() const {
  const NoGrad quiet;
  return method.deployed ? method.deployed(state)
                         : method.forward(state, schedule, schedule.steps());
}

NamedNet Learner::deployed() const {
  return as_leaves(at(state.trained.net, placed(state, effective())), false);
}

}  // namespace regrad::pruning
