// More small inputs at which engines fail (test_edges.cpp): long sums, large integers, tails, rules
// of shapes, and products with zeros.
#include "edges.h"

#include <regrad/engine/conv.h>

#include <algorithm>
#include <cmath>
#include <limits>

using namespace regrad;
using namespace regrad::test;

namespace {

double last(const Tensor& x) { return select(flatten(x), 0, -1).item(); }

}  // namespace

TEST_CASE("long running sums keep their digits") {
  const int64_t n = 1000000;
  const double tenth = static_cast<double>(0.1f), right = 1e6 * tenth;
  const Tensor x = full({n}, 0.1), one = ones({n});
  CHECK(last(cumsum(x, 0)) == doctest::Approx(right).epsilon(1e-7));
  CHECK(last(cumsum(full({n, 2}, 0.1), 0)) == doctest::Approx(right).epsilon(1e-7));
  CHECK(derivative([](const Tensor& v) { return cumsum(v, 0); }, x)[0] == n);
  CHECK(derivative([](const Tensor& v) { return cumsum(v, 0) * 0.1; }, x)[0] ==
        doctest::Approx(right).epsilon(1e-7));
  // Blocks of some thousand numbers are added in f32, or in OpenBLAS's own way; one running sum
  // would be 1e-2 off.
  const double products = 1e-4;
  const auto fits = [&](double got, double by = 1e-5) {
    CHECK(got == doctest::Approx(right).epsilon(by));
  };
  fits(sum(x).item());
  fits(last(sum(full({n, 3}, 0.1), {0})));
  fits(last(sum(full({3, n}, 0.1), {1})));
  fits(last(sum(full({3, n}, 0.1).transpose(0, 1), {0})));
  fits(matmul(x, one).item(), products);
  fits(last(matmul(full({2, n}, 0.1), ones({n, 3}))), products);
  fits(last(matmul(full({n, 2}, 0.1).mT(), ones({n, 3}))), products);
  fits(last(addmm(zeros({3}), full({2, n}, 0.1), ones({n, 3}))), products);
  fits(last(einsum("ij,ij->i", {full({2, n}, 0.1), ones({2, n})})), products);
  fits(mean(x).item() * 1e6);
  fits(norm(full({n}, std::sqrt(0.1))).item() * norm(full({n}, std::sqrt(0.1))).item());
  fits(mse_loss(full({n}, std::sqrt(0.1)), zeros({n})).item() * 1e6);
  fits(std::exp(logsumexp(full({n}, std::log(0.1)), {0}).item()));
  fits(avg_pool2d(full({1, 1, 1000, 1000}, 0.1), 1000).item() * 1e6);
  fits(last(adaptive_avg_pool2d(full({1, 1, 1500, 1500}, 0.1), {2, 2})) * 1e6);
  fits(scatter_add(zeros({1}), 0, zeros({n}, DType::i64), x).item());
  fits(derivative([&](const Tensor& v) { return index_select(v, 0, zeros({n}, DType::i64)) * 0.1; },
                  ones({2}))[0]);
  BatchStatistics seen;
  batch_norm(full({n, 1, 1, 1}, 0.1), {}, {}, {}, &seen);
  fits(seen.mean.item() * 1e6);
  const Tensor steps = repeat(tensor({-1, 1}), {n / 2}) + 3;  // mean 3, variance 1
  CHECK(var(steps, {}, 0).item() == doctest::Approx(1).epsilon(1e-5));
  batch_norm(steps.reshape({n, 1, 1, 1}), {}, {}, {}, &seen);
  CHECK(seen.var.item() == doctest::Approx(1).epsilon(1e-5));
  CHECK(last(standardize(steps, {0})) == doctest::Approx(1).epsilon(1e-4));
  // Attention over a million keys: the mean of values, and the first-order gradient with and
  // without a graph.
  const Tensor k = zeros({1, n, 1}), v = full({1, n, 1}, 0.1);
  CHECK(scaled_dot_product_attention(ones({1, 1, 1}), k, v).item() ==
        doctest::Approx(tenth).epsilon(1e-5));
}

TEST_CASE("large integers do not go through double") {
  const int64_t big = int64_t{1} << 53, least = std::numeric_limits<int64_t>::min(),
                most = std::numeric_limits<int64_t>::max();
  const auto of = [](const std::vector<int64_t>& v) {
    return from_data(v.data(), {int64_t(v.size())}, DType::i64);
  };
  using Ints = std::vector<int64_t>;
  const Tensor x = of({big, big + 1, big - 1}), ends = of({0, least, most});
  CHECK(argmax(x, 0).item() == 1);
  CHECK(argmin(of({big + 1, big}), 0).item() == 1);
  CHECK(argmin(ends, 0).item() == 1);
  CHECK(max(x, 0).values.to_vector<int64_t>() == Ints{big + 1});
  CHECK(min(ends, 0).values.to_vector<int64_t>() == Ints{least});
  CHECK(amax(x).to_vector<int64_t>() == Ints{big + 1});
  CHECK(amin(ends).to_vector<int64_t>() == Ints{least});
  CHECK(sort(x, 0).values.to_vector<int64_t>() == Ints{big - 1, big, big + 1});
  CHECK(sort(ends, 0).indices.to_vector<int64_t>() == Ints{1, 0, 2});
  CHECK(topk(x, 2).values.to_vector<int64_t>() == Ints{big + 1, big});
  CHECK(maximum(x, of({big + 1, big, big})).to_vector<int64_t>() == Ints{big + 1, big + 1, big});
  CHECK(eq(x, of({big + 1, big + 1, big})).to_vector() == Numbers{0, 1, 0});
  CHECK((x < of({big + 1, big, big})).to_vector() == Numbers{1, 0, 1});
  CHECK((x * 3 + 1).to_vector<int64_t>() == Ints{3 * big + 1, 3 * big + 4, 3 * big - 2});
  CHECK((x - of({1, 1, 1})).to_vector<int64_t>() == Ints{big - 1, big, big - 2});
  CHECK(sum(x).to_vector<int64_t>() == Ints{3 * big});
  CHECK(cumsum(x, 0).to_vector<int64_t>() == Ints{big, 2 * big + 1, 3 * big});
  CHECK(prod(of({big + 1, 3}), 0).to_vector<int64_t>() == Ints{3 * big + 3});
  CHECK(where(x > of({big, big, big}), x, -x).to_vector<int64_t>() == Ints{-big, big + 1, 1 - big});
  CHECK(scatter_add(of({0}), 0, of({0, 0}), of({big, 1})).to_vector<int64_t>() == Ints{big + 1});
  CHECK(gather(x, 0, of({1})).to_vector<int64_t>() == Ints{big + 1});
  CHECK(str(x) == "tensor([9007199254740992, 9007199254740993, 9007199254740991], i64)");
  CHECK((of({2}) * 1e300).dtype() == DType::f32);  // no i64
  CHECK((of({2}) * inf).item() == inf);
}

TEST_CASE("tails keep their relative accuracy") {
  const double e20 = std::exp(-20.0), tail = std::log1p(e20);
  for (const DType t : {DType::f32, DType::f64}) {
    const double by = t == DType::f32 ? 5e-6 : 1e-13;
    const auto holds = [&](const F& f, double at, double value, double first) {
      CAPTURE(at);
      CHECK(near(f(tensor({at}, t)).to_vector(), {value}, by));
      CHECK(near(derivative(f, tensor({at}, t)), {first}, by));
    };
    const auto bce = [](double label) {
      return [label](const Tensor& x) {
        return binary_cross_entropy_with_logits(x, full(x.shape(), label, x.dtype()),
                                                Reduction::none);
      };
    };
    holds(bce(1), 20, tail, -e20 / (1 + e20));
    holds(bce(0), -20, tail, e20 / (1 + e20));
    holds(bce(1), -20, 20 + tail, -1 / (1 + e20));
    holds([](const Tensor& x) { return elu(x); }, -20, std::expm1(-20.0), e20);
    holds([](const Tensor& x) { return expm1(x); }, -20, std::expm1(-20.0), e20);
    holds([](const Tensor& x) { return softplus(x); }, -20, tail, e20 / (1 + e20));
    holds([](const Tensor& x) { return sigmoid(x); }, 20, 1 / (1 + e20),
          e20 / ((1 + e20) * (1 + e20)));
    holds([](const Tensor& x) { return sigmoid(x); }, -20, e20 / (1 + e20),
          e20 / ((1 + e20) * (1 + e20)));
    for (const double x : {10.0, -10.0})
      holds([](const Tensor& v) { return tanh(v); }, x, std::tanh(x),
            1 / (std::cosh(x) * std::cosh(x)));
    holds([](const Tensor& x) { return silu(x); }, -20, -20 * e20 / (1 + e20),
          e20 / (1 + e20) * (1 - 20 / (1 + e20)));
    CHECK(near(derivative([](const Tensor& x) { return silu(x); }, tensor({20}, t), 2),
               {-3.7100739e-08}, 1e-5));
    for (const double x : {1.0, 3.0, 5.0, 9.0, -1.0, -3.0}) {
      CAPTURE(x);
      CHECK(near(erfc(tensor({x}, t)).to_vector(), {std::erfc(x)}, 4 * by));
      CHECK(near(derivative([](const Tensor& v) { return erfc(v); }, tensor({x}, t)),
                 {-1.1283791670955126 * std::exp(-x * x)}, 4 * by));
    }
    for (const double x : {-2.0, -5.0, -8.0, 3.0}) {
      CAPTURE(x);
      const double cdf = 0.5 * std::erfc(-x / std::sqrt(2)),
                   pdf = std::exp(-0.5 * x * x) / std::sqrt(2 * 3.141592653589793);
      holds([](const Tensor& v) { return gelu(v); }, x, x * cdf, cdf + x * pdf);
    }
    for (const double x : {1e-6, -1e-6}) {
      holds([](const Tensor& v) { return expm1(v); }, x, std::expm1(x), std::exp(x));
      holds([](const Tensor& v) { return log1p(v); }, x, std::log1p(x), 1 / (1 + x));
    }
  }
}

TEST_CASE("rules of shapes are PyTorch's") {
  // Sizes of ones({1, 1, 3, 3}) by a 2 x 2 kernel; 0: refused.
  struct Example {
    int64_t stride, dilation, padding, output_padding, size;
  };
  const Tensor x = arange(0, 9, 1, DType::f64).reshape({1, 1, 3, 3}),
               w = tensor({1, 2, 3, 4}, {1, 1, 2, 2}, DType::f64);
  for (const auto& [s, d, p, more, size] : {Example{1, 2, 0, 1, 6},
                                            {1, 2, 0, 2, 0},
                                            {2, 1, 0, 1, 7},
                                            {2, 1, 0, 2, 0},
                                            {3, 2, 0, 2, 11},
                                            {1, 3, 1, 2, 6},
                                            {2, 5, 1, 3, 11}}) {
    CAPTURE(s);
    CAPTURE(d);
    CAPTURE(more);
    const auto run = [&, s = s, d = d, p = p, more = more](const Tensor& v) {
      return conv_transpose2d(v, w, {}, {.stride = s, .padding = p, .dilation = d}, more);
    };
    if (size == 0) {
      CHECK_THROWS_AS(run(x), ShapeError);
      continue;
    }
    Numbers want(static_cast<size_t>(size * size));
    for (int64_t i = 0; i < 3; ++i)
      for (int64_t j = 0; j < 3; ++j)
        for (int64_t a = 0; a < 2; ++a)
          for (int64_t b = 0; b < 2; ++b) {
            const int64_t r = i * s - p + a * d, c = j * s - p + b * d;
            if (r >= 0 && r < size && c >= 0 && c < size)
              want[static_cast<size_t>(r * size + c)] +=
                  static_cast<double>(i * 3 + j) * static_cast<double>(2 * a + b + 1);
          }
    CHECK(run(x).shape() == Shape{1, 1, size, size});
    CHECK(run(x).to_vector() == want);
    CHECK(derivative(run, x)[4] > 0);
  }
  CHECK_THROWS_AS(conv_transpose2d(x, w, {}, {.stride = 0}), ShapeError);
}

TEST_CASE("resampling: an element reaches only what reads it") {
  // f with its matrix along a dim: what each output reads, with zeros where it does not.
  const int64_t n = 4;
  for (const DType t : {DType::f32, DType::f64})
    for (const int64_t size :
         {int64_t{1}, int64_t{2}, int64_t{3}, int64_t{5}, int64_t{7}, int64_t{8}}) {
      const std::vector<F> all = {
          [&](const Tensor& v) { return interpolate(v, size); },
          [&](const Tensor& v) { return interpolate(v, size, Interpolation::bilinear); },
          [&](const Tensor& v) { return interpolate(v, size, Interpolation::bilinear, true); },
          [&](const Tensor& v) { return adaptive_avg_pool2d(v, size); },
          [&](const Tensor& v) { return adaptive_max_pool2d(v, size); },
      };
      for (size_t f = 0; f < all.size(); ++f)
        for (int64_t at = 0; at < n * n; ++at) {
          if (size > n && f > 2) continue;
          CAPTURE(size);
          CAPTURE(f);
          CAPTURE(at);
          const Tensor mark = unslice(ones({1}, t), 0, n * n, at).reshape({1, 1, n, n});
          const Numbers reads = all[f](mark).to_vector(),
                        got = all[f](where(to(mark, DType::b8), scalar(inf, t), scalar(1, t))
                                         .expand({2, 3, n, n}))
                                  .to_vector();
          for (size_t i = 0; i < got.size(); ++i) {
            const double want = reads[i % reads.size()] > 0 ? inf : 1;
            if (want == inf ? got[i] != inf : !(std::abs(got[i] - 1) <= 1e-6))
              FAIL_CHECK(got[i], " at ", i, ", not ", want);
          }
        }
    }
  const Tensor x = full({1, 1, 3, 3}, 1),
               y = where(eq(arange(0, 9).reshape({1, 1, 3, 3}), scalar(4, DType::i64)),
                         scalar(inf, DType::f32), x);
  CHECK(avg_pool2d(y, 2, {.stride = 1}).to_vector() == Numbers{inf, inf, inf, inf});
  CHECK(avg_pool2d(y, 1).to_vector() == y.to_vector());
  CHECK(index_select(y.reshape({9}), 0, tensor({3, 4}, DType::i64)).to_vector() == Numbers{1, inf});
}

TEST_CASE("sinc has every derivative at 0") {
  const double pi = std::acos(-1.0);
  Tensor x = tensor({0.0, -0.0, 1e-9}).to(DType::f64).detach().requires_grad_(), y = sinc(x);
  for (const double expected : {1.0, 0.0, -pi * pi / 3, 0.0, std::pow(pi, 4) / 5}) {
    for (double v : y.to_vector()) CHECK(v == doctest::Approx(expected).epsilon(1e-7));
    y = grad(sum(y), x, {.create_graph = true});
  }
}

TEST_CASE("what is no number becomes one, and gets no gradient") {
  const double nan = std::nan("");
  const Tensor x = tensor({nan, inf, -inf, 2.0}).requires_grad_();
  const double largest = std::numeric_limits<float>::max();
  CHECK(nan_to_num(x).to_vector() == std::vector<double>{0, largest, -largest, 2});
  CHECK(nan_to_num(x.to(DType::f64)).to_vector()[1] == std::numeric_limits<double>::max());
  CHECK(nan_to_num(x, 0.5, 7).to_vector() == std::vector<double>{0.5, 7, -largest, 2});
  CHECK(grad(sum(nan_to_num(x)), x).to_vector() == std::vector<double>{0, 0, 0, 1});
  CHECK(isfinite(x).to_vector() == std::vector<double>{0, 0, 0, 1});
  CHECK(isfinite(x.detach().to(DType::i64)).to_vector() == std::vector<double>{1, 1, 1, 1});
}

TEST_CASE("remainders of integers") {
  const auto whole = [](double v) { return scalar(v, DType::i64); };
  CHECK_THROWS_AS(remainder(whole(3), whole(0)), NumericError);
  CHECK_THROWS_AS(fmod(ones({70000}, DType::i64), zeros({70000}, DType::i64)), NumericError);
  CHECK(remainder(whole(-0x1p63), whole(-1)).item() == 0);
  CHECK(remainder(ones({2}, DType::u8), full({2}, 3, DType::u8)).dtype() == DType::i64);
  CHECK(remainder(whole(-7), scalar(3, DType::f32)).item() == 2);
  const int64_t odd = (int64_t{1} << 53) + 1;  // no double
  CHECK(remainder(from_data(&odd, {1}, DType::i64), whole(2)).item() == 1);
}

TEST_CASE("ends of clamp may be left out; running products of nothing, of one and of bools") {
  const Tensor x = tensor({-2.0, 0.5, 3.0});
  CHECK(clamp(x, 0).to_vector() == std::vector<double>{0, 0.5, 3});
  CHECK(clamp(x, {}, 1).to_vector() == std::vector<double>{-2, 0.5, 1});
  CHECK(clamp(x, 0, 1).to_vector() == std::vector<double>{0, 0.5, 1});
  CHECK_THROWS_AS(clamp(x, {}, {}), ShapeError);
  CHECK(cumprod(zeros({2, 0}), 1).shape() == Shape{2, 0});
  CHECK(cumprod(zeros({0, 2}), 1).shape() == Shape{0, 2});
  CHECK(cumprod(ones({3, 1}), 1).shape() == Shape{3, 1});
  CHECK(cumprod(ones({3}, DType::b8), 0).dtype() == DType::i64);
  CHECK(logical_or(x, zeros({1}, DType::f64)).dtype() == DType::b8);
}
