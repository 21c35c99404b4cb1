#include <regrad/algorithms/rde/csteps.h>
#include <regrad/algorithms/rde/features.h>
#include <regrad/algorithms/rde/rde.h>
#include <regrad/engine/autograd.h>
#include <regrad/engine/error.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/internal/node.h>
#include <regrad/engine/ops.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace regrad::rde {
namespace {

// i64 [rows] of what a table says of each row.
Tensor whole_numbers(const Tensor& x, int64_t rows, const std::string& what) {
  if (!x.defined() || x.dtype() != DType::i64)
    throw DTypeError(what + " are i64" +
                     (x.defined() ? std::string(", not ") + name(x.dtype()) : ""));
  if (x.shape() != Shape{rows})
    throw ShapeError(what + " are " + str(x.shape()) + ", features have " + std::to_string(rows) +
                     " rows");
  return x.contiguous();
}

Tensor rows_of(const Tensor& x, const std::vector<int64_t>& rows) {
  return index_select(x, 0, tensor(rows));
}

// Ascending.
std::vector<int64_t> drawn(int64_t n, int64_t m, const Random& random) {
  std::vector<int64_t> rows;
  for (const int32_t i : detail::draw(n, std::min(m, n), random)) rows.push_back(i);
  std::sort(rows.begin(), rows.end());
  return rows;
}

Gaussian of_class(const Tensor& z, const Settings& s, const Random& random) {
  if (s.method != Method::rde) return gaussian(z, s.singular);
  return mcd(z, {.start = s.start,
                 .consistency = s.consistency,
                 .singular = s.singular,
                 .random = random})
      .gaussian;
}

void check(const Settings& s) {
  if (s.rows < 2) throw ConfigError("RDE: kernel PCA needs at least 2 rows");
  if (s.components < 1) throw ConfigError("RDE: there must be at least 1 component");
}

}  // namespace

Rde Rde::fit(const Tensor& features, const Tensor& labels, const Settings& settings) {
  const NoGrad quiet;
  check(settings);
  Tensor x = detail::features(features, "RDE", 2);
  Tensor y = whole_numbers(labels, x.size(0), "RDE: labels");
  const Random random = Random(settings.seed) / "rde";
  Rde out;
  out.method_ = settings.method;
  out.log_det_ = settings.log_det;
  out.width_ = x.size(1);
  out.dtype_ = x.dtype();
  Tensor z = x.to(DType::f64);
  if (settings.method != Method::mle) {
    if (x.size(0) > settings.rows) {
      const std::vector<int64_t> some = drawn(x.size(0), settings.rows, random / "rows");
      x = rows_of(x, some), y = rows_of(y, some);
    }
    out.kpca_ = kpca(x, {.kernel = settings.kernel,
                         .components = std::min(settings.components, x.size(0)),
                         .gamma = settings.gamma});
    z = out.kpca_.fitted();
  }
  out.classes_ = y.to_vector<int64_t>();
  const std::vector<int64_t> all = out.classes_;
  std::sort(out.classes_.begin(), out.classes_.end());
  out.classes_.erase(std::unique(out.classes_.begin(), out.classes_.end()), out.classes_.end());
  for (const int64_t c : out.classes_) {
    std::vector<int64_t> own;
    for (size_t i = 0; i < all.size(); ++i)
      if (all[i] == c) own.push_back(static_cast<int64_t>(i));
    try {
      if (own.size() < 2) throw NumericError("a single row has no covariance");
      out.gaussians_.push_back(of_class(rows_of(z, own), settings, random / "class" / c));
    } catch (const NumericError& e) {
      throw NumericError("RDE: class " + std::to_string(c) + ": " + e.what());
    }
  }
  return out;
}

Tensor Rde::reduced(const Tensor& features) const {
  if (method_ != Method::mle) return kpca_.map(features);
  const Tensor x = detail::features(features, "score");
  if (x.dtype() != dtype_)
    throw DTypeError(std::string("score: features are ") + name(x.dtype()) + ", fitted were " +
                     name(dtype_));
  if (x.size(1) != width_)
    throw ShapeError("score: features are " + str(x.shape()) + ", fitted had " +
                     std::to_string(width_) + " columns");
  return x.to(DType::f64);
}

size_t Rde::index(int64_t label, int64_t row) const {
  const auto at = std::lower_bound(classes_.begin(), classes_.end(), label);
  if (at != classes_.end() && *at == label) return static_cast<size_t>(at - classes_.begin());
  std::string known;
  for (const int64_t c : classes_) known += (known.empty() ? "" : ", ") + std::to_string(c);
  throw ShapeError("RDE: class " + std::to_string(label) +
                   (row < 0 ? "" : ", predicted for row " + std::to_string(row) + ",") +
                   " was not among the training labels (" + known + ")");
}

const Gaussian& Rde::gaussian(int64_t label) const { return gaussians_[index(label, -1)]; }

Tensor Rde::score(const Tensor& features, const Tensor& predicted) const {
  const NoGrad quiet;
  const Tensor z = reduced(features);
  const int64_t m = z.size(0);
  const Tensor y = whole_numbers(predicted, m, "score: predicted classes");
  std::vector<std::vector<int64_t>> rows(classes_.size());
  for (int64_t i = 0; i < m; ++i) rows[index(y.data<int64_t>()[i], i)].push_back(i);
  const Tensor out = regrad::detail::empty({m}, DType::f64);
  double* scores = out.node()->ptr<double>();
  for (size_t c = 0; c < rows.size(); ++c) {
    if (rows[c].empty()) continue;
    const Gaussian& g = gaussians_[c];
    const bool all = static_cast<int64_t>(rows[c].size()) == m;
    const Tensor d2 = g.distances(all ? z : rows_of(z, rows[c]));
    const double more = g.log_det + static_cast<double>(g.rank()) * std::log(2 * std::numbers::pi);
    for (size_t i = 0; i < rows[c].size(); ++i) {
      const double d = d2.data<double>()[i];
      scores[rows[c][i]] = log_det_ ? 0.5 * (d + more) : d;
    }
  }
  return out;
}

Tensor max_softmax(const Tensor& logits) {
  const NoGrad quiet;
  const Tensor x = detail::features(logits, "max_softmax").to(DType::f64);
  const int64_t n = x.size(0), c = x.size(1);
  const Tensor out = regrad::detail::empty({n}, DType::f64);
  for (int64_t i = 0; i < n; ++i) {
    const double* row = x.data<double>() + i * c;
    const int64_t top = std::max_element(row, row + c) - row;
    double others = 0;
    for (int64_t j = 0; j < c; ++j)
      if (j != top) others += std::exp(row[j] - row[top]);
    out.node()->ptr<double>()[i] = others / (1 + others);
  }
  return out;
}

}  // namespace regrad::rde
