#include <fmt/format.h>
#include <regrad/algorithms/experiment/chart.h>
#include <regrad/algorithms/experiment/picture.h>
#include <regrad/engine/error.h>

#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <new>

namespace regrad::experiment {
namespace {

constexpr std::string_view kDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

uint32_t byte_at(std::string_view bytes, size_t i) { return static_cast<unsigned char>(bytes[i]); }
const Bytef* bytes_of(const std::string& text) {
  return reinterpret_cast<const Bytef*>(text.data());
}

std::string big_endian(uint64_t v) {
  std::string out;
  for (int shift : {24, 16, 8, 0}) out += static_cast<char>(v >> shift & 255);
  return out;
}

// zlib's form of bytes that are not compressed.
std::string stored(const std::string& bytes) {
  uLongf size = compressBound(bytes.size());
  std::string out(size, '\0');
  if (compress2(reinterpret_cast<Bytef*>(out.data()), &size, bytes_of(bytes), bytes.size(),
                Z_NO_COMPRESSION) != Z_OK)
    throw std::bad_alloc();  // no other failure is possible
  return out.substr(0, size);
}

std::string png_chunk(const std::string& kind, const std::string& data) {
  const std::string body = kind + data;
  return big_endian(data.size()) + body +
         big_endian(crc32(0, bytes_of(body), static_cast<uInt>(body.size())));
}

}  // namespace

std::string to_png(const Picture& p) {
  const bool sizes = p.width > 0 && p.height > 0 && (p.channels == 1 || p.channels == 3);
  const size_t row = sizes ? static_cast<size_t>(p.width) * static_cast<size_t>(p.channels) : 0;
  if (!sizes || p.pixels.size() != row * static_cast<size_t>(p.height))
    throw ShapeError(fmt::format("to_png: {} bytes for {} x {} pixels of {} channels",
                                 p.pixels.size(), p.width, p.height, p.channels));
  std::string lines;
  // filter 0
  for (size_t at = 0; at < p.pixels.size(); at += row) lines += '\0' + p.pixels.substr(at, row);
  const std::string kind = {8, static_cast<char>(p.channels == 3 ? 2 : 0), 0, 0, 0};
  return "\x89PNG\r\n\x1a\n" +
         png_chunk("IHDR", big_endian(row / static_cast<size_t>(p.channels)) +
                               big_endian(p.pixels.size() / row) + kind) +
         png_chunk("IDAT", stored(lines)) + png_chunk("IEND", "");
}

std::string to_base64(std::string_view bytes) {
  std::string out;
  for (size_t at = 0; at < bytes.size(); at += 3) {
    const size_t n = std::min<size_t>(3, bytes.size() - at);
    uint32_t word = 0;
    for (size_t k = 0; k < 3; ++k) word = word << 8 | (k < n ? byte_at(bytes, at + k) : 0);
    for (size_t k = 0; k < 4; ++k) out += k <= n ? kDigits[word >> (18 - 6 * k) & 63] : '=';
  }
  return out;
}

std::string from_base64(std::string_view text) {
  if (text.size() % 4 != 0)
    throw IOError("base64: " + std::to_string(text.size()) + " characters, not a multiple of 4");
  const size_t padding = text.size() - (text.find_last_not_of('=') + 1);
  const size_t digits = text.size() - std::min<size_t>(padding, 2);
  std::string out;
  uint32_t word = 0;
  for (size_t i = 0; i < digits; ++i) {
    const size_t digit = kDigits.find(text[i]);
    if (digit == std::string_view::npos)
      throw IOError("base64: no digit at character " + std::to_string(i));
    word = word << 6 | static_cast<uint32_t>(digit);
    if (i % 4 > 0) out += static_cast<char>(word >> (6 - 2 * (i % 4)) & 255);
  }
  return out;
}

std::string to_html(const Gallery& gallery) {
  std::string shown, rest;
  int widest = 0;
  for (const Picture& p : gallery.pictures) widest = std::max(widest, p.width);
  for (size_t i = 0; i < gallery.pictures.size(); ++i) {
    const Picture& p = gallery.pictures[i];
    const char* marks[] = {"", " class=\"right\"", " class=\"wrong\""};
    (i < kPicturesShown ? shown : rest) += fmt::format(
        "<figure{0}><img alt=\"{1}\" "
        "src=\"data:image/png;base64,{2}\"/><figcaption>{1}</figcaption>"
        "</figure>\n",
        marks[p.mark], escaped(p.caption), to_base64(to_png(p)));
  }
  const std::string open = fmt::format("<div class=\"gallery{}\">\n", widest > 256 ? " wide" : "");
  if (rest.empty()) return open + shown + "</div>\n";
  return open + shown +
         fmt::format("</div>\n<details><summary>{} more pictures</summary>\n",
                     gallery.pictures.size() - kPicturesShown) +
         open + rest + "</div>\n</details>\n";
}

}  // namespace regrad::experiment
