// The smallest whole program: the gradient of sum((W x)^2), W ones [64,64], x ones [64]. bench/compare times it from start to exit.
#include <regrad/engine/autograd.h>
#include <regrad/engine/ops.h>

#include <cstdio>

#include "measure.h"

int main() {
  using namespace regrad;
  const Tensor w = ones({64, 64}).requires_grad_(), x = ones({64});
  const Tensor g = grad(sum(square(matmul(w, x))), w);
  std::printf("{\"workload\": \"start\", \"checksum\": [%.9g], \"peak_mb\": %.2f}\n", sum(g).item(),
              static_cast<double>(bench::peak_resident()) / (1 << 20));
}
