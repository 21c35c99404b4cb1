// SHA-1 (RFC 3174): how Speech Commands splits names, and how the cache names contents. Internal.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace regrad::detail {

using Sha1 = std::array<uint32_t, 5>;
Sha1 sha1(std::string_view bytes);
std::string hex(const Sha1& digest);  // 40 digits

}  // namespace regrad::detail
