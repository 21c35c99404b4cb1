// Features that tests and golden/sdssl.py share, and the golden numbers.
#pragma once

#include <regrad/engine/io/files.h>
#include <regrad/engine/tensor.h>

#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace regrad::test {

// The i-th number of a stream, in [0, 1), exact in f32.
inline double unit(uint32_t stream, uint32_t i) {
  uint32_t h = i + stream * 0x9E3779B9u;
  h ^= h >> 16;
  h *= 0x85EBCA6Bu;
  h ^= h >> 13;
  h *= 0xC2B2AE35u;
  h ^= h >> 16;
  return static_cast<double>(h >> 8) * 0x1p-24;
}

inline Tensor features(uint32_t stream, const Shape& sizes, DType t = DType::f64) {
  std::vector<double> x;
  for (int64_t i = 0; i < sizes.numel(); ++i)
    x.push_back(unit(stream, static_cast<uint32_t>(i)) - 0.5);
  return tensor(x, sizes, t);
}

// The row's number by `classes`.
inline Tensor classes_of(int64_t n, int64_t classes = 3) {
  std::vector<int64_t> y;
  for (int64_t i = 0; i < n; ++i) y.push_back(i % classes);
  return tensor(y);
}

inline std::map<std::string, std::vector<double>> golden_sdssl() {
  std::map<std::string, std::vector<double>> out;
  std::istringstream text(read_file(REGRAD_GOLDEN_SDSSL));
  for (std::string line; std::getline(text, line);) {
    std::istringstream words(line);
    std::string name;
    words >> name;
    for (double v = 0; words >> v;) out[name].push_back(v);
  }
  return out;
}

}  // namespace regrad::test
