// Sizes that overflow, labels out of range, dims named twice, dtypes, reductions over nothing:
// right values, or typed errors at once.
#include <doctest/doctest.h>

#include <regrad/engine/autograd.h>
#include <regrad/engine/conv.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/sparse.h>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

using namespace regrad;

namespace {

constexpr int64_t large = int64_t{1} << 40, most = INT64_MAX;
constexpr double inf = std::numeric_limits<double>::infinity();

template <class E>
std::string thrown(const std::function<void()>& call) {
  try {
    call();
  } catch (const E& e) {
    return e.what();
  }
  return "nothing of that type";
}

double seconds(const std::function<void()>& f) {
  const auto start = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

Tensor integers(const std::vector<double>& v, DType t = DType::i64) {
  return tensor(v, {static_cast<int64_t>(v.size())}, t);
}

}  // namespace

TEST_CASE("more elements than 63 bits count") {
  const Tensor one = ones({1}), wide = one.expand({large});
  CHECK(thrown<ShapeError>([&] {
          one.expand({large, large});
        }) == "expand: x [1] (shape [1099511627776,1099511627776]: too many elements for 63 bits)");
  CHECK_THROWS_AS(expand(ones({1, 1}), {most, 2}), ShapeError);
  CHECK_THROWS_AS(repeat(ones({2}), {most}), ShapeError);
  CHECK_THROWS_AS(repeat(one, {large, large}), ShapeError);
  CHECK_THROWS_AS(repeat(wide, {large}), ShapeError);
  CHECK_THROWS_AS(outer(wide, wide), ShapeError);
  CHECK_THROWS_AS(wide.unsqueeze(0) + wide.unsqueeze(1), ShapeError);
  CHECK_THROWS_AS(wide.unsqueeze(0) < wide.unsqueeze(1), ShapeError);
  CHECK_THROWS_AS(where(wide.unsqueeze(0) < 0 * ones({1}), wide.unsqueeze(1), one), Error);
  CHECK_THROWS_AS(matmul(wide.unsqueeze(1), wide.unsqueeze(0)), ShapeError);
  CHECK_THROWS_AS(einsum("i,j->ij", {wide, wide}), ShapeError);
  CHECK_THROWS_AS(cdist(wide.unsqueeze(1), wide.unsqueeze(1)), ShapeError);
  CHECK_THROWS_AS(cat({one.expand({most}), one.expand({most})}, 0), ShapeError);
  CHECK_THROWS_AS(stack({one.expand({most}), one.expand({most})}, 0), ShapeError);
  CHECK_THROWS_AS(pad(one, {most, most}), ShapeError);
  CHECK_THROWS_AS(pad(ones({2, 1}), {most, 0}), ShapeError);
  CHECK_THROWS_AS(unslice(ones({2}), 0, most, 0, most), ShapeError);
  CHECK_THROWS_AS(unslice(ones({1, 2}), 0, most, 0), ShapeError);
  CHECK_THROWS_AS(one_hot(integers({0}).expand({large}).contiguous(), most), Error);
  CHECK_THROWS_AS(one_hot(integers({0, 0}), most), Error);
  CHECK_THROWS_AS(arange(0, 1e19), ShapeError);
  CHECK_THROWS_AS(eye(int64_t{1} << 32), ShapeError);
  CHECK_THROWS_AS(split(one, {most, most}), ShapeError);
  CHECK_THROWS_AS(interpolate(ones({1, 1, 2, 2}), {most, 2}), ShapeError);
  CHECK_THROWS_AS(randint(Random(0), INT64_MIN, most, {1}), ConfigError);
  CHECK_THROWS_AS(csr_from_edges(integers({0, 0}).reshape({2, 1}), most - 1), OutOfMemory);
  const Csr tall = csr_from_edges(integers({0, 0}).reshape({2, 1}), 1);
  CHECK_THROWS_AS(spmm(tall, wide.unsqueeze(0).unsqueeze(0).expand({large, 1, large})), ShapeError);

  // What fits is as before.
  CHECK(chunk(ones({5}), most).size() == 5);
  CHECK(slice(ones({5}), 0, 1, 5, most).numel() == 1);
  CHECK(split(ones({5}), most).size() == 1);
  CHECK(one.expand({0, large}).numel() == 0);
  CHECK(wide.numel() == large);
}

TEST_CASE("what no memory holds is refused at once") {
  const Tensor image = ones({1, 1, 2, 2});
  for (const auto& f : std::vector<std::function<void()>>{
           [&] {
             interpolate(image, {large, 2});
           },
           [&] {
             interpolate(image, {2, large}, Interpolation::bilinear);
           },
           [&] {
             interpolate(image, {large, 2}, Interpolation::bilinear, true);
           },
           [&] {
             adaptive_avg_pool2d(image, {large, 3});
           },
           [&] {
             adaptive_max_pool2d(image, {3, large});
           },
           [&] { one_hot(integers({0}), int64_t{1} << 50); },
           [&] {
             pad(image, {int64_t{1} << 51, 0});
           },
           [&] { eye(int64_t{1} << 28); }, [&] { arange(0, 0x1p52); }}) {
    CHECK(seconds([&] { CHECK_THROWS_AS(f(), OutOfMemory); }) < 5);
  }
  CHECK(interpolate(image, 3).shape() == Shape{1, 1, 3, 3});
}

TEST_CASE("labels outside of their classes") {
  const Tensor x = ones({2, 3}), log_p = log_softmax(x, -1);
  CHECK(thrown<ShapeError>([&] {
          cross_entropy(x, integers({0, -1}));
        }) == "cross_entropy: label -1 (element 1 of target [2]) is outside [0, 3)");
  CHECK(thrown<ShapeError>([&] {
          nll_loss(log_p, integers({3, 0}));
        }) == "nll_loss: label 3 (element 0 of target [2]) is outside [0, 3)");
  CHECK(thrown<ShapeError>([&] {
          cross_entropy(x, integers({0, -100}));
        }) == "cross_entropy: label -100 (element 1 of target [2]) is outside [0, 3)");
  CHECK_THROWS_AS(cross_entropy(x, integers({0, -1}), {.ignore_index = -100}), ShapeError);
  CHECK_THROWS_AS(cross_entropy_by_task(ones({2, 2, 3}), integers({0, 1, 2, -1}).reshape({2, 2})),
                  ShapeError);
  CHECK_THROWS_AS(one_hot(integers({0, -1})), ShapeError);
  CHECK_THROWS_AS(one_hot(integers({0, 3}), 3), ShapeError);
  // Where asked for, the label gives nothing and has no gradient, whatever the logits are.
  const Tensor odd = tensor({1, 2, 3, inf, -inf, 0}, {2, 3}).requires_grad_();
  const Tensor loss = cross_entropy(odd, integers({2, -1}), {.ignore_index = -1});
  CHECK(loss.item() == doctest::Approx(std::log(std::exp(-2.0) + std::exp(-1.0) + 1)));
  const Tensor each =
      nll_loss(odd, integers({1, -1}), {.ignore_index = -1, .reduction = Reduction::none});
  CHECK(each.to_vector() == std::vector<double>{-2, 0});
  CHECK(grad(sum(each), odd).to_vector() == std::vector<double>{0, -1, 0, 0, 0, 0});
  // the mean of nothing, as in PyTorch
  CHECK(std::isnan(cross_entropy(x, integers({-1, -1}), {.ignore_index = -1}).item()));
  CHECK(cross_entropy(x, integers({-1, -1}), {.ignore_index = -1, .reduction = Reduction::sum})
            .item() == 0);
}

TEST_CASE("dims named twice") {
  const Tensor x = ones({2, 3, 4});
  for (const auto& f : std::vector<std::function<void(const Dims&)>>{
           [&](const Dims& d) { flip(x, d); }, [&](const Dims& d) { sum(x, d); },
           [&](const Dims& d) { mean(x, d); }, [&](const Dims& d) { amax(x, d); },
           [&](const Dims& d) { amin(x, d); }, [&](const Dims& d) { logsumexp(x, d); },
           [&](const Dims& d) { var(x, d); }, [&](const Dims& d) { regrad::std(x, d); },
           [&](const Dims& d) { norm(x, 2, d); }, [&](const Dims& d) { norm(x, inf, d); },
           [&](const Dims& d) { any(x, d); }, [&](const Dims& d) { all(x, d); },
           [&](const Dims& d) { standardize(x, d); }, [&](const Dims& d) { inv_std(x, d); },
           [&](const Dims& d) {
             permute(x, {d[0], d[1], 2});
           },
           [&](const Dims& d) { diagonal(x, 0, d[0], d[1]); }}) {
    CHECK_THROWS_AS(f({0, 0}), ShapeError);
    CHECK_THROWS_AS(f({1, -2}), ShapeError);
    CHECK_NOTHROW(f({0, 1}));
  }
}

TEST_CASE("bytes and bools have an order") {
  for (DType t : {DType::u8, DType::b8, DType::i64}) {
    const bool bits = t == DType::b8;
    const Tensor x = tensor({0, 1, bits ? 1.0 : 200.0, 0, bits ? 1.0 : 7.0, 1}, {2, 3}, t);
    const std::vector<double> v = x.to_vector();
    CAPTURE(std::string(name(t)));
    const auto same = [&](const Tensor& y, const std::vector<double>& right, DType kind) {
      CHECK(y.dtype() == kind);
      CHECK(y.to_vector() == right);
    };
    same(amax(x), {v[2]}, t);
    same(amin(x), {0}, t);
    same(max(x), {v[2]}, t);
    same(min(x), {0}, t);
    same(amax(x, {0}), {0, v[4], v[2]}, t);
    same(amin(x, {1}), {0, 0}, t);
    same(max(x, 1).values, {v[2], v[4]}, t);
    same(min(x, 0).values, {0, 1, 1}, t);
    same(min(x, 0).indices, {0, 0, bits ? 0.0 : 1.0}, DType::i64);
    same(argmax(x, 1), bits ? std::vector<double>{1, 1} : std::vector<double>{2, 1}, DType::i64);
    same(argmin(x, 1), {0, 0}, DType::i64);
    same(sort(x, 1).values,
         bits ? std::vector<double>{0, 1, 1, 0, 1, 1} : std::vector<double>{0, 1, v[2], 0, 1, 7},
         t);
    same(argsort(x, 1, true),
         bits ? std::vector<double>{1, 2, 0, 1, 2, 0} : std::vector<double>{2, 1, 0, 1, 2, 0},
         DType::i64);
    same(topk(x, 1).values, {v[2], v[4]}, t);
    same(maximum(x, flip(x, {0})), {0, v[4], v[2], 0, v[4], v[2]}, t);
    same(minimum(x, flip(x, {0})), {0, 1, 1, 0, 1, 1}, t);
    same(where(x < flip(x, {0}), x, flip(x, {0})), {0, 1, 1, 0, 1, 1}, t);
    same(masked_fill(x, ones({3}, DType::b8), 1), {1, 1, 1, 1, 1, 1}, t);
    same(tril(x), {0, 0, 0, 0, v[4], 0}, t);
    same(index_put(x, {integers({1})}, zeros({3}, t)), {0, 1, v[2], 0, 0, 0}, t);
    same(sum(x, {1}), {v[1] + v[2], v[4] + v[5]}, DType::i64);
    same(eq(x, x), {1, 1, 1, 1, 1, 1}, DType::b8);
  }
  // The least of all has no opposite.
  const int64_t ends[] = {INT64_MIN, INT64_MAX, 0};
  const Tensor x = from_data(ends, {3}, DType::i64);
  CHECK(amin(x).to_vector<int64_t>() == std::vector<int64_t>{INT64_MIN});
  CHECK(min(x, 0).values.to_vector<int64_t>() == std::vector<int64_t>{INT64_MIN});
  CHECK(argmin(x, 0).item() == 0);
}

TEST_CASE("reductions over nothing keep their graph") {
  for (const auto& [name, f, value] :
       std::vector<std::tuple<const char*, std::function<Tensor(const Tensor&)>, double>>{
           {"prod", [](const Tensor& x) { return prod(x, 1); }, 1},
           {"prod kept", [](const Tensor& x) { return prod(x, 1, true); }, 1},
           {"sum", [](const Tensor& x) { return sum(x, {1}); }, 0},
           {"logsumexp", [](const Tensor& x) { return logsumexp(x, {1}); }, -inf},
           {"norm", [](const Tensor& x) { return norm(x, 2, {1}); }, 0},
           {"norm 1", [](const Tensor& x) { return norm(x, 1, {1}); }, 0},
           {"norm 3", [](const Tensor& x) { return norm(x, 3, {1}); }, 0},
           {"einsum", [](const Tensor& x) { return einsum("ij->i", {x}); }, 0},
           {"matmul", [](const Tensor& x) { return matmul(x, ones({0, 1})); }, 0}}) {
    CAPTURE(std::string(name));
    const Tensor x = ones({2, 0}).requires_grad_();
    const Tensor y = f(x);
    CHECK(y.numel() == 2);
    for (double v : y.to_vector()) CHECK(v == value);
    REQUIRE(y.requires_grad());
    const Tensor g = grad(sum(y), x, {.create_graph = true});
    CHECK(g.shape() == x.shape());
    CHECK(prod(f(ones({2, 0})), 0).numel() > 0);
  }
  const Tensor x = ones({2, 0}).requires_grad_();
  CHECK(mean(x, {1}).requires_grad());
  CHECK(std::isnan(mean(x, {1}).to_vector()[0]));
  CHECK_THROWS_AS(amax(x, {1}), ShapeError);
  CHECK_THROWS_AS(amin(x, {1}), ShapeError);
}

TEST_CASE("argmax over nothing names the dim and the shape that were given") {
  CHECK_THROWS_WITH_AS(argmax(zeros({0, 3}), 0), "argmax: no elements along dim 0 of [0,3]",
                       ShapeError);
  CHECK(argmax(zeros({0, 3}), 1).shape() == Shape{0});
}

TEST_CASE("losses with weights that a batch lacks, and each reduction") {
  const Tensor x = tensor({0.5, -1, 2, 0.25, 1, -0.5}, {2, 3}, DType::f64);
  CHECK_THROWS_AS(mse_loss(x, x, Reduction::batchmean), ConfigError);
  CHECK_THROWS_AS(cross_entropy(x, integers({0, 1}), {.reduction = Reduction::batchmean}),
                  ConfigError);
  CHECK(kl_div(x, x, {.reduction = Reduction::batchmean}).item() ==
        doctest::Approx(kl_div(x, x, Reduction::sum).item() / 2));
  // One-hot probabilities are labels.
  const Tensor labels = integers({2, 0}), p = one_hot(labels, 3).to(DType::f64);
  for (double e : {0.0, 0.3})
    CHECK(cross_entropy(x, p, {.label_smoothing = e}).item() ==
          doctest::Approx(cross_entropy(x, labels, {.label_smoothing = e}).item()).epsilon(1e-13));
  // The third derivative, by differences of the second along v: each loss is smooth in x.
  const Tensor v = tensor({1, -2, 0.5, 0.25, 1, -1}, {2, 3}, DType::f64),
               w = tensor({0.5, 2, 1.5}, DType::f64);
  for (const Function& f : std::vector<Function>{
           [&](const Tensor& a) {
             return cross_entropy(a, labels, {w, 0, 0.2, Reduction::mean});
           },
           [&](const Tensor& a) {
             return cross_entropy(a, softmax(x, -1), {.weight = w, .label_smoothing = 0.2});
           },
           [&](const Tensor& a) {
             return binary_cross_entropy_with_logits(a, sigmoid(x), {w, 2 * w});
           },
           [&](const Tensor& a) { return kl_div(a, square(a), {.log_target = true}); }}) {
    const auto curvature = [&](const Tensor& a) { return sum(hvp(f, a, v, true).second * v); };
    const Tensor at = x.detach().requires_grad_();
    const double exact = sum(grad(curvature(at), at) * v).item(), h = 1e-4;
    const double differences =
        (curvature(x + h * v).item() - curvature(x - h * v).item()) / (2 * h);
    CHECK(exact == doctest::Approx(differences).epsilon(1e-5));
  }
}
