// Attributes and geometry that pooling's rows share with batch normalization's.
#pragma once

#include <regrad/engine/kernels/kernels.h>
#include <regrad/engine/ops/op.h>

namespace regrad {

struct PoolAttrs {
  int16_t kh, kw, stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w;
  int32_t extent_h, extent_w;  // of the image, for rows that go back to it
  uint8_t count_pad;
};

// Geometry of an image of those sizes; ShapeError naming op. most_taps: 256 where a window's place
// is a byte.
kernels::Pool pool_geometry(const char* op, const Shape& image, const PoolAttrs& a,
                            int64_t most_taps);
// [.., c, h, w] with other last two sizes.
Shape with_extent(const Shape& images, int64_t h, int64_t w);

inline constexpr int64_t byte_taps = 256;

// The largest element's place in each window, u8; and what lies there, and its transpose. Images
// [.., c, h, w], dims 4 or 5.
Tensor pool_index(const Tensor& x, const PoolAttrs& a);
Tensor pool_gather(const Tensor& x, const Tensor& index, const PoolAttrs& a);
Tensor pool_scatter(const Tensor& g, const Tensor& index, PoolAttrs a, int64_t h, int64_t w);

}  // namespace regrad
