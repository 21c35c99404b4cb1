// Every row of regrad, named once (rows.def). Rows are listed, never self-registered: a static
// library drops what nobody names.
// A row is defined as `constinit const Op NAME_op = row({...})` in the file of its family.
#pragma once

#include <regrad/engine/ops/op.h>

namespace regrad {

#define X(name) extern const Op name##_op;
#include <regrad/engine/ops/rows.def>

// Stops the build at a row that lacks what tests and the reference page are made of.
consteval Op row(Op op) {
  if (!complete(op))
    throw "a row needs a name, a doc, infer, forward (views: none), a vjp or declared_zero for "
          "each input, a reference and samples";
  return op;
}

inline constexpr const Op* all_ops[] = {
#define X(name) &name##_op,
#include <regrad/engine/ops/rows.def>
};

}  // namespace regrad
