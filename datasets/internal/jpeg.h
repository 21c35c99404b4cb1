// JPEG (ITU-T T.81) by libjpeg, from memory. Internal to the readers.
#pragma once

#include <regrad/datasets/internal/picture.h>

namespace regrad::detail {

inline constexpr std::string_view jpeg_magic = "\xff\xd8\xff";

// Baseline and progressive; gray, YCbCr, and CMYK (Adobe's, inverted) as colour. channels: 1 or 3;
// gray is made of colour by to_gray.
// IOError beginning with `where` and naming the byte libjpeg had come to: not a JPEG, broken or cut
// data (libjpeg alone would fill with gray), more than 500 scans, pictures larger than their bytes
// can hold.
Picture decode_jpeg(std::string_view bytes, int channels, const std::string& where);

}  // namespace regrad::detail
