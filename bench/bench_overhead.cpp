// What regrad costs before it computes anything, and one Hessian-vector product. All f32, one
// thread.
//
//   add8          c = a + b, both ones [8] that require gradients: recorded. Time of one, of 2000
//                 in a row.
//                 Checksum: sum(c).
//   add8_nograd   the same without recording
//   chain1000     x = ones [8]; 500 times y = y c + c as two ops, c = 1.0001; sum; its gradient in
//                 x
//                 Checksum: the gradient's first element
//   grad2_chain   x = 1.01 [8]; y = x^101 by 100 products; g = d sum(y) / dx, recorded; then d
//                 sum(g) / dx
//                 Checksum: its first element
//   hvp64         f(W) = mean((tanh(X W) - Y)^2), X [128,64] = fill(1, 1), Y = fill(2, 1), W
//                 [64,64] = fill(3, 1/8), v = fill(4, 1): H v.
//                 Checksums: sum(H v), sum((H v)^2)
#include <regrad/engine/autograd.h>
#include <regrad/engine/functional.h>

#include "numbers.h"
#include "program.h"

using namespace regrad;
using namespace regrad::bench;

namespace {

constexpr int adds = 2000;

Run add8(bool recorded) {
  const Tensor a = ones({8}).requires_grad_(recorded), b = ones({8}).requires_grad_(recorded);
  return {{sum(a + b).item()},
          [a, b] {
            for (int i = 0; i < adds; ++i) a + b;
          },
          adds};
}

Run chain1000() {
  const Tensor x = ones({8}).requires_grad_(), c = full({8}, 1.0001);
  const auto gradient = [x, c] {
    Tensor y = x;
    for (int i = 0; i < 500; ++i) {
      y = y * c;
      y = y + c;
    }
    return grad(sum(y), x);
  };
  return {{gradient().to_vector()[0]}, gradient};
}

Run grad2_chain() {
  const Tensor x = full({8}, 1.01).requires_grad_();
  const auto second = [x] {
    Tensor y = x;
    for (int i = 0; i < 100; ++i) y = y * x;
    return grad(sum(grad(sum(y), x, {.create_graph = true})), x);
  };
  return {{second().to_vector()[0]}, second};
}

Run hvp64() {
  const Tensor x = fill(1, {128, 64}, 1), y = fill(2, {128, 64}, 1), w = fill(3, {64, 64}, 0.125f),
               v = fill(4, {64, 64}, 1);
  const auto product = [x, y, w, v] {
    return hvp([&](const Tensor& at) { return mse_loss(tanh(matmul(x, at)), y); }, w, v).second;
  };
  const Tensor h = product();
  return {{sum(h).item(), sum(square(h)).item()}, product};
}

}  // namespace

int main(int argc, char** argv) {
  return run_program(argc, argv,
                     {{"add8", [] { return add8(true); }},
                      {"add8_nograd", [] { return add8(false); }},
                      {"chain1000", chain1000},
                      {"grad2_chain", grad2_chain},
                      {"hvp64", hvp64}});
}
