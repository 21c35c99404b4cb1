// Features that tests and golden/sdssl.py share, and the golden numbers.
#pragma once

#include <regrad/engine/io/files.h>
#include <regrad/engine/tensor.h>

#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "../unit.h"

namespace regrad::test {

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
