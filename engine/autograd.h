// Differentiation: grad, and what is written with it.
//
//   Tensor x = tensor({0.5, 2.0}).requires_grad_();
//   Tensor g = grad(sum(exp(x)), x, {.create_graph = true});   // exp(x)
//   Tensor h = grad(sum(g), x);                                // exp(x) again
//
// Gradients are returned, never accumulated into a field. With create_graph they are tensors like
// any other and can be differentiated again, to any order.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include <regrad/engine/tensor.h>

namespace regrad {

struct GradOptions {
  // one per output, of its shape and dtype; may be left out for outputs of one element (then 1)
  TensorList grad_outputs = {};
  // record the gradients, so that they can be differentiated
  bool create_graph = false;
  // keep what the graph holds for a second sweep; default: create_graph
  std::optional<bool> retain_graph = {};
  // inputs that no output depends on give undefined tensors; else Error
  bool allow_unused = false;
};

// d sum_k <grad_outputs[k], outputs[k]> / d inputs[i], each of its input's shape and dtype.
// Error: an output without a graph, an unused input; ShapeError, DTypeError: grad_outputs that do
// not fit; GraphFreed: a second sweep without retain_graph.
std::vector<Tensor> grad(TensorList outputs, TensorList inputs, const GradOptions& options = {});
Tensor grad(const Tensor& output, const Tensor& input, const GradOptions& options = {});

// While one lives, this thread records nothing. Nests; tasks of parallel_for inherit it.
class NoGrad {
 public:
  explicit NoGrad(bool record = false);
  ~NoGrad();
  NoGrad(const NoGrad&) = delete;
  NoGrad& operator=(const NoGrad&) = delete;

 private:
  bool before_;
};
bool grad_enabled();

// While one lives, what this thread records keeps no results for the backward pass: their data go
// with their last handle, and a sweep computes them again where a derivative of any order reads
// them, with the same bits (torch.utils.checkpoint, jax.checkpoint). What was made outside and is
// read inside is kept instead.
//
//   Tensor block(const Tensor& x) {          // keeps x and the parameters alone
//     const Recompute lean;
//     return linear2(gelu(linear1(x)));
//   }
//
// Costs the time of computing again once a sweep. Nests; tasks of parallel_for inherit it;
// Recompute(false) changes nothing.
class Recompute {
 public:
  explicit Recompute(bool on = true);
  ~Recompute();
  Recompute(const Recompute&) = delete;
  Recompute& operator=(const Recompute&) = delete;

 private:
  bool before_;
};

// While one lives, every op of this thread looks at its result; the first NaN or infinity throws
// NumericError naming op, order, shapes and parents.
class DetectAnomaly {
 public:
  DetectAnomaly();
  ~DetectAnomaly();
  DetectAnomaly(const DetectAnomaly&) = delete;
  DetectAnomaly& operator=(const DetectAnomaly&) = delete;

 private:
  bool before_;
};

// Functions of one tensor. x need not require gradients; results carry no graph unless create_graph
// is set.
using Function = std::function<Tensor(const Tensor&)>;
// (f(x), v^T df/dx). v: of f(x)'s shape.
std::pair<Tensor, Tensor> vjp(const Function& f, const Tensor& x, const Tensor& v,
                              bool create_graph = false);
// (f(x), df/dx u), by differentiating v -> v^T df/dx. u: of x's shape.
std::pair<Tensor, Tensor> jvp(const Function& f, const Tensor& x, const Tensor& u,
                              bool create_graph = false);
// (f(x), H v) for a scalar f, by differentiating <grad f, v>.
std::pair<Tensor, Tensor> hvp(const Function& f, const Tensor& x, const Tensor& v,
                              bool create_graph = false);
// df/dx, [shape of f(x)..., shape of x...]: one sweep per output element.
Tensor jacobian(const Function& f, const Tensor& x, bool create_graph = false);
// d2f/dx2 of a scalar f, [shape of x..., shape of x...].
Tensor hessian(const Function& f, const Tensor& x, bool create_graph = false);

}  // namespace regrad
