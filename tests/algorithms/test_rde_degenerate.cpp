// What is not a cloud in general position: each has an answer of its own.
#include <doctest/doctest.h>
#include <regrad/algorithms/rde/csteps.h>
#include <regrad/algorithms/rde/gaussian.h>
#include <regrad/algorithms/rde/mcd.h>
#include <regrad/engine/error.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/linalg.h>
#include <regrad/engine/ops.h>

#include <algorithm>
#include <limits>

#include "../temp_folder.h"
#include "rde_data.h"

using namespace regrad;
using namespace regrad::rde;
using namespace regrad::test;

namespace {

Tensor plain(const Tensor& x) {
  const Tensor c = x - mean(x, {0});
  return matmul(c.mT(), c) * (1.0 / static_cast<double>(x.size(0)));
}

}  // namespace

TEST_CASE("mcd, degenerate: no more rows than dimensions") {
  const Tensor x = normal(Random(1), {6, 8}, 0, 1, DType::f64);
  CHECK(complaint<NumericError>([&] { mcd(x); }, "6 rows in 8 dimensions") == "");
  const Mcd m = mcd(x, {.singular = Singular::pinv});
  CHECK(m.gaussian.rank() == 5);
  CHECK(furthest(m.covariance.to_vector(), plain(x).to_vector()) < 1e-12);
  for (const double d2 : m.distances.to_vector()) CHECK(d2 == doctest::Approx(5).epsilon(1e-9));
  CHECK(m.raw_log_det == -std::numeric_limits<double>::infinity());
}

TEST_CASE("mcd, degenerate: barely more rows than dimensions") {
  // h is all rows, or all but one
  for (const int64_t p : {2, 7, 40})
    for (const int64_t more : {1, 2}) {
      const Tensor x = normal(Random(2) / p, {p + more, p}, 0, 1, DType::f64);
      const Mcd m = mcd(x);
      CHECK(m.h == p + more);
      CHECK(furthest(m.raw_covariance.to_vector(), plain(x).to_vector()) < 1e-12);
      CHECK(std::isfinite(m.raw_log_det));
    }
  const Tensor x = normal(Random(3), {43, 40}, 0, 1, DType::f64);
  const Mcd m = mcd(x);
  CHECK(m.h == 42);
  // one row is left out: the best of 43 choices
  double least = std::numeric_limits<double>::infinity();
  for (int64_t i = 0; i < 43; ++i)
    least = std::min(
        least,
        slogdet(plain(cat({slice(x, 0, 0, i), slice(x, 0, i + 1, 43)}, 0))).logabsdet.item());
  CHECK(m.raw_log_det >= least - 1e-8);
  CHECK(m.raw_log_det <= slogdet(plain(x)).logabsdet.item());
}

TEST_CASE("mcd, degenerate: equal rows") {
  CHECK(complaint<NumericError>([&] { mcd(full({20, 3}, 0.1, DType::f64)); }, "equal") == "");
  CHECK(complaint<NumericError>(
            [&] {
              mcd(full({20, 3}, 0.1, DType::f64), {.singular = Singular::pinv});
            },
            "equal") == "");
  CHECK(complaint<NumericError>([&] { mcd(full({20, 1}, 7, DType::f32)); }, "equal") == "");
  // more than h of them, in one column and in several
  Numbers v(20, 3.0);
  for (size_t i = 0; i < 6; ++i) v[i] = static_cast<double>(i);
  CHECK(complaint<NumericError>([&] { mcd(matrix(v, 20, 1)); }, "rows are equal") == "");
  Numbers w = bell(4, 60, 3);
  std::fill(w.begin(), w.begin() + 40 * 3, 0.5);
  for (const Singular s : {Singular::refuse, Singular::pinv}) {
    std::string seen;
    try {
      mcd(matrix(w, 60, 3), {.singular = s});
    } catch (const NumericError& e) {
      seen = e.what();
    }
    CHECK(seen.find("equal") != std::string::npos);
  }
}

TEST_CASE("mcd, degenerate: a column that never changes, or depends on others") {
  const int64_t n = 300;
  const Tensor x = matrix(mixed(41, n, 3, 60), n, 3);
  const Mcd whole = mcd(x);
  const Tensor first = slice(x, 1, 0, 1), second = slice(x, 1, 1, 2);
  const Tensor wide[] = {cat({x, full({n, 1}, 5, DType::f64)}, 1), cat({x, first}, 1),
                         cat({x, 1e-8 * first - 3e4 * second}, 1)};
  for (const Tensor& y : wide) {
    const Mcd m = mcd(y);
    CHECK(m.gaussian.rank() == 3);
    CHECK(std::isinf(m.raw_log_det));
    // in the plane it is what it was: h too
    CHECK(m.h == whole.h);
    CHECK(m.raw_support.to_vector() == whole.raw_support.to_vector());
    CHECK(furthest(m.distances.to_vector(), whole.distances.to_vector()) < 1e-6);
    const Gaussian g = gaussian(m.location, m.covariance);
    CHECK(g.rank() == 3);
    CHECK(furthest(g.distances(y).to_vector(), m.distances.to_vector()) < 1e-6);
  }
}

TEST_CASE("mcd, degenerate: more than h rows in a plane, the others off it") {
  Numbers v = mixed(42, 200, 4, 0);
  for (size_t i = 0; i < 150; ++i) v[i * 4 + 3] = v[i * 4] - 2 * v[i * 4 + 1];
  const Tensor x = matrix(v, 200, 4);
  for (const Start start : {Start::subset, Start::elemental}) {
    CHECK(complaint<NumericError>([&] { mcd(x, {.start = start}); }, "lie in a plane") == "");
    const Mcd m = mcd(x, {.start = start, .singular = Singular::pinv});
    CHECK(m.raw_log_det == -std::numeric_limits<double>::infinity());
    // all of the best subset is in the plane
    const Numbers in = m.raw_support.to_vector();
    for (size_t i = 150; i < 200; ++i) CHECK(in[i] == 0);
    for (const double d2 : m.distances.to_vector()) CHECK(std::isfinite(d2));
  }
}

TEST_CASE("mcd, degenerate: scales far apart, outliers far away") {
  const int64_t n = 300;
  const Tensor x = matrix(mixed(43, n, 3, 60), n, 3);
  const Mcd m = mcd(x);
  // powers of two change no bit of what is scaled
  const Tensor scale = tensor({std::ldexp(1.0, 300), std::ldexp(1.0, -400), 1}, DType::f64);
  const Mcd s = mcd(x * scale);
  CHECK(s.raw_support.to_vector() == m.raw_support.to_vector());
  CHECK(s.distances.to_vector() == m.distances.to_vector());
  CHECK(s.raw_log_det ==
        doctest::Approx(m.raw_log_det + 2 * (300 - 400) * std::log(2.0)).epsilon(1e-12));
  const Tensor huge = x * 1e160;
  CHECK(complaint<NumericError>([&] { mcd(huge); }, "overflows") == "");
  // one cluster at 1e9, a quarter of the rows: half of the digits of a covariance with it
  Numbers v = bell(44, n, 3);
  for (size_t i = 0; i < 3 * 75; ++i) v[i] = 1e9 * (1 + static_cast<double>(i % 3)) + v[i];
  const Mcd far = mcd(matrix(v, n, 3));
  const Numbers in = far.support.to_vector();
  for (size_t i = 0; i < 75; ++i) CHECK(in[i] == 0);
  const Tensor clean = slice(matrix(v, n, 3), 0, 75, n);
  const Tensor d = far.covariance - plain(clean);
  CHECK(std::sqrt(sum(d * d).item()) < 0.35);
}

TEST_CASE("mcd, degenerate: nearly dependent columns keep their digits, the determinant falls") {
  // 1e-7 apart: of the covariance's digits two are left, of the rows' nine
  const int64_t n = 400;
  Numbers v = bell(45, n, 3);
  for (size_t i = 0; i < static_cast<size_t>(n); ++i) v[3 * i + 2] = v[3 * i] + 1e-7 * v[3 * i + 2];
  const rde::detail::Rows rows(v.data(), n, 3);
  rde::detail::Estimate e = rows.estimate(rde::detail::draw(n, 202, Random(9)));
  REQUIRE(e.regular);
  Numbers straight = bell(45, n, 3);
  const rde::detail::Rows same(straight.data(), n, 3);
  rde::detail::Estimate o = same.estimate(rde::detail::draw(n, 202, Random(9)));
  // x_2 - x_0 in units of 1e-7 is the straight one's third column: |S| is 1e-14 of its
  CHECK(e.log_det == doctest::Approx(o.log_det + 2 * std::log(1e-7)).epsilon(1e-6));
  for (int i = 0; i < 20; ++i) {
    const rde::detail::Estimate next = rows.step(e, 202);
    REQUIRE(next.regular);
    CHECK(next.log_det <= e.log_det + 1e-9);
    e = next;
  }
}

TEST_CASE("mcd, degenerate: a start of rows in a plane takes in more of them") {
  Numbers v = bell(47, 60, 3);
  for (size_t i = 0; i < 54; ++i) v[3 * i + 2] = 0;
  const rde::detail::Rows rows(v.data(), 60, 3);
  size_t most = 0;
  for (int64_t t = 0; t < 20; ++t) {
    const rde::detail::Estimate e = rows.start(4, Random(12) / t);
    CHECK(e.regular);
    CHECK(e.rows.size() >= 4);
    CHECK(e.rows.back() >= 54);
    most = std::max(most, e.rows.size());
  }
  CHECK(most > 8);
  // and where all rows are in it, all of them are no start
  for (size_t i = 54; i < 60; ++i) v[3 * i + 2] = 0;
  const rde::detail::Estimate none = rows.start(4, Random(12));
  CHECK(!none.regular);
  CHECK(none.rows.size() == 60);
}

TEST_CASE("mcd, degenerate: many dimensions, whose determinant overflows") {
  const Tensor x = normal(Random(10), {450, 200}, 0, 1e4, DType::f64);
  const Mcd m = mcd(x, {.starts = 3});
  CHECK(std::isfinite(m.raw_log_det));
  CHECK(m.raw_log_det > 2 * 200 * std::log(1e4) - 400);  // e^3300: no double holds it
  CHECK(m.gaussian.rank() == 200);
  for (const double d2 : m.distances.to_vector()) CHECK(d2 > 0);
}

TEST_CASE("mcd, degenerate: one column is exact") {
  for (uint32_t seed = 50; seed < 54; ++seed) {
    Numbers v = bell(seed, 41, 1);
    for (size_t i = 0; i < 9; ++i) v[i] = 30 + v[i];
    const Mcd m = mcd(matrix(v, 41, 1));
    CHECK(m.h == 22);
    Numbers sorted = v;
    std::sort(sorted.begin(), sorted.end());
    double least = 1e300;
    for (size_t i = 0; i + 22 <= sorted.size(); ++i) {
      double mean = 0, s = 0;
      for (size_t j = i; j < i + 22; ++j) mean += sorted[j] / 22;
      for (size_t j = i; j < i + 22; ++j) s += (sorted[j] - mean) * (sorted[j] - mean) / 22;
      least = std::min(least, s);
    }
    CHECK(m.raw_covariance.item() == doctest::Approx(least).epsilon(1e-12));
    for (size_t i = 0; i < 9; ++i) CHECK(m.support.to_vector()[i] == 0);
  }
}

TEST_CASE("mcd, degenerate: what is refused") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_AS(mcd(full({5, 2}, nan, DType::f64)), NumericError);
  CHECK_THROWS_AS(mcd(full({5, 2}, 1 / 0.0, DType::f32)), NumericError);
  CHECK_THROWS_AS(mcd(ones({5}, DType::f64)), ShapeError);
  CHECK_THROWS_AS(mcd(ones({1, 2}, DType::f64)), ShapeError);
  CHECK_THROWS_AS(mcd(ones({5, 2}, DType::i64)), DTypeError);
}

TEST_CASE("gaussian: distances in the covariance's plane, and its determinant") {
  const Tensor x = matrix(mixed(46, 50, 3, 0), 50, 3);
  const Moments m{mean(x, {0}), plain(x) * (50.0 / 49)};
  const Gaussian g = gaussian(m.location, m.covariance), direct = gaussian(x);
  CHECK(direct.rank() == 3);
  CHECK(direct.log_det == doctest::Approx(g.log_det).epsilon(1e-12));
  CHECK(furthest(direct.location.to_vector(), m.location.to_vector()) < 1e-12);
  CHECK(furthest(direct.distances(x).to_vector(), g.distances(x).to_vector()) < 1e-10);
  CHECK(g.rank() == 3);
  CHECK(g.log_det == doctest::Approx(slogdet(m.covariance).logabsdet.item()).epsilon(1e-12));
  const Tensor d = x - m.location;
  CHECK(furthest(g.distances(x).to_vector(),
                 sum(d * solve(m.covariance, d.mT()).mT(), {1}).to_vector()) < 1e-10);
  // diag(4, 0): blind to the second
  const Gaussian flat =
      gaussian(zeros({2}, DType::f64), tensor({4, 0, 0, 0}, DType::f64).reshape({2, 2}));
  CHECK(flat.rank() == 1);
  CHECK(flat.log_det == doctest::Approx(std::log(4.0)));
  CHECK(flat.distances(tensor({2, 9}, DType::f64).reshape({1, 2})).item() ==
        doctest::Approx(1).epsilon(1e-14));
  const Gaussian none = gaussian(zeros({2}, DType::f64), zeros({2, 2}, DType::f64));
  CHECK(none.rank() == 0);
  CHECK(none.distances(ones({1, 2}, DType::f64)).item() == 0);
  CHECK_THROWS_AS(gaussian(zeros({3}, DType::f64), zeros({2, 2}, DType::f64)), ShapeError);
  CHECK_THROWS_AS(gaussian(zeros({2}), zeros({2, 2}, DType::f64)), DTypeError);
  CHECK_THROWS_AS(gaussian(ones({3, 2}, DType::i64)), DTypeError);
  CHECK_THROWS_AS(gaussian(ones({1, 2})), ShapeError);
  CHECK_THROWS_AS(gaussian(normal(Random(1), {3, 3})), NumericError);
  CHECK(gaussian(normal(Random(1), {3, 3}), Singular::pinv).rank() == 2);
}
