// Linear probes against plain loops, and each head against itself alone.
#include <doctest/doctest.h>

#include <regrad/algorithms/sdssl/probe.h>
#include <regrad/engine/error.h>
#include <regrad/engine/ops.h>
#include <regrad/engine/parallel.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "sdssl_data.h"

using namespace regrad;
using namespace regrad::sdssl;
using namespace regrad::test;

namespace {

using Numbers = std::vector<double>;

// One head [classes, d + 1], its last column the bias, trained by loops.
struct Told {
  int64_t classes, d;
  Numbers w, v;
  Told(int64_t of_classes, int64_t of_d)
      : classes(of_classes), d(of_d), w(static_cast<size_t>(classes * (d + 1))), v(w.size()) {}

  double& at(Numbers& of, int64_t c, int64_t j) { return of[static_cast<size_t>(c * (d + 1) + j)]; }
  Numbers probabilities(const Numbers& x) {
    Numbers p;
    double total = 0;
    for (int64_t c = 0; c < classes; ++c) {
      double z = at(w, c, d);
      for (int64_t j = 0; j < d; ++j) z += at(w, c, j) * x[static_cast<size_t>(j)];
      p.push_back(std::exp(z));
      total += p.back();
    }
    for (double& one : p) one /= total;
    return p;
  }
  void step(const std::vector<Numbers>& x, const std::vector<int64_t>& y, double lr,
            double momentum) {
    Numbers g(w.size());
    for (size_t i = 0; i < x.size(); ++i) {
      const Numbers p = probabilities(x[i]);
      for (int64_t c = 0; c < classes; ++c) {
        const double error =
            (p[static_cast<size_t>(c)] - (c == y[i] ? 1 : 0)) / static_cast<double>(x.size());
        for (int64_t j = 0; j < d; ++j) at(g, c, j) += error * x[i][static_cast<size_t>(j)];
        at(g, c, d) += error;
      }
    }
    for (size_t k = 0; k < w.size(); ++k) {
      v[k] = momentum * v[k] + g[k];
      w[k] -= lr * v[k];
    }
  }
};

// Head l of features [n,L,d] of each epoch.
Told told(const EpochFeatures& of, const Tensor& labels, int64_t classes, const ProbeOptions& o,
          int64_t l) {
  const Tensor first = of(0);
  const int64_t n = first.size(0), batch = std::min(o.batch, n), steps = (n - 1) / batch + 1;
  Told head(classes, first.size(2));
  int64_t t = 0;
  for (int64_t epoch = 0; epoch < o.epochs; ++epoch) {
    const Tensor x = of(epoch);
    const std::vector<int64_t> order = randperm(o.random / "order" / epoch, n).to_vector<int64_t>();
    for (int64_t i = 0; i < steps; ++i, ++t) {
      std::vector<Numbers> rows;
      std::vector<int64_t> y;
      for (int64_t k = i * batch; k < std::min(n, (i + 1) * batch); ++k) {
        const int64_t row = order[static_cast<size_t>(k)];
        rows.push_back(x[row][l].to_vector());
        y.push_back(labels.data<int64_t>()[row]);
      }
      const double lr = o.lr * static_cast<double>(batch) / 256 *
                        (1 + std::cos(std::numbers::pi * static_cast<double>(t) /
                                      static_cast<double>(o.epochs * steps))) /
                        2;
      head.step(rows, y, lr, o.momentum);
    }
  }
  return head;
}

void compare(const LinearProbe& probe, Told head, int64_t l) {
  for (int64_t c = 0; c < head.classes; ++c) {
    for (int64_t j = 0; j < head.d; ++j)
      CHECK(probe.weight[l][c][j].item() == doctest::Approx(head.at(head.w, c, j)).epsilon(1e-10));
    CHECK(probe.bias[l][c].item() == doctest::Approx(head.at(head.w, c, head.d)).epsilon(1e-10));
  }
}

}  // namespace

TEST_CASE("linear probe: 20 steps of three heads told by loops") {
  const Tensor x = features(1, {13, 3, 4}) * 4, y = classes_of(13);
  // Four batches an epoch, the last of one row.
  const ProbeOptions o{.epochs = 5, .batch = 4, .lr = 20, .random = Random(7)};
  const LinearProbe probe = linear_probe(x, y, 3, o);
  CHECK(probe.weight.shape() == Shape{3, 3, 4});
  CHECK(probe.bias.shape() == Shape{3, 3});
  CHECK(!probe.weight.requires_grad());
  for (int64_t l = 0; l < 3; ++l) compare(probe, told([&](int64_t) { return x; }, y, 3, o, l), l);
  // All rows in one batch.
  const ProbeOptions whole{.epochs = 20, .batch = 64, .lr = 20, .momentum = 0.5};
  compare(linear_probe(x, y, 3, whole), told([&](int64_t) { return x; }, y, 3, whole, 1), 1);
}

TEST_CASE("linear probe: features of each epoch, asked for once") {
  const Tensor y = classes_of(13);
  const EpochFeatures of = [](int64_t epoch) {
    return features(static_cast<uint32_t>(10 + epoch), {13, 2, 4});
  };
  std::vector<int64_t> asked;
  const ProbeOptions o{.epochs = 5, .batch = 4, .lr = 20, .random = Random(7)};
  const LinearProbe probe = linear_probe(
      [&](int64_t epoch) {
        asked.push_back(epoch);
        return of(epoch);
      },
      y, 3, o);
  CHECK(asked == std::vector<int64_t>{0, 1, 2, 3, 4});
  for (int64_t l = 0; l < 2; ++l) compare(probe, told(of, y, 3, o, l), l);
}

TEST_CASE("linear probe: a head alone, and among others, to the last bit") {
  const int before = num_threads();
  const Tensor x = features(2, {150, 5, 37}, DType::f32), y = classes_of(150, 7);
  const ProbeOptions o{.epochs = 3, .batch = 40, .lr = 2};
  std::vector<double> first;
  for (const int threads : {1, 2, 3}) {
    set_num_threads(threads);
    const LinearProbe all = linear_probe(x, y, 7, o);
    if (first.empty()) first = all.weight.to_vector();
    CHECK(all.weight.to_vector() == first);
    for (int64_t l = 0; l < 5; ++l) {
      const LinearProbe alone = linear_probe(slice(x, 1, l, l + 1), y, 7, o);
      CHECK(alone.weight[0].to_vector() == all.weight[l].to_vector());
      CHECK(alone.bias[0].to_vector() == all.bias[l].to_vector());
      const LinearProbe flat = linear_probe(select(x, 1, l), y, 7, o);
      CHECK(flat.weight[0].to_vector() == all.weight[l].to_vector());
    }
  }
  set_num_threads(before);
  CHECK(linear_probe(x, y, 7, {.epochs = 3, .batch = 40, .lr = 2, .random = Random(1)})
            .weight.to_vector() != first);
}

TEST_CASE("linear probe: finds what is there, layer by layer") {
  const Tensor y = classes_of(120), noise = features(3, {120, 2, 5}, DType::f32);
  std::vector<double> marks(120 * 2 * 5);
  for (size_t i = 0; i < 120; ++i) marks[i * 10 + 5 + i % 3] = 2;  // layer 1 alone
  const Tensor x = noise + tensor(marks, {120, 2, 5});
  const LinearProbe probe = linear_probe(x, y, 3, {.epochs = 30, .batch = 30, .lr = 1});
  const std::vector<double> right = probe_accuracy(probe, x, y);
  REQUIRE(right.size() == 2);
  CHECK(right[1] == 1);
  CHECK(right[0] < 0.7);
  // The same by logits, the first of equal ones.
  const Tensor logits = probe(x);
  CHECK(logits.shape() == Shape{2, 120, 3});
  int64_t hits = 0;
  for (int64_t i = 0; i < 120; ++i) {
    const std::vector<double> z = logits[0][i].to_vector();
    hits += std::max_element(z.begin(), z.end()) - z.begin() == i % 3;
  }
  CHECK(right[0] == static_cast<double>(hits) / 120);
  const LinearProbe untrained{zeros({1, 3, 5}), zeros({1, 3})};
  CHECK(probe_accuracy(untrained, select(x, 1, 0), y)[0] == doctest::Approx(1.0 / 3));
}

TEST_CASE("linear probe: errors") {
  const Tensor x = features(1, {6, 2, 3}), y = classes_of(6);
  CHECK_THROWS_AS(linear_probe(x, classes_of(5), 3), ShapeError);
  CHECK_THROWS_AS(linear_probe(x, y, 2), ShapeError);
  CHECK_THROWS_AS(linear_probe(features(1, {6}), y, 3), ShapeError);
  CHECK_THROWS_AS(linear_probe(x, x, 3), DTypeError);
  CHECK_THROWS_AS(linear_probe(y.reshape({6, 1}), y, 3), DTypeError);
  CHECK_THROWS_AS(linear_probe(x * NAN, y, 3), NumericError);
  CHECK_THROWS_AS(linear_probe(x, y, 0), ConfigError);
  CHECK_THROWS_AS(linear_probe(x, y, 3, {.epochs = 0}), ConfigError);
  CHECK_THROWS_AS(linear_probe(x, y, 3, {.batch = 0}), ConfigError);
  CHECK_THROWS_AS(linear_probe(x, y, 3, {.lr = 0}), ConfigError);
  CHECK_THROWS_AS(linear_probe(x, y, 3, {.momentum = 1}), ConfigError);
  CHECK_THROWS_AS(linear_probe(
                      [](int64_t e) {
                        return features(1, {6, 2 + e, 3});
                      },
                      y, 3, {.epochs = 2}),
                  ShapeError);
}
