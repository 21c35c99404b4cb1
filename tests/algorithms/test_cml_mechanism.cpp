// CKA, gradient norms by layer and the cosine of the heads, each against its formula.
#include <doctest/doctest.h>
#include <regrad/algorithms/cml/experiment/mechanism.h>

#include "cml_nets.h"

using namespace regrad;
using namespace regrad::test;

namespace {

// CKA by its definition on features: |B^T A|^2 / (|A^T A| |B^T B|), columns centred, by loops.
double cka_by_definition(const std::vector<double>& a, const std::vector<double>& b, size_t n,
                         size_t p, size_t q) {
  const auto centred = [n](std::vector<double> x, size_t d) {
    for (size_t j = 0; j < d; ++j) {
      double m = 0;
      for (size_t i = 0; i < n; ++i) m += x[i * d + j] / static_cast<double>(n);
      for (size_t i = 0; i < n; ++i) x[i * d + j] -= m;
    }
    return x;
  };
  const auto cross = [n](const std::vector<double>& x, size_t d, const std::vector<double>& y,
                         size_t e) {
    double total = 0;
    for (size_t j = 0; j < d; ++j) {
      for (size_t k = 0; k < e; ++k) {
        double dot = 0;
        for (size_t i = 0; i < n; ++i) dot += x[i * d + j] * y[i * e + k];
        total += dot * dot;
      }
    }
    return total;
  };
  const std::vector<double> x = centred(a, p), y = centred(b, q);
  return cross(x, p, y, q) / std::sqrt(cross(x, p, x, p) * cross(y, q, y, q));
}

Tensor rotated(const Tensor& x, double angle) {  // the last two features of three
  const double c = std::cos(angle), s = std::sin(angle);
  return matmul(x, tensor({1, 0, 0, 0, c, -s, 0, s, c}, {3, 3}, DType::f64));
}

}  // namespace

TEST_CASE(
    "linear CKA is its definition, task by task; it does not see rotations, scales or shifts") {
  const Tensor a = normal(Random(1) / "a", {3, 9, 2, 3}, 1, 1, DType::f64),
               b = normal(Random(1) / "b", {3, 9, 4}, 0, 1, DType::f64);
  const std::vector<double> found = cml::linear_cka(a, b);
  REQUIRE(found.size() == 3);
  for (int64_t t = 0; t < 3; ++t) {
    const double expected = cka_by_definition(a[t].to_vector(), b[t].to_vector(), 9, 6, 4);
    CHECK(std::abs(found[static_cast<size_t>(t)] - expected) <= 1e-12);
    CHECK(expected > 0.01);
    CHECK(expected < 0.99);
  }
  const Tensor c = normal(Random(2), {2, 40, 3}, 0, 1, DType::f64);
  for (double v : cml::linear_cka(c, rotated(c, 0.7) * 3.0 + 5.0)) CHECK(std::abs(v - 1) <= 1e-12);
  for (double v : cml::linear_cka(c, c * tensor({1, 0, 0}, DType::f64))) CHECK(v < 0.95);
  // Features that never change, such as dead units: like each other, unlike the rest.
  CHECK(cml::linear_cka(c, zeros({2, 40, 3}, DType::f64)) == std::vector<double>{0, 0});
  CHECK(cml::linear_cka(ones({2, 8, 3}), zeros({2, 8, 5})) == std::vector<double>{1, 1});
  CHECK_THROWS_AS(cml::linear_cka(c, zeros({2, 39, 3}, DType::f64)), ShapeError);
  CHECK_THROWS_AS(cml::linear_cka(c, zeros({3, 40, 3}, DType::f64)), ShapeError);
}

TEST_CASE("layers are grouped by name, norms are over all of a layer") {
  const Tensor w = normal(Random(3), {2, 3, 4}, 0, 1, DType::f64),
               b = normal(Random(4), {2, 3}, 0, 1, DType::f64);
  const auto layers = cml::by_layer({{"blocks.0.conv.weight", w},
                                     {"blocks.0.norm.bias", b},
                                     {"blocks.1.conv.weight", w},
                                     {"out.weight", w}});
  REQUIRE(layers.size() == 3);
  CHECK(layers[0].size() == 2);
  CHECK(layers[1].size() == 1);
  double expected = 0;
  for (int64_t t = 0; t < 2; ++t) {
    double squares = 0;
    for (double v : w[t].to_vector()) squares += v * v;
    for (double v : b[t].to_vector()) squares += v * v;
    expected += std::sqrt(squares) / 2;
  }
  CHECK(std::abs(cml::mean_norm(layers[0]) - expected) <= 1e-13);
}

TEST_CASE("the cosine of the heads and the support gradient, against gradients made apart") {
  const Net net = sinusoid_net(5, 8);
  const TaskBatch batch = sinusoids(6, 3);
  const Net fast = as_leaves(adapted(net, cml::Rule<>{.inner = {.alpha = 0.05}}, mse_loss_by_task,
                                     batch.support_x, batch.support_y));
  std::vector<double> meta, co;
  std::vector<double> norms(3, 0);
  for (int64_t t = 0; t < 3; ++t) {
    const Net one = as_leaves(map(fast, [t](const Tensor& p) { return p[t]; }));
    const auto body_gradient = [&](const auto& head) {
      return flat(grad(mse_loss(head(one.body(batch.query_x[t])), batch.query_y[t]), one.body));
    };
    for (double v : body_gradient(one.head)) meta.push_back(v);
    for (double v : body_gradient(one.cohead)) co.push_back(v);
    const Net g = grad(mse_loss(one.head(one.body(batch.support_x[t])), batch.support_y[t]), one);
    const auto norm_of = [](const std::vector<double>& v) {
      double s = 0;
      for (double x : v) s += x * x;
      return std::sqrt(s);
    };
    norms[0] += norm_of(flat(g.body.layers[0])) / 3;
    norms[1] += norm_of(flat(g.body.layers[1])) / 3;
    norms[2] += norm_of(flat(g.head)) / 3;
  }
  // The body's first layer has 16 of a task's 88 numbers.
  const auto cosine_from = [&](size_t first) {
    double dot = 0, mm = 0, cc = 0;
    for (size_t i = 0; i < meta.size(); ++i)
      if (i % 88 >= first) dot += meta[i] * co[i], mm += meta[i] * meta[i], cc += co[i] * co[i];
    return dot / std::sqrt(mm * cc);
  };
  REQUIRE(meta.size() == 3 * 88);
  experiment::Moment cosines;
  cml::log_cosine_of_heads(fast, mse_loss_by_task, batch, cosines);
  REQUIRE(cosines.size() == 2);
  CHECK(cosines[0].first == "cosine of the heads' gradients, whole body");
  CHECK(std::abs(cosines[0].second - cosine_from(0)) <= 1e-12);
  CHECK(cosines[1].first == "cosine of the heads' gradients, last body layer");
  CHECK(std::abs(cosines[1].second - cosine_from(16)) <= 1e-12);
  CHECK(std::abs(cosine_from(0) - cosine_from(16)) > 1e-3);

  experiment::Moment m;
  cml::log_support_gradient(fast, mse_loss_by_task, batch, m);
  REQUIRE(m.size() == 3);
  CHECK(m[0].first == "support gradient's norm, body layer 1");
  CHECK(m[2].first == "support gradient's norm, head");
  for (size_t l = 0; l < 3; ++l) CHECK(std::abs(m[l].second - norms[l]) <= 1e-12 * norms[l]);
}

TEST_CASE(
    "CKA of a net with itself is 1 in each layer; where adaptation changes a layer it is less") {
  const Net net = sinusoid_net(7, 8);
  const TaskBatch batch = sinusoids(8, 3, 20);
  experiment::Moment same, changed;
  cml::log_cka(net, per_task(net, 3), batch.query_x, same);
  REQUIRE(same.size() == 3);
  CHECK(same[1].first == "CKA before and after adaptation, body layer 2");
  for (const auto& [name, v] : same) CHECK(std::abs(v - 1) <= 1e-12);
  cml::log_cka(net,
               adapted(net, cml::Rule<>{.inner = {.alpha = 0.2, .steps = 5}}, mse_loss_by_task,
                       batch.support_x, batch.support_y),
               batch.query_x, changed);
  for (const auto& entry : changed) CHECK_MESSAGE(entry.second < 1 - 1e-6, entry.first);
  const std::vector<Tensor> activations = net.body.activations(batch.query_x);
  CHECK(activations.size() == 2);
  CHECK(activations.back().to_vector() == net.body(batch.query_x).to_vector());
}
