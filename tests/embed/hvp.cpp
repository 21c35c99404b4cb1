// A Hessian-vector product of f(x) = sum x^4: H = diag(12 x^2).
#include <regrad/regrad.h>

#include <cmath>
#include <cstdio>

int main() {
  using namespace regrad;
  const Tensor x = tensor({1, 2, 3}, DType::f64), v = tensor({1, 0, -1}, DType::f64);
  const auto [value, product] = hvp([](const Tensor& t) { return sum(pow(t, 4)); }, x, v);
  std::printf("f = %g, H v = %s\n", value.item(), str(product).c_str());
  const std::vector<double> got = product.to_vector(), expected = {12, 0, -108};
  for (size_t i = 0; i < 3; ++i)
    if (std::abs(got[i] - expected[i]) > 1e-12) return 1;
}
