// Bytes that a golden file writes as hexadecimal digits.
#pragma once

#include <string>

namespace regrad::test {

inline std::string from_hex(const std::string& hex) {
  std::string out;
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    out += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return out;
}

}  // namespace regrad::test
