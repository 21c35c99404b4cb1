// qr, pinv and lstsq: values by LAPACK, without a graph; derivatives by compositions of matrix
// products and triangular solutions, preconditioned by these values so that no condition number is
// squared.
#include <regrad/engine/autograd.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/internal/called.h>
#include <regrad/engine/linalg.h>
#include <regrad/engine/ops/linalg.h>

#include <algorithm>
#include <limits>
#include <string>

namespace regrad {
namespace {

bool recorded(const Tensor& x) { return x.requires_grad() && grad_enabled(); }

Qr householder(const Tensor& any) {
  const NoGrad quiet;
  const Tensor a = any.contiguous();
  linalg::need_finite(a, "qr", "a");
  const Shape batch = linalg::batch_of(a.shape());
  const int64_t m = a.size(-2), n = a.size(-1), k = std::min(m, n);
  const Qr out{zeros(linalg::with_matrix(batch, m, k), a.dtype()),
               zeros(linalg::with_matrix(batch, k, n), a.dtype())};
  if (k == 0) return out;
  linalg::by_dtype(a.dtype(), [&](auto zero) {
    using T = decltype(zero);
    linalg::by_matrices(batch.numel(), std::max(m, n), [&](int64_t first, int64_t count) {
      const linalg::Scratch copy(m * n * int64_t{sizeof(T)}), work(kernels::qr_scratch<T>(m, n));
      for (int64_t z = first; z < first + count; ++z) {
        std::copy_n(a.node()->ptr<T>() + z * m * n, m * n, copy.as<T>());
        kernels::qr(m, n, copy.as<T>(), out.q.node()->ptr<T>() + z * m * k,
                    out.r.node()->ptr<T>() + z * k * n, work.as<void>());
      }
    });
  });
  return out;
}

// Where the derivative is asked for: no zero on r's diagonal, to within rounding.
void need_independent(const Tensor& r) {
  const Tensor pivots = abs(diagonal(r, 0, -2, -1));
  const double eps = linalg::equal_within(std::max(r.size(-2), r.size(-1)), r.dtype());
  const std::vector<double> p = pivots.to_vector();
  const auto k = static_cast<size_t>(pivots.size(-1));
  for (size_t z = 0; z < p.size(); z += k) {
    const double largest = *std::max_element(&p[z], &p[z] + k);
    for (size_t i = 0; i < k; ++i)
      if (!(p[z + i] > eps * largest))
        throw NumericError(
            "qr: column " + std::to_string(i) +
            linalg::of_matrix(linalg::batch_of(r.shape()), static_cast<int64_t>(z / k)) +
            " depends on those before it, so q and r have no derivative");
  }
}

// With r0 of these values, b = a r0^-1 is orthonormal to rounding, b^T b = c^T c is close to one,
// and q = b c^-1, r = c r0 hold for every a: exact, well conditioned, and closed under
// differentiation.
Qr of_tall(const Tensor& a, const Tensor& r0) {
  const Tensor b = solve_triangular(r0.mT(), a.mT(), false).mT();
  const Tensor l = cholesky(matmul(b.mT(), b));  // c^T
  return {solve_triangular(l, b.mT(), false).mT(), matmul(l.mT(), r0)};
}

// a's decomposition, without a graph; values at or below the tolerance, and their inverses, are 0.
struct Truncated {
  Svd a;
  Tensor kept;     // [.., k], 0 or 1
  Tensor inverse;  // [.., k]
};
Truncated truncated(const Tensor& a, std::optional<double> tolerance, const char* op) {
  const NoGrad quiet;
  const double eps = a.dtype() == DType::f32 ? double{std::numeric_limits<float>::epsilon()}
                                             : std::numeric_limits<double>::epsilon();
  const double by =
      tolerance ? *tolerance : eps * static_cast<double>(std::max(a.size(-2), a.size(-1)));
  if (!(by >= 0)) throw ConfigError(std::string(op) + ": the tolerance must be at least 0");
  const Svd d = svd(a.detach());
  if (d.s.size(-1) == 0) return {d, d.s, d.s};
  const Tensor above = gt(d.s, slice(d.s, -1, 0, 1) * by), zero = scalar(0, a.dtype());
  return {d, to(above, a.dtype()),
          where(above, reciprocal(where(above, d.s, scalar(1, a.dtype()))), zero)};
}

Tensor pinv_value(const Truncated& t, const Tensor& b) {
  const NoGrad quiet;
  return matmul(t.a.vh.mT(), unsqueeze(t.inverse, -1) * matmul(t.a.u.mT(), b));
}

// With a0 = u s v^T: c = a v s^-1 and g = s^-1 u^T a are close to u and v^T, and every a of that
// rank is c (s^-1 u^T a v s^-1)^-1 g. So its inverse is g^+ (s^-1 u^T a v s^-1) c^+, where c^+ =
// (c^T c)^-1 c^T and g^+ = g^T (g g^T)^-1. What the rank leaves out is 0 there, and 1 in the two
// matrices that are inverted.
Tensor pinv_at(const Tensor& a, const Truncated& t) {
  const Tensor right = t.a.vh.mT() * unsqueeze(t.inverse, -2),
               left = unsqueeze(t.inverse, -1) * t.a.u.mT(),
               rest = linalg::diagonal_matrices(1 - t.kept);
  const Tensor c = matmul(a, right), g = matmul(left, a);
  const Tensor core = solve(matmul(g, g.mT()) + rest, matmul(g, right));
  return matmul(g.mT(), matmul(core, solve(matmul(c.mT(), c) + rest, c.mT())));
}

}  // namespace

Qr qr(const Tensor& a) {
  const detail::Called as("qr(a)", a);
  linalg::need_matrices(a, "qr");
  const Qr plain = householder(a);
  const int64_t k = plain.r.size(-2), n = a.size(-1);
  if (!recorded(a) || a.numel() == 0) return plain;
  const Tensor r0 = slice(plain.r, -1, 0, k);
  {
    const NoGrad quiet;
    need_independent(r0);
  }
  Qr y = of_tall(slice(a, -1, 0, k), r0);
  if (k < n) y.r = cat({y.r, matmul(y.q.mT(), slice(a, -1, k, n))}, -1);
  return {ste(plain.q, y.q), ste(plain.r, triu(y.r))};
}

Tensor pinv(const Tensor& a, std::optional<double> rtol) {
  const detail::Called as("pinv(a)", a);
  linalg::need_matrices(a, "pinv");
  const Truncated t = truncated(a, rtol, "pinv");
  const Tensor plain = pinv_value(t, eye(a.size(-2), a.dtype()));
  return recorded(a) && a.numel() ? ste(plain, pinv_at(a, t)) : plain;
}

LeastSquares lstsq(const Tensor& a, const Tensor& b, std::optional<double> rcond) {
  const detail::Called as("lstsq(a, b)", a, b);
  linalg::need_matrices(a, "lstsq");
  Shape rows = a.shape();
  rows.erase(rows.size() - 1);
  const bool vector = b.shape() == rows;
  const Tensor right = vector ? unsqueeze(b, -1) : b;
  if (right.dtype() != a.dtype())
    throw DTypeError(std::string("lstsq: a is ") + name(a.dtype()) + ", b is " + name(b.dtype()));
  if (right.dim() != a.dim() || Shape(right.shape().begin(), right.shape().end() - 1) != rows)
    throw ShapeError("lstsq: a " + str(a.shape()) + " needs b " + str(rows) +
                     ", or that and a number of columns, not " + str(b.shape()));
  const Truncated t = truncated(a, rcond, "lstsq");
  Tensor x = pinv_value(t, right.detach());
  if (recorded(a) || recorded(b)) x = ste(x, matmul(pinv_at(a, t), right));
  const Tensor residuals = sum(square(matmul(a, x) - right), {-2});
  const Tensor rank = to(sum(t.kept, {-1}), DType::i64);
  if (!vector) return {x, residuals, rank, t.a.s};
  return {squeeze(x, -1), squeeze(residuals, -1), rank, t.a.s};
}

}  // namespace regrad
