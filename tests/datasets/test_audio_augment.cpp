// Augmentation: the exact facts of audio.md (checks 14 and 15), and distributions.
#include <doctest/doctest.h>

#include <regrad/datasets/audio/augment.h>
#include <regrad/engine/autograd.h>
#include <regrad/engine/functional.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "../temp_folder.h"

using namespace regrad;
using namespace regrad::test;

namespace {

double furthest(const Tensor& a, const Tensor& b) {
  REQUIRE(a.shape() == b.shape());
  return max(abs(a - b)).item();
}
// f64 [3, 5, 8, 7] with offsets and scales for each (c, f).
Tensor sample() {
  const Random r(7);
  return normal(r / "x", {3, 5, 8, 7}, 0, 1, DType::f64) *
             uniform(r / "scale", {1, 5, 8, 1}, 0.5, 2, DType::f64) +
         normal(r / "offset", {1, 5, 8, 1}, 0, 2, DType::f64);
}
Tensor index(std::initializer_list<double> values) { return tensor(values, DType::i64); }

}  // namespace

TEST_CASE("beta: mean 1/2, variance 1 / (4 (2 a + 1)), and bounds") {
  for (const double a : {0.01, 0.1, 0.3, 1.0, 4.0}) {
    CAPTURE(a);
    double sum = 0, squares = 0;
    const int n = 20000;
    for (int i = 0; i < n; ++i) {
      const double l = beta(Random(1) / i, a, a);
      REQUIRE(l >= 0);
      REQUIRE(l <= 1);
      sum += l, squares += (l - 0.5) * (l - 0.5);
    }
    const double variance = 1 / (4 * (2 * a + 1));
    CHECK(std::abs(sum / n - 0.5) < 4 * std::sqrt(variance / n));
    CHECK(squares / n == doctest::Approx(variance).epsilon(0.03));
  }
  double sum = 0;
  for (int i = 0; i < 20000; ++i) sum += beta(Random(2) / i, 2, 6);
  CHECK(sum / 20000 == doctest::Approx(0.25).epsilon(0.02));
  CHECK(complaint<ConfigError>([] { beta(Random(1), 0, 1); }, "above 0") == "");
}

TEST_CASE("mix style: l = 1 and partner = self give x, l = 0 the partner's statistics (check 14)") {
  const Tensor x = sample(), partner = index({1, 2, 0}), one = ones({3}, DType::f64),
               none = zeros({3}, DType::f64);
  for (const Dims& dims : {Dims{2, 3}, Dims{1, 3}}) {
    CHECK(furthest(mix_statistics(x, dims, partner, one), x) < 1e-12);
    CHECK(furthest(mix_statistics(x, dims, index({0, 1, 2}), tensor({0.3, 0.5, 0.9}, DType::f64)),
                   x) < 1e-12);
    const Tensor y = mix_statistics(x, dims, partner, none), theirs = index_select(x, 0, partner);
    CHECK(furthest(mean(y, dims), mean(theirs, dims)) < 1e-12);
    CHECK(furthest(regrad::std(y, dims, 0), regrad::std(theirs, dims, 0)) < 1e-4);  // within eps
  }
}

TEST_CASE("Freq-MixStyle followed by IFN is IFN (check 14), MixStyle is not") {
  const Tensor x = sample(), partner = index({1, 2, 0}), l = tensor({0.2, 0.5, 0.7}, DType::f64);
  const auto ifn = [](const Tensor& t) { return standardize(t, {1, 3}, 1e-13); };
  CHECK(furthest(ifn(mix_statistics(x, {1, 3}, partner, l, 1e-13)), ifn(x)) < 1e-10);
  CHECK(furthest(ifn(mix_statistics(x, {2, 3}, partner, l, 1e-13)), ifn(x)) > 0.1);
}

TEST_CASE("mix style: statistics are detached, and p decides") {
  const Tensor x = sample().requires_grad_();
  const Tensor partner = index({1, 2, 0}), l = zeros({3}, DType::f64);
  // dy/dx is then sig_j / sig for each element.
  const Tensor g = grad(sum(mix_statistics(x, {2, 3}, partner, l)), x);
  const Tensor sig = sqrt(var(x.detach(), {2, 3}, 0, true) + 1e-6);
  CHECK(furthest(g, (index_select(sig, 0, partner) / sig).expand(x.shape())) < 1e-12);
  int changed = 0;
  for (int i = 0; i < 400; ++i)
    changed += max(abs(mix_style(x, Random(5) / i, {.p = 0.25}) - x)).item() > 0;
  CHECK(changed > 65);
  CHECK(changed < 135);
  CHECK(furthest(freq_mix_style(x, Random(1), {.p = 0}), x) == 0);
  CHECK(furthest(freq_mix_style(x, Random(1), {.p = 1, .alpha = 1}), x) > 0);
  CHECK(complaint<ConfigError>([&] { mix_style(x, Random(1), {.p = 2}); }, "p must lie") == "");
  CHECK(complaint<ShapeError>([&] { mix_style(x[0], Random(1)); }, "[5,8,7]") == "");
}

TEST_CASE("mixup: l = 1 gives x and its label, labels sum to 1 (check 15)") {
  const Tensor x = sample(), y = one_hot(index({0, 3, 1}), 4).to(DType::f64),
               partner = index({2, 0, 1});
  const Mixed same = mixup(x, y, partner, ones({3}, DType::f64)),
              other = mixup(x, y, partner, zeros({3}, DType::f64));
  CHECK(furthest(same.x, x) == 0);
  CHECK(furthest(same.y, y) == 0);
  CHECK(furthest(other.x, index_select(x, 0, partner)) == 0);
  const Mixed half = mixup(x, y, partner, tensor({0.25, 0.5, 1}, DType::f64));
  CHECK(furthest(half.x[0], x[0] * 0.25 + x[2] * 0.75) < 1e-15);
  CHECK(half.y[0].to_vector() == std::vector<double>{0.25, 0.75, 0, 0});
  const Mixed drawn = mixup(x, y, 0.3, Random(3));
  CHECK(furthest(sum(drawn.y, {1}), ones({3}, DType::f64)) < 1e-15);
  CHECK(complaint<ShapeError>([&] { mixup(x, y, index({0}), ones({3}, DType::f64)); }, "differ") ==
        "");
}

TEST_CASE("SpecAugment: never its maximum or more, masked cells 0, the rest as it was (check 15)") {
  const Tensor x = ones({6, 2, 20, 30});
  std::set<int64_t> widths[2];
  int64_t edges[2] = {0, 0};
  for (int trial = 0; trial < 200; ++trial) {
    const bool time = trial % 2 == 1;
    const SpecAugment one{.frequency_masks = time ? 0 : 1,
                          .frequency_max = 5,
                          .time_masks = time ? 1 : 0,
                          .time_max = 7};
    const std::vector<double> y = spec_augment(x, one, Random(9) / trial).to_vector();
    for (int64_t i = 0; i < 6; ++i) {
      // The masked rows or columns of the first channel; the second has the same, whole.
      std::set<int64_t> masked;
      for (int64_t f = 0; f < 20; ++f)
        for (int64_t t = 0; t < 30; ++t)
          if (y[static_cast<size_t>(((i * 2) * 20 + f) * 30 + t)] == 0) masked.insert(time ? t : f);
      for (int64_t c = 0; c < 2; ++c)
        for (int64_t f = 0; f < 20; ++f)
          for (int64_t t = 0; t < 30; ++t)
            REQUIRE(y[static_cast<size_t>(((i * 2 + c) * 20 + f) * 30 + t)] ==
                    (masked.count(time ? t : f) ? 0 : 1));
      widths[time].insert(static_cast<int64_t>(masked.size()));
      // neighbours
      if (!masked.empty())
        REQUIRE(*masked.rbegin() - *masked.begin() + 1 == static_cast<int64_t>(masked.size()));
      edges[time] += masked.count(time ? 29 : 19) > 0;
    }
  }
  CHECK(widths[0] == std::set<int64_t>{0, 1, 2, 3, 4});
  CHECK(widths[1] == std::set<int64_t>{0, 1, 2, 3, 4, 5, 6});
  CHECK(edges[0] > 0);
  CHECK(edges[1] > 0);
  CHECK(furthest(spec_augment(x, {}, Random(1)), x) == 0);
  // cut to F
  CHECK(sum(spec_augment(x, {.frequency_masks = 40, .frequency_max = 1000}, Random(1))).item() ==
        0);
  CHECK(complaint<ConfigError>([&] { spec_augment(x, {.time_max = -1}, Random(1)); },
                               "0 or more") == "");
  CHECK(complaint<ShapeError>([&] { spec_augment(ones({20, 30}), {}, Random(1)); }, "dims") == "");
}

TEST_CASE("time roll: k then -k is the identity, statistics stay (check 15)") {
  const Tensor x = normal(Random(1), {4, 2, 3, 11});
  CHECK(furthest(roll(roll(x, 4, -1), -4, -1), x) == 0);
  std::set<int64_t> shifts;
  for (int trial = 0; trial < 60; ++trial) {
    const Tensor y = time_roll(x, 3, Random(2) / trial);
    for (int64_t i = 0; i < 4; ++i) {
      int64_t found = 99;
      for (int64_t k = -3; k <= 3; ++k)
        if (furthest(y[i], roll(x[i], k, -1)) == 0) found = k;
      REQUIRE(found != 99);
      shifts.insert(found);
    }
    CHECK(furthest(mean(y, {1, 3}), mean(x, {1, 3})) < 1e-6);
    CHECK(furthest(var(y, {1, 3}), var(x, {1, 3})) < 1e-5);
  }
  CHECK(shifts.size() == 7);
  CHECK(time_roll(zeros({2, 5}), 100, Random(1)).shape() == Shape{2, 5});
  CHECK(complaint<ConfigError>([&] { time_roll(x, -1, Random(1)); }, "most is -1") == "");
}
