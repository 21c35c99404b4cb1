#include <regrad/algorithms/rde/coordinates.h>
#include <regrad/algorithms/rde/features.h>
#include <regrad/algorithms/rde/gaussian.h>
#include <regrad/algorithms/rde/products.h>
#include <regrad/engine/autograd.h>
#include <regrad/engine/error.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/internal/memory.h>
#include <regrad/engine/internal/node.h>
#include <regrad/engine/linalg.h>
#include <regrad/engine/ops.h>
#include <regrad/engine/ops/gemm.h>
#include <regrad/engine/parallel.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace regrad::rde {

Tensor Gaussian::distances(const Tensor& x) const {
  const Tensor rows = detail::features(x, "distances");
  const int64_t n = rows.size(0), p = location.size(0), r = rank();
  if (rows.dtype() != DType::f64 || rows.size(1) != p)
    throw ShapeError("distances: rows are " + std::string(name(rows.dtype())) + " " +
                     str(rows.shape()) + ", not f64 [n," + std::to_string(p) + "]");
  const Tensor out = regrad::detail::empty({n}, DType::f64);
  constexpr int64_t some = 32;
  parallel_for((n + some - 1) / some, [&](int64_t b) {
    const int64_t from = b * some, m = std::min(some, n - from);
    const regrad::detail::Scratch room(m * (p + r) * int64_t{sizeof(double)});
    double *centred = room.as<double>(), *white = centred + m * p;
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < p; ++j)
        centred[i * p + j] = rows.data<double>()[(from + i) * p + j] - location.data<double>()[j];
    if (r) {
      kernels::Gemv g{};
      g.m = m, g.n = r, g.k = p, g.x = centred, g.x_row = p, g.y = white, g.y_row = r;
      g.w = whitening.data<double>(), g.w_pitch = p;
      regrad::detail::gemv(g, false, 1);
    }
    for (int64_t i = 0; i < m; ++i)
      out.node()->ptr<double>()[from + i] = detail::square(white + i * r, r);
  });
  return out;
}

Gaussian gaussian(const Tensor& location, const Tensor& covariance) {
  const NoGrad quiet;
  const Tensor s = detail::features(covariance, "gaussian");
  const int64_t p = s.size(0);
  if (s.dtype() != DType::f64 || location.dtype() != DType::f64)
    throw DTypeError("gaussian: location and covariance are f64");
  if (s.size(1) != p || location.shape() != Shape{p})
    throw ShapeError("gaussian: location " + str(location.shape()) + " and covariance " +
                     str(s.shape()) + " do not fit");
  std::vector<double> scale(static_cast<size_t>(p));
  for (int64_t i = 0; i < p; ++i) {
    const double v = s.data<double>()[i * p + i];
    scale[static_cast<size_t>(i)] = v > 0 ? 1 / std::sqrt(v) : 0;
  }
  const Tensor d = tensor(scale, {p}, DType::f64);
  const auto [values, vectors] = eigh(unsqueeze(d, 1) * s * d);
  const double* l = values.data<double>();
  const double cut = 1e-14 * static_cast<double>(p) * std::max(l[p - 1], 0.0);
  int64_t first = 0;
  while (first < p && !(l[first] > cut)) ++first;
  Gaussian out;
  out.location = location.detach().contiguous();
  const Tensor kept = slice(values, 0, first, p);
  out.whitening =
      (unsqueeze(1.0 / sqrt(kept), 1) * slice(vectors, 1, first, p).mT() * d).contiguous();
  for (int64_t i = first; i < p; ++i) out.log_det += std::log(l[i]);
  for (const double v : scale)
    if (v > 0) out.log_det -= 2 * std::log(v);
  return out;
}

Gaussian scaled(const Gaussian& g, double factor) {
  const NoGrad quiet;
  Gaussian out = g;
  if (factor == 1) return out;
  out.whitening = g.whitening * (1 / std::sqrt(factor));
  out.log_det += static_cast<double>(g.rank()) * std::log(factor);
  return out;
}

Gaussian gaussian(const Tensor& x, Singular singular) {
  return typed_memory([&] {
    const NoGrad quiet;
    const Tensor rows = detail::features(x, "gaussian", 2);
    const int64_t n = rows.size(0), p = rows.size(1);
    if (n <= p && singular == Singular::refuse) detail::refuse_few(n, p, "gaussian");
    const detail::Coordinates c(rows, "gaussian");
    std::vector<int32_t> all(static_cast<size_t>(n));
    std::iota(all.begin(), all.end(), 0);
    const auto m = static_cast<double>(n);
    return c.outside(scaled(c.own(all), m / (m - 1)));
  });
}

}  // namespace regrad::rde
