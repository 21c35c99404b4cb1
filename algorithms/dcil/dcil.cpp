#include <regrad/algorithms/dcil/dcil.h>
#include <regrad/algorithms/shared/distill.h>

#include <algorithm>

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

// Of the net's parameters those that are not pruned: norms, biases, the classifier.
Tensors others(const Tensors& all, const std::vector<size_t>& at) {
  Tensors out;
  for (size_t i = 0; i < all.size(); ++i)
    if (!std::binary_search(at.begin(), at.end(), i)) out.push_back(all[i]);
  return out;
}

Gradients two_paths(State& s, const Options& o, const Schedule& t, const Minibatch& batch) {
  const Tensors of_sparse = placed(s, as_leaves(masked(s, t, batch.i))),
                of_dense = placed(s, as_leaves(weights(s)), s.trained.extra);
  const NamedNet sparse = at(s.trained.net, of_sparse),
                 dense = with_buffers(at(s.trained.net, of_dense), s.memory);
  Context sparse_ctx{.training = true}, dense_ctx{.training = true};
  const Tensor z_s = sparse(batch.x, sparse_ctx), z_d = dense(batch.x, dense_ctx);
  const bool distill = o.distill && t.epoch(batch.i) >= t.at_share(o.begin);
  Gradients out;
  out.loss = loss(z_s, z_d, batch.y, distill, o.temperature);
  Tensors both = of_sparse;
  both.insert(both.end(), of_dense.begin(), of_dense.end());
  both = grad(TensorList(out.loss), TensorList(both));
  const auto middle = both.begin() + static_cast<std::ptrdiff_t>(of_sparse.size());
  const Tensors g_d(middle, both.end());
  out.all.assign(both.begin(), middle);
  out.raw = picked(g_d, s.at);
  const NoGrad quiet;
  for (size_t l = 0; l < s.at.size(); ++l)
    out.all[s.at[l]] = refined(s.masks[l], out.all[s.at[l]], out.raw[l]);
  for (const Tensor& rest : others(g_d, s.at)) out.all.push_back(rest);
  s.trained.net = commit(std::move(s.trained.net), sparse_ctx);
  s.memory = buffers(commit(dense, dense_ctx));
  return out;
}

}  // namespace

Tensor loss(const Tensor& sparse, const Tensor& dense, const Tensor& y, bool distill,
            double temperature) {
  Tensor sparse_loss = cross_entropy(sparse, y), dense_loss = cross_entropy(dense, y);
  if (distill) {
    sparse_loss = sparse_loss + distillation(sparse, dense, temperature);
    dense_loss = dense_loss + distillation(dense, sparse, temperature);
  }
  return sparse_loss + dense_loss;
}

Tensor refined(const Tensor& mask, const Tensor& sparse, const Tensor& dense) {
  return mask * sparse + (1 - mask) * dense;
}

Method method(const Options& o) {
  Method m;
  m.begin = [](State& s, const Schedule&) {
    s.trained.extra = as_leaves(others(parameters(s.trained.net), s.at));
    for (const Tensor& t : buffers(s.trained.net)) s.memory.push_back(t.detach() * 1);
  };
  m.pass = [o](State& s, const Method&, const Schedule& t, const Minibatch& batch) {
    return two_paths(s, o, t, batch);
  };
  return m;
}

}  // namespace regrad::dcil
