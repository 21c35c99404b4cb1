#include <regrad/datasets/audio/internal/container.h>
#include <regrad/datasets/audio/internal/ogg.h>
#include <regrad/datasets/audio/internal/wav.h>
#include <regrad/engine/error.h>

#include <algorithm>
#include <utility>

namespace regrad::detail {
namespace {

// then STREAMINFO's 34 bytes
constexpr std::string_view flac_magic = "fLaC", flac_start("fLaC\0\0\0\x22", 8),
                           flac_only("fLaC\x80\0\0\x22", 8);
constexpr size_t id3_header = 10;

uint32_t big_endian(std::string_view bytes, size_t at, int n) {
  uint32_t v = 0;
  for (int i = 0; i < n; ++i)
    v = v << 8 | static_cast<unsigned char>(bytes[at + static_cast<size_t>(i)]);
  return v;
}

// Bytes of the ID3v2 tags at the start: "ID3", version, flags (16: a footer of 10 bytes more), a
// size in four times 7 bits.
size_t id3_bytes(std::string_view bytes) {
  size_t at = 0;
  while (bytes.size() - at >= id3_header && bytes.substr(at, 3) == "ID3") {
    uint32_t size = 0;
    for (size_t i = 6; i < id3_header; ++i)
      size = size << 7 | (static_cast<unsigned char>(bytes[at + i]) & 127);
    const size_t whole = id3_header + size + ((bytes[at + 5] & 16) ? id3_header : 0);
    if (whole > bytes.size() - at) return at;
    at += whole;
  }
  return at;
}

// STREAMINFO's 36 bits of length, from the middle of byte 21 on, taken out, so that what the file
// holds is counted, its header is not trusted.
Piece without_length(Piece p) {
  constexpr size_t middle = 21, whole = 42;
  const std::string_view start = p.bytes.substr(0, flac_start.size());
  if (p.bytes.size() < whole || (start != flac_start && start != flac_only)) return p;
  p.frames = int64_t{big_endian(p.bytes, middle, 1) & 15} << 32 |
             int64_t{big_endian(p.bytes, middle + 1, 4)};
  if (p.frames == 0) return p;
  p.mended = p.bytes;
  p.mended[middle] = static_cast<char>(p.mended[middle] & 0xf0);
  p.mended.replace(middle + 1, 4, 4, '\0');
  return p;
}

// Metadata blocks: type (128: the last one), size u24, bytes. A second "fLaC" with its STREAMINFO
// behind them begins another sound.
std::vector<Piece> flac_pieces(std::string_view bytes, size_t start, const std::string& where) {
  std::vector<Piece> out;
  for (size_t at = start; at < bytes.size();) {
    size_t end = at + flac_magic.size();
    for (bool last = false; !last;) {
      if (bytes.size() - end < 4)
        throw IOError(where + ": byte " + std::to_string(end) + ": the FLAC's metadata are cut");
      last = (bytes[end] & 128) != 0;
      const uint32_t size = big_endian(bytes, end + 1, 3);
      if (size > bytes.size() - end - 4)
        throw IOError(where + ": byte " + std::to_string(end) +
                      ": a block of the FLAC's metadata goes on after the file's end: cut");
      end += 4 + size;
    }
    const size_t next =
        std::min<size_t>({bytes.find(flac_start, end), bytes.find(flac_only, end), bytes.size()});
    out.push_back(without_length({bytes.substr(at, next - at), "",
                                  at == start ? where : where + ": byte " + std::to_string(at)}));
    at = next;
  }
  return out;
}

// How files of other formats begin.
constexpr std::pair<std::string_view, const char*> others[] = {
    {"ID3", "an MP3"},  {"RIFX", "a big-endian WAV"}, {"riff", "a Wave64"},
    {"BW64", "a BW64"}, {"FORM", "an AIFF"},          {"caff", "a CAF"},
    {".snd", "an AU"}};

[[noreturn]] void refuse(std::string_view start, bool tag, const std::string& where) {
  std::string what;
  for (const auto& [magic, name] : others)
    if (start.substr(0, magic.size()) == magic) what = name;
  if (start.size() > 8 && start.substr(4, 4) == "ftyp") what = "an MP4";
  if (tag || (start.size() > 1 && start[0] == '\xff' && (start[1] & 0xe0) == 0xe0)) what = "an MP3";
  if (!what.empty())
    what = " but seems to be " + what +
           "; `sox in out.wav` or `ffmpeg -i in out.wav` makes one that is read";
  throw IOError(where + ": byte 0: is no WAV, FLAC or OGG file" + what);
}

}  // namespace

std::vector<Piece> pieces_of(std::string_view bytes, const std::string& where) {
  if (bytes.empty()) throw IOError(where + ": byte 0: an empty file");
  const size_t start = id3_bytes(bytes);
  const std::string_view magic = bytes.substr(start, 4);
  if (magic == "RIFF" || magic == "RF64") return wav_pieces(bytes, start, where);
  if (magic == "OggS") return ogg_pieces(bytes, start, where);
  if (magic == flac_magic) return flac_pieces(bytes, start, where);
  refuse(bytes.substr(start), start > 0, where);
}

}  // namespace regrad::detail
