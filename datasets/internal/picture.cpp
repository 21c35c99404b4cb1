#include <regrad/datasets/internal/jpeg.h>
#include <regrad/datasets/internal/picture.h>
#include <regrad/datasets/internal/png.h>
#include <regrad/engine/error.h>

namespace regrad::detail {

void check_claim(int64_t height, int64_t width, int64_t channels, int64_t stored_bytes,
                 int64_t file_bytes, const std::string& where) {
  constexpr int64_t most_ratio = 1100, most_pixels = int64_t{1} << 27, free_bytes = 16 << 20;
  if (height < 1 || width < 1 || height * width > most_pixels ||
      stored_bytes > most_ratio * file_bytes ||
      height * width * channels > most_ratio * file_bytes + free_bytes)
    throw IOError(where + ": byte 0: a picture of " + std::to_string(height) + " x " +
                  std::to_string(width) + " pixels in " + std::to_string(file_bytes) + " bytes");
}

Picture decode_picture(std::string_view bytes, int channels, const std::string& where) {
  if (bytes.substr(0, png_magic.size()) == png_magic) return decode_png(bytes, channels, where);
  if (bytes.substr(0, jpeg_magic.size()) == jpeg_magic) return decode_jpeg(bytes, channels, where);
  throw IOError(where + ": byte 0: is neither PNG nor JPEG");
}

}  // namespace regrad::detail
