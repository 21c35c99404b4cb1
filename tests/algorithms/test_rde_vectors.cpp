// Word vectors: PPMI by loops, its decomposition by LAPACK, and neighbours.
#include <doctest/doctest.h>
#include <regrad/algorithms/rde/word_vectors.h>
#include <regrad/engine/error.h>
#include <regrad/engine/linalg.h>
#include <regrad/engine/ops.h>
#include <regrad/engine/parallel.h>

#include <cmath>
#include <map>

using namespace regrad;
using namespace regrad::rde;

namespace {

using Texts = std::vector<std::vector<int64_t>>;

Texts random_texts(int64_t n, int64_t vocabulary) {
  Texts out;
  for (int64_t i = 0; i < n; ++i) {
    std::vector<int64_t> text;
    const Random r = Random(5) / i;
    for (uint64_t k = 0; k < 12; ++k)  // neighbouring ids keep company
      text.push_back((i * 7 + r.integer(k, 6)) % vocabulary);
    out.push_back(text);
  }
  return out;
}

// PPMI as its formula reads, dense.
std::vector<double> told(const Texts& texts, int64_t v, int64_t window, int64_t least) {
  const auto at = [v](int64_t i, int64_t j) { return static_cast<size_t>(i * v + j); };
  std::vector<double> c(static_cast<size_t>(v * v), 0), places(static_cast<size_t>(v), 0);
  for (const auto& t : texts)
    for (const int64_t i : t) ++places[static_cast<size_t>(i)];
  const double low = static_cast<double>(least);
  for (const auto& t : texts)
    for (size_t i = 0; i < t.size(); ++i)
      for (size_t k = 0; k < t.size(); ++k) {
        const auto apart = std::abs(static_cast<int64_t>(i) - static_cast<int64_t>(k));
        if (apart == 0 || apart > window) continue;
        if (places[static_cast<size_t>(t[i])] < low || places[static_cast<size_t>(t[k])] < low)
          continue;
        c[at(t[i], t[k])] += 1;
      }
  std::vector<double> row(static_cast<size_t>(v), 0);
  double all = 0, smooth = 0;
  for (int64_t i = 0; i < v; ++i)
    for (int64_t j = 0; j < v; ++j) row[static_cast<size_t>(i)] += c[at(i, j)];
  for (const double s : row) all += s, smooth += std::pow(s, 0.75);
  for (int64_t i = 0; i < v; ++i)
    for (int64_t j = 0; j < v; ++j) {
      double& x = c[at(i, j)];
      if (x == 0) continue;
      const double p = x / all, pi = row[static_cast<size_t>(i)] / all,
                   pj = std::pow(row[static_cast<size_t>(j)], 0.75) / smooth;
      x = std::max(0.0, std::log(p / (pi * pj)));
    }
  return c;
}

}  // namespace

TEST_CASE("vectors are the rows of U S^1/2 of the PPMI matrix, of length 1") {
  const int64_t v = 40, d = 6;
  const Texts texts = random_texts(60, v - 1);  // the last word never comes
  for (const int64_t window : {1, 3}) {
    const Tensor m = tensor(told(texts, v, window, 2), {v, v}, DType::f64);
    const Svd whole = svd(m);
    const Tensor x = slice(whole.u, 1, 0, d) * sqrt(slice(whole.s, 0, 0, d));
    const Tensor got = word_vectors(
        texts, v, {.dimensions = d, .window = window, .least = 2, .iterations = 30}, Random(1));
    CHECK(got.shape() == Shape{v, d});
    // signs and turns aside: the products of all pairs of rows
    const std::vector<double> g = matmul(got, got.transpose(0, 1)).to_vector(),
                              w = matmul(x, x.transpose(0, 1)).to_vector();
    for (int64_t i = 0; i < v; ++i)
      for (int64_t j = 0; j < v; ++j) {
        const auto at = [v](int64_t a, int64_t b) { return static_cast<size_t>(a * v + b); };
        if (i == v - 1 || j == v - 1) {
          CHECK(g[at(i, j)] == 0);
          continue;
        }
        const double cosine = w[at(i, j)] / std::sqrt(w[at(i, i)] * w[at(j, j)]);
        CHECK(g[at(i, j)] == doctest::Approx(cosine).epsilon(1e-4));
      }
  }
}

TEST_CASE("neighbours keep company; rare words and words alone have none") {
  const Tensor x = tensor({1, 0, .6, .8, 0, 0, .8, .6, 0, 1, 1, 0}, {6, 2}, DType::f64);
  const auto near = neighbours(x, 0, 3, 0.5);
  REQUIRE(near.size() == 3);
  CHECK(near[0] == std::pair<int64_t, double>{5, 1.0});
  CHECK(near[1].first == 3);
  CHECK(near[2].first == 1);
  CHECK(near[2].second == doctest::Approx(.6));
  CHECK(neighbours(x, 0, 9, 0.7).size() == 2);
  CHECK(neighbours(x, 0, 1, 0).size() == 1);
  CHECK(neighbours(x, 2, 9, 0.1).empty());
  CHECK_THROWS_AS(neighbours(x, 6, 1, 0), ShapeError);
  // least
  const Texts texts = {{0, 1, 2, 0, 1}, {1, 0, 3}};
  const Tensor few = word_vectors(texts, 5, {.dimensions = 2, .least = 2}, Random(1));
  for (const int64_t rare : {2, 3, 4}) CHECK(sum(square(few[rare])).item() == 0);
  CHECK(sum(square(few[0])).item() == doctest::Approx(1));
}

TEST_CASE("the same bits on any number of threads; settings that cannot be") {
  const Texts texts = random_texts(40, 30);
  const auto with = [&](int threads) {
    set_num_threads(threads);
    return word_vectors(texts, 30, {.dimensions = 5}, Random(2)).to_vector();
  };
  const auto one = with(1);
  CHECK(one == with(3));
  set_num_threads(1);
  CHECK_THROWS_AS(word_vectors({{0, 3}}, 3, {.dimensions = 2}, Random(1)), ConfigError);
  CHECK_THROWS_AS(word_vectors(texts, 30, {.dimensions = 31}, Random(1)), ConfigError);
  CHECK_THROWS_AS(word_vectors(texts, 30, {.dimensions = 0}, Random(1)), ConfigError);
  CHECK_THROWS_AS(word_vectors(texts, 30, {.window = 0}, Random(1)), ConfigError);
}
