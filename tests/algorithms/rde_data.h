// Data and figures that tests/golden/rde.py has too.
#pragma once

#include <regrad/engine/parallel.h>
#include <regrad/engine/tensor.h>

#include <cmath>
#include <cstdint>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "../unit.h"

namespace regrad::test {

using Numbers = std::vector<double>;

// Sums of four of them, of mean 0 and variance 1.
inline Numbers bell(uint32_t stream, int64_t n, int64_t p) {
  Numbers x(static_cast<size_t>(n * p));
  for (size_t i = 0; i < x.size(); ++i) {
    const auto k = static_cast<uint32_t>(4 * i);
    x[i] = (unit(stream, k) + unit(stream, k + 1) + unit(stream, k + 2) + unit(stream, k + 3) - 2) *
           std::sqrt(3.0);
  }
  return x;
}

// Columns of growing deviation, each with half of the one before; the first rows ten times as far
// out.
inline Numbers mixed(uint32_t stream, int64_t n, int64_t p, int64_t outliers) {
  Numbers x = bell(stream, n, p);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 1; j < p; ++j) {
      double& v = x[static_cast<size_t>(i * p + j)];
      v = v * static_cast<double>(1 + j) + 0.5 * x[static_cast<size_t>(i * p + j - 1)];
    }
  for (size_t i = 0; i < static_cast<size_t>(outliers * p); ++i) x[i] *= 10;
  return x;
}

inline Tensor matrix(const Numbers& x, int64_t n, int64_t p) {
  return tensor(x, {n, p}, DType::f64);
}

inline const Numbers& golden(const std::string& name) {
  static const auto all = [] {
    std::map<std::string, Numbers> out;
    std::ifstream file(REGRAD_GOLDEN_RDE);
    for (std::string line; std::getline(file, line);) {
      std::istringstream words(line);
      std::string key;
      words >> key;
      for (double v; words >> v;) out[key].push_back(v);
    }
    return out;
  }();
  return all.at(name);
}

// Bit i of numbers of 16 bits each.
inline bool bit(const Numbers& bits, int64_t i) {
  return static_cast<int>(bits[static_cast<size_t>(i / 16)]) >> (i % 16) & 1;
}

inline double furthest(const Numbers& a, const Numbers& b) {
  if (a.size() != b.size()) return 1e300;
  double out = 0;
  for (size_t i = 0; i < a.size(); ++i) out = std::max(out, std::abs(a[i] - b[i]));
  return out;
}
inline Numbers absolute(Numbers a) {
  for (double& v : a) v = std::abs(v);
  return a;
}

// What f() gives on 1, 2, 3 and 5 threads is the same.
template <class F>
bool same_on_any_threads(F&& f) {
  const int before = num_threads();
  set_num_threads(1);
  const auto one = f();
  bool same = true;
  for (const int n : {2, 3, 5}) {
    set_num_threads(n);
    same = same && f() == one;
  }
  set_num_threads(before);
  return same;
}

}  // namespace regrad::test
