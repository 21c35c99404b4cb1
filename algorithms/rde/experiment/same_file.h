// Whether two paths are of one file, which would be read and written, or written twice.
#pragma once

#include <filesystem>
#include <string>

namespace regrad::rde {

// False where one is empty. Of files that are not there, by their paths alone.
inline bool same_file(const std::string& a, const std::string& b) {
  if (a.empty() || b.empty()) return false;
  std::error_code none;
  return std::filesystem::weakly_canonical(a, none) == std::filesystem::weakly_canonical(b, none) ||
         std::filesystem::equivalent(a, b, none);
}

}  // namespace regrad::rde
