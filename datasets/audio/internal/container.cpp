#include <regrad/datasets/audio/internal/container.h>
#include <regrad/engine/error.h>

#include <array>
#include <cstdint>

namespace regrad::detail {
namespace {

constexpr uint32_t unknown_size = 0xffffffff;

uint32_t little_endian(std::string_view bytes, size_t at, int n) {
  uint32_t v = 0;
  for (int i = n - 1; i >= 0; --i) v = v << 8 | static_cast<unsigned char>(bytes[at + static_cast<size_t>(i)]);
  return v;
}

std::string byte(const std::string& where, size_t at) { return where + ": byte " + std::to_string(at) + ": "; }

// channels u16 at 2, rate u32 at 4 of the format chunk.
void check_format(std::string_view bytes, size_t at, size_t size, const std::string& where) {
  if (size < 16 || bytes.size() - at < 16) throw IOError(byte(where, at) + "the WAV's format chunk is cut");
  if (little_endian(bytes, at + 2, 2) == 0) throw IOError(byte(where, at + 2) + "the WAV has 0 channels");
  if (little_endian(bytes, at + 4, 4) == 0) throw IOError(byte(where, at + 4) + "the WAV's rate is 0 Hz");
}

// "RIFF" size "WAVE", then chunks: name, size, bytes, a byte more where the size is odd.
void check_wav(std::string_view bytes, const std::string& where) {
  if (bytes.size() < 12 || bytes.substr(8, 4) != "WAVE") throw IOError(byte(where, 8) + "is no WAV file");
  bool format = false;
  for (size_t at = 12; bytes.size() - at >= 8;) {
    const std::string_view name = bytes.substr(at, 4);
    const uint32_t size = little_endian(bytes, at + 4, 4);
    const size_t start = at + 8, left = bytes.size() - start;
    if (name == "fmt ") check_format(bytes, start, size, where), format = true;
    if (name == "data") {
      if (!format) throw IOError(byte(where, at) + "the WAV's data come before their format");
      if (size > left && size != unknown_size)
        throw IOError(byte(where, at + 4) + "the WAV's data claim " + std::to_string(size) + " bytes, and " + std::to_string(left) +
                      " are left: cut");
      return;
    }
    if (size > left) throw IOError(byte(where, at + 4) + "a WAV chunk goes on after the file's end: cut");
    at = start + size + (size & 1);
    if (at > bytes.size()) break;
  }
  throw IOError(where + ": byte " + std::to_string(bytes.size()) + ": the WAV ends before its data");
}

// The checksum of an OGG page (RFC 3533): CRC-32 of 0x04c11db7, highest bit first, from 0, over the page with zeros in the checksum's place.
uint32_t page_crc(std::string_view page) {
  static constexpr auto table = [] {
    std::array<uint32_t, 256> t{};
    for (uint32_t i = 0; i < 256; ++i) {
      uint32_t c = i << 24;
      for (int k = 0; k < 8; ++k) c = c & 0x80000000 ? 0x04c11db7 ^ c << 1 : c << 1;
      t[i] = c;
    }
    return t;
  }();
  uint32_t crc = 0;
  for (size_t i = 0; i < page.size(); ++i) {
    const uint32_t byte_there = i >= 22 && i < 26 ? 0 : static_cast<unsigned char>(page[i]);
    crc = crc << 8 ^ table[(crc >> 24 ^ byte_there) & 255];
  }
  return crc;
}

// Pages: "OggS", version, flags (4: the stream's last page), 20 bytes, n, n sizes, the bytes they add up to.
void check_ogg(std::string_view bytes, const std::string& where) {
  bool ended = false;
  for (size_t at = 0; at < bytes.size();) {
    if (bytes.size() - at < 27) throw IOError(byte(where, at) + "an OGG page is cut");
    if (bytes.substr(at, 4) != "OggS") throw IOError(byte(where, at) + "no OGG page where one should begin");
    const auto sizes = static_cast<unsigned char>(bytes[at + 26]);
    size_t end = at + 27 + sizes;
    for (size_t i = 0; i < sizes && at + 27 + i < bytes.size(); ++i) end += static_cast<unsigned char>(bytes[at + 27 + i]);
    if (end > bytes.size()) throw IOError(byte(where, at) + "an OGG page goes on after the file's end: cut");
    if (page_crc(bytes.substr(at, end - at)) != little_endian(bytes, at + 22, 4))
      throw IOError(byte(where, at) + "an OGG page's checksum differs from its bytes'");
    ended = (bytes[at + 5] & 4) != 0;
    at = end;
  }
  if (!ended) throw IOError(byte(where, bytes.size()) + "the OGG file ends without a last page: cut");
}

}  // namespace

void check_container(std::string_view bytes, const std::string& where) {
  if (bytes.empty()) throw IOError(where + ": byte 0: an empty file");
  const std::string_view magic = bytes.substr(0, 4);
  if (magic == "RIFF") return check_wav(bytes, where);
  if (magic == "OggS") return check_ogg(bytes, where);
  if (magic != "fLaC") throw IOError(where + ": byte 0: is no WAV, FLAC or OGG file");
}

}  // namespace regrad::detail
