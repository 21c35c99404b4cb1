// A decoded picture, and other sizes of it. Internal to the readers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace regrad::detail {

// Rows of pixels, channels (1: gray, 3: red, green, blue) within a pixel.
struct Picture {
  int64_t height = 0, width = 0, channels = 0;
  std::vector<uint8_t> bytes;
};

// Whether a file may hold a picture that takes stored_bytes unpacked: neither format packs more
// than 1,100 bytes into one. What it is decoded to (pixels of fewer than 8 bits grow) may have 16
// MiB besides, and 2^27 pixels. IOError beginning with `where`. Sides below 2^20.
void check_claim(int64_t height, int64_t width, int64_t channels, int64_t stored_bytes,
                 int64_t file_bytes, const std::string& where);

// PNG or JPEG, by the first bytes; channels 1 or 3: what is wanted of it. IOError beginning with
// `where`.
Picture decode_picture(std::string_view bytes, int channels, const std::string& where);

// Gray from red, green and blue as Pillow has it (ITU-R 601-2): (19595 r + 38470 g + 7471 b +
// 32768) >> 16.
void to_gray(Picture& p);
void repeat_gray(Picture& p);  // three equal channels

// Means over the rectangles of the new pixels, [channels, height, width], values as they come (0 to
// 255). Exact: the pixels at a rectangle's edge count with the part that lies inside. Sums are
// integers in units of 1 / (height width) of a pixel, then divided once.
std::vector<double> area_average(const Picture& p, int64_t height, int64_t width);

// The filter of a pixel's weight at a distance from the new pixel's centre.
enum class Filter { box, triangle };
// Pillow's resize (11.3), bit for bit (libImaging/Resample.c, 8 bits per channel): separable,
// weights rounded to 22 bits, rows first, rounded between the passes. triangle is its BILINEAR,
// which torchvision's Resize calls: a triangle as wide as the reduction (antialias). -> [channels,
// height, width]
std::vector<uint8_t> resample(const Picture& p, int64_t height, int64_t width, Filter filter);

}  // namespace regrad::detail
