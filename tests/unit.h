// Numbers that C++ and Python make alike, for fixtures.
#pragma once

#include <cstdint>

namespace regrad::test {

// The i-th number of a stream, in [0, 1), 24 bits, exact in f32: the murmur3 finaliser of a counter
// (unit() of tests/golden/*.py).
inline double unit(uint32_t stream, uint32_t i) {
  uint32_t h = i + stream * 0x9E3779B9u;
  h ^= h >> 16;
  h *= 0x85EBCA6Bu;
  h ^= h >> 13;
  h *= 0xC2B2AE35u;
  h ^= h >> 16;
  return static_cast<double>(h >> 8) * 0x1p-24;
}

}  // namespace regrad::test
