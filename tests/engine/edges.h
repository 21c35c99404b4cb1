// What the tests of small inputs share.
#pragma once

#include <doctest/doctest.h>

#include <regrad/engine/autograd.h>
#include <regrad/engine/functional.h>

#include <cmath>
#include <functional>
#include <limits>
#include <vector>

namespace regrad::test {

using Numbers = std::vector<double>;
using F = std::function<Tensor(const Tensor&)>;
constexpr double inf = std::numeric_limits<double>::infinity();

// Relative to each number; NaN is equal to NaN.
inline bool near(const Numbers& a, const Numbers& b, double by = 1e-6) {
  bool all = a.size() == b.size();
  for (size_t i = 0; all && i < a.size(); ++i)
    all = a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i])) ||
          std::abs(a[i] - b[i]) <= by * std::abs(b[i]);
  if (!all)
    MESSAGE(str(tensor(a, {int64_t(a.size())}, DType::f64)), " and ",
            str(tensor(b, {int64_t(b.size())}, DType::f64)));
  return all;
}

// The sum of f's k-th derivative's sum's ... gradient: order 1 is the gradient of sum f, order 2
// that of the sum of that.
inline Numbers derivative(const F& f, const Tensor& at, int order = 1) {
  const Tensor x = at.detach().requires_grad_();
  Tensor g = f(x);
  for (int k = 0; k < order; ++k) g = grad(sum(g), x, {.create_graph = k + 1 < order});
  return g.to_vector();
}

}  // namespace regrad::test
