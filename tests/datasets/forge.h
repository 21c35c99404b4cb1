// Files made by hand, so that everything in them can be forged.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace regrad::test {

inline uint32_t crc32(const std::string& bytes) {
  uint32_t crc = ~0u;
  for (const char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int i = 0; i < 8; ++i) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
  }
  return ~crc;
}
inline std::string le(uint64_t v, int n) {
  std::string out;
  for (int i = 0; i < n; ++i) out += static_cast<char>(v >> 8 * i & 255);
  return out;
}

// A zip of stored entries.
struct Entry {
  std::string name, bytes;
  uint16_t flags = 0;
  int64_t size = -1;  // claimed
  int64_t crc = -1;   // claimed
  int same_as = -1;   // its local header is that of another entry
};
inline std::string zip(const std::vector<Entry>& entries) {
  std::string out, directory;
  std::vector<size_t> starts;
  for (const Entry& e : entries) {
    const uint64_t size = e.size >= 0 ? static_cast<uint64_t>(e.size) : e.bytes.size();
    const uint64_t crc = e.crc >= 0 ? static_cast<uint64_t>(e.crc) : crc32(e.bytes);
    const std::string about = le(20, 2) + le(e.flags, 2) + le(0, 2) + le(0x00210000, 4) +
                              le(crc, 4) + le(size, 4) + le(size, 4) + le(e.name.size(), 2) +
                              le(0, 2);
    starts.push_back(e.same_as >= 0 ? starts[static_cast<size_t>(e.same_as)] : out.size());
    if (e.same_as < 0) out += "PK\x03\x04" + about + e.name + e.bytes;
    directory += "PK\x01\x02" + le(20, 2) + about + le(0, 2) + le(0, 2) + le(0, 2) + le(0, 4) +
                 le(starts.back(), 4) + e.name;
  }
  return out + directory + "PK\x05\x06" + le(0, 4) + le(entries.size(), 2) + le(entries.size(), 2) +
         le(directory.size(), 4) + le(out.size(), 4) + le(0, 2);
}

// Big-endian, as IDX and PNG have it.
inline std::string be(uint64_t v, int n) {
  std::string out;
  for (int i = n - 1; i >= 0; --i) out += static_cast<char>(v >> 8 * i & 255);
  return out;
}

// A zlib stream of stored blocks.
inline std::string stored(const std::string& bytes) {
  std::string out = "\x78\x01";
  for (size_t at = 0; at == 0 || at < bytes.size(); at += 65535) {
    const std::string block = bytes.substr(at, 65535);
    out += static_cast<char>(at + 65535 >= bytes.size());
    out += le(block.size(), 2) + le(~block.size() & 0xffff, 2) + block;
  }
  uint32_t a = 1, b = 0;  // Adler-32
  for (const char c : bytes) {
    a = (a + static_cast<unsigned char>(c)) % 65521;
    b = (b + a) % 65521;
  }
  return out + be(b << 16 | a, 4);
}

inline std::string png_chunk(const std::string& type, const std::string& data) {
  return be(data.size(), 4) + type + data + be(crc32(type + data), 4);
}
// colour: 0 gray, 2 RGB, 4 gray and alpha, 6 RGB and alpha; rows: each of them its packed pixels.
inline std::string png(uint32_t height, uint32_t width, int depth, int colour,
                       const std::vector<std::string>& rows) {
  std::string data;
  for (const std::string& row : rows) data += std::string(1, '\0') + row;
  std::string header = be(width, 4) + be(height, 4);
  header += {static_cast<char>(depth), static_cast<char>(colour), '\0', '\0', '\0'};
  return "\x89PNG\r\n\x1a\n" + png_chunk("IHDR", header) + png_chunk("IDAT", stored(data)) +
         png_chunk("IEND", "");
}

}  // namespace regrad::test
