// Faults that fuzz-programs found, at the size it shrank them to.
#include <regrad/engine/autograd.h>
#include <regrad/engine/functional.h>

#include <doctest/doctest.h>

using namespace regrad;

TEST_CASE("equal minima share the gradient over neighbouring dims that memory parts") {
  // Channels last: dims 0 and 1 have dim 2 between them in memory.
  const Tensor rows = tensor({1, 0, 0, 0, 0, 1, 0, 0}, {2, 2, 2, 1}, DType::f64);
  const Tensor x =
      permute(contiguous(permute(rows, {0, 2, 3, 1})), {0, 3, 1, 2}).detach().requires_grad_();
  const std::vector<double> g = grad(sum(amin(x, {1, 0})), x).to_vector();
  // Column 0 holds {1, 0, 0, 0}, column 1 {0, 0, 1, 0}.
  const std::vector<double> right = {0, 1 / 3.0, 1 / 3.0, 1 / 3.0, 1 / 3.0, 0, 1 / 3.0, 1 / 3.0};
  for (size_t i = 0; i < right.size(); ++i) CHECK(g[i] == doctest::Approx(right[i]));
}

TEST_CASE("equal numbers have no variance, whatever their mean rounds to") {
  // f32: six of them add up to a sum whose sixth is another number
  const Tensor x = full({1, 1, 3, 2}, -0.847736120223999).requires_grad_();
  CHECK(var(x, {-2, -1}, 0).item() == 0);
  CHECK(regrad::std(x, {}, 1).item() == 0);
  const Tensor g = grad(sum(regrad::std(x, {-2, -1}, 0)), x, {.create_graph = true});
  for (double v : g.to_vector()) CHECK(v == 0);
}
