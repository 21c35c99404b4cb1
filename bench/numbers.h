// Numbers that are the same in any language with 32-bit unsigned arithmetic, so that every peer
// starts from the same bits.
#pragma once

#include <cstdint>
#include <vector>

#include <regrad/engine/tensor.h>

namespace regrad::bench {

// The i-th of stream `id`, in [0, 1), exact in f32: the murmur3 finaliser of a counter, 24 bits of
// it.
inline float unit(uint32_t id, uint32_t i) {
  uint32_t h = i + id * 0x9E3779B9u;
  h ^= h >> 16;
  h *= 0x85EBCA6Bu;
  h ^= h >> 13;
  h *= 0xC2B2AE35u;
  h ^= h >> 16;
  return static_cast<float>(h >> 8) * 0x1p-24f;
}

// (2u - 1) bound, row-major, each operation rounded to f32.
inline Tensor fill(uint32_t id, const Shape& sizes, float bound) {
  std::vector<float> v(static_cast<size_t>(sizes.numel()));
  for (size_t i = 0; i < v.size(); ++i) v[i] = (2 * unit(id, static_cast<uint32_t>(i)) - 1) * bound;
  return from_data(v.data(), sizes, DType::f32);
}

}  // namespace regrad::bench
