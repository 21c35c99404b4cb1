// A tensor over a vector that it takes over: what a reader has gathered is not copied. Internal to
// the readers.
#pragma once

#include <regrad/engine/tensor.h>

#include <memory>
#include <utility>
#include <vector>

namespace regrad::detail {

// ShapeError where sizes and values differ in number.
template <class T>
Tensor adopt(std::vector<T> values, const Shape& sizes) {
  contiguous_strides(sizes);
  if (sizes.numel() != static_cast<int64_t>(values.size()))
    throw ShapeError(std::to_string(values.size()) + " values do not make a tensor of " +
                     str(sizes));
  auto kept = std::make_unique<std::vector<T>>(std::move(values));
  auto* const raw = kept.get();
  Tensor t = from_blob(raw->data(), sizes, dtype_of<T>(), [raw](void*) { delete raw; });
  kept.release();
  return t;
}

}  // namespace regrad::detail
