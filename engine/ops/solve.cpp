// Solutions and determinants of square matrices, by LU with partial pivoting.
#include <regrad/engine/autograd.h>
#include <regrad/engine/internal/called.h>
#include <regrad/engine/linalg.h>
#include <regrad/engine/ops.h>
#include <regrad/engine/ops/elementwise.h>
#include <regrad/engine/ops/linalg.h>
#include <regrad/engine/ops/list.h>

namespace regrad {
namespace {

using linalg::batch_of;

// out [n,m] = x [m,n] transposed, in tiles that stay in the cache
template <class T>
void transpose_copy(const T* x, int64_t m, int64_t n, T* out) {
  constexpr int64_t tile = 16;
  for (int64_t i0 = 0; i0 < m; i0 += tile)
    for (int64_t j0 = 0; j0 < n; j0 += tile)
      for (int64_t i = i0; i < std::min(m, i0 + tile); ++i)
        for (int64_t j = j0; j < std::min(n, j0 + tile); ++j) out[j * m + i] = x[i * n + j];
}

// The factors of all of a's matrices: row-major a is column-major a^T, and that is what is
// factored.
template <class T>
struct Factors {
  T* lu;
  int32_t* pivots;
  Factors(const detail::Storage* s, int64_t matrices, int64_t n)
      : lu(static_cast<T*>(s->data)), pivots(reinterpret_cast<int32_t*>(lu + matrices * n * n)) {}
  static int64_t bytes(int64_t matrices, int64_t n) {
    return matrices * n * (n * int64_t{sizeof(T)} + int64_t{sizeof(int32_t)});
  }
};

template <class T>
detail::Storage* factor(const Tensor& a) {
  const Shape batch = batch_of(a.shape());
  const int64_t n = a.shape()[-1];
  detail::Storage* s = detail::new_storage(Factors<T>::bytes(batch.numel(), n));
  const Factors<T> f(s, batch.numel(), n);
  try {
    linalg::by_matrices(batch.numel(), n, [&](int64_t first, int64_t count) {
      std::copy_n(a.node()->ptr<T>() + first * n * n, count * n * n, f.lu + first * n * n);
      for (int64_t i = first; i < first + count; ++i) {
        if (const int64_t bad = kernels::lu(n, f.lu + i * n * n, f.pivots + i * n))
          throw NumericError("solve: pivot " + std::to_string(bad - 1) +
                             linalg::of_matrix(batch, i) + " is 0: a is singular");
      }
    });
  } catch (...) {
    detail::drop(s);
    throw;
  }
  return s;
}

// y [out] = a^-1 b, or a^-T b, from the factors of matrices of the batch `as`.
template <class T>
void with_factors(const detail::Storage* s, const Shape& as, const Tensor& b, bool transposed,
                  detail::Node* y) {
  const Shape batch = batch_of(y->shape), bs = batch_of(b.shape());
  const int64_t n = y->shape[-2], r = y->shape[-1];
  const Factors<T> f(s, as.numel(), n);
  linalg::by_matrices(batch.numel(), n, [&](int64_t first, int64_t count) {
    const linalg::Scratch scratch(n * r * int64_t{sizeof(T)});
    T* x = scratch.as<T>();
    for (int64_t i = first; i < first + count; ++i) {
      const int64_t at = linalg::broadcast_batch(i, batch, as);
      transpose_copy(b.node()->ptr<T>() + linalg::broadcast_batch(i, batch, bs) * n * r, n, r, x);
      kernels::lu_solve(!transposed, n, r, f.lu + at * n * n, f.pivots + at * n, x);
      transpose_copy(x, r, n, y->ptr<T>() + i * n * r);
    }
  });
}

void solve_forward(const Call& c) {
  const bool again = grad_enabled() && (c.in(0).requires_grad() || c.in(1).requires_grad());
  const NoGrad quiet;
  if (c.node()->shape.numel() == 0) return;
  const Tensor a = c.in(0).contiguous(), b = c.in(1).contiguous();
  linalg::need_finite(a, "solve", "a");
  linalg::need_finite(b, "solve", "b");
  linalg::by_dtype(a.dtype(), [&](auto zero) {
    using T = decltype(zero);
    detail::Storage* factors = factor<T>(a);
    c.node()->aux.store(factors, std::memory_order_relaxed);
    with_factors<T>(factors, batch_of(a.shape()), b, false, c.node());
  });
  // The factors stay for the first-order gradient.
  if (!again) detail::drop(c.node()->aux.exchange(nullptr, std::memory_order_relaxed));
}
// Both gradients from the factors that the forward pass left.
void solve_fused(const Call& c, Tensor* out) {
  c.need_kept(c.y());
  const detail::Storage* factors = c.node()->aux.load(std::memory_order_relaxed);
  const Tensor g = c.g().contiguous(), gb = detail::empty(g.shape(), g.dtype());
  if (factors) {
    linalg::need_finite(g, "solve", "the gradient");
    linalg::by_dtype(g.dtype(), [&](auto zero) {
      with_factors<decltype(zero)>(factors, batch_of(c.in(0).shape()), g, true, gb.node());
    });
  }
  if (c.in(0).requires_grad()) out[0] = sum_to(-matmul(gb, c.y().mT()), c.in(0).shape());
  if (c.in(1).requires_grad()) out[1] = sum_to(gb, c.in(1).shape());
}

// Giles 2008, section 2.2.3: g_b = a^-T g, g_a = -g_b x^T
Tensor right_side_gradient(const Call& c) { return apply2(solve_op, c.in(0).mT(), c.g()); }
Tensor matrix_gradient(const Call& c) {
  return sum_to(-matmul(right_side_gradient(c), c.y().mT()), c.in(0).shape());
}

// Gauss-Jordan elimination with partial pivoting on a [n,n] beside b [n,r], which becomes a^-1 b.
// Returns det a.
double eliminate(std::vector<double>& a, std::vector<double>& b, size_t n, size_t r) {
  double det = 1;
  const auto swap_rows = [](std::vector<double>& x, size_t i, size_t j, size_t width) {
    for (size_t q = 0; q < width; ++q) std::swap(x[i * width + q], x[j * width + q]);
  };
  for (size_t k = 0; k < n; ++k) {
    size_t best = k;
    for (size_t i = k; i < n; ++i)
      if (std::abs(a[i * n + k]) > std::abs(a[best * n + k])) best = i;
    if (best != k) det = -det;
    swap_rows(a, k, best, n);
    swap_rows(b, k, best, r);
    const double pivot = a[k * n + k];
    det *= pivot;
    for (size_t q = 0; q < n; ++q) a[k * n + q] /= pivot;
    for (size_t q = 0; q < r; ++q) b[k * r + q] /= pivot;
    for (size_t i = 0; i < n; ++i) {
      const double factor = a[i * n + k];
      if (i == k) continue;
      for (size_t q = 0; q < n; ++q) a[i * n + q] -= factor * a[k * n + q];
      for (size_t q = 0; q < r; ++q) b[i * r + q] -= factor * b[k * r + q];
    }
  }
  return det;
}

std::vector<double> solve_reference(const RefCall& c) {
  const int64_t n = c.out[-2], r = c.out[-1];
  const Shape square = linalg::with_matrix(batch_of(c.out), n, n);
  std::vector<double> y;
  for (int64_t z = 0; z < batch_of(c.out).numel(); ++z) {
    std::vector<double> a, b;
    for (int64_t i = 0; i < n * n; ++i) a.push_back(broadcast_at(c.in[0], square, z * n * n + i));
    for (int64_t i = 0; i < n * r; ++i) b.push_back(broadcast_at(c.in[1], c.out, z * n * r + i));
    eliminate(a, b, static_cast<size_t>(n), static_cast<size_t>(r));
    y.insert(y.end(), b.begin(), b.end());
  }
  return y;
}

void solve_samples(Samples& s) {
  for (const auto& [a, b] :
       std::initializer_list<std::pair<Shape, Shape>>{{{1, 1}, {1, 1}},
                                                      {{2, 2}, {2, 1}},
                                                      {{2, 2}, {2, 3}},
                                                      {{3, 3}, {3, 2}},
                                                      {{4, 4}, {4, 1}},
                                                      {{2, 3, 3}, {2, 3, 1}},
                                                      {{2, 2, 2}, {2, 1}},
                                                      {{3, 3}, {2, 3, 1}},
                                                      {{2, 1, 2, 2}, {2, 2, 1}},
                                                      {{0, 0}, {0, 2}},
                                                      {{2, 2}, {2, 0}},
                                                      {{0, 2, 2}, {2, 1}}})
    s.add({a, b}, {linalg::spread, {}});
  s.bad({{2, 3}, {2, 1}});
  s.bad({{3, 3}, {2, 1}});
  s.bad({{3, 3}, {3}});
  s.bad({{2, 3, 3}, {3, 3, 1}});
}

// Packed [.., 2]: sign and log |det|.
template <class T>
void slogdet_as(const Call& c, const Tensor& x) {
  const int64_t n = x.shape()[-1];
  linalg::by_matrices(batch_of(x.shape()).numel(), n, [&](int64_t first, int64_t count) {
    const linalg::Scratch scratch(n * n * int64_t{sizeof(T)} + n * int64_t{sizeof(int32_t)});
    T* lu = scratch.as<T>();
    auto* pivots = reinterpret_cast<int32_t*>(lu + n * n);
    for (int64_t z = first; z < first + count; ++z) {
      T sign = 1, log = 0;
      std::copy_n(x.node()->ptr<T>() + z * n * n, n * n, lu);
      if (n > 0 && kernels::lu(n, lu, pivots)) {
        sign = 0;
        log = -std::numeric_limits<T>::infinity();
      } else {
        for (int64_t i = 0; i < n; ++i) {
          const T pivot = lu[i * n + i];
          if ((pivot < 0) != (pivots[i] != i + 1)) sign = -sign;
          log += std::log(std::abs(pivot));
        }
      }
      c.node()->ptr<T>()[2 * z] = sign;
      c.node()->ptr<T>()[2 * z + 1] = log;
    }
  });
}
void slogdet_forward(const Call& c) {
  const NoGrad quiet;
  const Tensor x = c.x().contiguous();
  linalg::need_finite(x, "slogdet", "a");
  linalg::by_dtype(x.dtype(), [&](auto zero) { slogdet_as<decltype(zero)>(c, x); });
}

// d log |det a| = tr(a^-1 da)
Tensor slogdet_vjp(const Call& c) {
  return unsqueeze(unsqueeze(select(c.g(), -1, 1), -1), -1) * inverse(c.x()).mT();
}

std::vector<double> slogdet_reference(const RefCall& c) {
  const auto n = static_cast<size_t>(c.in[0].shape[-1]);
  std::vector<double> y;
  for (int64_t z = 0; z < batch_of(c.in[0].shape).numel(); ++z) {
    const auto first = c.in[0].v.begin() + z * static_cast<int64_t>(n * n);
    std::vector<double> a(first, first + static_cast<int64_t>(n * n)), none;
    const double det = eliminate(a, none, n, 0);
    y.push_back(det < 0 ? -1 : det > 0 ? 1 : 0);
    y.push_back(std::log(std::abs(det)));
  }
  return y;
}

}  // namespace

constinit const Op solve_op =
    row({.name = "solve",
         .doc = "y = a^-1 b by LU",
         .arity = 2,
         .keep = keep_0 | keep_y,
         .infer =
             [](const Call& c) {
               c.out(linalg::solution_shape(c.in(0), c.in(1), "solve"), c.in(0).dtype());
             },
         .forward = solve_forward,
         .vjp = {matrix_gradient,
                 [](const Call& c) { return sum_to(right_side_gradient(c), c.in(1).shape()); }},
         .fused = solve_fused,
         .smooth = true,
         .reference = solve_reference,
         .samples = solve_samples});

constinit const Op slogdet_op = row({.name = "slogdet",
                                     .doc = "sign and log of |det a|, [.., 2]",
                                     .keep = keep_0,
                                     .infer =
                                         [](const Call& c) {
                                           linalg::need_square(c.x(), "slogdet");
                                           Shape s = batch_of(c.x().shape());
                                           s.push_back(2);
                                           c.out(s, c.x().dtype());
                                         },
                                     .forward = slogdet_forward,
                                     .vjp = {slogdet_vjp},
                                     .smooth = true,
                                     .reference = slogdet_reference,
                                     .samples = linalg::square_samples});

Tensor solve(const Tensor& a, const Tensor& b) {
  const detail::Called as("solve(a, b)", a, b);
  linalg::need_square(a, "solve");
  Shape vectors = a.shape();
  vectors.erase(vectors.size() - 1);
  if (b.dim() == 1 || b.shape() == vectors)
    return squeeze(apply2(solve_op, a, unsqueeze(b, -1)), -1);
  return apply2(solve_op, a, b);
}
Tensor inverse(const Tensor& a) {
  const detail::Called as("inverse(a)", a);
  linalg::need_square(a, "inverse");
  return apply2(solve_op, a, eye(a.shape()[-1], a.dtype()));
}
SlogDet slogdet(const Tensor& a) {
  const detail::Called as("slogdet(a)", a);
  const Tensor y = apply(slogdet_op, a);
  return {select(y, -1, 0), select(y, -1, 1)};
}
Tensor det(const Tensor& a) {
  const detail::Called as("det(a)", a);
  const SlogDet d = slogdet(a);
  return d.sign * exp(d.logabsdet);
}

}  // namespace regrad
