// Intervals and verdicts, beside plain loops and in repeated draws.
#include <doctest/doctest.h>
#include <regrad/algorithms/experiment/stats.h>
#include <regrad/engine/error.h>
#include <regrad/engine/random.h>

#include <algorithm>
#include <cmath>

#include "../temp_folder.h"

using namespace regrad;
using namespace regrad::experiment;
using regrad::test::complaint;

namespace {

using Lists = std::vector<std::vector<double>>;

std::vector<ByItem> by_seed(const Lists& values) {
  std::vector<ByItem> out;
  for (const auto& v : values) out.push_back({v});
  return out;
}

// How often of 1000 draws the interval holds the true mean, 0, where y_sc = seed + item + rest,
// normal with these deviations.
double coverage(size_t seeds, size_t items, double of_seeds, double of_items, double rest) {
  int held = 0;
  const Random r = Random(7) / "coverage";
  for (int draw = 0; draw < 1000; ++draw) {
    const Random here = r / draw;
    Lists y(seeds, std::vector<double>(items));
    for (size_t s = 0; s < seeds; ++s)
      for (size_t c = 0; c < items; ++c)
        y[s][c] = of_seeds * (here / "seeds").normal(s) + of_items * (here / "items").normal(c) +
                  rest * (here / "rest").normal(s * items + c);
    const Interval d = clustered_interval(by_seed(y));
    held += std::fabs(d.mean) <= d.ci95;
  }
  return held / 1000.0;
}

// t of 95% for 1 to 6 degrees of freedom, from a printed table.
constexpr double table_t[] = {0,           12.706204736, 4.302652730, 3.182446305,
                              2.776445105, 2.570581836,  2.446911851};

// The jackknife by its definition, over the pairs of classes 0..n-1 in order.
double half_width(const std::vector<double>& v, int n) {
  std::vector<double> left_out(static_cast<size_t>(n));
  double mean = 0;
  for (int c = 0; c < n; ++c) {
    double sum = 0;
    int count = 0;
    size_t i = 0;
    for (int a = 0; a < n; ++a)
      for (int b = a + 1; b < n; ++b, ++i)
        if (a != c && b != c) sum += v[i], ++count;
    left_out[static_cast<size_t>(c)] = sum / count;
    mean += sum / count / n;
  }
  double squares = 0;
  for (const double m : left_out) squares += (m - mean) * (m - mean);
  return table_t[n - 1] * std::sqrt((n - 1.0) / n * squares);
}

std::vector<std::vector<int64_t>> pairs_of(int64_t classes) {
  std::vector<std::vector<int64_t>> out;
  for (int64_t a = 0; a < classes; ++a)
    for (int64_t b = a + 1; b < classes; ++b) out.push_back({a, b});
  return out;
}

// A value for each pair: of_class times both classes' parts, and noise of its own.
std::vector<double> drawn(const Random& r, int n, double of_class, double noise) {
  std::vector<double> part, own, out;
  for (int c = 0; c < n; ++c) part.push_back((r / "class").normal(static_cast<uint64_t>(c)));
  for (int p = 0; p < n * (n - 1) / 2; ++p)
    own.push_back((r / "pair").normal(static_cast<uint64_t>(p)));
  for (const auto& p : pairs_of(n))
    out.push_back(of_class * (part[static_cast<size_t>(p[0])] + part[static_cast<size_t>(p[1])]) +
                  noise * own[out.size()]);
  return out;
}

// % of 1,000 draws whose interval holds 0.
template <class HalfWidth>
double held(double of_class, double noise, HalfWidth&& width) {
  int holds = 0;
  for (int64_t i = 0; i < 1000; ++i) {
    const std::vector<double> v = drawn(Random(5) / i, 7, of_class, noise);
    holds += std::abs(mean(v)) <= width(v);
  }
  return holds / 10.0;
}

}  // namespace

TEST_CASE("Student's t") {
  // The 0.975 quantiles of the usual table, to more digits.
  const std::pair<double, double> table[] = {{1, 12.706204736174698}, {2, 4.302652729696142},
                                             {3, 3.182446305284263},  {5, 2.570581835636314},
                                             {7, 2.364624251592785},  {10, 2.228138851964939},
                                             {30, 2.042272456301238}, {1000, 1.962339080779}};
  for (const auto& [df, t] : table) {
    CHECK(student_quantile(0.975, df) == doctest::Approx(t).epsilon(1e-10));
    CHECK(student_quantile(0.025, df) == doctest::Approx(-t).epsilon(1e-10));
    CHECK(student_cdf(t, df) == doctest::Approx(0.975).epsilon(1e-11));
  }
  CHECK(student_cdf(0, 4) == doctest::Approx(0.5));
  CHECK(student_cdf(1, 1) == doctest::Approx(0.75));  // 1/2 + atan(1)/pi
  // 1/2 + t / (2 sqrt(2 + t^2))
  CHECK(student_cdf(1, 2) == doctest::Approx(0.5 + 1 / (2 * std::sqrt(3))));
  CHECK(complaint<ConfigError>([] { student_quantile(1, 3); }, "between 0 and 1") == "");
  CHECK(complaint<ConfigError>([] { student_cdf(0, 0); }, "degrees of freedom") == "");
}

TEST_CASE("intervals and verdicts") {
  const Interval m = mean_interval({1, 2, 3, 4});
  CHECK(m.mean == 2.5);
  CHECK(m.ci95 == doctest::Approx(3.182446305284263 * std::sqrt(5.0 / 3) / 2));
  CHECK(std::isnan(mean_interval({1}).ci95));
  CHECK(std::isnan(mean_interval({}).mean));
  const Interval d = paired_difference({1.0, 2.0, 3.0}, {1.1, 2.1, 3.1});
  CHECK(d.mean == doctest::Approx(-0.1));
  CHECK(d.ci95 == 0);  // what rounding leaves is no spread
  CHECK(verdict(d, Direction::below) == Verdict::not_testable);
  const Interval e = paired_difference({1.0, 2.0, 3.0}, {1.1, 2.1, 3.11});
  CHECK(e.ci95 == doctest::Approx(4.302652729696142 * 0.01 / 3));
  CHECK(verdict(e, Direction::below) == Verdict::shown);
  CHECK(verdict(e, Direction::above) == Verdict::refuted);
  CHECK(verdict({-0.1, 0.2, 3}, Direction::below) == Verdict::not_shown);
  CHECK(verdict({-0.1, std::nan(""), 1}, Direction::below) == Verdict::not_testable);
  CHECK(verdict({std::nan(""), 0.1, 3}, Direction::below) == Verdict::not_testable);
  CHECK(verdict_within({0.05, 0.04, 3}, 0.1) == Verdict::shown);
  CHECK(verdict_within({-0.07, 0.04, 3}, 0.1) == Verdict::not_shown);
  CHECK(verdict_within({-0.15, 0.04, 3}, 0.1) == Verdict::refuted);
  CHECK(verdict_within({0, 0, 3}, 0.1) == Verdict::not_testable);
  CHECK(verdict({0.05, 0.04, 3}, Direction::below, 0.1) == Verdict::shown);
  CHECK(verdict({0.05, 0.06, 3}, Direction::below, 0.1) == Verdict::not_shown);
  CHECK(verdict({0.2, 0.06, 3}, Direction::below, 0.1) == Verdict::refuted);
  CHECK(complaint<ConfigError>([] { paired_difference({1}, {1, 2}); }, "1 values against 2") == "");
  CHECK(complaint<ConfigError>([] { verdict_within({0, 0, 2}, 0); }, "margin") == "");
}

TEST_CASE("seeds and items: an analysis of variance in two ways, beside plain loops") {
  const Lists y{{1, 4, 2, 8}, {2, 4, 1, 5}, {6, 9, 3, 9}};
  double mean = 0, row[3] = {}, column[4] = {};
  for (int s = 0; s < 3; ++s)
    for (int c = 0; c < 4; ++c) {
      const double v = y[static_cast<size_t>(s)][static_cast<size_t>(c)];
      mean += v / 12, row[s] += v / 4, column[c] += v / 3;
    }
  double ms = 0, mc = 0, me = 0;
  for (double v : row) ms += 4 * (v - mean) * (v - mean) / 2;
  for (double v : column) mc += 3 * (v - mean) * (v - mean) / 3;
  for (int s = 0; s < 3; ++s)
    for (int c = 0; c < 4; ++c) {
      const double v =
          y[static_cast<size_t>(s)][static_cast<size_t>(c)] - row[s] - column[c] + mean;
      me += v * v / 6;
    }
  const double v = ms + mc - me, df = v * v / (ms * ms / 2 + mc * mc / 3 + me * me / 6);
  REQUIRE(v > std::max(ms, mc));
  const Interval d = clustered_interval(by_seed(y));
  CHECK(d.mean == doctest::Approx(mean));
  CHECK(d.ci95 == doctest::Approx(student_quantile(0.975, df) * std::sqrt(v / 12)));
  CHECK(d.count == 3);
  CHECK(d.items == 4);
  // Where the three leave less than the items alone, or the seeds alone, these count.
  const Lists flat{{1, 2}, {2, 1}, {1, 2.5}};
  CHECK(clustered_interval(by_seed(flat)).ci95 ==
        doctest::Approx(mean_interval({4 / 3.0, 5.5 / 3}).ci95));
  CHECK(clustered_interval(by_seed({{1, 2, 1}, {2, 1, 2.5}})).ci95 ==
        doctest::Approx(mean_interval({4 / 3.0, 5.5 / 3}).ci95));
}

TEST_CASE("the interval holds the truth 19 times of 20, whatever varies: seeds, items or both") {
  // Three deviations of 1000 draws are 0.02; with three seeds Satterthwaite's degrees of freedom
  // are rough.
  for (const auto& [seeds, items, of_seeds, of_items, rest] : {std::tuple{3, 40, 8.0, 30.0, 20.0},
                                                               {3, 40, 0.0, 30.0, 20.0},
                                                               {5, 40, 3.0, 30.0, 20.0},
                                                               {8, 40, 3.0, 30.0, 20.0},
                                                               {5, 100, 0.0, 2.0, 30.0},
                                                               {5, 40, 8.0, 0.0, 5.0}}) {
    CAPTURE(seeds);
    CAPTURE(of_seeds);
    const double held =
        coverage(static_cast<size_t>(seeds), static_cast<size_t>(items), of_seeds, of_items, rest);
    CHECK(held > 0.91);
    CHECK(held < 0.99);
  }
}

TEST_CASE("two seeds that happen to agree give no narrow interval") {
  Lists y{{}, {}};
  for (int i = 0; i < 40; ++i)
    for (size_t s = 0; s < 2; ++s) y[s].push_back(1 + i % 5 + (s ? 0.1 : 0.0));
  const Interval d = clustered_interval(by_seed(y)), alone = mean_interval({3, 3.1});
  CHECK(d.ci95 == doctest::Approx(std::max(alone.ci95, mean_interval(y[0]).ci95)));
  CHECK(alone.ci95 > mean_interval(y[0]).ci95);  // by the items alone
  const double held = coverage(2, 40, 8.0, 0.0, 5.0);
  CHECK(held > 0.92);
}

TEST_CASE("items of one moment are one cluster") {
  // Every item three times tells no more than once.
  const Lists y{{1, 4, 2, 8}, {2, 4, 1, 5}, {6, 9, 3, 9}};
  const Interval once = clustered_interval(by_seed(y));
  std::vector<ByItem> thrice(3);
  for (size_t s = 0; s < 3; ++s)
    for (int64_t copy = 0; copy < 3; ++copy)
      for (size_t c = 0; c < 4; ++c) {
        // in another order in another seed
        const size_t from = (c + s) % 4;
        thrice[s].values.push_back(y[s][from]);
        thrice[s].groups.push_back(static_cast<int64_t>(70 + from));
      }
  const Interval d = clustered_interval(thrice);
  CHECK(d.mean == doctest::Approx(once.mean));
  CHECK(d.ci95 == doctest::Approx(once.ci95));
  CHECK(d.items == 4);
  for (ByItem& s : thrice) s.groups.clear();
  CHECK(clustered_interval({thrice[0], thrice[0], thrice[1]}).items == 12);
  // A cluster counts by its size: the mean stays that of the items.
  const Interval uneven =
      clustered_interval({{{1, 1, 1, 9}, {0, 0, 0, 1}}, {{2, 2, 2, 7}, {0, 0, 0, 1}}});
  CHECK(uneven.mean == doctest::Approx((3 + 9 + 6 + 7) / 8.0));
}

TEST_CASE("seeds with test items of their own, as folds, are judged by their means") {
  const ByItem a{{1, 2, 3}, {0, 1, 2}}, b{{4, 6, 8}, {3, 4, 5}}, c{{0, 0, 9}, {6, 7, 8}},
      again{{3, 2, 1}, {2, 1, 0}}, other{{2, 2, 8}, {0, 1, 2}};
  const Interval folds = clustered_interval({a, b, c}), means = mean_interval({2, 6, 3});
  CHECK(folds.mean == means.mean);
  CHECK(folds.ci95 == means.ci95);
  CHECK(folds.count == 3);
  CHECK(folds.items == 9);
  const Interval twice = clustered_interval({a, b, c, other});  // a fold twice
  CHECK(twice.count == 3);
  CHECK(twice.mean == doctest::Approx((3 + 6 + 3) / 3.0));
  CHECK(clustered_interval({a, again}).ci95 == clustered_interval({a, a}).ci95);
}

TEST_CASE("what cannot be judged by seeds and items") {
  const ByItem a{{1, 2, 4}}, b{{2, 2, 5}};
  CHECK(std::isnan(clustered_interval({a}).ci95));
  CHECK(std::isnan(clustered_interval({{{1}}, {{2}}}).ci95));
  CHECK(verdict(clustered_interval({a}), Direction::above) == Verdict::not_testable);
  const Interval same = clustered_interval({{{5, 5, 5}}, {{5, 5, 5}}});
  CHECK(same.mean == 5);
  CHECK(same.ci95 == 0);
  CHECK(verdict(same, Direction::above) == Verdict::not_testable);
  CHECK(clustered_interval({a, b}).ci95 > 0);
  for (const double bad : {std::nan(""), HUGE_VAL}) {  // a diverged run must not end the table
    const Interval d = clustered_interval({a, {{2, bad, 5}}});
    CHECK(verdict(d, Direction::above) == Verdict::not_testable);
  }
  CHECK_THROWS_AS(clustered_interval({}), ConfigError);
  CHECK_THROWS_AS(clustered_interval({{{}}}), ConfigError);
  CHECK(complaint<ConfigError>(
            [] {
              clustered_interval({{{1, 2}, {1}}});
            },
            "1 groups of 2 items") == "");
  CHECK(complaint<ConfigError>(
            [] {
              clustered_interval({{{1, 2}, {1, 2}}, {{1, 2}, {2, 3}}});
            },
            "share a part of their items only (cluster 2)") == "");
}

TEST_CASE("the jackknife of a part of the pairs: the mean is that of the values") {
  // Without 0, 1, 2, 3: the means 3, 6, 5.5 and 2, whose mean is another.
  const Interval d = jackknife_interval({1, 2, 3, 10}, {{0, 1}, {0, 2}, {1, 2}, {0, 3}});
  CHECK(d.mean == 4);
  CHECK(d.ci95 == doctest::Approx(table_t[3] * std::sqrt(0.75 * 11.1875)));
  CHECK(d.count == 4);
}

TEST_CASE("the jackknife over classes is its definition") {
  for (const int n : {4, 6, 7}) {
    const std::vector<double> v = drawn(Random(n), n, 1, 0.5);
    const Interval found = jackknife_interval(v, pairs_of(n));
    double mean = 0;
    for (const double x : v) mean += x / static_cast<double>(v.size());
    CHECK(found.mean == doctest::Approx(mean).epsilon(1e-12));
    CHECK(found.ci95 == doctest::Approx(half_width(v, n)).epsilon(1e-9));
    CHECK(found.count == n);
  }
  // Sums of the classes' parts: twice the interval of their mean.
  const std::vector<double> parts{1, 2, 4, 8, 16};
  std::vector<double> sums;
  for (const auto& p : pairs_of(5))
    sums.push_back(parts[static_cast<size_t>(p[0])] + parts[static_cast<size_t>(p[1])]);
  CHECK(jackknife_interval(sums, pairs_of(5)).ci95 ==
        doctest::Approx(2 * mean_interval(parts).ci95).epsilon(1e-12));
}

TEST_CASE(
    "the jackknife over classes holds where classes differ, and Student's over pairs does not; "
    "without their parts it is too wide") {
  const auto by_class = [](const std::vector<double>& v) {
    return jackknife_interval(v, pairs_of(7)).ci95;
  };
  const auto by_pair = [](const std::vector<double>& v) { return mean_interval(v).ci95; };
  const double classes = held(1, 0, by_class), both = held(1, 1, by_class),
               noise = held(0, 1, by_class);
  CHECK((classes > 93 && classes < 97));
  CHECK((both > 93 && both < 98.5));
  CHECK(noise > 97);
  CHECK(held(1, 1, by_pair) < 85);
  CHECK(held(0, 1, by_pair) > 93);
}

TEST_CASE("the jackknife: what has no interval, and values without spread") {
  CHECK(std::isnan(jackknife_interval({1, 2}, {{0, 1}, {0, 1}}).ci95));  // two parts
  CHECK(std::isnan(jackknife_interval({1, 2, 3}, {{0, 1}, {0, 2}, {0, 3}}).ci95));
  CHECK(jackknife_interval({2, 2, 2}, {{0, 1}, {0, 2}, {1, 2}}).ci95 == 0);
  CHECK_THROWS_AS(jackknife_interval({1, 2}, {{0, 1}}), ConfigError);
}
