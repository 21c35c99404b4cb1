#include <regrad/engine/functional.h>
#include <regrad/engine/internal/called.h>
#include <regrad/engine/internal/decimal.h>

#include <limits>
#include <string>

namespace regrad {

Tensor rms_norm(const Tensor& x, const Shape& normalized_shape, const Tensor& weight,
                std::optional<double> eps) {
  const detail::Called as("rms_norm(x, weight?)", x, weight);
  if (!is_floating(x.dtype()))
    throw DTypeError(std::string("rms_norm: needs f32 or f64, not ") + name(x.dtype()));
  const int n = normalized_shape.size(), lead = x.dim() - n;
  if (n == 0 || lead < 0 || Shape(x.shape().begin() + lead, x.shape().end()) != normalized_shape)
    throw ShapeError("rms_norm: x " + str(x.shape()) + " does not end in normalized_shape " +
                     str(normalized_shape));
  if (weight.defined() && weight.shape() != normalized_shape)
    throw ShapeError("rms_norm: weight " + str(weight.shape()) + " for normalized_shape " +
                     str(normalized_shape));
  Dims dims;
  for (int i = 0; i < n; ++i) dims.push_back(lead + i);
  const double e = eps                       ? *eps
                   : x.dtype() == DType::f32 ? double{std::numeric_limits<float>::epsilon()}
                                             : std::numeric_limits<double>::epsilon();
  if (!(e >= 0)) throw ConfigError("rms_norm: eps " + decimal(e) + " is below 0");
  const Tensor y = x * rsqrt(mean(square(x), dims, true) + e);
  return weight.defined() ? y * weight : y;
}

}  // namespace regrad
