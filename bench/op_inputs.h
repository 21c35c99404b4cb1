// Inputs of a useful size for every row of the op table.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <regrad/engine/ops/list.h>

namespace regrad::bench {

// A row at one set of inputs.
struct Point {
  std::vector<Tensor> in;  // contiguous; f32 where the row computes on reals
  std::function<Tensor(const std::vector<Tensor>&)> evaluate;
  std::string label;  // "[140,112] [112,84]"
};

// The row's largest sample, its sizes multiplied by one factor (1 stays 1, so that what broadcasts
// still does) until the largest input has about `elements` elements; or the sample as it is where
// the row refuses that. Rows whose attributes are sizes have calls of their own in op_inputs.cpp.
Point point_of(const Op& op, int64_t elements);

}  // namespace regrad::bench
