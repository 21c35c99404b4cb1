// qr, pinv and lstsq: what they must satisfy, their derivatives at high orders, and the edges:
// ranks, batches of different ones, badly conditioned and empty matrices.
#include <doctest/doctest.h>

#include "op_cases.h"

#include <regrad/engine/functional.h>
#include <regrad/engine/linalg.h>

#include <cmath>

using namespace regrad;
using namespace regrad::test;

namespace {

using In = const std::vector<Tensor>&;

double largest(const Tensor& x) { return x.numel() ? amax(abs(x)).item() : 0; }
Tensor draw(const Shape& s, int seed = 1, DType t = DType::f64) {
  return normal(Random(seed), s, 0, 1, t);
}
Tensor of_rank(int64_t m, int64_t n, int64_t rank, int seed) {
  return matmul(draw({m, rank}, seed), draw({rank, n}, seed + 1));
}

const std::vector<Composition>& compositions() {
  static constexpr Domain spread{.low = -0.5, .high = 0.5, .kind = Domain::spread};
  constexpr auto shapes = [](Samples& s) {
    for (const Shape& shape : {Shape{1, 1}, Shape{2, 2}, Shape{3, 2}, Shape{2, 3}, Shape{2, 2, 2}})
      s.add({shape}, {spread});
  };
  static const std::vector<Composition> list = {
      {"qr_q", shapes, [](In x) { return qr(x[0]).q; }},
      {"qr_r", shapes, [](In x) { return qr(x[0]).r; }},
      {"pinv", shapes, [](In x) { return pinv(x[0]); }},
      {"lstsq",
       [](Samples& s) {
         s.add({{3, 2}, {3, 2}}, {spread, {}});
         s.add({{2, 3}, {2}}, {spread, {}});
       },
       [](In x) {
         const LeastSquares y = lstsq(x[0], x[1]);
         return sum(exp(y.solution)) + sum(y.residuals);
       }},
      {"pinv_of_rank_1",
       [](Samples& s) {
         s.add({{3}, {2}}, {{.low = 0.5, .high = 2}});
       },
       [](In x) { return pinv(outer(x[0], x[1])); }},
  };
  return list;
}

// Moore and Penrose's four.
void check_inverse(const Tensor& a, const Tensor& p, double within) {
  const Tensor ap = matmul(a, p), pa = matmul(p, a);
  CHECK(largest(matmul(ap, a) - a) <= within);
  CHECK(largest(matmul(pa, p) - p) <= within * std::max(1.0, largest(p)));
  CHECK(largest(ap - ap.mT()) <= within);
  CHECK(largest(pa - pa.mT()) <= within);
}

}  // namespace

TEST_CASE("least squares at every order") {
  for (const Composition& c : compositions()) {
    CAPTURE(std::string(c.name));
    const Checked done = check_composition(c);
    CHECK(done.fault == "");
    CHECK(done.cases > 0);
  }
}

TEST_CASE("q is orthonormal, r upper triangular, and their product a") {
  for (const Shape& s : {Shape{1, 1}, Shape{5, 3}, Shape{3, 5}, Shape{4, 4}, Shape{2, 3, 6, 2},
                         Shape{200, 130}, Shape{70, 150}})
    for (DType t : {DType::f32, DType::f64}) {
      const Tensor a = draw(s, 3, t);
      const Qr y = qr(a);
      const double eps = t == DType::f32 ? 2e-5 : 1e-13;
      CHECK(largest(matmul(y.q, y.r) - a) < eps);
      CHECK(largest(matmul(y.q.mT(), y.q) - eye(y.q.size(-1), t)) < eps);
      CHECK(largest(tril(y.r, -1)) == 0);
      // The same bits whether or not a graph is recorded.
      const Qr recorded = qr(a.detach().requires_grad_());
      CHECK(recorded.q.to_vector() == y.q.to_vector());
      CHECK(recorded.r.to_vector() == y.r.to_vector());
    }
}

TEST_CASE("qr of dependent columns: values, but no derivative") {
  const Tensor a = of_rank(4, 3, 2, 5);
  CHECK(largest(matmul(qr(a).q, qr(a).r) - a) < 1e-13);
  CHECK_THROWS_AS(qr(a.detach().requires_grad_()), NumericError);
  CHECK_THROWS_AS(qr(zeros({2, 2}, DType::f64).requires_grad_()), NumericError);
  {
    const NoGrad quiet;
    CHECK(largest(qr(zeros({2, 2}, DType::f64).requires_grad_()).r) == 0);
  }
}

TEST_CASE("the derivative of qr keeps its digits at a bad condition") {
  // a = h diag(1, 1e-6, 1e-9): d r / d a against central differences in each entry, relative.
  const Tensor h = qr(draw({4, 3}, 7)).q, scale = tensor({1, 1e-6, 1e-9}, DType::f64);
  const Tensor a = (h * scale).detach().requires_grad_();
  const Tensor g = grad(select(diagonal(qr(a).r), 0, 2), a);
  // r_33 is the distance of the third column from the others: its gradient is q_3 in that column.
  const Tensor q3 = select(qr(a.detach()).q, 1, 2);
  CHECK(largest(select(g, 1, 2) - q3) < 1e-6);
}

TEST_CASE("pinv of every rank, and of batches of different ranks") {
  for (int64_t rank = 0; rank <= 3; ++rank) {
    const Tensor a = rank ? of_rank(5, 3, rank, 11) : zeros({5, 3}, DType::f64);
    check_inverse(a, pinv(a), 1e-12);
    check_inverse(a.mT(), pinv(a.mT()), 1e-12);
  }
  const Tensor both =
      stack({of_rank(4, 3, 1, 3), of_rank(4, 3, 3, 5)}, 0).detach().requires_grad_();
  const Tensor y = pinv(both);
  CHECK(y.shape() == Shape{2, 3, 4});
  const Tensor g = grad(sum(square(y)), both);
  for (int64_t z = 0; z < 2; ++z) {
    const Tensor one = both[z].detach().requires_grad_();
    CHECK(largest(pinv(one) - y[z]) < 1e-12);
    CHECK(largest(grad(sum(square(pinv(one))), one) - g[z]) < 1e-9 * largest(g[z]));
  }
}

TEST_CASE("pinv's gradient where singular values are equal, and its tolerance") {
  const Tensor one = eye(3, DType::f64).requires_grad_();
  const Tensor w = draw({3, 3}, 4);
  CHECK(largest(grad(sum(w * pinv(one)), one) + w) < 1e-13);  // of an inverse at I: -w
  const Tensor a = tensor({1, 0, 0, 1e-3}, {2, 2}, DType::f64);
  CHECK(pinv(a)[1][1].item() == doctest::Approx(1e3));
  CHECK(pinv(a, 1e-2)[1][1].item() == 0);
  CHECK(lstsq(a, ones({2}, DType::f64), 1e-2).rank.item() == 1);
}

TEST_CASE("lstsq: normal equations, least norm, ranks, residuals") {
  for (const auto& [m, n, rank] :
       {std::tuple{6, 3, 3}, {3, 6, 3}, {5, 4, 2}, {4, 4, 4}, {4, 5, 1}}) {
    const Tensor a = of_rank(m, n, rank, m + n), b = draw({m, 2}, 9);
    const LeastSquares y = lstsq(a, b);
    const Tensor r = matmul(a, y.solution) - b;
    CHECK(largest(matmul(a.mT(), r)) < 1e-11);
    CHECK(largest(y.solution - matmul(matmul(pinv(a), a), y.solution)) < 1e-11);
    CHECK(largest(y.residuals - sum(square(r), {0})) < 1e-12);
    CHECK(y.rank.item() == rank);
    CHECK(y.rank.dtype() == DType::i64);
    CHECK(y.singular_values.shape() == Shape{std::min(m, n)});
  }
  const LeastSquares v = lstsq(draw({2, 4, 3}), draw({2, 4}));
  CHECK(v.solution.shape() == Shape{2, 3});
  CHECK(v.residuals.shape() == Shape{2});
  CHECK(v.rank.shape() == Shape{2});
}

TEST_CASE("empty matrices") {
  for (const Shape& s : {Shape{0, 3}, Shape{3, 0}, Shape{0, 0}, Shape{0, 3, 2}, Shape{2, 0, 2}}) {
    const Tensor a = zeros(s, DType::f64).requires_grad_();
    const Qr y = qr(a);
    CHECK(matmul(y.q, y.r).shape() == s);
    CHECK(pinv(a).shape() == a.mT().shape());
    Shape right = s;
    right[-1] = 2;
    CHECK(lstsq(a, zeros(right, DType::f64)).solution.size(-2) == s[-1]);
  }
}
