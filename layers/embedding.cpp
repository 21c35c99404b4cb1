#include <regrad/layers/embedding.h>

#include <string>

namespace regrad {

Embedding::Embedding(const Random& r, int64_t rows, int64_t width, std::optional<int64_t> padding,
                     double deviation, DType t)
    : padding_idx(padding) {
  if (rows < 1 || width < 1)
    throw ConfigError("Embedding: " + std::to_string(rows) + " rows of width " +
                      std::to_string(width) + "; both must be at least 1");
  if (padding && (*padding < 0 || *padding >= rows))
    throw ShapeError("Embedding: padding_idx " + std::to_string(*padding) + " is outside of " +
                     std::to_string(rows) + " rows");
  weight = normal(r / "weight", {rows, width}, 0, deviation, t);
  if (padding) {
    const Tensor kept = ne(arange(0, static_cast<double>(rows)), static_cast<double>(*padding));
    weight = where(reshape(kept, {rows, 1}), weight, scalar(0, t));
  }
  weight.requires_grad_();
}

}  // namespace regrad
