#include <regrad/algorithms/experiment/chart.h>
#include <regrad/algorithms/experiment/picture.h>
#include <regrad/engine/error.h>

#include <algorithm>
#include <array>
#include <cstdint>

namespace regrad::experiment {
namespace {

constexpr const char* kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

uint32_t byte_at(std::string_view bytes, size_t i) { return static_cast<unsigned char>(bytes[i]); }

std::string big_endian(uint32_t v) {
  std::string out;
  for (int shift : {24, 16, 8, 0}) out += static_cast<char>(v >> shift & 255);
  return out;
}
std::string little_endian_16(size_t v) {
  return {static_cast<char>(v & 255), static_cast<char>(v >> 8 & 255)};
}

// PNG's CRC-32: polynomial 0xEDB88320, reflected.
uint32_t crc32(std::string_view bytes) {
  uint32_t c = 0xFFFFFFFFu;
  for (size_t i = 0; i < bytes.size(); ++i) {
    c ^= byte_at(bytes, i);
    for (int k = 0; k < 8; ++k) c = (c & 1) ? 0xEDB88320u ^ c >> 1 : c >> 1;
  }
  return ~c;
}

uint32_t adler32(std::string_view bytes) {
  uint32_t a = 1, b = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    a = (a + byte_at(bytes, i)) % 65521;
    b = (b + a) % 65521;
  }
  return b << 16 | a;
}

// zlib's form of bytes that are not compressed: blocks of at most 65,535.
std::string stored(std::string_view bytes) {
  std::string out = "\x78\x01";
  constexpr size_t most = 65535;
  for (size_t at = 0; at == 0 || at < bytes.size(); at += most) {
    const size_t n = std::min(most, bytes.size() - at);
    out += static_cast<char>(at + n == bytes.size());
    out += little_endian_16(n) + little_endian_16(~n & 0xFFFF);
    out += bytes.substr(at, n);
  }
  return out + big_endian(adler32(bytes));
}

std::string png_chunk(const std::string& kind, const std::string& data) {
  const std::string body = kind + data;
  return big_endian(static_cast<uint32_t>(data.size())) + body + big_endian(crc32(body));
}

}  // namespace

std::string to_png(const Picture& p) {
  const bool fits = p.width > 0 && p.height > 0 && (p.channels == 1 || p.channels == 3) &&
                    p.pixels.size() == static_cast<size_t>(p.width) *
                                           static_cast<size_t>(p.height) *
                                           static_cast<size_t>(p.channels);
  if (!fits) {
    throw ShapeError("to_png: " + std::to_string(p.pixels.size()) + " bytes for " +
                     std::to_string(p.width) + " x " + std::to_string(p.height) + " pixels of " +
                     std::to_string(p.channels) + " channels");
  }
  const size_t row = static_cast<size_t>(p.width) * static_cast<size_t>(p.channels);
  std::string lines;
  // filter 0
  for (size_t at = 0; at < p.pixels.size(); at += row) lines += '\0' + p.pixels.substr(at, row);
  const std::string kind = {8, static_cast<char>(p.channels == 3 ? 2 : 0), 0, 0, 0};
  return "\x89PNG\r\n\x1a\n" +
         png_chunk("IHDR", big_endian(static_cast<uint32_t>(p.width)) +
                               big_endian(static_cast<uint32_t>(p.height)) + kind) +
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
  std::array<int, 256> value{};
  value.fill(-1);
  for (int i = 0; i < 64; ++i) value[static_cast<unsigned char>(kDigits[i])] = i;
  if (text.size() % 4 != 0)
    throw IOError("base64: " + std::to_string(text.size()) + " characters, not a multiple of 4");
  std::string out;
  for (size_t at = 0; at < text.size(); at += 4) {
    const bool last = at + 4 == text.size();
    const size_t padding = !last || text[at + 3] != '=' ? 0 : text[at + 2] != '=' ? 1 : 2;
    uint32_t word = 0;
    for (size_t k = 0; k < 4; ++k) {
      const int digit = k < 4 - padding ? value[byte_at(text, at + k)] : 0;
      if (digit < 0) throw IOError("base64: no digit at character " + std::to_string(at + k));
      word = word << 6 | static_cast<uint32_t>(digit);
    }
    for (size_t k = 0; k < 3 - padding; ++k) out += static_cast<char>(word >> (16 - 8 * k) & 255);
  }
  return out;
}

std::string to_html(const Gallery& gallery) {
  std::string out;
  for (const Picture& p : gallery.pictures) {
    const char* mark = p.mark == Picture::right   ? " class=\"right\""
                       : p.mark == Picture::wrong ? " class=\"wrong\""
                                                  : "";
    const std::string caption = escaped(p.caption);
    out += std::string("<figure") + mark + "><img alt=\"" + caption +
           "\" src=\"data:image/png;base64," + to_base64(to_png(p)) + "\"/><figcaption>" + caption +
           "</figcaption></figure>\n";
  }
  return out;
}

}  // namespace regrad::experiment
