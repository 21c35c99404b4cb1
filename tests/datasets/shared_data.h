// The real data sets beside the checkout, ../shared/data. Tests that need one are of the suite
// "shared data", which ctest runs by itself (SHARED_DATA in ../CMakeLists.txt): without the file
// they are reported as skipped; where the folder is and CI says so, they fail instead.
//
//   TEST_CASE("the real files" * doctest::test_suite("shared data")) {
//     if (!has_shared_data("cora.content.gz")) return;
#pragma once

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "../skipped.h"

namespace regrad::test {

inline std::string shared_data(const std::string& file) {
  return std::string(REGRAD_SHARED_DATA) + "/" + file;
}

// REGRAD_DATA=required, or CI=true where there is such a folder at all.
inline bool data_required() {
  const char *data = std::getenv("REGRAD_DATA"), *ci = std::getenv("CI");
  return (data && std::string(data) == "required") ||
         (ci && std::string(ci) == "true" && std::filesystem::exists(shared_data("")));
}

inline bool has_shared_data(const std::string& file) {
  if (std::filesystem::exists(shared_data(file))) return true;
  if (data_required()) FAIL("../shared/data/" << file << " is not there, and must be");
  MESSAGE("skipped: ../shared/data/" << file << " is not there");
  ++skipped();
  return false;
}

}  // namespace regrad::test
