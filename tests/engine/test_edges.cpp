// Small inputs at which engines fail, each one of a kind; the right values are PyTorch 2.13's in
// f64, or follow from a line of arithmetic.
#include "edges.h"

#include <regrad/engine/conv.h>
#include <regrad/engine/freq.h>

#include <algorithm>
#include <cmath>
#include <limits>

using namespace regrad;
using namespace regrad::test;

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr DType types[] = {DType::f32, DType::f64};

}  // namespace

TEST_CASE("broadcasting: cosine similarity takes the norms of the broadcast vectors") {
  for (const DType t : types) {
    const Tensor a = tensor({1, 1}, {2, 1}, t), b = tensor({1}, {1, 1}, t);
    CHECK(near(cosine_similarity(a, b, 0).to_vector(), {1}));
    CHECK(near(cosine_similarity(b, a, -2).to_vector(), {1}));
    CHECK(near(cosine_similarity(tensor({3, 4}, t), tensor({1, 2, 2, 1}, {2, 2}, t), 1).to_vector(),
               {11 / (5 * std::sqrt(5)), 10 / (5 * std::sqrt(5))}));
    CHECK(near(cosine_similarity(tensor({2}, {1, 1}, t), tensor({3, 4}, {1, 2}, t), 1).to_vector(),
               {7 / (5 * std::sqrt(2))}));
    for (const double d :
         derivative([&](const Tensor& x) { return cosine_similarity(x, a, 0); }, b))
      CHECK(std::abs(d) < 1e-7);
  }
}

TEST_CASE("cancellation: the gradient of a huber loss of small differences") {
  const F loss = [](const Tensor& x) { return huber_loss(x, zeros_like(x), 100, Reduction::sum); };
  for (const DType t : types) {
    const Tensor x = tensor({1e-6, -1e-6, 0, 100, 250, -inf}, t);
    CHECK(near(derivative(loss, x), {1e-6, -1e-6, 0, 100, 100, -100}));
    CHECK(near(derivative(loss, x, 2), {1, 1, 1, 0, 0, 0}));
    CHECK(near(derivative(loss, tensor({not_a_number}, t)), {not_a_number}));
    CHECK(near(huber_loss(x, zeros_like(x), 100, Reduction::none).to_vector(),
               {5e-13, 5e-13, 0, 5000, 20000, inf}));
  }
}

TEST_CASE(
    "two ways: with and without create_graph a NaN behind a ReLU gives one gradient, PyTorch's") {
  const auto both = [](const Tensor& y, const Tensor& x, const Numbers& want) {
    for (const bool graph : {true, false})
      CHECK(near(grad(sum(y), x, {.create_graph = graph, .retain_graph = true}).to_vector(), want));
  };
  for (const DType t : types) {
    const Tensor x = tensor({not_a_number, -1, 0, 2}, t).requires_grad_();
    both(relu(x), x, {1, 0, 0, 1});
    both(elu(x), x, {1, std::exp(-1), 1, 1});
    const Tensor bias = zeros({2}, t).requires_grad_(),
                 map = tensor({not_a_number, 1, 2, 3}, {2, 2, 1, 1}, t);
    // the first channel is NaN as a whole
    both(batch_norm(map, {}, bias, {.relu = true}), bias, {2, 1});
    both(batch_norm(tensor({not_a_number, 1, 2, 3, 4, 5, 6, 7}, {1, 2, 2, 2}, t), {}, bias,
                    {.relu = true, .max_pool = Window{2, 2, 0}}),
         bias, {1, 1});
    both(sub_spectral_norm(map, 1, {}, bias, {.relu = true}), bias, {2, 1});
    const Tensor row = zeros({1, 1, 1, 2}, t).requires_grad_();
    both(broadcast_residual(tensor({not_a_number, -1, 2, 3}, {1, 1, 2, 2}, t), row), row, {2, 1});
  }
}

TEST_CASE("two ways: what does not fit is refused by every path") {
  const Tensor x = ones({1, 3}), maps = ones({2, 4, 3}), three = ones({3, 3}),
               mask = ones({5, 2, 2});
  CHECK_THROWS_AS(layer_norm(x, {3}, {}, three), ShapeError);
  CHECK_THROWS_AS(layer_norm(x, {3}, ones({1}), {}), ShapeError);
  CHECK_THROWS_AS(layer_norm(x, {3}, ones({3}, DType::f64), {}), DTypeError);
  CHECK_THROWS_AS(group_norm(maps, 2, ones({2, 2})), ShapeError);
  CHECK_THROWS_AS(instance_norm(maps, {}, ones({1, 4})), ShapeError);
  const BatchStatistics given{zeros({4}), ones({4})};
  const Tensor images = ones({2, 4, 3, 3}), other = ones({1, 4, 3, 3});
  for (const bool own : {true, false}) {
    const auto norm = [&](const Tensor& v, const BatchNormOptions& o) {
      return own ? batch_norm(v, {}, {}, o) : batch_norm(v, given, {}, {}, o);
    };
    CHECK_THROWS_AS(norm(images, {.residual = other}), ShapeError);
    CHECK_THROWS_AS(norm(images, {.residual = images, .max_pool = Window{}}), ShapeError);
    CHECK_THROWS_AS(norm(ones({4}), {}), ShapeError);
  }
  const Tensor q = ones({2, 2, 3}), k = ones({1, 2, 3});
  for (const AttentionOptions& o : {AttentionOptions{}, AttentionOptions{.mask = ones({2, 2})}}) {
    CHECK_THROWS_AS(scaled_dot_product_attention(q, k, k, o), ShapeError);
    CHECK_THROWS_AS(scaled_dot_product_attention(q, q, k, o), ShapeError);
    CHECK_THROWS_AS(scaled_dot_product_attention(q, ones({2, 0, 2}), ones({2, 0, 3}), o),
                    ShapeError);
    CHECK_THROWS_AS(scaled_dot_product_attention(q, q, ones({2, 2, 3}, DType::f64), o), DTypeError);
  }
  CHECK_THROWS_AS(scaled_dot_product_attention(ones({1, 2, 3}), k, k, {.mask = mask}), ShapeError);
}

TEST_CASE("alarms: infinities that an op makes for itself raise none") {
  const Tensor x = tensor({0.3, -1, 0.5, 2, 0.1, 1}, {1, 3, 2}, DType::f64).requires_grad_();
  const Tensor seen = tril(ones({3, 3})).to(DType::b8);
  const std::vector<AttentionOptions> options{
      {},
      {.is_causal = true},
      {.mask = seen},
      {.mask = where(seen, scalar(0, DType::f64), scalar(-inf, DType::f64))}};
  const DetectAnomaly on;
  for (const AttentionOptions& o : options) {
    const Tensor y = scaled_dot_product_attention(x, x, x, o);
    const Tensor g = grad(sum(y * y), x, {.create_graph = true});
    CHECK_NOTHROW(grad(sum(g * g), x));
  }
  CHECK_NOTHROW(scaled_dot_product_attention(x, x, x, {.mask = zeros({3, 3}, DType::b8)}));
  // pow where the derivative to the exponent is 0 by convention.
  const Tensor a = tensor({0, 2}, DType::f64).requires_grad_(),
               b = tensor({2, 3}, DType::f64).requires_grad_();
  CHECK_NOTHROW(grad(sum(grad(sum(pow(a, b)), b, {.create_graph = true})), b));
  CHECK_THROWS_AS(log(zeros({1})), NumericError);  // the caller's own
}

TEST_CASE("0 times infinity: what a derivative leaves out is 0 at every order") {
  const Tensor x = tensor({-1, 4}, DType::f64), zero = zeros({2}, DType::f64);
  const std::vector<F> all = {
      [](const Tensor& v) { return sqrt(clamp(v, 0, inf)); },
      [](const Tensor& v) { return sqrt(relu(v)); },
      [&](const Tensor& v) { return sqrt(maximum(v, zero)); },
      [&](const Tensor& v) { return sqrt(-minimum(-v, zero)); },
      [&](const Tensor& v) { return sqrt(where(v > zero, v, zero)); },
  };
  for (size_t i = 0; i < all.size(); ++i) {
    CAPTURE(i);
    CHECK(near(derivative(all[i], x, 1), {0, 0.25}));
    CHECK(near(derivative(all[i], x, 2), {0, -0.03125}));
    CHECK(near(derivative(all[i], x, 3), {0, 0.01171875}));
  }
  // The largest of zeros: its gradient is infinite, the others' 0.
  CHECK(near(
      derivative([](const Tensor& v) { return sqrt(amax(v)); }, tensor({0, -1, -2}, DType::f64)),
      {inf, 0, 0}));
  CHECK(near(
      derivative([](const Tensor& v) { return amax(v); }, tensor({0, not_a_number}, DType::f64)),
      {not_a_number, not_a_number}));
  CHECK(near(derivative(
                 [](const Tensor& v) {
                   return pow(v, tensor({0, 2, 1}, DType::f64));
                 },
                 zeros({3}, DType::f64)),
             {0, 0, 1}));
  CHECK(near(derivative(
                 [](const Tensor& v) {
                   return pow(v, tensor({0, 2, 1}, DType::f64));
                 },
                 zeros({3}, DType::f64), 2),
             {0, 2, 0}));
  CHECK(near(derivative([](const Tensor& v) { return pow(zeros({2}, DType::f64), v); },
                        tensor({1, 0}, DType::f64), 2),
             {0, 0}));
  // What dropout drops: 0 of the value, and of the gradient.
  for (const F& drop : {F([](const Tensor& v) { return dropout(v, 0.5, Random(1)); }),
                        F([](const Tensor& v) { return dropout2d(v, 0.5, Random(1)); })}) {
    const Numbers kept = drop(full({1, 8, 2, 2}, inf)).to_vector(),
                  g = derivative([&](const Tensor&v) { return sqrt(drop(v)); },
                                 zeros({1, 8, 2, 2}));
    CHECK(std::count(kept.begin(), kept.end(), inf) + std::count(kept.begin(), kept.end(), 0) ==
          32);
    for (size_t i = 0; i < 32; ++i) CHECK(g[i] == kept[i]);
  }
  // kl_div: log 0 of a class that the target leaves out.
  const Tensor log_q = tensor({0, -inf}, DType::f64), target = tensor({1, 0}, DType::f64);
  CHECK(kl_div(log_q, target, Reduction::sum).item() == 0);
  CHECK(derivative([&](const Tensor& v) { return kl_div(v, target, Reduction::sum); }, log_q) ==
        Numbers{-1, 0});
  CHECK(sum(dropout(full({9}, inf), 1, Random(1))).item() == 0);
  CHECK(sum(dropout2d(full({1, 8, 2, 2}, inf), 1, Random(2))).item() == 0);
}

TEST_CASE("nothing to attend to: a query that sees no key gets 0 and gives no gradient") {
  const Tensor v = tensor({1, 2, -1, 0.5}, {1, 2, 2}, DType::f64);
  const Tensor seen = tensor({1, 1, 0, 0}, {2, 2}, DType::b8),
               added = tensor({0, 0, -inf, -inf}, {2, 2}, DType::f64);
  for (const Tensor& mask : {seen, added}) {
    const Tensor q = v.detach().requires_grad_(), k = (v * 2).detach().requires_grad_();
    const Tensor y = scaled_dot_product_attention(q, k, v, {.mask = mask}),
                 alone = scaled_dot_product_attention(slice(q, 1, 0, 1), k, v);
    CHECK(near(slice(y, 1, 1, 2).to_vector(), {0, 0}));
    CHECK(near(slice(y, 1, 0, 1).to_vector(), alone.to_vector(), 1e-12));
    const std::vector<Tensor> g = grad(sum(y * y), {q, k}, {.create_graph = true}),
                              want = grad(sum(alone * alone), {q, k});
    for (size_t i = 0; i < 2; ++i) CHECK(near(g[i].to_vector(), want[i].to_vector(), 1e-12));
    for (const double d : grad(sum(g[1] * g[1]), q).to_vector()) CHECK(std::isfinite(d));
  }
}

TEST_CASE("nothing to attend to: no keys, no queries, values or keys of no numbers") {
  const Tensor none = zeros({2, 0}, DType::b8);
  for (const AttentionOptions& o : {AttentionOptions{}, {.is_causal = true}, {.mask = none}}) {
    const Tensor q = ones({2, 4}).requires_grad_(), k = ones({0, 4}).requires_grad_(),
                 v = ones({0, 3}).requires_grad_();
    const Tensor y = scaled_dot_product_attention(q, k, v, o);
    CHECK(y.shape() == Shape{2, 3});
    CHECK(near(y.to_vector(), Numbers(6, 0)));
    const std::vector<Tensor> g = grad(sum(y), {q, k, v});
    CHECK(near(g[0].to_vector(), Numbers(8, 0)));
    CHECK((g[1].shape() == k.shape() && g[2].shape() == v.shape()));
  }
  CHECK(scaled_dot_product_attention(ones({0, 4}), ones({3, 4}), ones({3, 2})).shape() ==
        Shape{0, 2});
  CHECK(scaled_dot_product_attention(ones({5, 2, 4}), ones({5, 3, 4}), ones({5, 3, 0})).shape() ==
        Shape{5, 2, 0});
  const Tensor v = tensor({1, 2, 3, 6}, {2, 2}).requires_grad_();
  const Tensor y = scaled_dot_product_attention(ones({1, 0}), ones({2, 0}), v);
  CHECK(near(y.to_vector(), {2, 4}));  // of no numbers each score is 0
  CHECK(near(grad(sum(y), v).to_vector(), Numbers(4, 0.5)));
}

TEST_CASE("statistics at the border: equal values, and no degrees of freedom") {
  const F deviation = [](const Tensor& x) { return regrad::std(x); };
  for (const int order : {1, 2})
    CHECK(derivative(deviation, full({3}, 2, DType::f64), order) == Numbers{0, 0, 0});
  struct Border {
    int64_t n;
    double correction, value;
  };
  for (const auto& [n, correction, value] : {Border{1, 1, not_a_number},
                                             {1, 2, not_a_number},
                                             {2, 2, inf},
                                             {2, 3, inf},
                                             {3, 5, inf},
                                             {0, 1, not_a_number},
                                             {3, 1, 1}}) {
    CHECK(near(var(arange(0, double(n), 1, DType::f64), {}, correction).to_vector(), {value}));
    CHECK(near(regrad::std(arange(0, double(n), 1, DType::f64), {}, correction).to_vector(),
               {value}));
  }
}

TEST_CASE("division by a number is one division") {
  const Tensor n = arange(1, 300), x = n.to(DType::f32);
  for (int64_t i = 1; i < 300; ++i) {
    const double d = static_cast<double>(i);
    CHECK((full({}, d) / d).item() == 1);
    CHECK((d / full({}, d)).item() == 1);
    CHECK((full({}, d, DType::i64) / d).item() == 1);
    CHECK(mean(ones({i})).item() == 1);
    CHECK(mean(ones({i, 7, i}), {0, 2}).to_vector() == Numbers(7, 1));
    CHECK((x / d).to_vector<float>()[41] == 42.0f / static_cast<float>(i));
  }
  CHECK((full({}, 1e-39) / 1e-39).item() == 1);
  CHECK((1e-39 / full({}, 1e-39)).item() == 1);
  CHECK((full({}, 3e-310, DType::f64) / 3e-310).item() == 1);
  CHECK(derivative([](const Tensor& v) { return sum(v) / 55.0; }, ones({1})) == Numbers{1.0f / 55});
  CHECK(derivative([](const Tensor& v) { return mean(v) * 49; }, ones({49})) == Numbers(49, 1));
  // Whatever averages or divides by a count.
  const Tensor ramp = arange(0, 49).to(DType::f32), picture = ones({1, 1, 7, 7});
  CHECK(mse_loss(ones({49}), zeros({49})).item() == 1);
  CHECK(var(tensor({0, 2, 0, 2, 0, 2, 0, 2, 0, 2}), {}, 0).item() == 1);
  CHECK(avg_pool2d(picture, 7).item() == 1);
  for (const Pair size : {Pair(1), Pair(2), Pair(3, 5), Pair(7)})
    CHECK(amin(adaptive_avg_pool2d(picture, size)).item() == 1);
  CHECK(amax(adaptive_avg_pool2d(picture, {3, 5})).item() == 1);
}

TEST_CASE("ties over several dims share the gradient evenly") {
  for (const DType t : types) {
    const Tensor x = tensor({1, 0, 1, 1}, {2, 1, 2}, t);
    const Numbers third{1.0 / 3, 0, 1.0 / 3, 1.0 / 3};
    for (const Tensor& v :
         {x, x.contiguous().expand({2, 1, 2}), x.transpose(0, 2).contiguous().transpose(0, 2)}) {
      CHECK(near(derivative([](const Tensor& y) { return amax(y, {0, 2}); }, v), third));
      CHECK(near(derivative([](const Tensor& y) { return amax(y, {-1, 0}, true); }, v), third));
      CHECK(near(derivative(
                     [](const Tensor& y) {
                       return amin(-y, {0, 2});
                     },
                     v),
                 {-third[0], -0.0, -third[0], -third[0]}));
      CHECK(near(derivative([](const Tensor& y) { return amax(y); }, v), third));
    }
    // A dim between that stays, and every layout.
    // over dims 0 and 2: maxima 5 (2 of them), 5 (1), 5 (1)
    const Tensor wide = tensor({1, 5, 0, 5, 1, 4, 1, 5, 0, 0, 0, 5}, {2, 3, 2}, t);
    const Numbers shares{0, 0.5, 0, 1, 0, 0, 0, 0.5, 0, 0, 0, 1};
    for (const Tensor& v : {wide, wide.transpose(0, 1).contiguous().transpose(0, 1),
                            wide.permute({2, 0, 1}).contiguous().permute({1, 2, 0})}) {
      CHECK(near(derivative([](const Tensor& y) { return amax(y, {0, 2}); }, v), shares));
      CHECK(amax(v, {0, 2}).to_vector() == Numbers{5, 5, 5});
      CHECK(amax(v, {0, 2}, true).shape() == Shape{1, 3, 1});
    }
    const Numbers soft = derivative([](const Tensor& y) { return logsumexp(y, {0, 2}); }, x);
    CHECK(near(soft,
               {std::exp(1) / (3 * std::exp(1) + 1), 1 / (3 * std::exp(1) + 1), soft[0], soft[0]}));
  }
}
