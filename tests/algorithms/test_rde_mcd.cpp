// FastMCD: facts 3 to 7 of text-and-ssl.md, scikit-learn's and statsmodels' figures.
#include <doctest/doctest.h>
#include <regrad/algorithms/rde/chi2.h>
#include <regrad/algorithms/rde/csteps.h>
#include <regrad/algorithms/rde/gaussian.h>
#include <regrad/algorithms/rde/mcd.h>
#include <regrad/engine/error.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/linalg.h>
#include <regrad/engine/ops.h>

#include <algorithm>

#include "rde_data.h"

using namespace regrad;
using namespace regrad::rde;
using namespace regrad::test;

namespace {

// A fixed rotation of a clean cloud and its outliers, and the clean rows' own covariance.
struct Cloud {
  Tensor x, clean;
  int64_t outliers;
};
enum class Far { cluster, scatter };
Cloud cloud(uint32_t seed, int64_t n, int64_t p, double share, Far far) {
  const Random r = Random(seed) / "cloud";
  const auto out = static_cast<int64_t>(share * static_cast<double>(n));
  const Tensor mix = eye(p, DType::f64) + 0.5 * normal(r / "mix", {p, p}, 0, 1, DType::f64);
  const Tensor clean = matmul(normal(r / "x", {n - out, p}, 0, 1, DType::f64), mix);
  Tensor bad = normal(r / "out", {out, p}, 0, 1, DType::f64);
  bad = far == Far::cluster ? 0.3 * matmul(bad, mix) + 500.0 : 10 * matmul(bad, mix);
  const Tensor m = mean(clean, {0}), c = clean - m;
  return {cat({bad, clean}, 0), matmul(c.mT(), c) * (1.0 / static_cast<double>(n - out)), out};
}
double error_of(const Tensor& s, const Tensor& clean) {
  return std::sqrt(sum((s - clean) * (s - clean)).item() / sum(clean * clean).item());
}
struct Kept {
  double outliers, inliers;
};
Kept kept(const Mcd& m, int64_t outliers) {
  const Tensor s = m.support.to(DType::f64);
  const int64_t n = s.size(0);
  return {
      sum(slice(s, 0, 0, outliers)).item() / static_cast<double>(std::max<int64_t>(1, outliers)),
      mean(slice(s, 0, outliers, n)).item()};
}

// Mean and 1/m covariance of the rows of a mask, in loops.
void moments_told(const Tensor& x, const Tensor& mask, Numbers& mean, Numbers& cov) {
  const Numbers v = x.to_vector(), keep = mask.to_vector();
  const size_t n = keep.size(), p = v.size() / n;
  mean.assign(p, 0), cov.assign(p * p, 0);
  double m = 0;
  for (size_t i = 0; i < n; ++i)
    if (keep[i] != 0) {
      ++m;
      for (size_t j = 0; j < p; ++j) mean[j] += v[i * p + j];
    }
  for (double& s : mean) s /= m;
  for (size_t i = 0; i < n; ++i)
    for (size_t j = 0; j < p && keep[i] != 0; ++j)
      for (size_t k = 0; k < p; ++k)
        cov[j * p + k] += (v[i * p + j] - mean[j]) * (v[i * p + k] - mean[k]) / m;
}
Numbers distances_told(const Tensor& x, const Tensor& location, const Tensor& covariance) {
  const Tensor d = x - location;
  return sum(d * solve(covariance, d.mT()).mT(), {1}).to_vector();
}

void check_own_story(const Tensor& x, const Mcd& m) {
  const int64_t n = x.size(0);
  Numbers mean, cov;
  moments_told(x, m.raw_support, mean, cov);
  const double size = *std::max_element(cov.begin(), cov.end());
  CHECK(furthest(m.raw_location.to_vector(), mean) < 1e-9 * (1 + std::sqrt(size)));
  CHECK(furthest(m.raw_covariance.to_vector(), cov) < 1e-9 * size);
  CHECK(m.raw_log_det == doctest::Approx(slogdet(m.raw_covariance).logabsdet.item()).epsilon(1e-8));
  // a fixed point: the support's rows are the h nearest
  const Numbers d2 = m.raw_distances.to_vector(), in = m.raw_support.to_vector();
  CHECK(furthest(d2, distances_told(x, m.raw_location, m.raw_covariance)) <
        1e-7 * *std::max_element(d2.begin(), d2.end()));
  Numbers sorted = d2;
  std::sort(sorted.begin(), sorted.end());
  const double edge = sorted[static_cast<size_t>(m.h - 1)];
  int64_t count = 0;
  for (size_t i = 0; i < d2.size(); ++i) {
    count += in[i] != 0;
    if (in[i] != 0) CHECK(d2[i] <= edge * (1 + 1e-9));
  }
  CHECK(count == m.h);
  // the median's factor and the rows kept
  const double middle =
      0.5 * (sorted[static_cast<size_t>((n - 1) / 2)] + sorted[static_cast<size_t>(n / 2)]);
  CHECK(m.correction == doctest::Approx(middle / chi2_quantile(0.5, x.size(1))).epsilon(1e-12));
  for (size_t i = 0; i < d2.size(); ++i)
    CHECK((m.support.to_vector()[i] != 0) ==
          (d2[i] / m.correction < chi2_quantile(0.975, x.size(1))));
  moments_told(x, m.support, mean, cov);
  CHECK(furthest(m.location.to_vector(), mean) < 1e-9 * (1 + std::sqrt(size)));
  CHECK(furthest(m.covariance.to_vector(), cov) < 1e-9 * size);
  const Numbers told = distances_told(x, m.location, m.covariance);
  CHECK(furthest(m.distances.to_vector(), told) <
        1e-7 * *std::max_element(told.begin(), told.end()));
}

// The share of our h-subset that another one has too.
double shared_rows(const Mcd& m, const Numbers& other) {
  const Numbers in = m.raw_support.to_vector();
  int64_t both = 0;
  for (size_t i = 0; i < in.size(); ++i) both += in[i] != 0 && bit(other, static_cast<int64_t>(i));
  return static_cast<double>(both) / static_cast<double>(m.h);
}

// Where the h-subset is scikit-learn's, all else is too.
void check_equal(const Tensor& x, McdOptions options, const std::string& name) {
  for (const bool by_median : {true, false}) {
    options.consistency = by_median ? Consistency::median : Consistency::normal;
    const Mcd m = mcd(x, options);
    const std::string way = name + (by_median ? "_median_" : "_normal_");
    const double size = golden(way + "covariance").back();
    CHECK(furthest(m.raw_covariance.to_vector(), golden(name + "_raw_covariance")) < 1e-8 * size);
    CHECK(furthest(m.location.to_vector(), golden(way + "location")) < 1e-8 * std::sqrt(size));
    CHECK(furthest(m.covariance.to_vector(), golden(way + "covariance")) < 1e-8 * size);
    const Numbers in = m.support.to_vector();
    for (size_t i = 0; i < in.size(); ++i)
      CHECK((in[i] != 0) == bit(golden(way + "support"), static_cast<int64_t>(i)));
  }
}

}  // namespace

TEST_CASE("chi2: SciPy's figures, both ways") {
  for (const int64_t p : {1, 2, 3, 5, 10, 100, 768, 100000})
    for (const char* q : {"1e-06", "0.025", "0.5", "0.975", "0.999999"}) {
      CAPTURE(p);
      CAPTURE(q);
      const double x = golden("chi2_" + std::to_string(p) + "_" + q)[0];
      // 1 - q has lost digits of its own where q is near 1
      CHECK(chi2_quantile(std::stod(q), p) == doctest::Approx(x).epsilon(p > 1000 ? 1e-11 : 3e-12));
      CHECK(chi2_cdf(x, p) == doctest::Approx(std::stod(q)).epsilon(1e-10));
    }
  CHECK(chi2_cdf(0.3, 1) == doctest::Approx(golden("chi2_cdf_1_0.3")[0]).epsilon(1e-13));
  CHECK(chi2_cdf(90, 100) == doctest::Approx(golden("chi2_cdf_100_90.0")[0]).epsilon(1e-13));
  CHECK(chi2_cdf(700, 768) == doctest::Approx(golden("chi2_cdf_768_700.0")[0]).epsilon(1e-12));
  CHECK(chi2_cdf(1000, 768) == doctest::Approx(golden("chi2_cdf_768_1000.0")[0]).epsilon(1e-13));
  CHECK(chi2_cdf(-1, 3) == 0);
  CHECK(chi2_cdf(1.0 / 0.0, 3) == 1);
  CHECK(chi2_quantile(0.5, 2) == doctest::Approx(2 * std::log(2.0)).epsilon(1e-14));
  CHECK_THROWS_AS(chi2_quantile(0, 2), ConfigError);
  CHECK_THROWS_AS(chi2_quantile(1, 2), ConfigError);
  CHECK_THROWS_AS(chi2_quantile(0.5, 0), ConfigError);
  CHECK_THROWS_AS(chi2_cdf(1, 0), ConfigError);
  CHECK_THROWS_AS(chi2_cdf(std::nan(""), 1), NumericError);
}

TEST_CASE("mcd: beside scikit-learn and statsmodels") {
  int64_t equals = 0;
  const struct {
    const char* name;
    int64_t n, p, share;
  } cases[] = {{"small", 400, 3, 4}, {"blocks", 800, 5, 4}, {"pool", 1600, 6, 5}};
  for (const auto& c : cases) {
    CAPTURE(c.name);
    const std::string name = c.name;
    const Tensor x =
        matrix(mixed(static_cast<uint32_t>(20 + c.p), c.n, c.p, c.n / c.share), c.n, c.p);
    const double lowest = golden("mcd_" + name + "_raw_log_det")[0];
    double least = 1e300;
    int64_t equal = 0;
    for (uint64_t stream = 0; stream < 8; ++stream) {
      const McdOptions options{.start = stream % 2 ? Start::subset : Start::elemental,
                               .random = Random(stream)};
      const Mcd m = mcd(x, options);
      check_own_story(x, m);
      least = std::min(least, m.raw_log_det);
      CHECK(m.raw_log_det <= lowest + 0.01);
      CHECK(shared_rows(m, golden("mcd_" + name + "_raw_support")) >= 0.95);
      CHECK(shared_rows(m, golden("det_mcd_" + name + "_support")) >= 0.9);
      if (shared_rows(m, golden("mcd_" + name + "_raw_support")) < 1) continue;
      ++equal;
      check_equal(x, options, "mcd_" + name);
    }
    CHECK(least <= lowest + 1e-6);
    CHECK(least <= golden("det_mcd_" + name + "_raw_log_det")[0] + 1e-6);
    equals += equal;
  }
  CHECK(equals >= 3);
}

TEST_CASE("mcd: h, and all rows") {
  const auto h_of = [](int64_t n, int64_t p) {
    return mcd(normal(Random(1), {n, p}, 0, 1, DType::f64), {.starts = 1}).h;
  };
  CHECK(h_of(400, 3) == 202);
  CHECK(h_of(1000, 5) == 503);
  CHECK(h_of(401, 3) == 203);  // (401 + 3 + 1) / 2 = 202.5
  const Tensor x = normal(Random(2), {50, 4}, 0, 1, DType::f64), c = x - mean(x, {0});
  const Mcd m = mcd(x, {.h = 50});
  CHECK(furthest(m.raw_covariance.to_vector(), (matmul(c.mT(), c) * 0.02).to_vector()) < 1e-14);
  CHECK(sum(m.raw_support.to(DType::f64)).item() == 50);
  CHECK(mcd(x, {.h = 26}).h == 26);
  CHECK_THROWS_AS(mcd(x, {.h = 25}), ConfigError);
  CHECK_THROWS_AS(mcd(x, {.h = 51}), ConfigError);
  CHECK_THROWS_AS(mcd(x, {.starts = -1}), ConfigError);
}

TEST_CASE("mcd: a C-step's determinant never rises, to a fixed point") {
  const int64_t n = 300, p = 6, h = 154;
  const Numbers x = mixed(30, n, p, 60);
  const rde::detail::Rows rows(x.data(), n, p);
  for (int64_t t = 0; t < 5; ++t) {
    rde::detail::Estimate e = rows.estimate(rde::detail::draw(n, h, Random(3) / t));
    REQUIRE(e.regular);
    int steps = 0;
    for (;; ++steps) {
      const rde::detail::Estimate next = rows.step(e, h);
      CHECK(next.log_det <= e.log_det + 1e-12);
      CHECK(static_cast<int64_t>(next.rows.size()) == h);
      if (next.rows == e.rows) break;
      e = next;
    }
    CHECK(steps > 1);
    const rde::detail::Estimate straight =
        rows.concentrate(rows.estimate(rde::detail::draw(n, h, Random(3) / t)), h, 100, false);
    CHECK(straight.rows == e.rows);
  }
}

TEST_CASE("mcd: affine maps carry it along") {
  const Cloud c = cloud(4, 300, 4, 0.2, Far::scatter);
  const Tensor a = eye(4, DType::f64) + normal(Random(5), {4, 4}, 0, 1, DType::f64),
               b = normal(Random(6), {4}, 0, 100, DType::f64);
  const Mcd m = mcd(c.x), moved = mcd(matmul(c.x, a) + b);
  REQUIRE(m.raw_support.to_vector() == moved.raw_support.to_vector());
  CHECK(furthest(moved.location.to_vector(), (matmul(m.location, a) + b).to_vector()) < 1e-9);
  CHECK(furthest(moved.covariance.to_vector(),
                 matmul(matmul(a.mT(), m.covariance), a).to_vector()) < 1e-8);
  CHECK(furthest(moved.distances.to_vector(), m.distances.to_vector()) < 1e-7);
}

TEST_CASE("mcd: outliers, by both starts") {
  const struct {
    int64_t n, p;
    double share;
    Far far;
    Start start;
  } cases[] = {{400, 3, 0.25, Far::cluster, Start::subset},
               {400, 3, 0.25, Far::cluster, Start::elemental},
               {1000, 5, 0.25, Far::cluster, Start::automatic},
               {1000, 10, 0.25, Far::cluster, Start::automatic},
               {1000, 10, 0.25, Far::scatter, Start::subset},
               {1000, 5, 0.25, Far::scatter, Start::elemental},
               {600, 30, 0.1, Far::scatter, Start::automatic}};
  for (const auto& c : cases)
    for (uint32_t seed = 0; seed < 2; ++seed) {
      CAPTURE(c.p);
      CAPTURE(seed);
      const Cloud d = cloud(10 + seed, c.n, c.p, c.share, c.far);
      const Mcd m = mcd(d.x, {.start = c.start, .random = Random(seed)});
      CHECK(error_of(m.covariance, d.clean) <= 0.15);
      CHECK(kept(m, d.outliers).outliers == 0);
      CHECK(kept(m, d.outliers).inliers >= 0.85);
    }
  // A cluster looks near from a start of h rows in many dimensions: why there is another.
  const Cloud d = cloud(10, 1000, 10, 0.25, Far::cluster);
  CHECK(error_of(mcd(d.x, {.start = Start::subset}).covariance, d.clean) > 10);
}

TEST_CASE("mcd: of a Gaussian some 97 percent are kept") {
  const Mcd m = mcd(normal(Random(7), {1000, 5}, 0, 1, DType::f64));
  const double share = kept(m, 0).inliers;
  CHECK(share > 0.955);
  CHECK(share < 0.985);
}

TEST_CASE("mcd: the same bits on any threads; the stream decides") {
  const Tensor x = matrix(mixed(31, 1700, 12, 300), 1700, 12);
  CHECK(same_on_any_threads([&] {
    const Mcd m = mcd(x, {.starts = 60});
    Numbers out = m.covariance.to_vector(), d = m.distances.to_vector();
    out.insert(out.end(), d.begin(), d.end());
    return out;
  }));
  const Numbers noise = bell(32, 900, 12);
  const auto support = [&](uint64_t seed) {
    return mcd(matrix(noise, 900, 12), {.starts = 20, .random = Random(seed)})
        .raw_support.to_vector();
  };
  CHECK(support(1) != support(2));
}
