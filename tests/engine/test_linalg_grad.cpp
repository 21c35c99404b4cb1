// The derivatives of linear algebra beyond the table test and the golden values: high orders
// against closed forms, and equal eigenvalues.
#include <doctest/doctest.h>

#include <regrad/engine/autograd.h>
#include <regrad/engine/linalg.h>
#include <regrad/engine/ops.h>
#include <regrad/engine/random.h>

#include <cmath>

using namespace regrad;

namespace {

Tensor f64(std::initializer_list<double> v, const Shape& s) {
  return tensor(std::vector<double>(v), s, DType::f64);
}
Tensor diagonal(const Tensor& x) { return unsqueeze(x, -1) * eye(x.shape()[-1], x.dtype()); }
double largest(const Tensor& x) { return amax(abs(x)).item(); }
// Q diag(values) Q^T with some rotation Q.
Tensor with_eigenvalues(std::initializer_list<double> values) {
  const Tensor w = tensor(values, DType::f64);
  const Tensor q = eigh(normal(Random(2), {w.numel(), w.numel()}, 0, 1, DType::f64)).vectors;
  return matmul(q * w, q.mT());
}
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

// f(0), f'(0), f''(0), ... of a scalar function of one number.
std::vector<double> taylor(const Function& f, int orders) {
  const Tensor t = scalar(0, DType::f64).requires_grad_();
  Tensor y = f(t);
  std::vector<double> out{y.item()};
  for (int k = 0; k < orders; ++k) {
    y = grad(y, t, {.create_graph = true});
    out.push_back(y.item());
  }
  return out;
}
void check_taylor(const Function& f, const std::vector<double>& expected) {
  const std::vector<double> got = taylor(f, static_cast<int>(expected.size()) - 1);
  for (size_t k = 0; k < expected.size(); ++k) {
    CAPTURE(k);
    CHECK(std::abs(got[k] - expected[k]) <= 1e-10 * std::max(1.0, std::abs(expected[k])));
  }
}

const Tensor& a3() {
  static const Tensor a = f64({4, 1, -0.5, 0.3, 2.5, 0.7, -0.2, 0.4, 1.2}, {3, 3});
  return a;
}
const Tensor& w43() {
  static const Tensor w = f64({1, 0.2, -0.3, 0.4, 2, 0.5, 0.1, -0.6, 3, 0.7, 0.8, -0.9}, {4, 3});
  return w;
}
// cos(0.7 i + 0.2)
Tensor weights(const Shape& s) {
  return reshape(cos(arange(0, static_cast<double>(s.numel()), 1, DType::f64) * 0.7 + 0.2), s);
}

}  // namespace

TEST_CASE("derivatives to the sixth order against closed forms") {
  const Tensor p = f64({1, 0, 0, -1}, {2, 2}), swap = f64({0, 1, 1, 0}, {2, 2}),
               one = eye(2, DType::f64);
  // [[t,1],[1,-t]] has the eigenvalues -+sqrt(1 + t^2).
  check_taylor([&](const Tensor& t) { return eigvalsh(swap + t * p)[1]; }, {1, 0, 1, 0, -3, 0, 45});
  check_taylor([&](const Tensor& t) { return eigh(swap + t * p).values[0]; },
               {-1, 0, -1, 0, 3, 0, -45});
  // [[1,t],[t,-1]]: the vector of the positive one is at the angle atan(t)/2, whose sine is t/2 -
  // 3/16 t^3 + ...
  check_taylor([&](const Tensor& t) { return eigh(p + t * swap).vectors[1][1]; },
               {0, 0.5, 0, -9.0 / 8});
  // [[1,t],[t,1]]: the factor's last entry is sqrt(1 - t^2), the inverse's 1/(1 - t^2), and log det
  // = log(1 - t^2).
  check_taylor([&](const Tensor& t) { return cholesky(one + t * swap)[1][1]; },
               {1, 0, -1, 0, -3, 0, -45});
  check_taylor([&](const Tensor& t) { return inverse(one + t * swap)[1][1]; },
               {1, 0, 2, 0, 24, 0, 720});
  check_taylor([&](const Tensor& t) { return slogdet(one + t * swap).logabsdet; },
               {0, 0, -2, 0, -12, 0, -240});
  // [[1+t,1],[0,2]]: the solution's first entry is (y_1 - y_2/2)/(1 + t).
  check_taylor(
      [&](const Tensor& t) {
        return solve_triangular(f64({1, 1, 0, 2}, {2, 2}) + t * f64({1, 0, 0, 0}, {2, 2}),
                                f64({3, 2}, {2, 1}), true)[0][0];
      },
      {2, -2, 4, -12, 48, -240, 1440});
  // Singular values of [[2,t],[0,1]]: s_1^2 s_2^2 = 4 and s_1^2 + s_2^2 = 5 + t^2; s_1 = 2 + t^2/3
  // - 7/108 t^4 + 61/1944 t^6 - ...
  check_taylor(
      [&](const Tensor& t) {
        return svdvals(f64({2, 0, 0, 1}, {2, 2}) + t * f64({0, 1, 0, 0}, {2, 2}))[0];
      },
      {2, 0, 2.0 / 3, 0, -14.0 / 9, 0, 610.0 / 27});
  check_taylor(
      [&](const Tensor& t) {
        return svd(f64({2, 0, 0, 1}, {2, 2}) + t * f64({0, 1, 0, 0}, {2, 2})).s[0];
      },
      {2, 0, 2.0 / 3, 0, -14.0 / 9, 0, 610.0 / 27});
}

TEST_CASE("the Hessian of log det is -a^-1 (x) a^-1") {
  const Tensor x = inverse(a3());
  // d2 log det / da_ij da_kl = -x_jk x_li
  const auto second = [&](const Tensor& got) {
    double worst = 0;
    const std::vector<double> h = got.to_vector(), v = x.to_vector();
    for (size_t i = 0; i < 3; ++i)
      for (size_t j = 0; j < 3; ++j)
        for (size_t k = 0; k < 3; ++k)
          for (size_t l = 0; l < 3; ++l)
            worst = std::max(
                worst, std::abs(h[((i * 3 + j) * 3 + k) * 3 + l] + v[j * 3 + k] * v[l * 3 + i]));
    return worst;
  };
  CHECK(second(hessian([](const Tensor& a) { return slogdet(a).logabsdet; }, a3())) < 1e-14);
  CHECK(second(hessian([](const Tensor& a) { return log(det(a)); }, a3())) < 1e-13);
  // By the factor of a symmetric matrix: the gradient is the inverse, and symmetric.
  const Tensor p = matmul(a3(), a3().mT()).requires_grad_();
  const Tensor g = grad(2.0 * sum(log(sum(cholesky(p) * eye(3, DType::f64), {-1}))), p);
  CHECK(largest(g - inverse(p)) < 1e-13);
  CHECK(g.to_vector() == g.mT().to_vector());
}

TEST_CASE("equal eigenvalues: values have derivatives, their vectors have none") {
  for (const Tensor& a : {eye(3, DType::f64) * 2.0, with_eigenvalues({1, 1, 3}),
                          with_eigenvalues({-2, 5, 5}), zeros({3, 3}, DType::f64)}) {
    const Tensor x = a.detach().requires_grad_();
    // d sum(w^2) = 2 a, whichever vectors LAPACK chose.
    CHECK(largest(grad(sum(square(eigvalsh(x))), x) - 2.0 * x) < 1e-13);
    CHECK(largest(grad(sum(square(eigh(x).values)), x) - 2.0 * x) < 1e-13);
    CHECK(has(fault([&] { grad(sum(eigh(x).vectors * a3()), x); }), "eigh: eigenvalues"));
    // The second derivative of single values goes by the vectors.
    const Tensor g = grad(sum(square(eigvalsh(x))), x, {.create_graph = true});
    if (largest(x) > 0)
      CHECK(has(fault([&] { grad(sum(g * a3()), x); }), "their vectors have no derivative"));
  }
  const Tensor twins = with_eigenvalues({1, 1, 3}).requires_grad_();
  for (const int64_t one : {0, 1})
    CHECK(has(fault([&] { grad(sum(select(eigh(twins).vectors, -1, one)), twins); }),
              "eigenvalues 0 and 1 are equal"));
  const Tensor x =
      stack({with_eigenvalues({1, 2, 3}), with_eigenvalues({1, 3, 3})}, 0).requires_grad_();
  const Eigh e = eigh(x);
  CHECK(has(fault([&] { grad(sum(e.vectors * a3()), x, {.retain_graph = true}); }),
            "eigh: eigenvalues 1 and 2 of matrix [1] are equal"));
  // The vector of the single value is as good as ever.
  const auto first = [](const Tensor& t) {
    return sum(select(eigh(t).vectors, -1, 0) * weights({3}));
  };
  const Tensor at = x[1].detach(), along = f64({1, 2, 3, 2, -1, 0.5, 3, 0.5, 4}, {3, 3});
  const double h = 1e-5,
               difference = (first(at + h * along) - first(at - h * along)).item() / (2 * h);
  const Tensor leaf = at.detach().requires_grad_();
  CHECK(sum(grad(first(leaf), leaf) * along).item() == doctest::Approx(difference).epsilon(1e-7));
  // So are the first and second derivatives of the single value.
  const auto smallest = [](const Tensor& t) { return eigvalsh(t)[0]; };
  const auto slope = [&](const Tensor& t) {
    return sum(vjp(smallest, t, scalar(1, DType::f64)).second * along).item();
  };
  CHECK(sum(hvp(smallest, at, along).second * along).item() ==
        doctest::Approx((slope(at + h * along) - slope(at - h * along)) / (2 * h)).epsilon(1e-7));
  // But how the vectors move together is what jvp needs.
  CHECK(has(fault([&] { jvp([](const Tensor& t) { return eigh(t).vectors; }, at, along); }),
            "have no derivative"));
  // f32 rounds more, and calls more values equal.
  const auto gradient_at = [&](double gap, DType t) {
    const Tensor y =
        matmul(matmul(eigh(a3()).vectors, diagonal(tensor({1, 1 + gap, 2}, DType::f64))),
               eigh(a3()).vectors.mT())
            .to(t)
            .detach()
            .requires_grad_();
    return fault([&] { grad(sum(eigh(y).vectors * a3().to(t)), y); });
  };
  CHECK(has(gradient_at(1e-7, DType::f32), "are equal"));
  CHECK(gradient_at(1e-7, DType::f64) == "nothing was thrown");
  CHECK(gradient_at(1e-4, DType::f32) == "nothing was thrown");
}

TEST_CASE("equal and zero singular values: values have derivatives, their vectors have none") {
  const Tensor u = svd(w43()).u, v = svd(a3()).vh;
  const auto with_values = [&](std::initializer_list<double> s) {
    return matmul(u * tensor(s, DType::f64), v).requires_grad_();
  };
  for (const bool wide : {false, true}) {
    const auto turned = [&](const Tensor& x) { return wide ? x.mT() : x; };
    for (const Tensor& x : {with_values({3, 2, 2}), with_values({3, 2, 0}), with_values({3, 0, 0}),
                            with_values({0, 0, 0})}) {
      CHECK(largest(grad(sum(square(svdvals(turned(x)))), x) - 2.0 * x) < 1e-13);
      CHECK(largest(grad(sum(square(svd(turned(x)).s)), x) - 2.0 * x) < 1e-13);
      CHECK(has(fault([&] { grad(sum(svd(turned(x)).u * 1.5), x); }), "svd: singular value"));
      CHECK(has(fault([&] { grad(sum(svd(turned(x)).vh * 1.5), x); }), "no derivative"));
    }
    const Tensor twins = with_values({3, 3, 1}), flat_one = with_values({3, 2, 0});
    CHECK(has(fault([&] { grad(sum(svd(turned(twins)).u), twins); }),
              "singular values 0 and 1 are equal"));
    CHECK(has(fault([&] { grad(sum(svd(turned(flat_one)).vh), flat_one); }),
              "singular value 2 is 0"));
    // Vectors of other values are untouched.
    CHECK(std::isfinite(sum(grad(sum(select(svd(turned(twins)).u, -1, 2)), twins)).item()));
  }
  // The nuclear norm's gradient at a multiple of I is I; the spectral norm's, of one pair of
  // vectors.
  const Tensor x = (eye(3, DType::f64) * 2.0).detach().requires_grad_();
  CHECK(largest(grad(sum(svdvals(x)), x) - eye(3, DType::f64)) < 1e-14);
  CHECK(sum(square(grad(svdvals(x)[0], x))).item() == doctest::Approx(1));
}

TEST_CASE("gradients of eigh, eigvalsh and cholesky are symmetric") {
  const Tensor x = f64({4, 1, -0.5, 1, 2.5, 0.7, -0.5, 0.7, 1.2}, {3, 3}).requires_grad_();
  for (const Tensor& y :
       {sum(eigh(x).vectors * a3()), sum(eigvalsh(x) * weights({3})), sum(cholesky(x) * a3())}) {
    const Tensor g = grad(y, x);
    CHECK(largest(g - g.mT()) < 1e-15);
  }
}
