// A convolution of levels in a net that is fixed: weights packed once, what follows the sums
// (Int8Finish) in the same pass, on the calling thread alone.
#pragma once

#include "conv.h"
#include "kernels.h"

#include <memory>

namespace regrad::kernels {

// How convolutions take their input: s16 where wide - without VNNI, and depthwise ones - or else
// bytes, of which signed ones are 128 too large, their padding among them.
bool int8_wide_input(const Conv& s);

// A value as levels: each image channels last with its padding around it, row `row` elements after
// the one before, pixel (0,0) at element `first`; images x_image bytes apart. What is read past an
// image's end, int8_room bytes at most, counts nothing.
struct Int8Input {
  bool wide, is_signed;
  int64_t row, first, bytes;  // bytes: from image to image
};
inline constexpr int64_t int8_room = 256;

// What follows the sums, by output: scale and bias [o]; where there are bands, band_scale and
// band_bias [bands, o] of equal bands of rows; inverse [o] where there are levels to write.
struct Int8Numbers {
  const float *scale, *bias, *band_scale, *band_bias;
  int64_t bands;
  const float* inverse;
};

class Int8Fixed {
 public:
  // weight [o, c / groups, kh, kw]; all is copied. s.n counts nothing.
  Int8Fixed(const Conv& s, const int8_t* weight, const Int8Input& x, const Int8Numbers& numbers);
  // Images of y lie y_image, those of q q_image elements apart. f: from `residual` on, but for
  // `inverse`; the rest is this object's.
  void run(int64_t images, const void* x, Int8Finish f, int64_t y_image, int64_t q_image) const;

 private:
  struct Parts;
  std::shared_ptr<const Parts> parts_;
};

}  // namespace regrad::kernels
