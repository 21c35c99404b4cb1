// Eigenvalues and eigenvectors of symmetric matrices. One row packs both, [.., n+1, n]: the values,
// then the vectors as columns.
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

void eigh_infer(const Call& c) {
  linalg::need_square(c.x(), "eigh");
  const int64_t n = c.x().shape()[-1];
  c.out(linalg::with_matrix(batch_of(c.x().shape()), n + 1, n), c.x().dtype());
}
void eigvalsh_infer(const Call& c) {
  linalg::need_square(c.x(), "eigvalsh");
  Shape s = c.x().shape();
  s.erase(s.size() - 1);
  c.out(s, c.x().dtype());
}

// The symmetric part of a row-major matrix.
template <class T>
void symmetric_part(const T* x, int64_t n, T* out) {
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < n; ++j) out[i * n + j] = T(0.5) * x[i * n + j] + T(0.5) * x[j * n + i];
}

// rows: unit vectors as rows -> out, [n,n]: the same as columns, with their signs.
template <class T>
void to_columns(const T* rows, int64_t n, T* out) {
  for (int64_t j = 0; j < n; ++j) {
    const T sign = linalg::sign_of(rows + j * n, n, 1);
    for (int64_t i = 0; i < n; ++i) out[i * n + j] = sign * rows[j * n + i];
  }
}

template <class T>
void eigh_as(const Call& c, const Tensor& x, bool vectors, const char* op) {
  const Shape batch = batch_of(x.shape());
  const int64_t n = x.shape()[-1];
  linalg::by_matrices(batch.numel(), n, [&](int64_t first, int64_t count) {
    const linalg::Scratch scratch(n * n * int64_t{sizeof(T)} +
                                  kernels::eigh_scratch<T>(vectors, n));
    T* a = scratch.as<T>();
    for (int64_t i = first; i < first + count; ++i) {
      T* y = c.node()->ptr<T>() + i * (vectors ? n + 1 : 1) * n;
      symmetric_part(x.node()->ptr<T>() + i * n * n, n, a);
      if (kernels::eigh(vectors, n, a, y, a + n * n)) linalg::not_converged(op, batch, i);
      if (vectors) to_columns(a, n, y + n);
    }
  });
}
void eigh_forward(const Call& c, bool vectors) {
  const NoGrad quiet;
  const char* op = vectors ? "eigh" : "eigvalsh";
  const Tensor x = c.x().contiguous();
  if (x.numel() == 0) return;
  linalg::need_finite(x, op, "a");
  linalg::by_dtype(x.dtype(), [&](auto zero) { eigh_as<decltype(zero)>(c, x, vectors, op); });
}

Tensor values_of(const Tensor& packed) { return select(packed, -2, 0); }
Tensor vectors_of(const Tensor& packed) { return slice(packed, -2, 1, packed.shape()[-2]); }

// With a = V diag(w) V^T and F_ij = 1/(w_j - w_i) off the diagonal, 0 on it (Giles 2008, section
// 3.1):
//   g_a = V (diag(g_w) + F o (V^T g_V)) V^T, whose symmetric part is wanted: F is skew, so that of
//       F o M is F o (M - M^T) / 2.
Tensor eigh_vjp(const Call& c) {
  const Tensor w = values_of(c.y()), v = vectors_of(c.y()), gv = vectors_of(c.g());
  linalg::need_distinct(w, gv, w.shape()[-1], false, "eigh", "eigenvalue");
  const Tensor m = matmul(v.mT(), gv);
  const Tensor core =
      linalg::diagonal_matrices(values_of(c.g())) +
      linalg::over_gaps((m - m.mT()) * 0.5, w, w, linalg::Gaps::off_diagonal, "eigh");
  return matmul(matmul(v, core), v.mT());
}
// dw_i = v_i^T da v_i
Tensor eigvalsh_vjp(const Call& c) {
  const Tensor v = eigh(c.x()).vectors;
  return matmul(v * unsqueeze(c.g(), -2), v.mT());
}

// One Jacobi rotation that makes a[p][q] zero (Golub & Van Loan, section 8.5); v gathers the
// rotations, its columns the vectors.
void rotate(std::vector<double>& a, std::vector<double>& v, size_t n, size_t p, size_t q) {
  if (a[p * n + q] == 0) return;
  const double tau = (a[q * n + q] - a[p * n + p]) / (2 * a[p * n + q]);
  const double t = (tau < 0 ? -1 : 1) / (std::abs(tau) + std::sqrt(1 + tau * tau)),
               cos = 1 / std::sqrt(1 + t * t), sin = t * cos;
  const auto turn = [&](double& x, double& y) {
    const double before = x;
    x = cos * before - sin * y;
    y = sin * before + cos * y;
  };
  for (size_t k = 0; k < n; ++k) turn(a[k * n + p], a[k * n + q]);
  for (size_t k = 0; k < n; ++k) turn(a[p * n + k], a[q * n + k]);
  for (size_t k = 0; k < n; ++k) turn(v[k * n + p], v[k * n + q]);
}

// Packed as the row packs it.
std::vector<double> jacobi(const double* x, size_t n) {
  std::vector<double> a(n * n), v(n * n), y((n + 1) * n);
  for (size_t i = 0; i < n; ++i) {
    v[i * n + i] = 1;
    for (size_t j = 0; j < n; ++j) a[i * n + j] = (x[i * n + j] + x[j * n + i]) / 2;
  }
  for (int sweep = 0; sweep < 30; ++sweep)
    for (size_t p = 0; p < n; ++p)
      for (size_t q = p + 1; q < n; ++q) rotate(a, v, n, p, q);
  std::vector<size_t> order(n);
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(),
            [&](size_t i, size_t j) { return a[i * n + i] < a[j * n + j]; });
  for (size_t j = 0; j < n; ++j) {
    y[j] = a[order[j] * n + order[j]];
    const double sign =
        linalg::sign_of(v.data() + order[j], static_cast<int64_t>(n), static_cast<int64_t>(n));
    for (size_t i = 0; i < n; ++i) y[(i + 1) * n + j] = sign * v[i * n + order[j]];
  }
  return y;
}

std::vector<double> eigh_reference(const RefCall& c, bool vectors) {
  const auto n = static_cast<size_t>(c.in[0].shape[-1]);
  std::vector<double> y;
  for (size_t at = 0; at < c.in[0].v.size(); at += n * n) {
    const std::vector<double> one = jacobi(c.in[0].v.data() + at, n);
    y.insert(y.end(), one.begin(),
             vectors ? one.end() : one.begin() + static_cast<std::ptrdiff_t>(n));
  }
  return y;
}

}  // namespace

constinit const Op eigh_op =
    row({.name = "eigh",
         .doc = "symmetric x = V diag(w) V^T, packed [.., n+1, n]: w, then V",
         .keep = keep_y,
         .infer = eigh_infer,
         .forward = [](const Call& c) { eigh_forward(c, true); },
         .vjp = {eigh_vjp},
         .smooth = true,
         .reference = [](const RefCall& c) { return eigh_reference(c, true); },
         .samples = linalg::square_samples});

constinit const Op eigvalsh_op =
    row({.name = "eigvalsh",
         .doc = "eigenvalues of a symmetric matrix, ascending",
         .keep = keep_0,
         .infer = eigvalsh_infer,
         .forward = [](const Call& c) { eigh_forward(c, false); },
         .vjp = {eigvalsh_vjp},
         .smooth = true,
         .reference = [](const RefCall& c) { return eigh_reference(c, false); },
         .samples = linalg::square_samples});

Eigh eigh(const Tensor& a) {
  const detail::Called as("eigh(a)", a);
  const Tensor y = apply(eigh_op, a);
  return {values_of(y), vectors_of(y)};
}
Tensor eigvalsh(const Tensor& a) { return apply(eigvalsh_op, a); }

}  // namespace regrad
