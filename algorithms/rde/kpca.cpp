#include <regrad/algorithms/rde/features.h>
#include <regrad/algorithms/rde/kpca.h>
#include <regrad/algorithms/rde/krylov.h>
#include <regrad/algorithms/rde/products.h>
#include <regrad/engine/autograd.h>
#include <regrad/engine/error.h>
#include <regrad/engine/internal/memory.h>
#include <regrad/engine/internal/node.h>
#include <regrad/engine/kernels/lapack.h>
#include <regrad/engine/ops.h>
#include <regrad/engine/ops/gemm.h>
#include <regrad/engine/parallel.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

namespace regrad::rde {
namespace {

using detail::dot;
using detail::square;
using regrad::detail::Scratch;
using Vector = std::vector<double>;

size_t u(int64_t i) { return static_cast<size_t>(i); }

void exponentials(double* x, int64_t n) {
  void* data[] = {x, x};
  const int64_t strides[] = {1, 1};
  kernels::table().unary[1][static_cast<int>(kernels::Unary::exp)](data, strides, n, {});
}

// x - centre, in T.
template <class T>
void less(const T* x, const T* centre, int64_t m, int64_t d, T* out) {
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < d; ++j) out[i * d + j] = x[i * d + j] - centre[j];
}

// centre, points and squares of the fit.
template <class T>
void store(const Tensor& x, Kpca& k) {
  const int64_t n = x.size(0), d = x.size(1);
  const T* p = x.data<T>();
  Vector sum(u(d));
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < d; ++j) sum[u(j)] += static_cast<double>(p[i * d + j]);
  for (double& s : sum) s /= static_cast<double>(n);
  k.centre = tensor(sum, {d}, DType::f64).to(x.dtype());
  k.points = regrad::detail::empty({n, d}, x.dtype());
  k.squares = regrad::detail::empty({n}, DType::f64);
  T* points = k.points.node()->ptr<T>();
  less(p, k.centre.data<T>(), n, d, points);
  for (int64_t i = 0; i < n; ++i) {
    const double s = square(points + i * d, d);
    if (!std::isfinite(s))
      throw NumericError("kernel PCA: row " + std::to_string(i) +
                         " is so large that its squared length overflows; scale the features");
    k.squares.node()->ptr<double>()[i] = s;
  }
}

// K [n,n], both triangles, of rows x [n,d].
class Gram {
 public:
  Gram(const Kpca& k, const double* x, double* out)
      : k_(k), n_(k.points.size(0)), d_(k.points.size(1)), x_(x), out_(out) {
    const int64_t blocks = (n_ + side - 1) / side;
    std::vector<std::pair<int64_t, int64_t>> pairs;
    for (int64_t i = 0; i < blocks; ++i)
      for (int64_t j = 0; j <= i; ++j) pairs.emplace_back(i * side, j * side);
    parallel_for(static_cast<int64_t>(pairs.size()),
                 [&](int64_t b) { fill(pairs[u(b)].first, pairs[u(b)].second); });
  }

 private:
  static constexpr int64_t side = 256;

  void fill(int64_t i, int64_t j) const {
    const int64_t m = std::min(side, n_ - i), n = std::min(side, n_ - j);
    detail::product_here(m, n, d_, {x_ + i * d_, d_, 1}, {x_ + j * d_, 1, d_}, out_ + i * n_ + j,
                         n_);
    if (k_.kernel == Kernel::rbf) {
      const double* s = k_.squares.data<double>();
      for (int64_t r = i; r < i + m; ++r) {
        double* row = out_ + r * n_ + j;
        for (int64_t c = 0; c < n; ++c)
          row[c] = -k_.gamma * std::max(s[r] + s[j + c] - 2 * row[c], 0.0);
        if (i == j) row[r - i] = 0;
        exponentials(row, n);
      }
    }
    mirror(i, j, m, n);
  }
  void mirror(int64_t i, int64_t j, int64_t m, int64_t n) const {
    constexpr int64_t tile = 16;
    for (int64_t r = i; r < i + m; r += tile)
      for (int64_t c = j; c < j + n; c += tile)
        for (int64_t q = c; q < std::min(c + tile, j + n); ++q)
          for (int64_t p = std::max(r, q + 1); p < std::min(r + tile, i + m); ++p)
            out_[q * n_ + p] = out_[p * n_ + q];
  }

  const Kpca& k_;
  int64_t n_, d_;
  const double* x_;
  double* out_;
};

// Kc of K, in its place; returns the columns' means of K, and the trace of K.
Vector centre(double* k, int64_t n, double& trace) {
  constexpr int64_t rows = 64;
  Vector mean(u(n)), one(u(n), 1.0);
  const auto by_rows = [&](auto&& f) {
    parallel_for((n + rows - 1) / rows, [&](int64_t b) {
      for (int64_t i = b * rows; i < std::min(n, (b + 1) * rows); ++i) f(i);
    });
  };
  by_rows([&](int64_t i) { mean[u(i)] = dot(k + i * n, one.data(), n) / static_cast<double>(n); });
  trace = 0;
  for (int64_t i = 0; i < n; ++i) trace += k[i * n + i];
  const double grand = dot(mean.data(), one.data(), n) / static_cast<double>(n);
  by_rows([&](int64_t i) {
    for (int64_t j = 0; j < n; ++j) k[i * n + j] -= mean[u(i)] + mean[u(j)] - grand;
  });
  return mean;
}

detail::Eigenpairs pairs_of(double* kc, int64_t n, const KpcaOptions& o) {
  const int64_t count = o.components;
  if (!o.dense && n >= 512 && 6 * count <= n) {
    const auto apply = [&](const double* v, int64_t b, double* w) {
      detail::product(n, b, n, {kc, n, 1}, {v, b, 1}, w, b);
    };
    detail::Eigenpairs e = detail::largest(n, count, apply, o.tolerance, o.random / "lanczos");
    if (!e.values.empty()) return e;
  }
  if (n > kernels::lapack_max)
    throw ConfigError("kernel PCA: " + std::to_string(count) + " components of " +
                      std::to_string(n) + " rows need all eigenvalues of a matrix above " +
                      std::to_string(kernels::lapack_max) + " rows; draw fewer rows");
  return detail::largest_of_all(n, count, kc);
}

// values, vectors, projection and offset.
void take(const detail::Eigenpairs& e, double trace, const Vector& mean, Kpca& k) {
  const int64_t n = k.points.size(0), count = static_cast<int64_t>(e.values.size());
  const double cut = std::max(1e-12 * e.values[0], 1e-14 * trace);
  Vector values(u(count)), offset(u(count)), scale(u(count));
  for (int64_t j = 0; j < count; ++j) {
    const double l = e.values[u(j)];
    if (!(l > cut)) continue;
    values[u(j)] = l;
    scale[u(j)] = 1 / std::sqrt(l);
    // sum_i v_ij = 0: the mean of k(x,.) and the grand mean come to nothing
    offset[u(j)] = dot(mean.data(), e.vectors.data() + j * n, n) * scale[u(j)];
  }
  k.values = tensor(values, {count}, DType::f64);
  k.offset = tensor(offset, {count}, DType::f64);
  k.vectors = regrad::detail::empty({n, count}, DType::f64);
  k.projection = regrad::detail::empty({n, count}, DType::f64);
  double *v = k.vectors.node()->ptr<double>(), *projection = k.projection.node()->ptr<double>();
  constexpr int64_t some = 16;  // rows of a turn
  for (int64_t from = 0; from < n; from += some)
    for (int64_t j = 0; j < count; ++j)
      for (int64_t i = from; i < std::min(n, from + some); ++i) {
        const double entry = scale[u(j)] > 0 ? e.vectors[u(j * n + i)] : 0;
        v[i * count + j] = entry;
        projection[i * count + j] = entry * scale[u(j)];
      }
}

// New rows: for each tile of rows and block of points, the block's share of k(x,.) projection.
template <class T>
class Mapping {
 public:
  Mapping(const Kpca& k, const T* x, int64_t m)
      : k_(k), x_(x), m_(m), n_(k.points.size(0)), d_(k.points.size(1)), p_(k.components()) {}

  void to(double* out) const {
    const int64_t tiles = (m_ + rows - 1) / rows, blocks = (n_ + block - 1) / block;
    const Scratch parts(m_ * blocks * p_ * int64_t{sizeof(double)});
    double* part = parts.as<double>();
    parallel_for(tiles * blocks, [&](int64_t i) {
      const int64_t from = i / blocks * rows;
      share(from, std::min(rows, m_ - from), i % blocks, blocks, part);
    });
    const double* offset = k_.offset.data<double>();
    for (int64_t i = 0; i < m_; ++i)
      for (int64_t j = 0; j < p_; ++j) {
        double sum = -offset[j];
        for (int64_t b = 0; b < blocks; ++b) sum += part[(i * blocks + b) * p_ + j];
        out[i * p_ + j] = sum;
      }
  }
  static constexpr int64_t rows = 16, block = 1024;

 private:
  void share(int64_t from, int64_t m, int64_t b, int64_t blocks, double* part) const {
    const int64_t first = b * block, n = std::min(block, n_ - first);
    const Scratch room(m * n * int64_t{sizeof(T) + sizeof(double)} + m * d_ * int64_t{sizeof(T)});
    double* k = room.as<double>();
    T *dots = reinterpret_cast<T*>(k + m * n), *x = dots + m * n;
    less(x_ + from * d_, k_.centre.data<T>(), m, d_, x);
    kernels::Gemv g{};
    g.m = m, g.n = n, g.k = d_, g.x = x, g.x_row = d_, g.y = dots, g.y_row = n;
    g.w = k_.points.data<T>() + first * d_, g.w_pitch = d_;
    regrad::detail::gemv(g, false, sizeof(T) == 8);
    for (int64_t i = 0; i < m; ++i) similar(x + i * d_, dots + i * n, first, n, k + i * n);
    kernels::Gemv sum{};
    sum.m = m, sum.n = p_, sum.k = n, sum.x = k, sum.x_row = n;
    sum.w = k_.projection.data<double>() + first * p_, sum.w_pitch = p_;
    sum.y = part + (from * blocks + b) * p_, sum.y_row = blocks * p_;
    regrad::detail::gemv(sum, true, 1);
  }
  // k(x, points first ..) of their dot products.
  void similar(const T* x, const T* dots, int64_t first, int64_t n, double* k) const {
    if (k_.kernel == Kernel::linear) {
      std::copy_n(dots, n, k);
      return;
    }
    const double own = square(x, d_), *s = k_.squares.data<double>() + first;
    for (int64_t i = 0; i < n; ++i) {
      auto xy = static_cast<double>(dots[i]);
      if (!std::isfinite(xy)) xy = wide(x, first + i);  // beyond T
      const double apart = own + s[i] - 2 * xy;
      // not a number: beyond f64 too
      k[i] = std::isnan(apart) ? -std::numeric_limits<double>::infinity()
                               : -k_.gamma * std::max(apart, 0.0);
    }
    exponentials(k, n);
  }

  double wide(const T* x, int64_t point) const {
    const T* p = k_.points.data<T>() + point * d_;
    double sum = 0;
    for (int64_t j = 0; j < d_; ++j) sum += static_cast<double>(x[j]) * static_cast<double>(p[j]);
    return sum;
  }

  const Kpca& k_;
  const T* x_;
  int64_t m_, n_, d_, p_;
};

template <class T>
void map_as(const Kpca& k, const Tensor& x, double* out) {
  constexpr int64_t some = 512;
  const int64_t m = x.size(0), d = x.size(1);
  for (int64_t i = 0; i < m; i += some)
    Mapping<T>(k, x.data<T>() + i * d, std::min(some, m - i)).to(out + i * k.components());
}

void check(const KpcaOptions& o, int64_t n) {
  if (o.components < 1 || o.components > n)
    throw ConfigError("kernel PCA: " + std::to_string(o.components) + " components of " +
                      std::to_string(n) + " rows; there can be 1 to as many as rows");
  if (!(o.gamma >= 0) || !std::isfinite(o.gamma))
    throw ConfigError("kernel PCA: gamma is " + std::to_string(o.gamma) +
                      "; it must be positive, or 0 for 1 / features");
  if (!(o.tolerance > 0)) throw ConfigError("kernel PCA: tolerance must be positive");
}

}  // namespace

Tensor Kpca::fitted() const { return vectors * sqrt(values); }

Tensor Kpca::map(const Tensor& x) const {
  const Tensor rows = detail::features(x, "kernel PCA");
  if (rows.dtype() != points.dtype())
    throw DTypeError(std::string("kernel PCA: rows are ") + name(rows.dtype()) + ", fitted were " +
                     name(points.dtype()));
  if (rows.size(1) != points.size(1))
    throw ShapeError("kernel PCA: rows are " + str(rows.shape()) + ", fitted were " +
                     str(points.shape()));
  const Tensor out = regrad::detail::empty({rows.size(0), components()}, DType::f64);
  double* p = out.node()->ptr<double>();
  rows.dtype() == DType::f32 ? map_as<float>(*this, rows, p) : map_as<double>(*this, rows, p);
  return out;
}

Kpca kpca(const Tensor& x, const KpcaOptions& options) {
  return typed_memory([&] {
    const NoGrad quiet;
    const Tensor rows = detail::features(x, "kernel PCA", 2);
    const int64_t n = rows.size(0), d = rows.size(1);
    check(options, n);
    Kpca k;
    k.kernel = options.kernel;
    k.gamma = options.gamma > 0 ? options.gamma : 1 / static_cast<double>(d);
    rows.dtype() == DType::f32 ? store<float>(rows, k) : store<double>(rows, k);
    const Scratch matrix(n * n * int64_t{sizeof(double)});
    double* gram = matrix.as<double>();
    Gram(k, k.points.to(DType::f64).data<double>(), gram);
    double trace = 0;
    const Vector mean = centre(gram, n, trace);
    take(pairs_of(gram, n, options), trace, mean, k);
    return k;
  });
}

}  // namespace regrad::rde
