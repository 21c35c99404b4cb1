// OGG files as pages. Internal to the readers.
#pragma once

#include <regrad/datasets/audio/internal/container.h>

namespace regrad::detail {

// container.h's pieces of a file whose bytes from `start` on begin with "OggS".
std::vector<Piece> ogg_pieces(std::string_view bytes, size_t start, const std::string& where);

}  // namespace regrad::detail
