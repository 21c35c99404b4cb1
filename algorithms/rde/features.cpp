#include <regrad/algorithms/rde/features.h>
#include <regrad/algorithms/rde/products.h>
#include <regrad/engine/error.h>

#include <cmath>

namespace regrad::rde::detail {
namespace {

template <class T>
void need_finite(const Tensor& x, const std::string& what) {
  const T* p = x.data<T>();
  const int64_t d = x.size(1);
  if (std::isfinite(square(p, x.numel()))) return;
  for (int64_t i = 0; i < x.numel(); ++i)
    if (!std::isfinite(p[i]))
      throw NumericError(what + ": row " + std::to_string(i / d) + " is " +
                         (std::isnan(p[i]) ? "not a number" : "infinite") + " in column " +
                         std::to_string(i % d));
}

}  // namespace

Tensor features(const Tensor& x, const std::string& name, int64_t rows) {
  if (x.dim() != 2 || x.size(1) < 1)
    throw ShapeError(name + ": " + str(x.shape()) + " is no matrix of rows and features");
  if (!is_floating(x.dtype()))
    throw DTypeError(name + ": features are f32 or f64, not " + regrad::name(x.dtype()));
  if (x.size(0) < rows)
    throw ShapeError(name + ": " + str(x.shape()) + " has too few rows, at least " +
                     std::to_string(rows) + " are needed");
  const Tensor out = x.detach().contiguous();
  out.dtype() == DType::f32 ? need_finite<float>(out, name) : need_finite<double>(out, name);
  return out;
}

std::vector<double> doubles(const Tensor& x) { return x.detach().to_vector<double>(); }

}  // namespace regrad::rde::detail
