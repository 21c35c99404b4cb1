// Triangular solutions and the Cholesky factor, whose gradients are made of them.
#include <regrad/engine/autograd.h>
#include <regrad/engine/internal/called.h>
#include <regrad/engine/kernels/blas.h>
#include <regrad/engine/linalg.h>
#include <regrad/engine/ops.h>
#include <regrad/engine/ops/elementwise.h>
#include <regrad/engine/ops/linalg.h>
#include <regrad/engine/ops/list.h>

namespace regrad {
namespace {

using linalg::batch_of;

struct Upper {
  bool upper;
};

template <class T>
void solve_triangular_as(const Call& c, const Tensor& a, const Tensor& b, bool upper) {
  const Shape &out = c.node()->shape, batch = batch_of(out), as = batch_of(a.shape()),
              bs = batch_of(b.shape());
  const int64_t n = out[-2], r = out[-1];
  linalg::by_matrices(batch.numel(), n, [&](int64_t first, int64_t count) {
    for (int64_t i = first; i < first + count; ++i) {
      const int64_t at = linalg::broadcast_batch(i, batch, as);
      const T* ai = a.node()->ptr<T>() + at * n * n;
      T* y = c.node()->ptr<T>() + i * n * r;
      for (int64_t j = 0; j < n; ++j) {
        if (ai[j * n + j] == 0)
          throw NumericError("solve_triangular: diagonal element " + std::to_string(j) +
                             linalg::of_matrix(as, at) + " is 0: a is singular");
      }
      std::copy_n(b.node()->ptr<T>() + linalg::broadcast_batch(i, batch, bs) * n * r, n * r, y);
      kernels::blas_trsm(upper, n, r, ai, y);
    }
  });
}
void solve_triangular_forward(const Call& c) {
  const NoGrad quiet;
  if (c.node()->shape.numel() == 0) return;
  const bool upper = c.attrs<Upper>().upper;
  const Tensor a = c.in(0).contiguous(), b = c.in(1).contiguous();
  linalg::need_finite(a, "solve_triangular", "a",
                      upper ? linalg::Part::upper : linalg::Part::lower);
  linalg::need_finite(b, "solve_triangular", "b");
  linalg::by_dtype(a.dtype(),
                   [&](auto zero) { solve_triangular_as<decltype(zero)>(c, a, b, upper); });
}

// g_b = a^-T g, g_a = -g_b x^T on the triangle that is read
Tensor right_side_gradient(const Call& c) {
  return solve_triangular(c.in(0).mT(), c.g(), !c.attrs<Upper>().upper);
}
Tensor triangle_gradient(const Call& c) {
  const bool upper = c.attrs<Upper>().upper;
  const Tensor& a = c.in(0);
  const Tensor read =
      linalg::triangle(a.shape()[-1], upper ? 0 : -1, -1, upper ? -1 : 0, a.dtype());
  return sum_to(read * matmul(right_side_gradient(c), c.y().mT()), a.shape());
}

// Substitution, row by row.
std::vector<double> solve_triangular_reference(const RefCall& c) {
  const bool upper = c.attrs<Upper>().upper;
  const int64_t n = c.out[-2], r = c.out[-1];
  const Shape square = linalg::with_matrix(batch_of(c.out), n, n);
  std::vector<double> y(static_cast<size_t>(c.out.numel()));
  for (int64_t z = 0; z < batch_of(c.out).numel(); ++z) {
    for (int64_t q = 0; q < r; ++q) {
      for (int64_t step = 0; step < n; ++step) {
        const int64_t i = upper ? n - 1 - step : step;
        double left = broadcast_at(c.in[1], c.out, (z * n + i) * r + q);
        for (int64_t j = upper ? i + 1 : 0; j < (upper ? n : i); ++j)
          left -= broadcast_at(c.in[0], square, (z * n + i) * n + j) *
                  y[static_cast<size_t>((z * n + j) * r + q)];
        y[static_cast<size_t>((z * n + i) * r + q)] =
            left / broadcast_at(c.in[0], square, (z * n + i) * n + i);
      }
    }
  }
  return y;
}

void solve_triangular_samples(Samples& s) {
  for (const auto& [a, b] :
       std::initializer_list<std::pair<Shape, Shape>>{{{1, 1}, {1, 2}},
                                                      {{2, 2}, {2, 1}},
                                                      {{3, 3}, {3, 2}},
                                                      {{4, 4}, {4, 1}},
                                                      {{2, 3, 3}, {3, 1}},
                                                      {{2, 2}, {3, 2, 1}},
                                                      {{2, 1, 2, 2}, {2, 2, 1}},
                                                      {{0, 0}, {0, 2}},
                                                      {{2, 2}, {2, 0}}})
    for (const bool upper : {false, true}) s.add({a, b}, {linalg::spread, {}}, Upper{upper});
  s.bad({{2, 3}, {2, 1}}, Upper{false});
  s.bad({{3, 3}, {2, 1}}, Upper{false});
  s.bad({{3, 3}, {3}}, Upper{true});
  s.bad({{2, 3, 3}, {3, 3, 1}}, Upper{true});
}

template <class T>
void cholesky_as(const Call& c, const Tensor& x) {
  const Shape batch = batch_of(x.shape());
  const int64_t n = x.shape()[-1];
  linalg::by_matrices(batch.numel(), n, [&](int64_t first, int64_t count) {
    for (int64_t z = first; z < first + count; ++z) {
      const T* a = x.node()->ptr<T>() + z * n * n;
      T* y = c.node()->ptr<T>() + z * n * n;
      for (int64_t i = 0; i < n; ++i)
        for (int64_t j = 0; j < n; ++j)
          y[i * n + j] = j <= i ? T(0.5) * a[i * n + j] + T(0.5) * a[j * n + i] : T(0);
      if (const int64_t bad = kernels::cholesky(n, y)) {
        throw NumericError("cholesky: pivot " + std::to_string(bad - 1) +
                           linalg::of_matrix(batch, z) +
                           " is not positive: a is not positive definite");
      }
    }
  });
}
void cholesky_forward(const Call& c) {
  const NoGrad quiet;
  const Tensor x = c.x().contiguous();
  if (x.numel() == 0) return;
  linalg::need_finite(x, "cholesky", "a");
  linalg::by_dtype(x.dtype(), [&](auto zero) { cholesky_as<decltype(zero)>(c, x); });
}

// Murray 2016, "Differentiation of the Cholesky decomposition": g_a is the symmetric part of L^-T
// Phi(L^T g) L^-1, where Phi takes the lower triangle with half the diagonal.
Tensor cholesky_vjp(const Call& c) {
  const Tensor& l = c.y();
  const Tensor lt = l.mT(),
               phi = matmul(lt, c.g()) * linalg::triangle(l.shape()[-1], 1, 0.5, 0, l.dtype());
  const Tensor s = solve_triangular(lt, solve_triangular(lt, phi, true).mT(), true);
  return (s + s.mT()) * 0.5;
}

std::vector<double> cholesky_reference(const RefCall& c) {
  const auto n = static_cast<size_t>(c.out[-1]);
  std::vector<double> y(c.in[0].v.size());
  for (size_t at = 0; at < y.size(); at += n * n) {
    const double* a = c.in[0].v.data() + at;
    double* l = y.data() + at;
    for (size_t i = 0; i < n; ++i) {
      for (size_t j = 0; j <= i; ++j) {
        double left = (a[i * n + j] + a[j * n + i]) / 2;
        for (size_t k = 0; k < j; ++k) left -= l[i * n + k] * l[j * n + k];
        l[i * n + j] = i == j ? std::sqrt(left) : left / l[j * n + j];
      }
    }
  }
  return y;
}

}  // namespace

constinit const Op solve_triangular_op =
    row({.name = "solve_triangular",
         .doc = "y = a^-1 b of a lower or upper triangle a",
         .arity = 2,
         .keep = keep_0 | keep_y,
         .infer =
             [](const Call& c) {
               c.out(linalg::solution_shape(c.in(0), c.in(1), "solve_triangular"), c.in(0).dtype());
             },
         .forward = solve_triangular_forward,
         .vjp = {triangle_gradient,
                 [](const Call& c) { return sum_to(right_side_gradient(c), c.in(1).shape()); }},
         .smooth = true,
         .reference = solve_triangular_reference,
         .samples = solve_triangular_samples});

constinit const Op cholesky_op = row({.name = "cholesky",
                                      .doc = "a = L L^T, L lower",
                                      .keep = keep_y,
                                      .infer =
                                          [](const Call& c) {
                                            linalg::need_square(c.x(), "cholesky");
                                            c.out(c.x().shape(), c.x().dtype());
                                          },
                                      .forward = cholesky_forward,
                                      .vjp = {cholesky_vjp},
                                      .smooth = true,
                                      .reference = cholesky_reference,
                                      .samples = linalg::square_samples});

Tensor solve_triangular(const Tensor& a, const Tensor& b, bool upper) {
  return apply2(solve_triangular_op, a, b, Upper{upper});
}
Tensor cholesky(const Tensor& a) { return apply(cholesky_op, a); }
Tensor cholesky_solve(const Tensor& b, const Tensor& l, bool upper) {
  const detail::Called as("cholesky_solve(b, l)", b, l);
  if (l.dim() < 2)
    throw ShapeError("cholesky_solve: needs a factor [.., n,n], not " + str(l.shape()));
  const Tensor lower = upper ? l.mT() : l;
  return solve_triangular(lower.mT(), solve_triangular(lower, b, false), true);
}

}  // namespace regrad
