// The smallest whole program: the gradient of sum((W x)^2), W ones [64,64], x ones [64].
// bench/compare times it from start to exit.
#include <regrad/engine/autograd.h>
#include <regrad/engine/ops.h>
#include <regrad/engine/version.h>

#include <cstdio>
#include <cstring>

#include "measure.h"

int main(int argc, char** argv) {
  using namespace regrad;
  if (argc == 2 && std::strcmp(argv[1], "--version") == 0) {
    std::printf("%s", version_text().c_str());
    return 0;
  }
  const Tensor w = ones({64, 64}).requires_grad_(), x = ones({64});
  const Tensor g = grad(sum(square(matmul(w, x))), w);
  std::printf("{\"workload\": \"start\", \"checksum\": [%.9g], \"peak_mb\": %.2f}\n", sum(g).item(),
              static_cast<double>(bench::peak_resident()) / (1 << 20));
}
