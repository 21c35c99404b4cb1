// PNG (ISO/IEC 15948) by libpng, from memory. Internal to the readers.
#pragma once

#include <regrad/datasets/internal/picture.h>

namespace regrad::detail {

inline constexpr std::string_view png_magic = "\x89PNG\r\n\x1a\n";

// Any colour type, depth and interlacing; alpha is dropped, 16 bits are scaled to 8, a palette is
// looked up, gamma is left alone (as Pillow does). channels: 1 or 3; gray is made of colour by
// to_gray. IOError beginning with `where` and naming the byte libpng had come to: not a PNG, chunks
// whose checksum differs, cut files, pictures larger than their bytes can hold.
Picture decode_png(std::string_view bytes, int channels, const std::string& where);

}  // namespace regrad::detail
