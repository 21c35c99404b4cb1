// Inputs for a row's samples: what the table test checks, and what the benchmarks time.
#pragma once

#include <vector>

#include <regrad/engine/ops/op.h>
#include <regrad/engine/random.h>

namespace regrad::test {

// The domain of a sample's i-th input.
inline const Domain& domain(const Sample& s, size_t i) {
  return s.domains.size() == 1 ? s.domains[0] : s.domains[i];
}
// Values of a domain: f64; i64 for indices, b8 for masks.
Tensor draw(const Random& r, const Shape& s, const Domain& d);
// All inputs of a sample: stream r / i for input i.
std::vector<Tensor> draw_inputs(const Random& r, const Sample& s);

}  // namespace regrad::test
