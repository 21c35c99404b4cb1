#include <regrad/datasets/internal/jpeg.h>
#include <regrad/engine/error.h>

#include <csetjmp>
#include <cstdio>
#include <cstring>

#include <jerror.h>
#include <jpeglib.h>

namespace regrad::detail {
namespace {

constexpr int most_scans = 500;  // each costs the whole picture's time

// libjpeg's error block, with where to jump. No callback throws through libjpeg's C code: it jumps
// back, over functions that hold nothing to be destroyed.
struct Errors : jpeg_error_mgr {
  std::jmp_buf back;
  char words[JMSG_LENGTH_MAX] = "";
};

[[noreturn]] void on_error(j_common_ptr info) {
  auto* errors = static_cast<Errors*>(info->err);
  errors->format_message(info, errors->words);
  std::longjmp(errors->back, 1);
}

// level < 0: data are damaged. Filler between segments, and what some writers note about colour, is
// no damage.
void on_message(j_common_ptr info, int level) {
  if (level >= 0) return;
  const int code = info->err->msg_code;
  if (code != JWRN_EXTRANEOUS_DATA && code != JWRN_ADOBE_XFORM && code != JWRN_JFIF_MAJOR)
    on_error(info);
}
void on_output(j_common_ptr) {}

void on_progress(j_common_ptr info) {
  auto* d = reinterpret_cast<j_decompress_ptr>(info);
  if (d->input_scan_number > most_scans) ERREXIT(info, JERR_BAD_PROGRESSION);
}

struct Decoder {
  jpeg_decompress_struct d;
  Errors errors;
  jpeg_progress_mgr progress{};
  std::string_view bytes;

  explicit Decoder(std::string_view b) : bytes(b) {
    std::memset(&d, 0, sizeof d);
    d.err = jpeg_std_error(&errors);
    errors.error_exit = on_error;
    errors.emit_message = on_message;
    errors.output_message = on_output;
    progress.progress_monitor = on_progress;
  }
  ~Decoder() { jpeg_destroy_decompress(&d); }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
};

bool read_header(Decoder& j) {
  if (setjmp(j.errors.back)) return false;
  jpeg_create_decompress(&j.d);
  j.d.progress = &j.progress;
  jpeg_mem_src(&j.d, reinterpret_cast<const unsigned char*>(j.bytes.data()),
               static_cast<unsigned long>(j.bytes.size()));
  jpeg_read_header(&j.d, TRUE);
  j.d.out_color_space = j.d.num_components == 1   ? JCS_GRAYSCALE
                        : j.d.num_components == 4 ? JCS_CMYK
                                                  : JCS_RGB;
  return true;
}

bool read_pixels(Decoder& j, uint8_t* pixels, size_t row_bytes) {
  if (setjmp(j.errors.back)) return false;
  jpeg_start_decompress(&j.d);
  while (j.d.output_scanline < j.d.output_height) {
    JSAMPROW row = pixels + j.d.output_scanline * row_bytes;
    jpeg_read_scanlines(&j.d, &row, 1);
  }
  jpeg_finish_decompress(&j.d);
  return true;
}

[[noreturn]] void fail(const Decoder& j, const std::string& where) {
  const size_t left = j.d.src ? j.d.src->bytes_in_buffer : j.bytes.size();
  const size_t at = left <= j.bytes.size() ? j.bytes.size() - left : j.bytes.size();
  throw IOError(where + ": byte " + std::to_string(at) + ": JPEG: " + j.errors.words);
}

// Adobe's files hold 255 - ink.
void from_cmyk(Picture& p, bool inverted) {
  const size_t n = p.bytes.size() / 4;
  for (size_t i = 0; i < n; ++i) {
    const auto part = [&](size_t k) -> uint32_t {
      return inverted ? p.bytes[4 * i + k] : 255u - p.bytes[4 * i + k];
    };
    const uint32_t k = part(3), c = part(0), m = part(1), y = part(2);
    const uint32_t rgb[] = {c * k, m * k, y * k};
    for (size_t o = 0; o < 3; ++o) p.bytes[3 * i + o] = static_cast<uint8_t>((rgb[o] + 127) / 255);
  }
  p.bytes.resize(3 * n);
  p.channels = 3;
}

}  // namespace

Picture decode_jpeg(std::string_view bytes, int channels, const std::string& where) {
  if (bytes.substr(0, jpeg_magic.size()) != jpeg_magic)
    throw IOError(where + ": byte 0: is no JPEG");
  Decoder j(bytes);
  if (!read_header(j)) fail(j, where);
  Picture p;
  p.height = j.d.image_height;
  p.width = j.d.image_width;
  p.channels = j.d.num_components == 1 || j.d.num_components == 4 ? j.d.num_components : 3;
  check_claim(p.height, p.width, p.channels, p.height * p.width * p.channels,
              static_cast<int64_t>(bytes.size()), where);
  p.bytes.resize(static_cast<size_t>(p.height * p.width * p.channels));
  if (!read_pixels(j, p.bytes.data(), static_cast<size_t>(p.width * p.channels))) fail(j, where);
  if (p.channels == 4) from_cmyk(p, j.d.saw_Adobe_marker);
  if (channels == 1) to_gray(p);
  if (channels == 3) repeat_gray(p);
  return p;
}

}  // namespace regrad::detail
