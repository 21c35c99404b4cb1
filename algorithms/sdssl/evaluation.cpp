#include <regrad/algorithms/sdssl/checks.h>
#include <regrad/algorithms/sdssl/evaluation.h>
#include <regrad/engine/autograd.h>
#include <regrad/engine/error.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/linalg.h>
#include <regrad/engine/ops.h>

#include <algorithm>
#include <cmath>
#include <string>

namespace regrad::sdssl {
namespace detail {

void check_features(const char* what, const Tensor& x) {
  if (!is_floating(x.dtype()))
    throw DTypeError(std::string(what) + ": features are f32 or f64, not " + name(x.dtype()));
  if (x.numel() > 0 && all(isfinite(x)).item() == 0)
    throw NumericError(std::string(what) + ": features hold NaN or infinity");
}

void check_labels(const char* what, const Tensor& labels, int64_t n, int64_t classes) {
  if (classes < 1) throw ConfigError(std::string(what) + ": classes must be at least 1");
  if (labels.dtype() != DType::i64)
    throw DTypeError(std::string(what) + ": labels are i64, not " + name(labels.dtype()));
  if (labels.shape() != Shape{n})
    throw ShapeError(std::string(what) + ": labels of " + str(labels.shape()) + " for " +
                     std::to_string(n) + " rows");
  for (const int64_t y : labels.to_vector<int64_t>())
    if (y < 0 || y >= classes)
      throw ShapeError(std::string(what) + ": label " + std::to_string(y) + " of " +
                       std::to_string(classes) + " classes");
}

Tensor by_layer(const char* what, const Tensor& x) {
  if (x.dim() == 2) return x.unsqueeze(1);
  if (x.dim() != 3)
    throw ShapeError(std::string(what) + ": features are [n,L,d] or [n,d], not " + str(x.shape()));
  return x;
}

double share_of_equal(const Tensor& a, const Tensor& b) {
  const std::vector<int64_t> x = a.to_vector<int64_t>(), y = b.to_vector<int64_t>();
  int64_t equal = 0;
  for (size_t i = 0; i < x.size(); ++i) equal += x[i] == y[i];
  return x.empty() ? 0 : static_cast<double>(equal) / static_cast<double>(x.size());
}

}  // namespace detail

namespace {

// f64 [n,d] of at least `rows` rows.
Tensor matrix(const char* what, const Tensor& x, int64_t rows) {
  if (x.dim() != 2 || x.size(0) < rows || x.size(1) < 1)
    throw ShapeError(std::string(what) + ": features are [n,d] with n at least " +
                     std::to_string(rows) + ", not " + str(x.shape()));
  detail::check_features(what, x);
  return x.detach().to(DType::f64);
}

Tensor centred(const Tensor& x) { return x - mean(x, {0}, true); }

// Where the rows of x are one up to rounding.
bool constant(const Tensor& x, const Tensor& centred_x) {
  return sum(square(centred_x)).item() <= 1e-24 * sum(square(x)).item();
}

}  // namespace

Alignment alignment(const Tensor& a, const Tensor& b, bool normalize) {
  const Tensor x = detail::by_layer("alignment", a), y = detail::by_layer("alignment", b);
  if (x.shape() != y.shape() || x.size(0) < 2)
    throw ShapeError("alignment: two views of at least 2 images, not " + str(a.shape()) + " and " +
                     str(b.shape()));
  return typed_memory([&] {
    const NoGrad quiet;
    Alignment out;
    const auto n = static_cast<double>(x.size(0));
    for (int64_t l = 0; l < x.size(1); ++l) {
      Tensor u = matrix("alignment", select(x, 1, l), 2),
             v = matrix("alignment", select(y, 1, l), 2);
      if (normalize) {
        u = l2_normalize(u);
        v = l2_normalize(v);
      }
      out.positive.push_back(sum(square(u - v)).item() / n);
      out.negative.push_back(2 * sum(square(centred(u))).item() / (n - 1));
      out.ratio.push_back(out.negative.back() / out.positive.back());
    }
    return out;
  });
}

double effective_rank(const Tensor& features) {
  return typed_memory([&] {
    const NoGrad quiet;
    const Tensor x = matrix("effective_rank", features, 2), c = centred(x);
    if (constant(x, c)) return 0.0;
    // Rows' products have the covariance's eigenvalues, and zeros.
    const bool wide = x.size(1) > x.size(0);
    const Tensor values = eigvalsh(wide ? matmul(c, c.mT()) : matmul(c.mT(), c));
    const double total = sum(clamp_min(values, 0)).item();
    double entropy = 0;
    for (const double v : values.to_vector())
      if (v > 0) entropy -= v / total * std::log(v / total);
    return std::exp(entropy);
  });
}

Spread spread(const Tensor& features) {
  return typed_memory([&] {
    const NoGrad quiet;
    const Tensor x = l2_normalize(matrix("spread", features, 2));
    return Spread{mean(std(x, {0}, 0)).item(), 1 / std::sqrt(static_cast<double>(x.size(1))),
                  effective_rank(x)};
  });
}

Tensor pixel_features(const Tensor& images) {
  if (images.dim() != 4)
    throw ShapeError("pixel_features: images are [n,c,h,w], not " + str(images.shape()));
  if (images.dtype() == DType::f32) return flatten(images, 1);
  if (images.dtype() != DType::u8)
    throw DTypeError(std::string("pixel_features: images are u8 or f32, not ") +
                     name(images.dtype()));
  return flatten(images.to(DType::f32) / 255, 1);
}

Standardizer standardizer(const Tensor& bank) {
  const NoGrad quiet;
  const Tensor x = matrix("standardizer", bank, 1);
  return {mean(x, {0}), std(x, {0}, 0)};
}

Tensor Standardizer::operator()(const Tensor& x) const {
  if (x.dim() != 2 || x.size(1) != mean.size(0))
    throw ShapeError("Standardizer: features are [m," + std::to_string(mean.size(0)) + "], not " +
                     str(x.shape()));
  const Tensor varies = gt(deviation, 0), scale = where(varies, deviation, ones_like(deviation));
  const Tensor z = (x.to(DType::f64) - mean) / scale;
  return where(varies, z, zeros_like(z)).to(x.dtype());
}

Tensor pca_map(const Tensor& features) {
  return typed_memory([&] {
    const NoGrad quiet;
    const Tensor x = matrix("pca_map", features, 1), c = centred(x);
    const int64_t n = x.size(0), axes = std::min<int64_t>({2, n, x.size(1)});
    if (constant(x, c)) return zeros({n, 2}, DType::f64);
    const Svd d = svd(c);
    const Tensor first = slice(d.u * d.s, 1, 0, axes);
    return axes == 2 ? first.contiguous() : cat({first, zeros({n, 2 - axes}, DType::f64)}, 1);
  });
}

}  // namespace regrad::sdssl
