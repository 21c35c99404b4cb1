// The measure of what statistics of a feature map hold of a label (audio.md check 28).
#include <doctest/doctest.h>
#include <regrad/algorithms/rfn/information.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/random.h>

#include <cmath>

using namespace regrad;
using namespace regrad::relaxed_norm;

TEST_CASE(
    "information: none where labels are independent of the statistics, ln D where they decide "
    "them") {
  constexpr int64_t n = 600, k = 6, classes = 5;
  const Random r(3);
  const Tensor noise = normal(r / "s", {2 * n, k}, 0, 1, DType::f64),
               d = randint(r / "d", 0, classes, {2 * n});
  const auto part = [&](const Tensor& t, int64_t i) {
    return slice(t, 0, i * n, (i + 1) * n).contiguous();
  };
  const double none = information(part(noise, 0), part(d, 0), part(noise, 1), part(d, 1), classes);
  CHECK(none < 0.03);
  const Tensor told = cat({10 * one_hot(d, classes).to(DType::f64), noise}, 1);
  const double all = information(part(told, 0), part(d, 0), part(told, 1), part(d, 1), classes);
  CHECK(all > 0.97 * std::log(5.0));
  CHECK(all <= std::log(5.0) + 1e-9);
  const double some =
      information(part(told, 0), part(d, 0), part(told, 1), part(d, 1), classes, {.components = 4});
  CHECK(some > none);
  CHECK(some < all);
}

TEST_CASE("information: the statistics of a map") {
  const Tensor x = normal(Random(4), {2, 3, 4, 5}, 0, 1, DType::f64);
  const Tensor c = channel_statistics(x), f = frequency_statistics(x);
  CHECK(c.shape() == Shape{2, 6});
  CHECK(f.shape() == Shape{2, 8});
  CHECK(c[1].to_vector()[2] == doctest::Approx(mean(x[1][2]).item()).epsilon(1e-12));
  const Tensor row = x.permute({0, 2, 1, 3})[0][3].contiguous();
  CHECK(f[0].to_vector()[3] == doctest::Approx(mean(row).item()).epsilon(1e-12));
  CHECK(f[0].to_vector()[7] == doctest::Approx(std::sqrt(var(row, {}, 0).item())).epsilon(1e-12));
  CHECK_THROWS_AS(information(c, zeros({3}, DType::i64), c, zeros({2}, DType::i64), 2), ShapeError);
  CHECK_THROWS_AS(information(c, zeros({2}, DType::i64), c, zeros({2}, DType::i64), 1),
                  ConfigError);
}
