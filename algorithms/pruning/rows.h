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

}  // namespace regrad::pruning
