#include <regrad/datasets/internal/png.h>
#include <regrad/engine/error.h>

#include <csetjmp>
#include <cstring>
#include <memory>

#include <png.h>

namespace regrad::detail {
namespace {

// What libpng's callbacks see. No callback throws through libpng's C code: it jumps back, over
// functions that hold nothing to be destroyed.
struct Source {
  std::string_view bytes;
  size_t at = 0;
  char words[160] = "";
};

[[noreturn]] void on_error(png_structp png, png_const_charp words) {
  auto* source = static_cast<Source*>(png_get_error_ptr(png));
  std::strncpy(source->words, words, sizeof source->words - 1);
  png_longjmp(png, 1);
}
void on_warning(png_structp, png_const_charp) {}

void on_read(png_structp png, png_bytep to, size_t n) {
  auto* source = static_cast<Source*>(png_get_io_ptr(png));
  if (n > source->bytes.size() - source->at) {
    source->at = source->bytes.size();
    png_error(png, "the file ends early");
  }
  std::memcpy(to, source->bytes.data() + source->at, n);
  source->at += n;
}

struct Reader {
  png_structp png = nullptr;
  png_infop info = nullptr;
  explicit Reader(Source& source)
      : png(png_create_read_struct(PNG_LIBPNG_VER_STRING, &source, on_error, on_warning)) {
    if (png) info = png_create_info_struct(png);
    if (!info) {
      png_destroy_read_struct(&png, nullptr, nullptr);
      throw OutOfMemory("out of memory: no room to read a PNG");
    }
  }
  ~Reader() { png_destroy_read_struct(&png, &info, nullptr); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
};

// Up to the pixels. False: words: why not.
bool read_header(const Reader& r, Source& source, size_t& stored_row) {
  if (setjmp(png_jmpbuf(r.png))) return false;
  png_set_read_fn(r.png, &source, on_read);
  png_set_user_limits(r.png, 1 << 20, 1 << 20);
  // Texts, profiles and the like are skipped, for libpng would make room for as many bytes as they
  // claim to have.
  png_set_keep_unknown_chunks(r.png, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
  png_read_info(r.png, r.info);
  stored_row = png_get_rowbytes(r.png, r.info);
  png_set_expand(r.png);  // palettes, fewer than 8 bits
  png_set_scale_16(r.png);
  png_set_strip_alpha(r.png);
  png_set_interlace_handling(r.png);
  png_read_update_info(r.png, r.info);
  return true;
}

bool read_pixels(const Reader& r, uint8_t* pixels, size_t row_bytes, png_uint_32 height,
                 int passes) {
  if (setjmp(png_jmpbuf(r.png))) return false;
  for (int pass = 0; pass < passes; ++pass)
    for (png_uint_32 y = 0; y < height; ++y) png_read_row(r.png, pixels + y * row_bytes, nullptr);
  png_read_end(r.png, nullptr);
  return true;
}

[[noreturn]] void fail(const Source& source, const std::string& where) {
  throw IOError(where + ": byte " + std::to_string(source.at) + ": PNG: " + source.words);
}

}  // namespace

Picture decode_png(std::string_view bytes, int channels, const std::string& where) {
  if (bytes.substr(0, png_magic.size()) != png_magic) throw IOError(where + ": byte 0: is no PNG");
  Source source{bytes};
  const Reader r(source);
  size_t stored_row = 0;
  if (!read_header(r, source, stored_row)) fail(source, where);
  Picture p;
  p.height = png_get_image_height(r.png, r.info);
  p.width = png_get_image_width(r.png, r.info);
  p.channels = png_get_channels(r.png, r.info);
  const auto row = static_cast<int64_t>(png_get_rowbytes(r.png, r.info));
  check_claim(p.height, p.width, p.channels, p.height * static_cast<int64_t>(stored_row),
              static_cast<int64_t>(bytes.size()), where);
  p.bytes.resize(static_cast<size_t>(p.height * row));
  const int passes = png_get_interlace_type(r.png, r.info) == PNG_INTERLACE_ADAM7 ? 7 : 1;
  if (!read_pixels(r, p.bytes.data(), static_cast<size_t>(row), static_cast<png_uint_32>(p.height),
                   passes))
    fail(source, where);
  if (channels == 1) to_gray(p);
  if (channels == 3) repeat_gray(p);
  return p;
}

}  // namespace regrad::detail
