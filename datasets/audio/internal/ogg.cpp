#include <regrad/datasets/audio/internal/ogg.h>
#include <regrad/engine/error.h>

#include <array>
#include <cstdint>

namespace regrad::detail {
namespace {

constexpr size_t page_header = 27;
constexpr int begins = 2, ends = 4;                   // flags: a stream's first page, and its last
constexpr std::string_view skeleton("fishead\0", 8);  // a stream that only describes the others

uint32_t little_endian(std::string_view four) {
  uint32_t v = 0;
  for (int i = 3; i >= 0; --i)
    v = v << 8 | static_cast<unsigned char>(four[static_cast<size_t>(i)]);
  return v;
}

std::string byte(const std::string& where, size_t at) {
  return where + ": byte " + std::to_string(at) + ": ";
}

// The checksum of an OGG page (RFC 3533): CRC-32 of 0x04c11db7, highest bit first, from 0, over the
// page with zeros in the checksum's place.
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

// "OggS", version, flags, position (8 bytes), the stream's number, 4 bytes, checksum, n, n sizes,
// the bytes they add up to.
struct Page {
  size_t end;
  int flags;
  uint32_t stream;
  std::string_view body;
};
Page read_page(std::string_view bytes, size_t at, const std::string& where) {
  if (bytes.size() - at < page_header) throw IOError(byte(where, at) + "an OGG page is cut");
  if (bytes.substr(at, 4) != "OggS")
    throw IOError(byte(where, at) + "no OGG page where one should begin");
  const size_t sizes = static_cast<unsigned char>(bytes[at + 26]), body = at + page_header + sizes;
  size_t end = body;
  for (size_t i = 0; i < sizes && at + page_header + i < bytes.size(); ++i)
    end += static_cast<unsigned char>(bytes[at + page_header + i]);
  if (end > bytes.size())
    throw IOError(byte(where, at) + "an OGG page goes on after the file's end: cut");
  if (page_crc(bytes.substr(at, end - at)) != little_endian(bytes.substr(at + 22, 4)))
    throw IOError(byte(where, at) + "an OGG page's checksum differs from its bytes'");
  return {end, bytes[at + 5], little_endian(bytes.substr(at + 14, 4)),
          bytes.substr(body, end - body)};
}

}  // namespace

std::vector<Piece> ogg_pieces(std::string_view bytes, size_t start, const std::string& where) {
  std::vector<Piece> out;
  bool open = false, ended = false;  // the sound's stream has begun; its last page was there
  uint32_t stream = 0;
  size_t from = start;
  const auto finish = [&](size_t at) {
    if (!ended) throw IOError(byte(where, at) + "the OGG file ends without a last page: cut");
    out.push_back({bytes.substr(from, at - from), "",
                   from == start ? where : where + ": byte " + std::to_string(from)});
    from = at, open = ended = false;
  };
  for (size_t at = start; at < bytes.size();) {
    const Page page = read_page(bytes, at, where);
    const bool describes = page.body.substr(0, skeleton.size()) == skeleton;
    if ((page.flags & begins) && ended) finish(at);
    if ((page.flags & begins) && !describes) {
      if (open && page.stream != stream)
        throw IOError(byte(where, at) +
                      "the OGG holds two streams side by side; write the sound to a file of its "
                      "own (`ffmpeg -i in -map 0:a:0 out.ogg`)");
      if (open)
        throw IOError(byte(where, at) + "another OGG begins where the first has no last page: cut");
      open = true, stream = page.stream;
    }
    if ((page.flags & ends) && page.stream == stream) ended = true;
    at = page.end;
  }
  finish(bytes.size());
  return out;
}

}  // namespace regrad::detail
