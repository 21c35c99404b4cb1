// A split for sets that come without one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace regrad {

// Which examples are for test: those whose hash (of "seed/name", 64 bits) lies below the share of
// its range. So a file keeps its part whatever is laid beside it or taken away, and on every
// machine; the share holds on average. Of each class at least one and at most all but one, the
// least hashes first. ConfigError: a share outside (0, 1), names and labels of two sizes; IOError
// naming `where`: a class of fewer than two examples.
std::vector<bool> test_by_name(const std::vector<std::string>& names,
                               const std::vector<int64_t>& labels, const std::string& where,
                               double share = 0.2, uint64_t seed = 0);

}  // namespace regrad
