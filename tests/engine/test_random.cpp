#include <doctest/doctest.h>

#include <regrad/engine/random.h>

#include <algorithm>
#include <cmath>
#include <set>

using namespace regrad;

TEST_CASE("streams are addressed: same address, same numbers; other address, others") {
  const Random a(1);
  CHECK(uniform(a / "x", {5}).to_vector() == uniform(Random(1) / "x", {5}).to_vector());
  std::set<uint64_t> keys;
  for (const char* name : {"", "a", "b", "ab", "ba", "init", "initialise", "initialiser"})
    keys.insert((a / name).key());
  for (int64_t i = -3; i < 100; ++i) keys.insert((a / i).key());
  keys.insert((a / "a" / "b").key());
  keys.insert((Random(2) / "a").key());
  CHECK(keys.size() == 113);
}

TEST_CASE("moments and ranges") {
  const auto u = uniform(Random(1), {100000}, -2, 3, DType::f64).to_vector(),
             n = normal(Random(2), {100000}, 1, 2, DType::f64).to_vector();
  double mean_u = 0, mean_n = 0, var_n = 0;
  for (size_t i = 0; i < u.size(); ++i) {
    mean_u += u[i] / 1e5;
    mean_n += n[i] / 1e5;
    var_n += (n[i] - 1) * (n[i] - 1) / 1e5;
  }
  CHECK(*std::min_element(u.begin(), u.end()) >= -2);
  CHECK(*std::max_element(u.begin(), u.end()) < 3);
  CHECK(mean_u == doctest::Approx(0.5).epsilon(0.02));
  CHECK(mean_n == doctest::Approx(1).epsilon(0.03));
  CHECK(var_n == doctest::Approx(4).epsilon(0.03));
  auto p = randperm(Random(3), 50).to_vector<int64_t>();
  std::sort(p.begin(), p.end());
  for (int64_t i = 0; i < 50; ++i) CHECK(p[static_cast<size_t>(i)] == i);
  const auto k = randint(Random(4), -2, 3, {1000}).to_vector();
  CHECK(std::set<double>(k.begin(), k.end()) == std::set<double>{-2, -1, 0, 1, 2});
  CHECK_THROWS_AS(Random(1).integer(0, 0), ConfigError);
}
