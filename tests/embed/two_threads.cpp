// Two of the host's threads differentiate one net at once.
#include <regrad/regrad.h>

#include <cstdio>
#include <thread>

int main() {
  using namespace regrad;
  const Mlp net(Random(1), {4, 16, 1}, true, Activation::tanh, DType::f64);
  const Tensor x = uniform(Random(2), {32, 4}, -1, 1, DType::f64);
  const auto work = [&](std::vector<double>& out) {
    for (int i = 0; i < 100; ++i)
      out = grad(mean(square(net(x))), net).layers[0].weight.to_vector();
  };
  std::vector<double> a, b;
  std::thread one([&] { work(a); }), two([&] { work(b); });
  one.join();
  two.join();
  std::printf("%zu gradients each, %s\n", a.size(), a == b ? "equal" : "different");
  return a == b && !a.empty() ? 0 : 1;
}
