// Uniform quantization: levels against plain loops for every number of bits, gradients, ranges.
#include <doctest/doctest.h>

#include <regrad/engine/autograd.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/quantize.h>

#include <algorithm>
#include <cmath>
#include <set>

using namespace regrad;

namespace {

double apart(const Tensor& a, const Tensor& b) {
  return amax(abs(a.to(DType::f64) - b.to(DType::f64))).item();
}
Tensor drawn(const char* name, const Shape& s, DType t = DType::f64) {
  return normal(Random(31) / name, s, 0, 1, t);
}

// By the header's formulas, value by value.
double by_hand(double v, double low, double high, bool is_signed, int bits, Scheme scheme) {
  const double all = std::pow(2.0, bits) - 1, n = std::pow(2.0, bits - 1) - 1;
  double s = high / all, least = 0, most = all;
  if (scheme == Scheme::affine) {
    s = (high - low) / all;
    const double zero = std::nearbyint(-low / s);
    least = -zero, most = all - zero;
  } else if (is_signed) {
    s = std::max(-low, high) / n, least = -n, most = n;
  }
  return s * std::clamp(std::nearbyint(v / s), least, most);
}

}  // namespace

TEST_CASE(
    "quantize: 1 to 16 bits, symmetric and affine, with a sign and without, are the formulas") {
  const Tensor any = drawn("x", {200}), positive = abs(any);
  for (const Scheme scheme : {Scheme::symmetric, Scheme::affine})
    for (const bool is_signed : {false, true})
      for (int bits = 1; bits <= 16; ++bits) {
        if (scheme == Scheme::symmetric && is_signed && bits == 1) continue;
        CAPTURE(bits);
        CAPTURE(is_signed);
        const Tensor& x = is_signed ? any : positive;
        // narrower than the values, so that some are cut off
        const Range range{is_signed ? -1.1 : 0, 1.7};
        const QuantizeOptions o{.bits = bits, .scheme = scheme};
        const std::vector<double> v = x.to_vector(), y = fake_quantize(x, range, o).to_vector(),
                                  l = quantized_levels(x, range, o).to_vector();
        const Levels levels = levels_of(range, is_signed, o);
        double worst = 0;
        for (size_t i = 0; i < v.size(); ++i) {
          worst = std::max(worst, std::abs(y[i] - by_hand(v[i], range.low, range.high, is_signed,
                                                          bits, scheme)));
          worst = std::max(worst, std::abs(y[i] - levels.scale * l[i]));
          CHECK(l[i] == std::nearbyint(l[i]));
        }
        CHECK(worst < 1e-12);
        CHECK(std::set<double>(l.begin(), l.end()).size() <= std::pow(2.0, bits));
        CHECK(*std::max_element(l.begin(), l.end()) == levels.most);
        CHECK(fake_quantize(zeros({1}, DType::f64), range, o).item() == 0);
        // what lies on the grid stays there
        CHECK(apart(fake_quantize(fake_quantize(x, range, o), range, o),
                    fake_quantize(x, range, o)) < 1e-12);
      }
}

TEST_CASE("quantize: halves go to even; ranges without values are of scale 1") {
  const Range range{-7, 7};
  CHECK(
      apart(fake_quantize(tensor({0.5, 1.5, 2.5, -0.5, -1.5, 6.5}, DType::f64), range, {.bits = 4}),
            tensor({0, 2, 2, 0, -2, 6}, DType::f64)) == 0);
  CHECK(levels_of({0, 0}, false).scale == 1);
  CHECK(levels_of({0, 0}, false, {.scheme = Scheme::affine}).scale == 1);
  // an affine range is widened to hold 0
  CHECK(levels_of({1, 3}, false, {.bits = 2, .scheme = Scheme::affine}).scale == 1);
  CHECK(levels_of({1, 3}, false, {.bits = 2, .scheme = Scheme::affine}).least == 0);
}

TEST_CASE("quantize: the gradient goes straight through at every order, and is cut where asked") {
  const Tensor x = tensor({-3, -0.4, 0.2, 0.9, 4}, DType::f64).requires_grad_();
  for (const Scheme scheme : {Scheme::symmetric, Scheme::affine}) {
    const Range range{-1, 1};
    const QuantizeOptions cut{.bits = 4, .scheme = scheme},
        whole{.bits = 4, .scheme = scheme, .clip_gradient = false};
    CHECK(grad(sum(fake_quantize(x, range, cut)), x).to_vector() ==
          std::vector<double>{0, 1, 1, 1, 0});
    CHECK(grad(sum(fake_quantize(x, range, whole)), x).to_vector() ==
          std::vector<double>{1, 1, 1, 1, 1});
    const double s = levels_of(range, true, cut).scale;
    CHECK(apart(grad(sum(quantized_levels(x, range, cut)), x),
                tensor({0, 1 / s, 1 / s, 1 / s, 0}, DType::f64)) < 1e-12);
    const Tensor y = sum(pow(fake_quantize(x, range, whole), 3.0)),
                 g = grad(y, x, {.create_graph = true});
    CHECK(apart(g, 3 * square(fake_quantize(x, range, cut))) < 1e-12);
    CHECK(apart(grad(sum(g), x), 6 * fake_quantize(x, range, cut)) < 1e-12);
  }
}

TEST_CASE("quantize: per channel and per group are loops over slices, along any dim") {
  const Tensor w = drawn("w", {6, 4, 3}) * tensor({1, 10, 0.1, 5, 0.01, 2}, {6, 1, 1}, DType::f64);
  for (const Scheme scheme : {Scheme::symmetric, Scheme::affine})
    for (int bits : {2, 4, 8}) {
      const QuantizeOptions by_channel{.bits = bits, .scheme = scheme, .per_channel = true},
          by_tensor{.bits = bits, .scheme = scheme};
      const Tensor y = fake_quantize(w, by_channel);
      for (int64_t o = 0; o < 6; ++o)
        CHECK(apart(slice(y, 0, o, o + 1), fake_quantize(slice(w, 0, o, o + 1), by_tensor)) <
              1e-14);
      if (bits > 2) CHECK(apart(y, w) < apart(fake_quantize(w, by_tensor), w));
      for (const int dim : {0, 1, 2}) {
        const int64_t groups = dim == 2 ? 3 : 2, each = w.size(dim) / groups;
        MinMaxObserver seen(groups, dim);
        seen.observe(w);
        const Ranges ranges = seen.ranges();
        CHECK(ranges.size() == static_cast<size_t>(groups));
        const Tensor z = fake_quantize(w, ranges, by_tensor);
        for (int64_t g = 0; g < groups; ++g) {
          const Tensor part = slice(w, dim, g * each, (g + 1) * each);
          const Range own{std::min(0.0, amin(part).item()), std::max(0.0, amax(part).item())};
          CHECK(apart(slice(z, dim, g * each, (g + 1) * each),
                      fake_quantize(part, own, by_tensor)) < 1e-14);
        }
      }
    }
}

TEST_CASE("quantize: ranges of weights, and of what an observer saw") {
  const Tensor w = tensor({-3, 1, 2, 0.5}, {2, 2}, DType::f64);
  CHECK(weight_ranges(w).at(0, 1).low == -3);
  CHECK(weight_ranges(w).at(0, 1).high == 3);
  CHECK(weight_ranges(w, {.per_channel = true}).at(1, 2).high == 2);
  CHECK(weight_ranges(w, {.per_channel = true}).at(1, 2).low == -2);
  CHECK(weight_ranges(w, {.scheme = Scheme::affine}).at(0, 1).high == 2);
  CHECK(weight_ranges(zeros({3})).at(0, 1).high == 127);
  MinMaxObserver seen(2);
  seen.observe(tensor({1, -2}, {1, 2}));
  seen.observe(zeros({0, 2}));
  seen.observe(tensor({5, -1, -3, -7}, {2, 2}));
  const Ranges r = seen.ranges();
  CHECK(r.at(0, 2).low == -3);
  CHECK(r.at(0, 2).high == 5);
  CHECK(r.at(1, 2).low == -7);
  CHECK(r.at(1, 2).high == 0);  // 0 is always among them
  CHECK(r.is_signed());
}

TEST_CASE("quantize: NaN and infinities are not lost") {
  for (const Scheme scheme : {Scheme::symmetric, Scheme::affine})
    for (const double bad : {NAN, INFINITY, -INFINITY}) {
      CAPTURE(bad);
      const QuantizeOptions o{.scheme = scheme}, by_channel{.scheme = scheme, .per_channel = true};
      const Tensor w = tensor({0.5, bad, 0.25, -0.125}, {2, 2}, DType::f64),
                   y = fake_quantize(w, o);
      for (double v : y.to_vector()) CHECK(std::isnan(v));
      const std::vector<double> z = fake_quantize(w, by_channel).to_vector();
      CHECK(std::isnan(z[0]));
      CHECK(std::abs(z[2] - 0.25) < 0.01);
      MinMaxObserver seen;
      seen.observe(ones({2}));
      seen.observe(w);
      seen.observe(ones({2}));
      CHECK(std::isnan(levels_of(seen.ranges().at(0, 1), true, o).scale));
      for (double v : fake_quantize(ones({2}), seen.ranges(), o).to_vector()) CHECK(std::isnan(v));
    }
  const std::vector<double> y =
      fake_quantize(tensor({NAN, INFINITY, 0.5}), Range{-1, 1}, {.bits = 2}).to_vector();
  CHECK(std::isnan(y[0]));
  CHECK(y[1] == 1);
  CHECK(fake_quantize(zeros({0, 3}), {.per_channel = true}).shape() == Shape{0, 3});
  CHECK_THROWS_AS(fake_quantize(ones({2}), Range{1, -1}), ConfigError);
}

TEST_CASE("quantize: what does not fit is refused") {
  const Range unit{0, 1};
  const Tensor x = drawn("x", {2, 3});
  for (const int bits : {0, -1, 25})
    CHECK_THROWS_AS(fake_quantize(x, unit, {.bits = bits}), ConfigError);
  CHECK_THROWS_AS(fake_quantize(x, Range{-1, 1}, {.bits = 1}), ConfigError);
  CHECK_THROWS_AS(fake_quantize(x, {.bits = 1}), ConfigError);  // weights have a sign
  CHECK_THROWS_AS(fake_quantize(x.to(DType::i64), unit), DTypeError);
  CHECK_THROWS_AS(fake_quantize(x, Ranges({unit, unit})), ShapeError);
  CHECK_THROWS_AS(fake_quantize(x, Ranges({unit, unit}, 2)), ShapeError);
  CHECK_THROWS_AS(Ranges(std::vector<Range>{}), ConfigError);
  CHECK_THROWS_AS(MinMaxObserver().ranges(), ConfigError);
  CHECK_THROWS_AS(MinMaxObserver(2).observe(x), ShapeError);
}
