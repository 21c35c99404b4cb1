// Kernel PCA: facts 1 and 2 of text-and-ssl.md, scikit-learn's figures, and what is degenerate.
#include <doctest/doctest.h>
#include <regrad/algorithms/rde/kpca.h>
#include <regrad/algorithms/rde/krylov.h>
#include <regrad/algorithms/rde/krylov_basis.h>
#include <regrad/engine/error.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/ops.h>

#include <limits>

#include "../temp_folder.h"
#include "rde_data.h"

using namespace regrad;
using namespace regrad::rde;
using namespace regrad::test;

namespace {

const Tensor five = tensor({0, 0, 1, 0, 0, 1, 2, 1, 1, 3}, DType::f64).reshape({5, 2});

Numbers column_sums(const Tensor& x) { return sum(x, {0}).to_vector(); }

// k(x,.) centred by the stored rows' means, times v over the root of l: all in loops.
Numbers told(const Tensor& rows, const Kpca& k, const Numbers& x) {
  const Numbers r = rows.to_vector(), v = k.vectors.to_vector(), l = k.values.to_vector();
  const size_t n = static_cast<size_t>(rows.size(0)), d = x.size(), p = l.size();
  const auto kernel = [&](const double* a, const double* b) {
    double s = 0, t = 0;
    for (size_t j = 0; j < d; ++j) s += (a[j] - b[j]) * (a[j] - b[j]), t += a[j] * b[j];
    return k.kernel == Kernel::rbf ? std::exp(-k.gamma * s) : t;
  };
  Numbers mean(n), own(n), out(p);
  double grand = 0, mine = 0;
  const auto count = static_cast<double>(n);
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < n; ++j) mean[i] += kernel(&r[i * d], &r[j * d]) / count;
    own[i] = kernel(x.data(), &r[i * d]);
    grand += mean[i] / count, mine += own[i] / count;
  }
  for (size_t q = 0; q < p; ++q)
    for (size_t i = 0; i < n && l[q] > 0; ++i)
      out[q] += (own[i] - mean[i] - mine + grand) * v[i * p + q] / std::sqrt(l[q]);
  return out;
}

}  // namespace

TEST_CASE("kpca: the five points") {
  const Kpca k = kpca(five, {.components = 5, .gamma = 0.5});
  CHECK(furthest(k.values.to_vector(), {1.262842, 0.971936, 0.559939, 0.265980, 0}) < 1e-6);
  const Numbers f = absolute(k.fitted().to_vector());
  CHECK(furthest({f[0], f[1], f[2]}, {.514963, .214679, .148099}) < 1e-6);
  CHECK(furthest({f[20], f[21], f[22]}, {.820881, .466090, .154678}) < 1e-6);
  const Numbers q = absolute(k.map(tensor({.5, .5}, DType::f64).reshape({1, 2})).to_vector());
  CHECK(furthest({q[0], q[1], q[2]}, {.437032, .036438, .008928}) < 1e-6);
  // the fifth value is 0, and its columns with it
  CHECK(k.values.to_vector()[4] == 0);
  for (size_t i = 4; i < f.size(); i += 5) CHECK(f[i] == 0);
  CHECK(q[4] == 0);
}

TEST_CASE("kpca: scikit-learn's figures, and loops") {
  const Tensor x = matrix(mixed(11, 60, 8, 0), 60, 8), q = matrix(mixed(12, 5, 8, 0), 5, 8);
  for (const Kernel kernel : {Kernel::rbf, Kernel::linear}) {
    const std::string name = kernel == Kernel::rbf ? "kpca_rbf_" : "kpca_linear_";
    const Kpca k = kpca(x, {.kernel = kernel, .components = 7});
    CHECK(k.gamma == 1.0 / 8);
    const Numbers values = k.values.to_vector();
    CHECK(furthest(values, golden(name + "values")) < 1e-9 * values[0]);
    for (size_t j = 1; j < values.size(); ++j) CHECK(values[j] <= values[j - 1]);
    const Tensor fitted = k.fitted();
    const double size = std::sqrt(values[0]);
    CHECK(furthest(absolute(slice(fitted, 0, 0, 5).to_vector()), golden(name + "fitted")) <
          1e-8 * size);
    CHECK(furthest(absolute(k.map(q).to_vector()), golden(name + "mapped")) < 1e-8 * size);
    CHECK(furthest(k.map(x).to_vector(), fitted.to_vector()) < 1e-10 * size);
    CHECK(furthest(column_sums(fitted), Numbers(7)) < 1e-9 * size);
    const Tensor largest_entry = argmax(abs(k.vectors), 0);
    for (int64_t j = 0; j < 7; ++j)
      CHECK(k.vectors[static_cast<int64_t>(largest_entry[j].item())][j].item() > 0);
    for (int64_t i = 0; i < 5; ++i)
      CHECK(furthest(told(x, k, q[i].to_vector()), k.map(q)[i].to_vector()) < 1e-10 * size);
  }
}

TEST_CASE("kpca: Lanczos finds what all eigenvalues give") {
  const Tensor x = matrix(mixed(13, 700, 40, 0), 700, 40) * 0.05;
  const Kpca b = kpca(x, {.components = 30, .dense = true});
  for (const double tolerance : {1e-6, 1e-10}) {
    const Kpca a = kpca(x, {.components = 30, .tolerance = tolerance});
    CHECK(furthest(a.values.to_vector(), b.values.to_vector()) < 1e-11);
    // a unit vector's error, times the root of the largest value
    const double bound = tolerance * std::sqrt(b.values.to_vector()[0]);
    CHECK(furthest(absolute(a.vectors.to_vector()), absolute(b.vectors.to_vector())) < tolerance);
    CHECK(furthest(absolute(a.fitted().to_vector()), absolute(b.fitted().to_vector())) < bound);
    CHECK(furthest(a.map(x).to_vector(), a.fitted().to_vector()) < bound);
    const Tensor unit_lengths = matmul(a.vectors.mT(), a.vectors);
    CHECK(furthest(unit_lengths.to_vector(), eye(30, DType::f64).to_vector()) < 1e-12);
  }
  const Kpca close = kpca(x, {.components = 30, .tolerance = 1e-10});
  CHECK(furthest(close.map(x).to_vector(), close.fitted().to_vector()) < 1e-10);
}

TEST_CASE("kpca: more equal eigenvalues than a block of Lanczos is wide") {
  // 600 rows, each alone in its own dimension, of 4 lengths: 600 centred values of 4 sizes
  const int64_t n = 600;
  const double lengths[] = {3, 2.5, 2, 1};
  Numbers diagonal(static_cast<size_t>(n));
  for (size_t i = 0; i < diagonal.size(); ++i)
    diagonal[i] = lengths[i < 30 ? 0 : i < 55 ? 1 : i < 300 ? 2 : 3];
  const Tensor x = eye(n, DType::f64) * tensor(diagonal, DType::f64);
  const KpcaOptions options{.kernel = Kernel::linear, .components = 70};
  const Numbers values = kpca(x, options).values.to_vector();
  KpcaOptions all = options;
  all.dense = true;
  CHECK(furthest(values, kpca(x, all).values.to_vector()) < 1e-9);
  CHECK(values[28] == doctest::Approx(9).epsilon(1e-9));
  CHECK(values[29] < 8.9);
}

TEST_CASE("kpca: Krylov spaces that end before all copies of a value are in them") {
  // a block's space ends after as many steps as there are values, with 8 copies of each
  const int64_t n = 600;
  const auto three = [](int64_t i) { return i % 20 == 0 ? 3.0 : i % 20 == 7 ? 2.0 : 0.5; };
  const auto five_values = [](int64_t i) {
    return i % 10 == 0 ? 3 : i % 20 == 7 ? 2 : i % 20 == 8 ? 1.5 : i % 20 == 9 ? 1 : 0.5;
  };
  const auto check = [&](auto&& value, int64_t copies) {
    const rde::detail::Eigenpairs e = rde::detail::largest(
        n, 45,
        [&](const double* v, int64_t b, double* w) {
          for (int64_t i = 0; i < n * b; ++i) w[i] = value(i / b) * v[i];
        },
        1e-7, Random(1));
    REQUIRE(e.values.size() == 45);
    for (int64_t j = 0; j < 45; ++j) {
      const double wanted = j < copies ? 3 : 2;
      CHECK(e.values[static_cast<size_t>(j)] == doctest::Approx(wanted).epsilon(1e-12));
      double elsewhere = 0;
      for (int64_t i = 0; i < n; ++i)
        if (value(i) != wanted)
          elsewhere = std::max(elsewhere, std::abs(e.vectors[static_cast<size_t>(j * n + i)]));
      CHECK(elsewhere < 1e-7);
    }
    const Tensor v = matrix(e.vectors, 45, n);
    CHECK(furthest(matmul(v, v.mT()).to_vector(), eye(45, DType::f64).to_vector()) < 1e-10);
  };
  check(three, 30);
  check(five_values, 60);
}

TEST_CASE("kpca: a block's factors where columns are nearly dependent, or are") {
  const int64_t n = 200;
  const Numbers x = bell(17, n, 3);
  for (const double apart : {1.0, 1e-7, 0.0}) {
    rde::detail::Block block(n, 3);
    for (int64_t i = 0; i < n; ++i) {
      const double* row = &x[static_cast<size_t>(3 * i)];
      block.data()[3 * i] = row[0];
      block.data()[3 * i + 1] = 2 * row[0] + apart * row[1];
      block.data()[3 * i + 2] = row[2];
    }
    const Tensor w = from_data(block.data(), {n, 3}, DType::f64);
    const Numbers r = block.orthonormalize(1e-11);
    const int64_t k = block.columns();
    CHECK(k == (apart > 0 ? 3 : 2));
    const Tensor q = from_data(block.data(), {n, k}, DType::f64);
    CHECK(furthest(matmul(q.mT(), q).to_vector(), eye(k, DType::f64).to_vector()) < 1e-13);
    CHECK(furthest(matmul(q, matrix(r, k, 3)).to_vector(), w.to_vector()) < 1e-13);
  }
}

TEST_CASE("kpca: fewer directions than components, equal rows") {
  const Tensor x = matrix(mixed(14, 600, 5, 0), 600, 5);
  const Kpca k = kpca(x, {.kernel = Kernel::linear, .components = 9});
  const Numbers values = k.values.to_vector();
  CHECK(values[4] > 1);
  for (size_t j = 5; j < 9; ++j) CHECK(values[j] == 0);
  CHECK(furthest(slice(k.map(x), 1, 5, 9).to_vector(), Numbers(600 * 4)) == 0);
  for (const int64_t n : {int64_t{3}, int64_t{600}})
    for (const Kernel kernel : {Kernel::rbf, Kernel::linear}) {
      const Kpca same = kpca(full({n, 4}, 0.1, DType::f64), {.kernel = kernel, .components = 2});
      CHECK(same.values.to_vector() == Numbers{0, 0});
      CHECK(furthest(same.fitted().to_vector(), Numbers(static_cast<size_t>(2 * n))) == 0);
      CHECK(same.map(ones({1, 4}, DType::f64)).to_vector() == Numbers{0, 0});
    }
}

TEST_CASE("kpca: the same bits on any threads, for a row alone or among others") {
  const Tensor x = matrix(mixed(15, 1100, 12, 0), 1100, 12) * 0.1;
  const KpcaOptions options{.components = 20};
  CHECK(same_on_any_threads([&] {
    const Kpca k = kpca(x, options);
    Numbers out = k.fitted().to_vector(), mapped = k.map(slice(x, 0, 0, 50)).to_vector();
    out.insert(out.end(), mapped.begin(), mapped.end());
    return out;
  }));
  for (const DType t : {DType::f32, DType::f64}) {
    const Kpca k = kpca(x.to(t), options);
    const Tensor some = slice(x.to(t), 0, 100, 145), mapped = k.map(some);
    for (int64_t i = 0; i < 45; ++i)
      CHECK(k.map(slice(some, 0, i, i + 1)).to_vector() == mapped[i].to_vector());
  }
}

TEST_CASE("kpca: f32 rows, far from the origin too") {
  const Tensor x = matrix(mixed(16, 120, 30, 0), 120, 30) * 0.1, single = x.to(DType::f32);
  const KpcaOptions options{.components = 5};
  const Kpca k = kpca(x, options), f = kpca(single, options), far = kpca(single + 500.0, options);
  CHECK(f.points.dtype() == DType::f32);
  CHECK(furthest(absolute(f.fitted().to_vector()), absolute(k.fitted().to_vector())) < 1e-6);
  CHECK(furthest(f.map(single).to_vector(), f.fitted().to_vector()) < 1e-6);
  CHECK(furthest(absolute(far.map(single + 500.0).to_vector()), absolute(k.fitted().to_vector())) <
        1e-4);
}

TEST_CASE("kpca: rows whose products with the fitted ones overflow are far from all of them") {
  const Tensor x = matrix(mixed(17, 60, 4, 0), 60, 4);
  for (const DType t : {DType::f32, DType::f64}) {
    const bool wide = t == DType::f64;
    const double huge = wide ? 1e308 : 3e38;
    const Kpca k = kpca(x.to(t), {.components = 3});
    // of one sign, of both, and the origin's other side
    const Tensor far = matrix({huge, huge, 0, 0, huge, -huge, huge, 0, -huge, 0, 0, huge}, 3, 4);
    const std::vector<double> z = k.map(far.to(t)).to_vector(), offset = k.offset.to_vector();
    for (size_t i = 0; i < z.size(); ++i) CHECK(z[i] == -offset[i % 3]);  // k(x, .) is 0
  }
  // near itself, far from the others: a fitted row whose square is beyond f32
  std::vector<double> with = x.to_vector();
  with[0] = with[1] = 3e38;
  const Tensor rows = matrix(with, 60, 4).to(DType::f32);
  const Kpca k = kpca(rows, {.components = 3});
  CHECK(furthest(k.map(rows).to_vector(), k.fitted().to_vector()) < 1e-6);
}

TEST_CASE("kpca: what is refused") {
  const auto with = [](double v) {
    Numbers x(12, 1.0);
    x[7] = v;
    return matrix(x, 4, 3);
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(complaint<NumericError>([&] { kpca(with(nan), {.components = 1}); },
                                "row 2 is not a number in column 1") == "");
  CHECK(complaint<NumericError>([&] { kpca(with(1 / 0.0), {.components = 1}); }, "infinite") == "");
  CHECK(complaint<NumericError>([&] { kpca(with(1e200), {.components = 1}); }, "overflows") == "");
  CHECK(complaint<ConfigError>([&] { kpca(five, {.components = 6}); }, "6 components of 5") == "");
  CHECK_THROWS_AS(kpca(five, {.components = 0}), ConfigError);
  CHECK_THROWS_AS(kpca(five, {.components = 2, .gamma = -1}), ConfigError);
  CHECK_THROWS_AS(kpca(five, {.components = 2, .gamma = nan}), ConfigError);
  CHECK_THROWS_AS(kpca(five[0], {.components = 1}), ShapeError);
  CHECK_THROWS_AS(kpca(slice(five, 0, 0, 1), {.components = 1}), ShapeError);
  CHECK_THROWS_AS(kpca(five.to(DType::i64), {.components = 1}), DTypeError);
  const Kpca k = kpca(five, {.components = 2});
  CHECK_THROWS_AS(k.map(five.to(DType::f32)), DTypeError);
  CHECK_THROWS_AS(k.map(ones({2, 3}, DType::f64)), ShapeError);
  CHECK_THROWS_AS(k.map(full({1, 2}, nan, DType::f64)), NumericError);
  CHECK(k.map(zeros({0, 2}, DType::f64)).shape() == Shape{0, 2});
}
