// STR, soft threshold reparameterization (Kusupati et al. 2020):
// W^ = sign(W) relu(|W| - sigmoid(c)) with a learned logit c per layer, autograd through both. Its
// sparsity is its own.
#pragma once

#include <regrad/algorithms/pruning/method.h>

#include <algorithm>

namespace regrad::pruning {

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
    out.decay.assign(out.all.size(), 1.0);
    std::fill_n(out.decay.rbegin(), s.trained.extra.size(),
                t.sgd.weight_decay > 0 ? o.decay / t.sgd.weight_decay : 1);
    s.trained.net = commit(std::move(s.trained.net), ctx);
    return out;
  };
  return m;
}

}  // namespace regrad::pruning
