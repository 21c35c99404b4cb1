// The rows that are no paper of ours: README's table in code. What a row leaves out is DPF's.
#pragma once

#include <regrad/algorithms/pruning/method.h>

namespace regrad::pruning {

inline Method dense() {  // nothing is pruned
  return {.due = {},
          .forward = [](const State& s, const Schedule&, int64_t) { return weights(s); }};
}

// Dynamic pruning with feedback (Lin et al., ICLR 2020): W^ = M W, G = g, so pruned weights revive.
inline Method dpf() { return {}; }

// Straight-through, masks made anew every step.
inline Method ste() {
  return {.due = [](const Schedule&, int64_t) { return true; }};
}

// Gradual magnitude pruning (Zhu and Gupta 2017): G = M g, pruned weights are 0 and stay so.
inline Method gmp() { return {.gradient = kept_only, .zeros_pruned = true}; }

// Magnitude pruning at half time, then fine-tuning.
inline Method one_shot() {
  Method m = gmp();
  m.sparsity = [](const Schedule& t, int64_t i) {
    return t.epoch(i) >= t.at_share(0.5) ? t.sparsity : 0;
  };
  m.due = [](const Schedule& t, int64_t i) { return i == t.at_share(0.5) * t.batches; };
  return m;
}

// For rows that are sparse from the first step: p, and masks before that step only.
inline double in_full(const Schedule& t, int64_t) { return t.sparsity; }
inline bool at_first(const Schedule&, int64_t i) { return i == 0; }

// SNIP (Lee et al. 2019): once, by |w dL/dw| at the first batch.
inline Method snip() {
  Method m = gmp();
  m.sparsity = in_full, m.due = at_first;
  m.masks = [](State& s, const Schedule& t, const Minibatch& batch, double p) {
    const NamedNet before = s.trained.net;
    Tensors scores = one_pass(s, {}, t, batch).raw;
    s.trained.net = before;  // looking at a batch is no step: running statistics stay
    const NoGrad quiet;
    const Tensors w = weights(s);
    for (size_t l = 0; l < w.size(); ++l) scores[l] = abs(scores[l] * w[l]).detach();
    return score_masks(scores, p, t.masks);
  };
  return m;
}

// AC/DC (Peste et al. 2021): dense and sparse phases of two epochs in turn, sparse in the end.
inline Method acdc() {
  Method m = gmp();
  m.sparsity = [](const Schedule& t, int64_t i) {
    return t.epoch(i) / 2 % 2 == 1 || t.epoch(i) >= t.at_share(t.target) ? t.sparsity : 0;
  };
  m.due = [p = m.sparsity](const Schedule& t, int64_t i) {
    return i > 0 && p(t, i) != p(t, i - 1);
  };
  return m;
}

// RigL (Evci et al. 2020), sparse from the first step to the last.
//
// Random masks with pruned_count(N, s) zeros in all; a layer's density by Erdos-Renyi-Kernel:
// proportional to sum(sizes) / product(sizes), at most 1.
Tensors random_masks(const Tensors& weights, double s, const Random& r);

// In every layer: the smallest |w| of so large a share of its kept weights are dropped, and as many
// pruned ones grow where |g| is largest. What was dropped may grow at once again. Numbers of kept
// weights stay.
Tensors drop_and_grow(const Tensors& masks, const Tensors& weights, const Tensors& gradients,
                      double share);

// W^ = M W, G = M g. Every `period` steps the masks are regrown instead of a step, until the
// schedule's target; the share that is dropped falls from `share` to 0 as a cosine.
// Steps between two of them: `period` (delta T; theirs: 100).
Method rigl(double share = 0.3, int64_t period = 16);

// STR, soft threshold reparameterization (Kusupati et al. 2020):
// W^ = sign(W) relu(|W| - sigmoid(c)) with a learned logit c per layer, autograd through both. Its
// sparsity is its own.
//
// Both are ours: the thresholds' initial logit and their weight decay.
struct StrOptions {
  double initial = -5, decay = 5e-4;
};

inline Tensors soft_thresholded(const State& s, const Schedule&, int64_t) {
  Tensors w = weights(s);
  for (size_t l = 0; l < w.size(); ++l)
    w[l] = sign(w[l]) * relu(abs(w[l]) - sigmoid(s.trained.extra[l]));
  return w;
}

inline Method str(const StrOptions& o = {}) {
  Method m{.due = {}, .forward = soft_thresholded};
  m.begin = [o](State& s, const Schedule&) {
    for (const Tensor& w : weights(s))
      s.trained.extra.push_back(scalar(o.initial, w.dtype()).requires_grad_());
  };
  m.pass = [o](State& s, const Method&, const Schedule& t, const Minibatch& batch) {
    const NamedNet net = at(s.trained.net, placed(s, soft_thresholded(s, t, batch.i)));
    Context ctx{.training = true};
    Gradients out;
    out.loss = cross_entropy(net(batch.x, ctx), batch.y);
    out.all = parameters(grad(out.loss, s.trained));
    out.raw = picked(out.all, s.at);
    // the thresholds have a decay of their own in the place of the optimizer's
    const NoGrad quiet;
    out.decay.assign(out.all.size(), 1.0);
    for (size_t k = out.all.size(), l = s.trained.extra.size(); l-- > 0;) {
      out.decay[--k] = 0;
      out.all[k] = add(out.all[k], s.trained.extra[l], o.decay);
    }
    s.trained.net = commit(std::move(s.trained.net), ctx);
    return out;
  };
  return m;
}

}  // namespace regrad::pruning
