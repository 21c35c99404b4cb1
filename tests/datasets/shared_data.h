// The real data sets beside the checkout, ../shared/data: tests that need one end with a line that
// reports where it is missing.
#pragma once

#include <doctest/doctest.h>

#include <filesystem>
#include <string>

namespace regrad::test {

inline std::string shared_data(const std::string& file) {
  return std::string(REGRAD_SHARED_DATA) + "/" + file;
}

inline bool has_shared_data(const std::string& file) {
  if (std::filesystem::exists(shared_data(file))) return true;
  MESSAGE("skipped: ../shared/data/" << file << " is not there");
  return false;
}

}  // namespace regrad::test
