// The thin singular value decomposition. One row packs it for x [.., m,n] and k = min(m,n), [..,
// m+1+n, k]: u, s, v, all in columns.
#include <regrad/engine/autograd.h>
#include <regrad/engine/internal/called.h>
#include <regrad/engine/linalg.h>
#include <regrad/engine/ops.h>
#include <regrad/engine/ops/linalg.h>
#include <regrad/engine/ops/list.h>

#include <numeric>

namespace regrad {
namespace {

using linalg::batch_of;

int64_t thin(const Tensor& x) { return std::min(x.shape()[-2], x.shape()[-1]); }

void svd_infer(const Call& c) {
  linalg::need_matrices(c.x(), "svd");
  const Shape& s = c.x().shape();
  c.out(linalg::with_matrix(batch_of(s), s[-2] + 1 + s[-1], thin(c.x())), c.x().dtype());
}
void svdvals_infer(const Call& c) {
  linalg::need_matrices(c.x(), "svdvals");
  Shape s = batch_of(c.x().shape());
  s.push_back(thin(c.x()));
  c.out(s, c.x().dtype());
}

// u [m,k] is in place; v, rows [k,n] -> columns [n,k]; both get the sign of u's column.
template <class T>
void set_signs(T* u, int64_t m, const T* rows, T* v, int64_t n, int64_t k) {
  for (int64_t j = 0; j < k; ++j) {
    const T sign = linalg::sign_of(u + j, m, k);
    for (int64_t i = 0; i < m; ++i) u[i * k + j] *= sign;
    for (int64_t i = 0; i < n; ++i) v[i * k + j] = sign * rows[j * n + i];
  }
}

template <class T>
void svd_as(const Call& c, const Tensor& x, bool vectors, const char* op) {
  const Shape batch = batch_of(x.shape());
  const int64_t m = x.shape()[-2], n = x.shape()[-1], k = thin(x),
                each = vectors ? (m + 1 + n) * k : k;
  linalg::by_matrices(batch.numel(), std::max(m, n), [&](int64_t first, int64_t count) {
    const linalg::Scratch scratch((m * n + k * n) * int64_t{sizeof(T)} +
                                  kernels::svd_scratch<T>(m, n));
    T *a = scratch.as<T>(), *rows = a + m * n;
    for (int64_t i = first; i < first + count; ++i) {
      T* y = c.node()->ptr<T>() + i * each;
      T *u = vectors ? y : nullptr, *s = vectors ? y + m * k : y;
      std::copy_n(x.node()->ptr<T>() + i * m * n, m * n, a);
      if (kernels::svd(m, n, a, s, u, vectors ? rows : nullptr, rows + k * n))
        linalg::not_converged(op, batch, i);
      if (vectors) set_signs(u, m, rows, s + k, n, k);
    }
  });
}
void svd_forward(const Call& c, bool vectors) {
  const NoGrad quiet;
  const char* op = vectors ? "svd" : "svdvals";
  const Tensor x = c.x().contiguous();
  if (x.numel() == 0) return;
  linalg::need_finite(x, op, "a");
  linalg::by_dtype(x.dtype(), [&](auto zero) { svd_as<decltype(zero)>(c, x, vectors, op); });
}

// u, s and v of a packed tensor whose matrices had m rows.
struct Parts {
  Tensor u, s, v;
};
Parts parts_of(const Tensor& y, int64_t m) {
  return {slice(y, -2, 0, m), select(y, -2, m), slice(y, -2, m + 1, y.shape()[-2])};
}

// x without its projection on the columns of q.
Tensor off_columns(const Tensor& x, const Tensor& q) { return x - matmul(q, matmul(q.mT(), x)); }

// Townsend 2016, "Differentiating the singular value decomposition", with P = U^T g_U - g_U^T U, Q
// = V^T g_V - g_V^T V:
//   g_a = U (F o (P S + S Q) + diag(g_s)) V^T + (I - U U^T) g_U S^-1 V^T + U S^-1 g_V^T (I - V
//       V^T),   F_ij = 1/(s_j^2 - s_i^2)
// and F o (P S + S Q) = (P + Q)/2 over (s_j - s_i) + (P - Q)/2 over (s_j + s_i), which keeps small
// singular values apart.
Tensor svd_vjp(const Call& c) {
  const int64_t m = c.x().shape()[-2], n = c.x().shape()[-1], k = thin(c.x());
  const Parts y = parts_of(c.y(), m), g = parts_of(c.g(), m);
  for (const Tensor& vectors : {g.u, g.v})
    linalg::need_distinct(y.s, vectors, std::max(m, n), true, "svd", "singular value");
  const auto over = [&](const Tensor& x, const Tensor& a) {
    return linalg::over_gaps(x, a, y.s, linalg::Gaps::off_diagonal, "svd");
  };
  const auto over_s = [&](const Tensor& x) {
    Shape rows = x.shape();
    rows.erase(rows.size() - 1);
    return linalg::over_gaps(x, expand(zeros({}, x.dtype()), rows), y.s, linalg::Gaps::all, "svd");
  };
  const Tensor pu = matmul(y.u.mT(), g.u), pv = matmul(y.v.mT(), g.v), p = (pu - pu.mT()) * 0.5,
               q = (pv - pv.mT()) * 0.5;
  const Tensor core = linalg::diagonal_matrices(g.s) + over(p + q, y.s) + over(p - q, -y.s);
  Tensor left = matmul(y.u, core);
  if (m > k) left = left + off_columns(over_s(g.u), y.u);
  Tensor ga = matmul(left, y.v.mT());
  if (n > k) ga = ga + matmul(y.u, off_columns(over_s(g.v), y.v).mT());
  return ga;
}
// ds_i = u_i^T da v_i
Tensor svdvals_vjp(const Call& c) {
  const Svd d = svd(c.x());
  return matmul(d.u * unsqueeze(c.g(), -2), d.vh);
}

// One-sided Jacobi (Hestenes 1958): rotates the columns of x [m,n], m >= n, until they are
// orthogonal; v gathers the rotations.
void orthogonalize(std::vector<double>& x, std::vector<double>& v, size_t m, size_t n) {
  for (int sweep = 0; sweep < 40; ++sweep) {
    for (size_t p = 0; p < n; ++p) {
      for (size_t q = p + 1; q < n; ++q) {
        double pp = 0, qq = 0, pq = 0;
        for (size_t i = 0; i < m; ++i)
          pp += x[i * n + p] * x[i * n + p], qq += x[i * n + q] * x[i * n + q],
              pq += x[i * n + p] * x[i * n + q];
        if (pq == 0) continue;
        const double tau = (qq - pp) / (2 * pq),
                     t = (tau < 0 ? -1 : 1) / (std::abs(tau) + std::sqrt(1 + tau * tau));
        const double cos = 1 / std::sqrt(1 + t * t), sin = t * cos;
        const auto turn = [&](std::vector<double>& w, size_t i) {
          const double a = w[i * n + p], b = w[i * n + q];
          w[i * n + p] = cos * a - sin * b;
          w[i * n + q] = sin * a + cos * b;
        };
        for (size_t i = 0; i < m; ++i) turn(x, i);
        for (size_t i = 0; i < n; ++i) turn(v, i);
      }
    }
  }
}

// Packed as the row packs it, for a matrix of full rank with m >= n or, where `wide`, for the
// transpose of one.
std::vector<double> one_sided_jacobi(const double* a, size_t rows, size_t columns) {
  const bool wide = rows < columns;
  const size_t m = std::max(rows, columns), n = std::min(rows, columns);
  std::vector<double> x(m * n), v(n * n), s(n), y((m + 1 + n) * n);
  for (size_t i = 0; i < m; ++i)
    for (size_t j = 0; j < n; ++j) x[i * n + j] = wide ? a[j * m + i] : a[i * n + j];
  for (size_t i = 0; i < n; ++i) v[i * n + i] = 1;
  orthogonalize(x, v, m, n);
  for (size_t j = 0; j < n; ++j) {
    for (size_t i = 0; i < m; ++i) s[j] += x[i * n + j] * x[i * n + j];
    s[j] = std::sqrt(s[j]);
    for (size_t i = 0; i < m; ++i) x[i * n + j] /= s[j];
  }
  std::vector<size_t> order(n);
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t i, size_t j) { return s[i] > s[j]; });
  const std::vector<double>&left = wide ? v : x, &right = wide ? x : v;
  for (size_t j = 0; j < n; ++j) {
    const double sign = linalg::sign_of(left.data() + order[j], static_cast<int64_t>(rows),
                                        static_cast<int64_t>(n));
    for (size_t i = 0; i < rows; ++i) y[i * n + j] = sign * left[i * n + order[j]];
    y[rows * n + j] = s[order[j]];
    for (size_t i = 0; i < columns; ++i) y[(rows + 1 + i) * n + j] = sign * right[i * n + order[j]];
  }
  return y;
}

std::vector<double> svd_reference(const RefCall& c, bool vectors) {
  const auto m = static_cast<size_t>(c.in[0].shape[-2]), n = static_cast<size_t>(c.in[0].shape[-1]),
             k = std::min(m, n);
  std::vector<double> y;
  for (size_t at = 0; at < c.in[0].v.size(); at += m * n) {
    const std::vector<double> one = one_sided_jacobi(c.in[0].v.data() + at, m, n);
    const auto s = one.begin() + static_cast<std::ptrdiff_t>(m * k);
    y.insert(y.end(), vectors ? one.begin() : s,
             vectors ? one.end() : s + static_cast<std::ptrdiff_t>(k));
  }
  return y;
}

void svd_samples(Samples& s) {
  for (const Shape& shape :
       {Shape{1, 1}, Shape{2, 2}, Shape{3, 3}, Shape{3, 2}, Shape{2, 3}, Shape{4, 2}, Shape{1, 3},
        Shape{3, 1}, Shape{2, 3, 2}, Shape{2, 2, 3}, Shape{2, 2, 2}, Shape{2, 1, 2, 1}, Shape{0, 3},
        Shape{3, 0}, Shape{2, 0, 2}})
    s.add({shape}, {linalg::spread});
  s.bad({{3}});
  s.bad({{}});
}

}  // namespace

constinit const Op svd_op =
    row({.name = "svd",
         .doc = "x = U diag(s) V^T, k = min(m, n), packed [.., m+1+n, k]: U, s, V",
         .keep = keep_y,
         .infer = svd_infer,
         .forward = [](const Call& c) { svd_forward(c, true); },
         .vjp = {svd_vjp},
         .smooth = true,
         .reference = [](const RefCall& c) { return svd_reference(c, true); },
         .samples = svd_samples});

constinit const Op svdvals_op =
    row({.name = "svdvals",
         .doc = "singular values, descending",
         .keep = keep_0,
         .infer = svdvals_infer,
         .forward = [](const Call& c) { svd_forward(c, false); },
         .vjp = {svdvals_vjp},
         .smooth = true,
         .reference = [](const RefCall& c) { return svd_reference(c, false); },
         .samples = svd_samples});

Svd svd(const Tensor& a) {
  const detail::Called as("svd(a)", a);
  const Tensor y = apply(svd_op, a);
  const Parts p = parts_of(y, a.shape()[-2]);
  return {p.u, p.s, p.v.mT()};
}
Tensor svdvals(const Tensor& a) { return apply(svdvals_op, a); }

}  // namespace regrad
