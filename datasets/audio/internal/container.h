// What libsndfile does not report: whether a WAV, FLAC or OGG file is whole, and of what sounds it
// is made. Internal to the readers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace regrad::detail {

// One sound of a file, as libsndfile reads it to its end.
struct Piece {
  std::string_view bytes;  // of the file, or of `mended`
  // a WAV of unknown length with its true sizes, a FLAC without a length; empty: the file's bytes
  // are right
  std::string mended = {};
  std::string where;  // begins messages: the file's, and the byte where a later piece begins
  // of a FLAC's header: libsndfile stops there, whatever comes; 0: not given
  int64_t frames = 0;
};

// The sounds that stand one after the other in a file: of a chained OGG, of WAVs or FLACs that were
// put together; mostly one. An ID3 tag in front is passed over. WAV: RIFF or RF64; the data of a
// writer that could not seek back (sizes 0, 0x7ffff000 to 0x80000000 or 0xfffff000 and more) go on
// to the end.
// IOError beginning with `where` and naming the byte: none of the three formats by its first bytes;
// a WAV without format or data, whose data end before they should or within a frame, that has data
// twice, or behind which more lies that is no chunk; a FLAC whose metadata are cut; OGG pages that
// are cut, whose checksum differs, or whose last one is not marked as the end, and streams side by
// side.
std::vector<Piece> pieces_of(std::string_view bytes, const std::string& where);

}  // namespace regrad::detail
