#include <regrad/algorithms/dcil/dcil.h>
#include <regrad/algorithms/shared/distill.h>
#include <regrad/layers/init.h>

#include <algorithm>
#include <utility>

namespace regrad::dcil {

using namespace pruning;

namespace {

Tensors buffers(const NamedNet& net) {
  Tensors out;
  each(net, [&](const std::string&, const Tensor& t, bool is_buffer) {
    if (is_buffer) out.push_back(t);
  });
  return out;
}

NamedNet with_buffers(NamedNet net, const Tensors& buffers) {
  size_t b = 0;
  each(net, [&](const std::string&, Tensor& t, bool is_buffer) {
    if (is_buffer) t = buffers[b++];
  });
  return net;
}

// Where the classifier stands among the parameters: [first, end).
std::pair<size_t, size_t> classifier_of(const Tensors& params) {
  for (size_t i = params.size(); i-- > 0;)
    if (params[i].dim() == 2) {
      const bool bias = i + 1 < params.size() && params[i + 1].dim() == 1;
      return {i, i + 1 + (bias ? 1 : 0)};
    }
  return {params.size(), params.size()};
}

// Places of the parameters that the dense path has for itself: norms, biases, the classifier.
std::vector<size_t> second_set(const State& s, const Options& o) {
  const Tensors params = parameters(s.trained.net);
  const auto [first, end] = classifier_of(params);
  std::vector<size_t> out;
  for (size_t i = 0; i < params.size(); ++i) {
    if (std::binary_search(s.at.begin(), s.at.end(), i)) continue;
    const bool shared = first <= i && i < end ? o.share_classifier : o.share_norms;
    if (!shared) out.push_back(i);
  }
  return out;
}

// What the dense path evaluates the net at: W, its own set, and what it shares.
Tensors dense_parameters(const State& s, const std::vector<size_t>& own) {
  Tensors out = parameters(s.trained.net);
  for (size_t k = 0; k < own.size(); ++k) out[own[k]] = s.trained.extra[k];
  return as_leaves(out);
}

// dL/d of both paths' parameters.
std::pair<Tensors, Tensors> of_paths(const Tensor& loss, const Tensors& sparse,
                                     const Tensors& dense) {
  Tensors both = sparse;
  both.insert(both.end(), dense.begin(), dense.end());
  both = grad(TensorList(loss), TensorList(both));
  const auto middle = both.begin() + static_cast<std::ptrdiff_t>(sparse.size());
  return {Tensors(both.begin(), middle), Tensors(middle, both.end())};
}

Gradients two_paths(State& s, const Options& o, const Schedule& t, const Minibatch& batch) {
  const std::vector<size_t> own = second_set(s, o);
  const Tensors of_sparse = placed(s, as_leaves(masked(s, t, batch.i))),
                of_dense = dense_parameters(s, own);
  Context sparse_ctx{.training = true}, dense_ctx{.training = true};
  const Tensor z_s = at(s.trained.net, of_sparse)(batch.x, sparse_ctx);
  s.trained.net = commit(std::move(s.trained.net), sparse_ctx);
  NamedNet dense = at(s.trained.net, of_dense);
  if (!o.share_norms) dense = with_buffers(std::move(dense), s.memory);
  const Tensor z_d = dense(batch.x, dense_ctx);
  const bool distill = o.distill && t.epoch(batch.i) >= t.at_share(o.begin);
  Gradients out;
  out.loss = loss(z_s, z_d, batch.y, distill, o.temperature, o.floor);
  auto [g_s, g_d] = of_paths(out.loss, of_sparse, of_dense);
  out.all = std::move(g_s), out.raw = picked(g_d, s.at);
  const NoGrad quiet;
  for (size_t i = 0, l = 0; i < out.all.size(); ++i) {
    if (l < s.at.size() && s.at[l] == i) {
      out.all[i] = refined(s.masks[l], out.all[i], out.raw[l]);
      ++l;
    } else if (!std::binary_search(own.begin(), own.end(), i)) {
      out.all[i] = out.all[i] + g_d[i];  // shared
    }
  }
  for (size_t i : own) out.all.push_back(g_d[i]);
  if (o.share_norms) {
    s.trained.net = commit(std::move(s.trained.net), dense_ctx);
  } else {
    s.memory = buffers(commit(dense, dense_ctx));
  }
  return out;
}

void begin(State& s, const Options& o, const Schedule& t) {
  const std::vector<size_t> own = second_set(s, o);
  Tensors second = parameters(s.trained.net);
  const auto [first, end] = classifier_of(second);
  if (o.draw_classifier && first < end) {
    const int64_t in = second[first].size(1);
    for (size_t i = first; i < end; ++i)
      second[i] = init::torch_default(t.random / "classifier" / static_cast<int64_t>(i - first),
                                      second[i].shape(), in, second[i].dtype());
  }
  s.trained.extra = as_leaves(picked(second, own));
  if (o.share_norms) return;
  for (const Tensor& b : buffers(s.trained.net)) s.memory.push_back(b.detach() * 1);
}

}  // namespace

Tensor loss(const Tensor& sparse, const Tensor& dense, const Tensor& y, bool distill,
            double temperature, double floor) {
  Tensor sparse_loss = cross_entropy(sparse, y), dense_loss = cross_entropy(dense, y);
  if (distill) {
    sparse_loss = sparse_loss + distillation(sparse, dense, temperature, floor);
    dense_loss = dense_loss + distillation(dense, sparse, temperature, floor);
  }
  return sparse_loss + dense_loss;
}

Tensor refined(const Tensor& mask, const Tensor& sparse, const Tensor& dense) {
  return mask * sparse + (1 - mask) * dense;
}

Method method(const Options& o) {
  Method m;
  m.begin = [o](State& s, const Schedule& t) { begin(s, o, t); };
  m.pass = [o](State& s, const Method&, const Schedule& t, const Minibatch& batch) {
    return two_paths(s, o, t, batch);
  };
  return m;
}

}  // namespace regrad::dcil
