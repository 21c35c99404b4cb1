#include <doctest/doctest.h>

#include <regrad/engine/autograd.h>
#include <regrad/engine/ops.h>

#include <cmath>
#include <limits>

using namespace regrad;

TEST_CASE("factories, shapes, elements") {
  CHECK(zeros({2, 3}).shape() == Shape{2, 3});
  CHECK(arange(0, 5).to_vector<int64_t>() == std::vector<int64_t>{0, 1, 2, 3, 4});
  CHECK(eye(2).to_vector() == std::vector<double>{1, 0, 0, 1});
  CHECK(tensor({1, 2}).dtype() == DType::f32);
  CHECK(scalar(3).item() == 3);
  CHECK_THROWS_AS(tensor(std::vector<double>{1, 2, 3}, {2, 2}), ShapeError);
  CHECK_THROWS_AS(zeros({2, -1}), ShapeError);
  CHECK_THROWS_AS(zeros({2, 2}).item(), ShapeError);
  CHECK_THROWS_AS(arange(0, 5, 0), ShapeError);
  CHECK_THROWS_AS(zeros({1, 1, 1, 1, 1, 1, 1, 1, 1}), ShapeError);
  CHECK_THROWS_AS(zeros({int64_t{1} << 40, int64_t{1} << 40}), ShapeError);
  CHECK_THROWS_AS(zeros({int64_t{1} << 50}), OutOfMemory);
  CHECK_THROWS_AS(Tensor().shape(), ShapeError);
  CHECK_THROWS_AS(tensor({1}).data<double>(), DTypeError);
  CHECK(str(tensor({1, 2.5})) == "tensor([1, 2.5], f32)");
}

TEST_CASE("views share memory, copies happen only where strides do not allow") {
  const Tensor x = arange(0, 12).reshape({3, 4});
  CHECK(x.mT().reshape({12}).to_vector() ==
        std::vector<double>{0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11});
  CHECK(slice(x, 1, -2, 100).to_vector() == std::vector<double>{2, 3, 6, 7, 10, 11});
  CHECK(slice(x, 0, 2, 1).shape() == Shape{0, 4});
  CHECK(x[1].to_vector() == std::vector<double>{4, 5, 6, 7});
  CHECK(flatten(x.reshape({3, 2, 2}), 1).shape() == Shape{3, 4});
  CHECK(x.reshape({2, 6}).data<int64_t>() == x.data<int64_t>());
  CHECK_THROWS_AS(x.mT().data<int64_t>(), ShapeError);
  CHECK_THROWS_WITH_AS(x.reshape({5}), "reshape: [3,4] has 12 elements, which do not fill [5]",
                       ShapeError);
  CHECK_THROWS_AS(x.size(2), ShapeError);
  CHECK_THROWS_AS(select(x, 0, 3), ShapeError);
}

TEST_CASE(
    "a number never changes a tensor's dtype, an integer tensor with a fraction becomes f32, f32 "
    "with f64 is refused") {
  CHECK((tensor({1}, DType::f64) * 0.5).dtype() == DType::f64);
  CHECK((tensor({1}, DType::f32) * 0.5).dtype() == DType::f32);
  CHECK((arange(0, 3) * 2.0).dtype() == DType::i64);
  CHECK((arange(0, 3) + 0.5).dtype() == DType::f32);
  CHECK((arange(0, 3) / 2.0).to_vector() == std::vector<double>{0, 0.5, 1});
  CHECK((arange(0, 3) + tensor({1, 1, 1})).dtype() == DType::f32);
  CHECK((gt(arange(0, 3), arange(2, -1, -1)) + arange(0, 3)).to_vector() ==
        std::vector<double>{0, 1, 3});
  CHECK_THROWS_AS(tensor({1}) + tensor({1}, DType::f64), DTypeError);
  CHECK_THROWS_AS(exp(arange(0, 3)), DTypeError);
  CHECK_THROWS_AS(matmul(eye(2), eye(2, DType::f64)), DTypeError);
}

TEST_CASE("compositions") {
  const Tensor x = tensor({1, 5, 3, 2, 2, 9}, DType::f64).reshape({2, 3});
  const Extreme m = max(x, 1);
  CHECK(m.values.to_vector() == std::vector<double>{5, 9});
  CHECK(m.indices.to_vector() == std::vector<double>{1, 2});
  CHECK(argmax(x, 0, true).to_vector() == std::vector<double>{1, 0, 1});
  CHECK(sum(x, {0, 1}).item() == 22);
  CHECK(mean(x, {1}, true).to_vector() == std::vector<double>{3, 13.0 / 3});
  CHECK(stack({x, x}, 1).shape() == Shape{2, 2, 3});
  CHECK(matmul(tensor({1, 2}), tensor({3, 4})).item() == 11);
  CHECK(sum(softmax(x, 0), {0}).to_vector()[0] == doctest::Approx(1));
  CHECK(logsumexp(x, {0, 1}).item() ==
        doctest::Approx(
            std::log(std::exp(1) + std::exp(5) + std::exp(3) + 2 * std::exp(2) + std::exp(9)))
            .epsilon(1e-12));
  CHECK(std::isnan(mean(zeros({0})).item()));
  CHECK_THROWS_AS(amax(zeros({2, 0}), {1}), ShapeError);
  CHECK_THROWS_AS(sum(x, {0, 0}), ShapeError);
  CHECK_THROWS_AS(clamp(x, 1, 0), ShapeError);
  CHECK_THROWS_AS(gather(x, 1, full({2, 1}, 3, DType::i64)), ShapeError);
}

TEST_CASE("buffers are reused only where nobody can see it") {
  const NoGrad quiet;
  Tensor a = tensor({1, 2, 3});
  const float* before = a.data<float>();
  Tensor b = std::move(a) + tensor({1, 1, 1});
  CHECK(b.data<float>() == before);
  const Tensor held = b;
  const Tensor c = std::move(b) + tensor({1, 1, 1});
  CHECK(c.data<float>() != before);
  CHECK(held.to_vector() == std::vector<double>{2, 3, 4});
  Tensor base = tensor({1, 2, 3, 4});
  Tensor part = slice(base, 0, 0, 2);
  const Tensor moved = std::move(part) * 10.0;
  CHECK(base.to_vector() == std::vector<double>{1, 2, 3, 4});
}

TEST_CASE("edge values") {
  const double inf = std::numeric_limits<double>::infinity(),
               nan = std::numeric_limits<double>::quiet_NaN();
  for (const DType t : {DType::f32, DType::f64}) {
    const Tensor x = tensor({-inf, -1, 0, inf, nan}, t);
    CHECK(std::isnan(maximum(x, zeros({5}, t)).to_vector()[4]));
    CHECK(std::isnan(relu(x).to_vector()[4]));
    CHECK(exp(x).to_vector()[0] == 0);
    CHECK(exp(x).to_vector()[3] == inf);
    CHECK(log(x).to_vector()[2] == -inf);
    CHECK(std::isnan(log(x).to_vector()[1]));
    CHECK(tanh(x).to_vector()[3] == 1);
    CHECK(sigmoid(x).to_vector()[0] == 0);
    CHECK(softplus(x).to_vector()[3] == inf);
    CHECK(std::isnan(amax(x).item()));
    CHECK(logsumexp(full({3}, -inf, t), {0}).item() == -inf);
  }
}
