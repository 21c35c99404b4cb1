#include <regrad/algorithms/dcil/dcil.h>
#include <regrad/algorithms/pruning/second_path.h>
#include <regrad/algorithms/shared/distill.h>
#include <regrad/layers/init.h>

#include <algorithm>
#include <utility>

namespace regrad::dcil {

using namespace pruning;

namespace {

Gradients two_paths(State& s, const Options& o, const Schedule& t, const Minibatch& batch) {
  const std::vector<size_t> own = own_places(s, o.share_norms, o.share_classifier);
  const Tensors of_sparse = placed(s, as_leaves(masked(s, t, batch.i))),
                of_dense = second_parameters(s, own, s.trained.extra);
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
  const std::vector<size_t> own = own_places(s, o.share_norms, o.share_classifier);
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
