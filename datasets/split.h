// A split for sets that come without one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace regrad {

// Which examples are for test: of each class the share, rounded, whose names have the least hash
// (FNV-1a of "seed/name"), at least one and at most all but one. So a file keeps its part whatever
// lies beside it, as far as the counts allow, and on every machine. ConfigError: a share outside
// (0, 1), names and labels of two sizes; IOError naming `where`: a class of fewer than two
// examples.
std::vector<bool> test_by_name(const std::vector<std::string>& names,
                               const std::vector<int64_t>& labels, const std::string& where,
                               double share = 0.2, uint64_t seed = 0);

}  // namespace regrad
