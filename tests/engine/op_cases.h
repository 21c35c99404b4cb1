// The harness behind the table test: from a row's samples it makes inputs in every layout, and
// checks value and derivatives of every order.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <regrad/engine/autograd.h>
#include <regrad/engine/ops.h>
#include <regrad/engine/ops/list.h>
#include <regrad/engine/random.h>

namespace regrad::test {

// A public function of the inputs, for compositions, which have no row.
using Composed = std::function<Tensor(const std::vector<Tensor>&)>;

// How an input lies in memory. All hold the same kind of values; expanded ones repeat along the
// first dim longer than one.
enum class Lay { contiguous, transposed, offset, strided, pitched, permuted, expanded, count };

// One sample in one combination of layouts.
struct Case {
  const Op* op;
  const Sample* sample;
  std::vector<Lay> lays;           // one an input
  const Composed* call = nullptr;  // for compositions: what to evaluate instead of the row
  std::string name() const;
};

// All cases of a row's samples. Distinct by shapes, layouts and attributes.
std::vector<Case> cases_of(const Op& op, const Samples& samples);

// Empty where all is well, else what is wrong.
// value: f64 against the row's reference, f32 against f64.
std::string check_value(const Case& c);
// Order k: the full Jacobian of the (k-1)th gradient, by sweeps, against central differences (f64,
// abs 1e-6, rel 1e-4);
// and the f32 gradient of that order against f64's (2e-4 of the largest magnitude).
std::string check_order(const Case& c, int order);
// Gradients of orders 1 (with and without a graph) and 2, f32 and f64: the same bits where all is
// computed again.
std::string check_recompute(const Case& c);
// Value and orders 1 and 2 (and 3 for smooth rows) of every case, up to the first fault.
std::string check_row(const Op& op);

// A composition as a row for the harness: name, samples and smoothness; no reference, so values are
// checked f32 against f64 only.
struct Composition {
  const char* name;
  void (*samples)(Samples&);
  Composed call;
  bool smooth = true;
};
struct Checked {
  std::string fault;  // empty where all is well
  int64_t cases;
};
Checked check_composition(const Composition& c);

}  // namespace regrad::test
