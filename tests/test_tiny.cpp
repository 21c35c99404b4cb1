// Read me first: regrad on one page.
#include <doctest/doctest.h>

#include <regrad/engine/autograd.h>
#include <regrad/engine/functional.h>

using namespace regrad;

TEST_CASE("a tensor is a value; gradients are tensors") {
  const Tensor x = tensor({1, 2, 3}, DType::f64).requires_grad_();
  const Tensor y = sum(x * x * x);
  CHECK(y.item() == 36);

  const Tensor g = grad(y, x, {.create_graph = true});  // 3 x^2
  CHECK(g.to_vector() == std::vector<double>{3, 12, 27});

  const Tensor h = grad(sum(g), x, {.create_graph = true});  // 6 x
  CHECK(h.to_vector() == std::vector<double>{6, 12, 18});

  const Tensor t = grad(sum(h), x);  // 6
  CHECK(t.to_vector() == std::vector<double>{6, 6, 6});
}

TEST_CASE("one step of MAML, by hand and by grad") {
  // Loss (w - a)^2 on the support, (w - b)^2 on the query: w' = w - 2 lr (w - a), d query / dw = 2
  // (w' - b)(1 - 2 lr).
  const double lr = 0.1, a = 1, b = -1;
  const Tensor w = scalar(3, DType::f64).requires_grad_();
  const Tensor inner = grad(square(w - a), w, {.create_graph = true});
  const Tensor fast = w - lr * inner;
  const Tensor outer = grad(square(fast - b), w);
  CHECK(outer.item() == doctest::Approx(2 * (3 - 2 * lr * 2 - b) * (1 - 2 * lr)).epsilon(1e-12));
}

TEST_CASE("errors teach") {
  CHECK_THROWS_WITH_AS(matmul(zeros({10, 40}), zeros({30, 1})),
                       "matmul: inner dimensions differ, [10,40] x [30,1]", ShapeError);
}
