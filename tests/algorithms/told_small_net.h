// The net of told_net.h in the library, batches for it, and how far two lists of numbers are apart.
#pragma once

#include <regrad/layers/linear.h>
#include <regrad/layers/norm.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "told_net.h"

namespace regrad::test {

constexpr auto f64 = DType::f64;

struct SmallNet {  // told_net.h's
  Linear first{Random(41), told::inputs, told::wide, false, f64},
      second{Random(42), told::wide, told::narrow, false, f64},
      last{Random(43), told::narrow, told::classes, true, f64};
  BatchNorm norm{told::wide, BatchNorm::Track::running, f64};
  SmallNet() { norm.eps = told::eps; }
  Tensor operator()(const Tensor& x, Context& ctx) const {
    return last(tanh(second(tanh(norm(first(x, ctx), ctx)), ctx)), ctx);
  }
  static void parts(auto& self, auto&& part) {
    part("first", self.first);
    part("norm", self.norm);
    part("second", self.second);
    part("last", self.last);
  }
};

inline told::V inputs(int i) {
  told::V x;
  for (int j = 0; j < told::rows * told::inputs; ++j)
    x.push_back(std::sin(1.3 * i + 2.1 * j) + 0.4 * std::cos(0.7 * j * j));
  return x;
}
inline std::vector<int> labels(int i) {
  std::vector<int> y;
  for (int n = 0; n < told::rows; ++n) y.push_back((n * n + n + i) % told::classes);
  return y;
}
// The largest difference, as a share of the largest number.
inline double apart(const told::V& a, const told::V& b) {
  if (a.size() != b.size()) return 1e300;
  double most = 1e-3, off = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    most = std::max(most, std::abs(b[i])), off = std::max(off, std::abs(a[i] - b[i]));
    if (!std::isfinite(a[i] - b[i])) return 1e300;
  }
  return off / most;
}

}  // namespace regrad::test
