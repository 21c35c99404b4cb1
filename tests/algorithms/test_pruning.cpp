// Masks, schedule, distillation, MAP and DCIL: the exact facts of pruning.md sections 0, 2.5 and
// 3.5 that need no training.
#include <doctest/doctest.h>
#include <regrad/algorithms/dcil/dcil.h>
#include <regrad/algorithms/map/map.h>
#include <regrad/algorithms/shared/cost.h>
#include <regrad/algorithms/shared/distill.h>
#include <regrad/algorithms/shared/masks.h>
#include <regrad/layers/nets/bcresnet.h>
#include <regrad/layers/nets/named_net.h>

#include <cmath>

using namespace regrad;

namespace {

double apart(const Tensor& a, const Tensor& b) {
  return amax(abs(a.to(DType::f64) - b.to(DType::f64))).item();
}
Tensor drawn(const char* name, const Shape& s) {
  return normal(Random(5) / name, s, 0, 1, DType::f64);
}
std::vector<Tensor> weights() {
  return {drawn("w0", {8, 3, 3, 3}), 0.2 * drawn("w1", {16, 8, 3, 3}),
          3 * drawn("w2", {16, 16, 1, 1})};
}
int64_t n_of(const std::vector<Tensor>& w) { return entries_in(w); }

}  // namespace

TEST_CASE("schedule: the values of pruning.md section 0") {
  CHECK(cubic_sparsity(0.9, 0, 0, 225) == 0);
  CHECK(cubic_sparsity(0.9, 75, 0, 225) == doctest::Approx(0.633333333333).epsilon(1e-11));
  CHECK(cubic_sparsity(0.9, 150, 0, 225) == doctest::Approx(0.866666666667).epsilon(1e-11));
  CHECK(cubic_sparsity(0.9, 225, 0, 225) == 0.9);
  CHECK(cubic_sparsity(0.9, 300, 0, 225) == 0.9);
  CHECK(cubic_sparsity(0.9, 1, 5, 9, 0.3) == 0.3);
  CHECK(cubic_sparsity(0.9, 0, 0, 0) == 0.9);
}

TEST_CASE("masks: counts of both rules, globally, by layer and by filter") {
  CHECK(pruned_count(1000, 0.9) == 900);
  CHECK(pruned_count(1000, 0.3) == 300);
  CHECK(pruned_count(1224, 0.9) == 1101);
  CHECK(pruned_count(100, 0.29) == 29);  // 28.999999999999996
  const std::vector<Tensor> w = weights();
  const int64_t n = n_of(w);
  for (double p : {0.0, 0.3, 0.5, 0.9, 0.98, 1.0}) {
    CAPTURE(p);
    CHECK(zeros_in(magnitude_masks(w, p)) == pruned_count(n, p));
    // DCIL-6
    if (p < 1)
      CHECK(zeros_in(magnitude_masks(w, p, {.rule = MaskOptions::official})) ==
            pruned_count(n, p) + 1);
    for (size_t l = 0; l < w.size(); ++l)
      CHECK(zeros_in({magnitude_masks(w, p, {.per_layer = true})[l]}) ==
            pruned_count(w[l].numel(), p));
    const std::vector<Tensor> filters = magnitude_masks(w, p, {.filters = true});
    int64_t empty = 0;
    for (const Tensor& m : filters) empty += empty_filters(m);
    CHECK(empty == pruned_count(40, p));
    for (const Tensor& m : filters)
      CHECK(zeros_in({m}) == empty_filters(m) * m.numel() / m.size(0));
  }
  CHECK(zeros_in(magnitude_masks({ones({10, 2, 1, 1})}, 0.25)) == 5);  // ties: the first ones
  CHECK(magnitude_masks({ones({4, 1, 1, 1})}, 0.5)[0].to_vector() ==
        std::vector<double>{0, 0, 1, 1});
  CHECK(magnitude_masks({ones({4, 1, 1, 1}, DType::f64)}, 0.5)[0].dtype() == DType::f64);
  CHECK_THROWS_AS(magnitude_masks(w, 1.5), ConfigError);
  CHECK_THROWS_AS(magnitude_masks(w, std::nan("")), ConfigError);
}

TEST_CASE("masks: what they leave is on target by every rule; a weight or a filter more is off") {
  const std::vector<Tensor> w = weights();
  for (MaskOptions::Rule rule : {MaskOptions::exact, MaskOptions::official})
    for (int how : {0, 1, 2})
      for (double p : {0.0, 0.37, 0.9, 1.0}) {
        CAPTURE(p);
        CAPTURE(how);
        const MaskOptions o{.rule = rule, .per_layer = how == 1, .filters = how == 2};
        std::vector<Tensor> left = magnitude_masks(w, p, o);
        for (size_t l = 0; l < w.size(); ++l) left[l] = left[l] * w[l];
        CHECK(off_target(left, p, o) == 0);
      }
  const Tensor half = tensor({1, 0, 3, 0, 0, 5, 7, 0}, {4, 2}, DType::f64);
  CHECK(off_target({half, half}, 0.5) == 0);
  CHECK(off_target({half, half}, 0.5, {.rule = MaskOptions::official}) == -1);
  CHECK(off_target({half, half}, 0.25) == 4);
  CHECK(off_target({half, ones_like(half)}, 0.25) == 0);
  CHECK(off_target({ones_like(half), half}, 0.25, {.per_layer = true}) == -2);
  CHECK(off_target({half, zeros_like(half)}, 0.5, {.per_layer = true}) == 4);
  const Tensor rows = tensor({1, 2, 0, 0, 0, 0, 7, 8}, {4, 2}, DType::f64);
  CHECK(off_target({rows}, 0.5, {.filters = true}) == 0);
  CHECK(off_target({rows}, 0.25, {.filters = true}) == 1);
  CHECK(empty_filters(half) == 0);
  CHECK(empty_filters(rows) == 2);
  CHECK(off_target({half}, 0.0, {.filters = true}) == 4);  // no filter is empty
}

TEST_CASE("masks: what is kept is larger than what is not; smaller targets keep more") {
  const std::vector<Tensor> w = weights(), loose = magnitude_masks(w, 0.4),
                            tight = magnitude_masks(w, 0.8);
  double least_kept = 1e9, most_pruned = 0;
  for (size_t l = 0; l < w.size(); ++l) {
    const std::vector<double> v = abs(w[l]).to_vector(), m = tight[l].to_vector();
    for (size_t i = 0; i < v.size(); ++i)
      (m[i] > 0 ? least_kept = std::min(least_kept, v[i])
                : most_pruned = std::max(most_pruned, v[i]));
    CHECK(sum((1 - loose[l]) * tight[l]).item() == 0);
  }
  CHECK(least_kept > most_pruned);
}

TEST_CASE("prunable weights: convolutions alone; of nets without any, matrices but the last") {
  const NamedNet resnet(Random(1), {.name = "r8", .in_channels = 1, .size = 28}),
      mlp(Random(1), {.name = "mlp", .in_channels = 1, .size = 28});
  CHECK(n_of(picked(parameters(resnet), prunable(parameters(resnet)))) == 76432);
  CHECK(n_of(picked(parameters(mlp), prunable(parameters(mlp)))) == 784 * 128 + 128 * 128);
  CHECK(prunable_but_classifier(parameters(resnet)) == prunable(parameters(resnet)));
  CHECK(prunable_but_classifier(parameters(mlp)) == prunable(parameters(mlp)));
  // whose classifier is a 1x1 convolution
  const BcResnet words(Random(1), {.tau = 1});
  const std::vector<Tensor> all = parameters(words);
  std::vector<size_t> but_last = prunable(all);
  CHECK(all[but_last.back()].shape() == words.classifier.weight.shape());
  but_last.pop_back();
  CHECK(prunable_but_classifier(all) == but_last);
}

TEST_CASE("distillation: gradients of both sides (section 0, DCIL-3)") {
  const double t = 2, floor = 1e-7;
  const int64_t b = 6, c = 5;
  const Tensor s = (3 * drawn("student", {b, c})).requires_grad_(),
               z = (3 * drawn("teacher", {b, c})).requires_grad_();
  const Tensor q_s = softmax(s.detach() / t, -1), q_t = softmax(z.detach() / t, -1);
  const std::vector<Tensor> g =
      grad(TensorList(distillation(s, z, t)), {s, z}, {.allow_unused = true});
  CHECK(apart(g[0], t * (q_s - q_t) / static_cast<double>(b)) < 1e-12);
  CHECK(!g[1].defined());
  const Tensor with_floor =
      t * ((1 + static_cast<double>(c) * floor) * q_s - q_t - floor) / static_cast<double>(b);
  CHECK(apart(grad(distillation(s, z, t, floor), s), with_floor) < 1e-12);
  CHECK(distillation(s, s, t).item() == doctest::Approx(0).epsilon(1e-12));
  CHECK_THROWS_AS(distillation(s, drawn("z", {b, c + 1})), ShapeError);
}

TEST_CASE("MAP-1, MAP-2, MAP-5: bounds, order, scale and the two limits of attention") {
  using namespace map_pruning;
  const std::vector<Tensor> w = weights();
  for (const Tensor& a : attention(w, 0)) CHECK(apart(a, ones_like(a)) == 0);
  for (const Tensor& a : attention(w, 0.95, {.z = 0})) CHECK(apart(a, ones_like(a)) == 0);
  for (bool per_layer : {false, true}) {
    const double p = 0.9, lb = lower_bound(p, 1);
    const std::vector<Tensor> a = attention(w, p, {.per_layer = per_layer}),
                              scaled = attention({-7 * w[0], -7 * w[1], -7 * w[2]}, p,
                                                 {.per_layer = per_layer});
    double low = 2, high = 0;
    for (size_t l = 0; l < w.size(); ++l) {
      CHECK(apart(a[l], scaled[l]) < 1e-12);
      low = std::min(low, -amax(-a[l]).item()), high = std::max(high, amax(a[l]).item());
      const std::vector<double> m = abs(w[l]).to_vector(), v = a[l].to_vector();
      for (size_t i = 1; i < m.size(); ++i) CHECK((m[i] - m[i - 1]) * (v[i] - v[i - 1]) >= 0);
      if (per_layer) CHECK(amax(a[l]).item() == doctest::Approx(1).epsilon(1e-14));
    }
    CHECK(low == doctest::Approx(lb).epsilon(1e-14));
    CHECK(high == doctest::Approx(1).epsilon(1e-14));
  }
  CHECK(apart(attention({ones({3}, DType::f64)}, 0.9)[0], ones({3}, DType::f64)) == 0);
}

TEST_CASE("MAP-3: the exploration gradient is autograd's of sg(A) W where the mask is soft") {
  using namespace map_pruning;
  const Tensor w = drawn("w", {6, 4}).requires_grad_(), x = drawn("x", {9, 4}),
               target = drawn("y", {9, 6});
  const double p = 0.75, lb = lower_bound(p, 1);
  const Tensor m = magnitude_masks({w.detach()}, p)[0], a = attention({w.detach()}, p)[0];
  const auto loss = [&](const Tensor& effective) {
    return sum(square(linear(x, effective) - target));
  };
  const Tensor factor = exploring(m, a, lb), soft = grad(loss(factor * w), w);
  const Tensor leaf = (factor * w.detach()).requires_grad_();
  CHECK(apart(factor * grad(loss(leaf), leaf), soft) < 1e-12);
  const Tensor hard = (exploiting(m, a) * w.detach()).requires_grad_(), g = grad(loss(hard), hard);
  const Tensor by_hand = where(gt(m, zeros_like(m)), a * g, lb * g);
  CHECK(apart(exploring(m, a, lb) * g, by_hand) < 1e-12);
}

TEST_CASE("DCIL-1, DCIL-2, DCIL-4: each weight has the gradient of its own path") {
  const Tensor w = drawn("w", {5, 8}), x = drawn("x", {12, 8});
  const Tensor y = tensor({0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1}, DType::i64);
  enum Cut { neither, of_sparse, of_dense };  // the path whose loss gives no gradient
  const auto both = [&](const Tensor& m, bool distill, Cut cut = neither) {
    const Tensor sparse = (m * w).requires_grad_(), dense = (w * 1).requires_grad_();
    Tensor z_s = linear(x, sparse), z_d = linear(x, dense);
    if (cut == of_sparse) z_s = z_s.detach();
    if (cut == of_dense) z_d = z_d.detach();
    std::vector<Tensor> g =
        grad(TensorList(dcil::loss(z_s, z_d, y, distill)), {sparse, dense}, {.allow_unused = true});
    for (Tensor& t : g)
      if (!t.defined()) t = zeros_like(w);
    return dcil::refined(m, g[0], g[1]);
  };
  const Tensor m = magnitude_masks({w}, 0.6)[0];
  const Tensor sparse = (m * w).requires_grad_(), dense = (w * 1).requires_grad_();
  const Tensor z_s = linear(x, sparse), z_d = linear(x, dense);
  const Tensor g_s = grad(cross_entropy(z_s, y) + distillation(z_s, z_d.detach()), sparse);
  const Tensor g_d = grad(
      cross_entropy(linear(x, dense), y) + distillation(linear(x, dense), z_s.detach()), dense);
  CHECK(apart(both(m, true), where(gt(m, zeros_like(m)), g_s, g_d)) < 1e-12);
  const Tensor all = ones_like(m), none = zeros_like(m);
  const Tensor plain = grad(cross_entropy(linear(x, dense), y), dense);
  CHECK(apart(both(all, false, of_dense), both(all, false)) == 0);
  CHECK(apart(both(all, false), plain) < 1e-12);
  CHECK(apart(both(none, false, of_sparse), plain) < 1e-12);
  CHECK(sum(abs((1 - m) * both(m, true, of_dense))).item() == 0);
  CHECK(sum(abs(m * both(m, true, of_sparse))).item() == 0);
}

TEST_CASE("costs: parameters, multiply-accumulates and bytes by hand") {
  NamedNet net(Random(3), {.name = "tiny", .in_channels = 1, .size = 16, .classes = 10});
  const int64_t convs = 8 * 9 + 16 * 72, rest = 2 * 8 + 2 * 16 + 160 + 10;
  const Cost whole = cost_of(net(normal(Random(4), {1, 1, 16, 16})), parameters(net));
  CHECK(whole.parameters == convs + rest);
  CHECK(whole.macs == 256 * 72 + 64 * 16 * 72 + 160);
  CHECK(whole.sparse_macs == whole.macs);
  std::vector<Tensor> p = parameters(net);
  const std::vector<size_t> at_ = prunable(p);
  const std::vector<Tensor> masks = magnitude_masks(picked(p, at_), 0.5, {.per_layer = true});
  for (size_t l = 0; l < at_.size(); ++l)
    p[at_[l]] = (p[at_[l]] * masks[l]).detach().requires_grad_();
  net = at(net, p);
  const Cost half = cost_of(net(normal(Random(4), {1, 1, 16, 16})), parameters(net));
  CHECK(half.sparse_macs == 256 * 36 + 64 * 8 * 72 + 160);
  // four bytes a value, and a bit an entry where there are zeros: the norms' shifts, the halves
  CHECK(whole.bytes == 4 * (convs + 8 + 16 + 170) + 1 + 2);
  CHECK(half.bytes == 4 * (convs / 2 + 8 + 16 + 170) + 1 + 2 + 9 + 144);
  CHECK(whole.parameters - half.nonzeros == convs / 2 + 8 + 16);  // the norms' zero shifts too
  CHECK_THROWS_AS(cost_of(normal(Random(4), {1, 10}), p), Error);
}
