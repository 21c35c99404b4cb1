#include <regrad/algorithms/dcil/dcil.h>
#include <regrad/algorithms/shared/distill.h>

namespace regrad::dcil {

using namespace pruning;

namespace {

Tensors buffers(const AnyNet& net) {
  Tensors out;
  each(net, [&](const std::string&, const Tensor& t, bool is_buffer) {
    if (is_buffer) out.push_back(t);
  });
  return out;
}

// The net at other parameters and running statistics.
AnyNet path(const AnyNet& net, const Tensors& params, const Tensors& statistics) {
  AnyNet out = at(net, params);
  size_t b = 0;
  each(out, [&](const std::string&, Tensor& t, bool is_buffer) {
    if (is_buffer) t = statistics[b++];
  });
  return out;
}

Gradients two_paths(State& s, const Options& o, const Schedule& t, const Step& step) {
  const AnyNet& net = s.trained.net;
  Tensors w;
  {
    const NoGrad quiet;
    w = masked(s, t, step.i);
  }
  Tensors both = merged(leaves(w), others(parameters(net), s.at), s.at);
  const auto n = static_cast<std::ptrdiff_t>(both.size());
  const AnyNet sparse = at(net, both);
  const Tensors of_dense = merged(leaves(weights(s)), s.trained.extra, s.at);
  const AnyNet dense = path(net, of_dense, s.memory);
  Context sparse_ctx{.training = true}, dense_ctx{.training = true};
  const Tensor z_s = sparse(step.x, sparse_ctx), z_d = dense(step.x, dense_ctx);
  const bool distill = o.distill && t.epoch(step.i) >= t.at_share(o.begin);
  Gradients out;
  out.loss = loss(z_s, z_d, step.y, {.distill = distill, .temperature = o.temperature});
  both.insert(both.end(), of_dense.begin(), of_dense.end());
  const Tensors g = grad(TensorList(out.loss), TensorList(both));
  const NoGrad quiet;
  const Tensors g_d(g.begin() + n, g.end());
  out.all.assign(g.begin(), g.begin() + n);
  out.raw = picked(g_d, s.at);
  for (size_t l = 0; l < s.at.size(); ++l)
    out.all[s.at[l]] = refined(s.masks[l], out.all[s.at[l]], out.raw[l]);
  for (const Tensor& rest : others(g_d, s.at)) out.all.push_back(rest);
  s.trained.net = commit(std::move(s.trained.net), sparse_ctx);
  s.memory = buffers(commit(dense, dense_ctx));
  return out;
}

}  // namespace

Tensor loss(const Tensor& sparse, const Tensor& dense, const Tensor& y, const LossOptions& o) {
  Tensor sparse_loss = cross_entropy(sparse, y), dense_loss = cross_entropy(dense, y);
  if (o.distill) {
    sparse_loss = sparse_loss + distillation(sparse, dense, o.temperature, o.floor);
    dense_loss = dense_loss + distillation(dense, sparse, o.temperature, o.floor);
  }
  if (o.sparse != 1) sparse_loss = sparse_loss * o.sparse;
  if (o.dense != 1) dense_loss = dense_loss * o.dense;
  return sparse_loss + dense_loss;
}

Tensor refined(const Tensor& mask, const Tensor& sparse, const Tensor& dense) {
  return mask * sparse + (1 - mask) * dense;
}

Method method(const Options& o) {
  Method m;
  m.begin = [](State& s, const Schedule&) {
    s.trained.extra = leaves(others(parameters(s.trained.net), s.at));
    for (const Tensor& t : buffers(s.trained.net)) s.memory.push_back(t.detach() * 1);
  };
  m.pass = [o](State& s, const Method&, const Schedule& t, const Step& step) {
    return two_paths(s, o, t, step);
  };
  return m;
}

}  // namespace regrad::dcil
