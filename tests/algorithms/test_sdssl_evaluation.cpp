// Measures of frozen features: scikit-learn's figures, plain loops, and values known in advance.
#include <doctest/doctest.h>

#include <regrad/algorithms/sdssl/evaluation.h>
#include <regrad/engine/error.h>
#include <regrad/engine/ops.h>
#include <regrad/engine/parallel.h>
#include <regrad/engine/random.h>

#include <algorithm>
#include <cmath>

#include "sdssl_data.h"

using namespace regrad;
using namespace regrad::sdssl;
using namespace regrad::test;

namespace {

double furthest(const Tensor& a, const std::vector<double>& b) {
  const std::vector<double> x = a.to_vector();
  REQUIRE(x.size() == b.size());
  double most = 0;
  for (size_t i = 0; i < x.size(); ++i) most = std::max(most, std::abs(x[i] - b[i]));
  return most;
}

// Rows at the given cosines to (1, 0).
Tensor at_cosines(const std::vector<double>& cosines) {
  std::vector<double> x;
  for (const double c : cosines) {
    x.push_back(3 * c);  // the length does not count
    x.push_back(3 * std::sqrt(1 - c * c));
  }
  return tensor(x, {static_cast<int64_t>(cosines.size()), 2}, DType::f64);
}

std::vector<double> row(const Tensor& x, int64_t i) { return x[i].to_vector(); }

double squared(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (size_t j = 0; j < a.size(); ++j) sum += (a[j] - b[j]) * (a[j] - b[j]);
  return sum;
}

std::vector<double> unit_length(std::vector<double> a) {
  double sum = 0;
  for (const double v : a) sum += v * v;
  for (double& v : a) v /= std::sqrt(sum);
  return a;
}

}  // namespace

TEST_CASE("k-NN: shares of scikit-learn's weighted neighbours") {
  const auto golden = golden_sdssl();
  const Tensor bank = features(1, {60, 8}), queries = features(2, {12, 8}), y = classes_of(60);
  const std::pair<const char*, KnnOptions> cases[] = {{"knn_paper", {}},
                                                      {"knn_transfer", {.temperature = 0.03}},
                                                      {"knn_few", {.k = 5, .temperature = 1}},
                                                      {"knn_one", {.k = 1}}};
  for (const auto& one : cases) {
    const std::string name = one.first;
    const KnnOptions options = one.second;
    CAPTURE(name);
    CHECK(furthest(knn_scores(bank, y, 3, queries, options), golden.at(name)) < 1e-10);
    // Lengths do not count.
    CHECK(furthest(knn_scores(bank * 7, y, 3, queries * 0.01, options), golden.at(name)) < 1e-10);
    const Tensor in_f32 = knn_scores(bank.to(DType::f32), y, 3, queries.to(DType::f32), options);
    CHECK(in_f32.dtype() == DType::f64);
    CHECK(furthest(in_f32, golden.at(name)) < 1e-4);
  }
}

TEST_CASE("k-NN: one near neighbour against two further ones, by temperature") {
  const Tensor bank = at_cosines({0.8, 0.9, 0.8, -1}), y = tensor({1, 0, 1, 1}, DType::i64),
               q = tensor({1, 0}, {1, 2}, DType::f64);
  const double a = std::exp(0.9 / 0.07), b = 2 * std::exp(0.8 / 0.07);
  CHECK(furthest(knn_scores(bank, y, 2, q, {.k = 3}), {a / (a + b), b / (a + b)}) < 1e-12);
  CHECK(knn_predict(bank, y, 2, q, {.k = 3}).item() == 0);
  CHECK(knn_predict(bank, y, 2, q, {.k = 3, .temperature = 1}).item() == 1);
  CHECK(knn_predict(bank, y, 2, q, {.k = 1, .temperature = 1}).item() == 0);
  // A temperature whose weights no double holds.
  CHECK(row(knn_scores(bank, y, 2, q, {.k = 3, .temperature = 1e-5}), 0) == std::vector{1.0, 0.0});
}

TEST_CASE("k-NN: ties go to the first rows, and to the lowest class") {
  const Tensor q = tensor({1, 0}, {1, 2}, DType::f64);
  // Six rows of one vector: of a 2 and three 1 within the first four.
  const Tensor equal = at_cosines({0.5, 0.5, 0.5, 0.5, 0.5, 0.5});
  CHECK(row(knn_scores(equal, tensor({2, 1, 1, 1, 0, 0}, DType::i64), 3, q, {.k = 4}), 0) ==
        std::vector{0.0, 0.75, 0.25});
  CHECK(knn_predict(equal, tensor({2, 1, 2, 1, 0, 0}, DType::i64), 3, q, {.k = 4}).item() == 1);
  // A row without length is as far from all.
  CHECK(knn_predict(equal, tensor({2, 1, 1, 1, 0, 0}, DType::i64), 3, zeros({1, 2}, DType::f64),
                    {.k = 1})
            .item() == 2);
}

TEST_CASE("k-NN: by blocks of queries, layers, and any number of threads") {
  const int before = num_threads();
  const Tensor bank = features(3, {90, 2, 12}, DType::f32),
               queries = features(4, {530, 2, 12}, DType::f32), y = classes_of(90, 4),
               truth = classes_of(530, 4);
  std::vector<double> first;
  for (const int threads : {1, 2, 3}) {
    set_num_threads(threads);
    const std::vector<double> scores =
        knn_scores(select(bank, 1, 0), y, 4, select(queries, 1, 0)).to_vector();
    if (first.empty()) first = scores;
    CHECK(scores == first);
  }
  set_num_threads(before);
  for (const int64_t i : {0, 255, 256, 529})
    CHECK(furthest(knn_scores(select(bank, 1, 0), y, 4, slice(select(queries, 1, 0), 0, i, i + 1)),
                   {first.begin() + 4 * i, first.begin() + 4 * i + 4}) < 1e-5);
  const std::vector<double> layers = knn_accuracy(bank, y, 4, queries, truth, {.k = 7});
  REQUIRE(layers.size() == 2);
  for (const int64_t l : {0, 1}) {
    const std::vector<double> predicted =
        knn_predict(select(bank, 1, l), y, 4, select(queries, 1, l), {.k = 7}).to_vector();
    double right = 0;
    for (size_t i = 0; i < 530; ++i) right += predicted[i] == static_cast<double>(i % 4);
    CHECK(layers[static_cast<size_t>(l)] == right / 530);
  }
  CHECK(layers[0] != layers[1]);
  // Rows that are in the bank find themselves.
  CHECK(knn_accuracy(bank, y, 4, bank, y, {.k = 1}) == std::vector{1.0, 1.0});
}

TEST_CASE("k-NN: errors") {
  const Tensor x = features(1, {6, 3}), y = classes_of(6);
  CHECK_THROWS_AS(knn_scores(x, y, 3, features(1, {6, 2}), {.k = 2}), ShapeError);
  CHECK_THROWS_AS(knn_scores(x, classes_of(5), 3, x, {.k = 2}), ShapeError);
  CHECK_THROWS_AS(knn_scores(x, y, 2, x, {.k = 2}), ShapeError);
  CHECK_THROWS_AS(knn_scores(x, x, 3, x, {.k = 2}), DTypeError);
  CHECK_THROWS_AS(knn_scores(x, y, 3, x.to(DType::f32), {.k = 2}), DTypeError);
  CHECK_THROWS_AS(knn_scores(x, y, 3, x), ConfigError);  // k is 20
  CHECK_THROWS_AS(knn_scores(x, y, 3, x, {.k = 0}), ConfigError);
  CHECK_THROWS_AS(knn_scores(x, y, 3, x, {.k = 2, .temperature = 0}), ConfigError);
  CHECK_THROWS_AS(knn_scores(x, y, 0, x, {.k = 2}), ConfigError);
  CHECK_THROWS_AS(knn_scores(x * NAN, y, 3, x, {.k = 2}), NumericError);
  CHECK_THROWS_AS(knn_scores(x, y, 3, x / 0, {.k = 2}), NumericError);
  CHECK_THROWS_AS(knn_accuracy(x, y, 3, features(1, {6, 2, 3}), y, {.k = 2}), ShapeError);
}

TEST_CASE("alignment: every pair, one by one") {
  const Tensor a = features(5, {9, 2, 4}), b = features(6, {9, 2, 4});
  for (const bool normalize : {true, false}) {
    const Alignment found = alignment(a, b, normalize);
    REQUIRE(found.ratio.size() == 2);
    for (int64_t l = 0; l < 2; ++l) {
      const auto at = static_cast<size_t>(l);
      const auto of = [&](const Tensor& x, int64_t i) {
        const std::vector<double> v = row(select(x, 1, l), i);
        return normalize ? unit_length(v) : v;
      };
      double positive = 0, negative = 0;
      for (int64_t i = 0; i < 9; ++i) {
        positive += squared(of(a, i), of(b, i)) / 9;
        for (int64_t j = 0; j < 9; ++j) negative += squared(of(a, i), of(a, j)) / 72;
      }
      CHECK(found.positive[at] == doctest::Approx(positive).epsilon(1e-12));
      CHECK(found.negative[at] == doctest::Approx(negative).epsilon(1e-12));
      CHECK(found.ratio[at] == doctest::Approx(negative / positive).epsilon(1e-12));
    }
  }
  CHECK(alignment(select(a, 1, 1), select(b, 1, 1)).ratio[0] == alignment(a, b).ratio[1]);
  CHECK(alignment(a * 3, b * 3, false).positive[0] ==
        doctest::Approx(9 * alignment(a, b, false).positive[0]).epsilon(1e-12));
}

TEST_CASE("alignment: values known in advance") {
  const Tensor a = features(5, {9, 4});
  const Alignment same = alignment(a, a);
  CHECK(same.positive[0] == 0);
  CHECK(std::isinf(same.ratio[0]));
  CHECK(alignment(a, -1 * a).positive[0] == doctest::Approx(4).epsilon(1e-12));
  const Tensor all_one = ones({5, 3});
  CHECK(alignment(all_one, all_one).negative[0] < 1e-30);
  CHECK(std::isnan(alignment(all_one, all_one, false).ratio[0]));
  // Of 1,000 independent directions the mean cosine of a pair has deviation 1.8e-4.
  const Tensor directions = normal(Random(4), {1000, 64}), others = normal(Random(5), {1000, 64});
  const Alignment found = alignment(directions, others);
  CHECK(std::abs(found.negative[0] - 2) < 2 * 4 * 1.8e-4);
  CHECK(std::abs(found.positive[0] - 2) < 2 * 4 * 0.125 / std::sqrt(1000));
  CHECK_THROWS_AS(alignment(a, features(5, {8, 4})), ShapeError);
  CHECK_THROWS_AS(alignment(ones({1, 4}), ones({1, 4})), ShapeError);
  CHECK_THROWS_AS(alignment(a, a * NAN), NumericError);
  CHECK_THROWS_AS(alignment(classes_of(4).reshape({2, 2}), a), ShapeError);
}

TEST_CASE("effective rank: of eigenvalues known in advance, tall and wide") {
  const Tensor cross = tensor({3, 0, -3, 0, 0, 1, 0, -1}, {4, 2}, DType::f64);  // 9 to 1
  const double expected = std::exp(-0.9 * std::log(0.9) - 0.1 * std::log(0.1));
  CHECK(effective_rank(cross) == doctest::Approx(expected).epsilon(1e-12));
  CHECK(effective_rank(cross + 100) == doctest::Approx(expected).epsilon(1e-10));
  CHECK(effective_rank(cross * 1e-6) == doctest::Approx(expected).epsilon(1e-12));
  for (const double by : {0, 100})
    CHECK(effective_rank(cat({cross, zeros({4, 5}, DType::f64)}, 1) + by) ==
          doctest::Approx(expected).epsilon(1e-10));
  CHECK(effective_rank(tensor({1, 2, 2, 4, 7, 14}, {3, 2})) == doctest::Approx(1).epsilon(1e-6));
  CHECK(effective_rank(eye(5)) == doctest::Approx(4).epsilon(1e-10));
  CHECK(effective_rank(full({6, 3}, 0.1)) == 0);
  CHECK(effective_rank(zeros({6, 3})) == 0);
  CHECK_THROWS_AS(effective_rank(ones({1, 3})), ShapeError);
  CHECK_THROWS_AS(effective_rank(ones({4})), ShapeError);
}

TEST_CASE("spread: near its expected value, blind to rank 1, which the rank sees") {
  const Spread healthy = spread(normal(Random(1), {2000, 64}) * 5);
  CHECK(healthy.expected == 0.125);
  CHECK(std::abs(healthy.deviation - 0.125) < 0.001);
  CHECK(healthy.effective_rank > 60);
  CHECK(healthy.effective_rank < 64);
  // s_i v with signs s and v: what a batch norm makes of rank 1.
  std::vector<double> x;
  for (int64_t i = 0; i < 10; ++i)
    for (int64_t j = 0; j < 4; ++j) x.push_back((i % 2 ? -1.0 : 1.0) * (j % 3 ? -1.0 : 1.0));
  const Spread blind = spread(tensor(x, {10, 4}));
  CHECK(blind.deviation == doctest::Approx(0.5).epsilon(1e-12));
  CHECK(blind.effective_rank == doctest::Approx(1).epsilon(1e-10));
  const Spread collapsed = spread(tensor({1, 2, 2, 4, 3, 6}, {3, 2}, DType::f64));
  CHECK(collapsed.deviation < 1e-15);
  CHECK(collapsed.effective_rank == 0);
}

TEST_CASE("pixels: as they are, and standardized by the bank") {
  const Tensor bytes =
      tensor(std::vector<uint8_t>{0, 255, 51, 102, 255, 255, 0, 204}, {2, 1, 2, 2});
  const Tensor x = pixel_features(bytes);
  CHECK(x.shape() == Shape{2, 4});
  CHECK(furthest(x, {0, 1, 0.2, 0.4, 1, 1, 0, 0.8}) < 1e-7);
  CHECK(pixel_features(x.reshape({2, 1, 2, 2})).to_vector() == x.to_vector());
  const Standardizer s = standardizer(x);
  CHECK(furthest(s(x), {-1, 0, 1, -1, 1, 0, -1, 1}) < 1e-6);
  CHECK(s(x).dtype() == DType::f32);
  CHECK(furthest(s(tensor({0.5, 7, 0.1, 0.6}, {1, 4})), {0, 0, 0, 0}) < 1e-6);
  CHECK_THROWS_AS(s(ones({1, 3})), ShapeError);
  CHECK_THROWS_AS(pixel_features(x), ShapeError);
  CHECK_THROWS_AS(pixel_features(ones({1, 1, 2, 2}, DType::f64)), DTypeError);
}

TEST_CASE("pca_map: scikit-learn's PCA, with signs of its own") {
  const Tensor x = features(1, {60, 8}), map = pca_map(x);
  CHECK(map.shape() == Shape{60, 2});
  CHECK(furthest(abs(map), golden_sdssl().at("pca")) < 1e-10);
  for (const int64_t axis : {0, 1}) {
    const Tensor column = select(map, 1, axis);
    CHECK(amax(column).item() == amax(abs(column)).item());
  }
  CHECK(furthest(pca_map(-1 * x), map.to_vector()) < 1e-10);
  CHECK(furthest(pca_map(x + 3), map.to_vector()) < 1e-10);
  CHECK(furthest(pca_map(tensor({1, 2, 6}, {3, 1}, DType::f64)), {-2, 0, -1, 0, 3, 0}) < 1e-12);
  CHECK(furthest(pca_map(full({3, 4}, 0.1)), {0, 0, 0, 0, 0, 0}) == 0);
  CHECK(pca_map(ones({1, 4})).shape() == Shape{1, 2});
}
