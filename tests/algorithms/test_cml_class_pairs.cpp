// Intervals over pairs of classes: the jackknife against plain loops, and how often it holds.
#include <doctest/doctest.h>
#include <regrad/algorithms/cml/experiment/class_pairs.h>
#include <regrad/engine/error.h>
#include <regrad/engine/ops.h>
#include <regrad/engine/random.h>

#include <cmath>

using namespace regrad;
using namespace regrad::cml;

namespace {

using Numbers = std::vector<double>;

// t of 95% for 1 to 6 degrees of freedom, from a printed table.
constexpr double table_t[] = {0,           12.706204736, 4.302652730, 3.182446305,
                              2.776445105, 2.570581836,  2.446911851};

// The jackknife by its definition, over the pairs of classes 0..n-1 in order.
double half_width(const Numbers& v, int n) {
  Numbers left_out(static_cast<size_t>(n));
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

// A value for each pair: of_class times both classes' parts, and noise of its own.
Numbers drawn(const Random& r, int n, double of_class, double noise) {
  const Numbers part = normal(r / "class", {n}, 0, 1, DType::f64).to_vector(),
                own = normal(r / "pair", {n * (n - 1) / 2}, 0, 1, DType::f64).to_vector();
  Numbers out;
  for (const auto& [a, b] : class_pairs(n))
    out.push_back(of_class * (part[static_cast<size_t>(a)] + part[static_cast<size_t>(b)]) +
                  noise * own[out.size()]);
  return out;
}

// % of 1,000 draws whose interval holds 0.
template <class HalfWidth>
double held(double of_class, double noise, HalfWidth&& width) {
  int holds = 0;
  for (int64_t i = 0; i < 1000; ++i) {
    const Numbers v = drawn(Random(5) / i, 7, of_class, noise);
    holds += std::abs(experiment::mean(v)) <= width(v);
  }
  return holds / 10.0;
}

}  // namespace

TEST_CASE("pairs: each of two classes once, in order") {
  CHECK(class_pairs(7).size() == 21);
  CHECK(class_pairs(6).size() == 15);
  CHECK(class_pairs(4)[3] == ClassPair{1, 2});
}

TEST_CASE("the jackknife over classes is its definition") {
  for (const int n : {4, 6, 7}) {
    const Numbers v = drawn(Random(n), n, 1, 0.5);
    const experiment::Interval found = class_pair_interval(v, class_pairs(n));
    double mean = 0;
    for (const double x : v) mean += x / static_cast<double>(v.size());
    CHECK(found.mean == doctest::Approx(mean).epsilon(1e-12));
    CHECK(found.ci95 == doctest::Approx(half_width(v, n)).epsilon(1e-9));
    CHECK(found.count == n);
  }
  // Sums of the classes' parts: twice the interval of their mean.
  const Numbers parts{1, 2, 4, 8, 16};
  Numbers sums;
  for (const auto& [a, b] : class_pairs(5))
    sums.push_back(parts[static_cast<size_t>(a)] + parts[static_cast<size_t>(b)]);
  CHECK(class_pair_interval(sums, class_pairs(5)).ci95 ==
        doctest::Approx(2 * experiment::mean_interval(parts).ci95).epsilon(1e-12));
}

TEST_CASE(
    "the jackknife over classes holds where classes differ, and Student's over pairs does not; "
    "without their parts it is too wide") {
  const auto by_class = [](const Numbers& v) {
    return class_pair_interval(v, class_pairs(7)).ci95;
  };
  const auto by_pair = [](const Numbers& v) { return experiment::mean_interval(v).ci95; };
  const double classes = held(1, 0, by_class), both = held(1, 1, by_class),
               noise = held(0, 1, by_class);
  CHECK((classes > 93 && classes < 97));
  CHECK((both > 93 && both < 98.5));
  CHECK(noise > 97);
  CHECK(held(1, 1, by_pair) < 85);
  CHECK(held(0, 1, by_pair) > 93);
}

TEST_CASE("differences by seed take each seed's pair; what has no interval") {
  const Numbers a{5, 7, 4, 9, 6, 8, 5.5}, b{4, 4, 4, 4, 4, 4, 4};
  // Four classes: six pairs; seed 6 has the first again.
  const experiment::Interval found = class_pair_difference(a, b, {0, 1, 2, 3, 4, 5, 6}, 4),
                             same = class_pair_interval(
                                 {1, 3, 0, 5, 2, 4, 1.5},
                                 {{0, 1}, {0, 2}, {0, 3}, {1, 2}, {1, 3}, {2, 3}, {0, 1}});
  CHECK(found.mean == same.mean);
  CHECK(found.ci95 == same.ci95);
  CHECK(class_pair_difference({1, 2}, {0, 0}, {5, 4}, 4).mean == 1.5);
  CHECK(std::isnan(class_pair_interval({1, 2}, {{0, 1}, {0, 1}}).ci95));  // two classes
  CHECK(std::isnan(class_pair_interval({1, 2, 3}, {{0, 1}, {0, 2}, {0, 3}}).ci95));
  CHECK_THROWS_AS(class_pair_interval({1, 2}, {{0, 1}}), ConfigError);
  CHECK_THROWS_AS(class_pair_difference({1, 2}, {1}, {0, 1}, 4), ConfigError);
  CHECK_THROWS_AS(class_pair_difference({1}, {1}, {0, 1}, 4), ConfigError);
  CHECK_THROWS_AS(class_pair_difference({}, {}, {}, 1), ConfigError);
}
