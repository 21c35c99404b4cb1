#include <doctest/doctest.h>

#include <regrad/engine/autograd.h>
#include <regrad/engine/linalg.h>
#include <regrad/engine/ops.h>
#include <regrad/engine/parallel.h>
#include <regrad/engine/random.h>

#include <cmath>
#include <limits>

using namespace regrad;

namespace {

Tensor matrix(const std::vector<double>& v, DType t = DType::f64) {
  const auto n = static_cast<int64_t>(std::lround(std::sqrt(static_cast<double>(v.size()))));
  return tensor(v, {n, n}, t);
}
Tensor random(const Shape& s, const char* name = "a", DType t = DType::f64) {
  return normal(Random(5) / name, s, 0, 1, t);
}
Tensor positive(const Shape& s, DType t = DType::f64) {
  const Tensor x = random(s, "positive", t);
  return matmul(x, x.mT()) + eye(s[-1], t) * 0.5;
}
double largest(const Tensor& x) { return x.numel() ? amax(abs(x)).item() : 0; }
double distance(const Tensor& a, const Tensor& b) {
  REQUIRE(a.shape() == b.shape());
  return largest(a - b);
}
Tensor diagonal(const Tensor& x) { return unsqueeze(x, -1) * eye(x.shape()[-1], x.dtype()); }

// The message of the NumericError that f throws.
template <class F>
std::string fault(F&& f) {
  try {
    f();
  } catch (const NumericError& e) {
    return e.what();
  }
  return "nothing was thrown";
}
bool has(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("known values") {
  const Eigh e = eigh(matrix({2, 1, 1, 2}));
  const double r = std::sqrt(0.5);
  CHECK(distance(e.values, tensor({1, 3}, DType::f64)) < 1e-15);
  CHECK(distance(e.vectors, matrix({r, r, -r, r})) < 1e-15);
  CHECK(distance(eigvalsh(matrix({2, 1, 1, 2})), e.values) < 1e-15);
  CHECK(distance(cholesky(matrix({4, 2, 2, 10})), matrix({2, 0, 1, 3})) < 1e-15);
  CHECK(distance(solve(matrix({1, 2, 3, 4}), tensor({5, 11}, DType::f64)),
                 tensor({1, 2}, DType::f64)) < 1e-14);
  CHECK(distance(inverse(matrix({1, 2, 3, 4})), matrix({-2, 1, 1.5, -0.5})) < 1e-14);
  CHECK(distance(svdvals(matrix({3, 0, 4, 5})),
                 tensor({std::sqrt(45.0), std::sqrt(5.0)}, DType::f64)) < 1e-14);
  CHECK(det(matrix({1, 2, 3, 4})).item() == doctest::Approx(-2));
  CHECK(det(matrix({0, 1, 0, 0, 0, 1, 1, 0, 0})).item() == doctest::Approx(1));
  CHECK(det(matrix({0, 1, 1, 0})).item() == doctest::Approx(-1));
  CHECK(slogdet(matrix({-2, 0, 0, 3})).sign.item() == -1);
  CHECK(slogdet(matrix({-2, 0, 0, 3})).logabsdet.item() == doctest::Approx(std::log(6.0)));
  CHECK(distance(
            solve_triangular(matrix({2, 99, 1, 4}), tensor({4, 10}, DType::f64).unsqueeze(1), false)
                .squeeze(1),
            tensor({2, 2}, DType::f64)) < 1e-15);
  const Tensor a = matrix({4, 2, 2, 10}), b = random({2, 3}, "b");
  CHECK(distance(cholesky_solve(b, cholesky(a)), solve(a, b)) < 1e-14);
  CHECK(distance(cholesky_solve(b, cholesky(a).mT(), true), solve(a, b)) < 1e-14);
}

TEST_CASE("what was taken apart comes together again: batches, every size, f32 and f64") {
  for (const DType t : {DType::f64, DType::f32}) {
    const double close = t == DType::f64 ? 1e-12 : 2e-4;
    for (const int64_t n : {1, 2, 3, 8, 33, 70}) {
      CAPTURE(n);
      const Tensor x = random({3, n, n}, "square", t), p = positive({3, n, n}, t), one = eye(n, t);
      const double scale = static_cast<double>(n);
      const Eigh e = eigh(x);
      CHECK(distance(matmul(e.vectors * unsqueeze(e.values, -2), e.vectors.mT()),
                     (x + x.mT()) * 0.5) < close * scale);
      CHECK(distance(matmul(e.vectors.mT(), e.vectors), expand(one, {3, n, n})) < close * scale);
      CHECK(distance(eigvalsh(x), e.values) < close * scale);
      const Tensor l = cholesky(p);
      CHECK(distance(matmul(l, l.mT()), p) < close * scale);
      CHECK(distance(matmul(p, solve(p, x)), x) < 10 * close * scale * largest(p));
      CHECK(distance(matmul(p, inverse(p)), expand(one, {3, n, n})) <
            10 * close * scale * largest(p));
      CHECK(distance(slogdet(p).logabsdet, sum(log(eigvalsh(p)), {-1})) < close * scale);
    }
    for (const auto& [m, n] : std::initializer_list<std::pair<int64_t, int64_t>>{
             {1, 1}, {5, 3}, {3, 5}, {40, 17}, {17, 40}, {60, 2}, {1, 7}}) {
      const Tensor x = random({2, m, n}, "any", t);
      const Svd d = svd(x);
      const int64_t k = std::min(m, n);
      CHECK(distance(matmul(d.u * unsqueeze(d.s, -2), d.vh), x) < close * 10);
      CHECK(distance(matmul(d.u.mT(), d.u), expand(eye(k, t), {2, k, k})) < close);
      CHECK(distance(matmul(d.vh, d.vh.mT()), expand(eye(k, t), {2, k, k})) < close);
      CHECK(distance(svdvals(x), d.s) < close * 10);
      for (int64_t j = 0; j + 1 < k; ++j)
        CHECK(amax(select(d.s, -1, j + 1) - select(d.s, -1, j)).item() <= 0);
    }
  }
}

TEST_CASE("signs: the largest entry of each vector is positive, the first of equal ones") {
  const Tensor v = eigh(random({6, 6})).vectors, u = svd(random({6, 4})).u;
  for (const Tensor& columns : {v, u})
    CHECK(amax(amax(abs(columns), {0}) - amax(columns, {0})).item() == 0);
  // All entries of these vectors are of one size; rounding must not choose the sign.
  for (const double scale : {1.0, 0.3, 7.7, 1e10})
    CHECK(eigh(matrix({5 * scale, -scale, -scale, 5 * scale})).vectors[0].to_vector()[1] > 0);
}

TEST_CASE("a batch is its matrices, in any layout, with any number of threads") {
  const Tensor x = random({2, 5, 4, 4}), p = positive({2, 5, 4, 4}), b = random({2, 5, 4, 2}, "b");
  for (int64_t i = 0; i < 2; ++i) {
    for (int64_t j = 0; j < 5; ++j) {
      CHECK(distance(eigh(x).vectors[i][j], eigh(x[i][j]).vectors) == 0);
      CHECK(distance(svd(x).vh[i][j], svd(x[i][j]).vh) == 0);
      CHECK(distance(cholesky(p)[i][j], cholesky(p[i][j])) == 0);
      CHECK(distance(solve(p, b)[i][j], solve(p[i][j], b[i][j])) == 0);
      CHECK(distance(slogdet(x).sign[i][j], slogdet(x[i][j]).sign) == 0);
      // one matrix, many right sides
      CHECK(distance(solve(p[i][j], b)[0][j], solve(p[i][j], b[0][j])) == 0);
    }
  }
  CHECK(distance(eigh(x.mT().contiguous().mT()).vectors, eigh(x).vectors) == 0);
  const Tensor many = positive({40, 30, 30});
  const int before = num_threads();
  std::vector<Tensor> bits;
  for (const int threads : {1, 2, 4}) {
    set_num_threads(threads);
    bits.push_back(cat({eigh(many).vectors, svd(many).u, cholesky(many), inverse(many)}, 0));
  }
  set_num_threads(before);
  CHECK(bits[0].to_vector() == bits[1].to_vector());
  CHECK(bits[0].to_vector() == bits[2].to_vector());
}

TEST_CASE("solve: vectors, batches that broadcast, and what does not fit") {
  const Tensor a = positive({3, 2, 2}), b = random({3, 2}, "b");
  CHECK(solve(a, b).shape() == Shape{3, 2});  // a vector a matrix
  CHECK(distance(solve(a, b)[1], solve(a[1], b[1])) == 0);
  CHECK(solve(a[0], b[0]).shape() == Shape{2});
  CHECK(solve(a, b[0]).shape() == Shape{3, 2});                    // one vector for all
  CHECK(solve(a, random({2, 5}, "c")).shape() == Shape{3, 2, 5});  // one matrix for all
  CHECK(solve(expand(a[0], {2, 3, 2, 2}), random({3, 2, 4}, "d")).shape() == Shape{2, 3, 2, 4});
  CHECK(inverse(a).shape() == Shape{3, 2, 2});
  CHECK_THROWS_AS(solve(a, random({4, 2, 1})), ShapeError);
  CHECK_THROWS_AS(solve(a, random({3, 3, 1})), ShapeError);
  CHECK_THROWS_AS(solve(random({2, 3}), b), ShapeError);
  CHECK_THROWS_AS(solve(a, Tensor()), ShapeError);
  CHECK_THROWS_AS(solve(a, random({2, 1}, "f", DType::f32)), DTypeError);
  CHECK_THROWS_AS(inverse(random({2, 3})), ShapeError);
  CHECK_THROWS_AS(det(random({4})), ShapeError);
  CHECK_THROWS_AS(eigh(arange(0, 4).reshape({2, 2})), DTypeError);
  CHECK_THROWS_AS(svd(scalar(1)), ShapeError);
  CHECK_THROWS_AS(svd(Tensor()), ShapeError);
  CHECK_THROWS_AS(cholesky_solve(random({2, 1}), scalar(1, DType::f64)), ShapeError);
  CHECK_THROWS_AS(svdvals(zeros({1, 30000})), ShapeError);
}

TEST_CASE("matrices that have no such decomposition: the message names op, matrix and pivot") {
  const Tensor singular = stack({eye(2, DType::f64), matrix({1, 2, 2, 4})}, 0);
  const std::string s = fault([&] { solve(unsqueeze(singular, 0), ones({2, 1}, DType::f64)); });
  CHECK(has(s, "solve: pivot 1 of matrix [0,1] is 0"));
  CHECK(has(fault([&] { inverse(zeros({3, 3})); }), "solve: pivot 0 is 0"));
  CHECK(has(fault([&] {
              cholesky(stack({eye(3), eye(3), eye(3) - 2.0 * diagonal(tensor({0, 0, 1}))}, 0));
            }),
            "cholesky: pivot 2 of matrix [2]"));
  CHECK(has(fault([&] {
              cholesky(matrix({1, 2, 2, 1}, DType::f32));
            }),
            "cholesky: pivot 1 is not positive"));
  CHECK(has(fault([&] {
              solve_triangular(matrix({1, 0, 5, 0}), ones({2, 1}, DType::f64), false);
            }),
            "solve_triangular: diagonal element 1 is 0"));
  CHECK(slogdet(singular).sign.to_vector() == std::vector<double>{1, 0});
  CHECK(slogdet(singular).logabsdet.to_vector()[1] == -std::numeric_limits<double>::infinity());
  CHECK(det(singular).to_vector() == std::vector<double>{1, 0});
  const Tensor leaf = singular.detach().requires_grad_();
  CHECK(has(fault([&] { grad(sum(det(leaf)), leaf); }), "solve: pivot 1 of matrix [1]"));
}

TEST_CASE("NaN and infinity are refused, with their place") {
  for (const double bad : {std::nan(""), std::numeric_limits<double>::infinity()}) {
    for (const DType t : {DType::f32, DType::f64}) {
      const Tensor a = stack({eye(2, t), matrix({1, 0, bad, 1}, t)}, 0), good = eye(2, t);
      const auto named = [&](const char* op, const std::string& text) {
        CHECK(has(text, (std::string(op) + ": element [1,0] of matrix [1] of").c_str()));
      };
      named("eigh", fault([&] { eigh(a); }));
      named("eigvalsh", fault([&] { eigvalsh(a); }));
      named("svd", fault([&] { svd(a); }));
      named("svdvals", fault([&] { svdvals(a); }));
      named("cholesky", fault([&] { cholesky(a); }));
      named("solve", fault([&] { solve(a, good); }));
      named("solve", fault([&] { solve(good, a); }));
      named("slogdet", fault([&] { det(a); }));
      named("solve_triangular", fault([&] { solve_triangular(a, good, false); }));
      // the lower triangle is not read
      CHECK(distance(solve_triangular(a, good, true), expand(good, {2, 2, 2})) == 0);
    }
  }
}

TEST_CASE("empty matrices, empty batches and single elements, with their gradients") {
  for (const Shape& s : {Shape{0, 0}, Shape{3, 0, 0}, Shape{0, 2, 2}, Shape{0, 0, 0}}) {
    CAPTURE(str(s));
    const Tensor a = zeros(s).requires_grad_();
    const Eigh e = eigh(a);
    const Svd d = svd(a);
    Shape values = s;
    values.erase(values.size() - 1);
    CHECK(e.vectors.shape() == s);
    CHECK(e.values.shape() == values);
    CHECK(d.s.shape() == values);
    CHECK(cholesky(a).shape() == s);
    CHECK(inverse(a).shape() == s);
    const Tensor all = sum(e.vectors) + sum(e.values) + sum(d.u) + sum(d.vh) + sum(cholesky(a)) +
                       sum(inverse(a)) + sum(det(a)) + sum(svdvals(a));
    CHECK(grad(all, a).shape() == s);
  }
  CHECK(det(zeros({2, 0, 0})).to_vector() == std::vector<double>{1, 1});
  CHECK(svd(zeros({4, 0})).u.shape() == Shape{4, 0});
  CHECK(svd(zeros({4, 0})).vh.shape() == Shape{0, 0});
  CHECK(solve(zeros({0, 0}), zeros({0, 3})).shape() == Shape{0, 3});
  const Tensor one = matrix({-3});
  CHECK(eigh(one).values.to_vector() == std::vector<double>{-3});
  CHECK(eigh(one).vectors.item() == 1);
  CHECK(svd(one).vh.item() == -1);
  CHECK(inverse(one).item() == doctest::Approx(-1.0 / 3));
}
