// What libsndfile does not say: whether a WAV, FLAC or OGG file is whole. Internal to the readers.
#pragma once

#include <string>
#include <string_view>

namespace regrad::detail {

// IOError beginning with `where` and naming the byte: none of the three formats by its first bytes, a WAV without format or data or whose data end
// before they should, OGG pages that are cut, whose checksum differs, or whose
// last one is not marked as the end. A WAV whose data claim 2^32 - 1 bytes (a writer that could
// not seek) goes on to its end.
void check_container(std::string_view bytes, const std::string& where);

}  // namespace regrad::detail
