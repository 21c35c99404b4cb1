// vjp, jvp, hvp, jacobian, hessian: all written with grad.
#include <regrad/engine/autograd.h>
#include <regrad/engine/internal/called.h>
#include <regrad/engine/ops.h>

namespace regrad {
namespace {

// x as something to differentiate by: itself where it is part of a graph, so that results can be
// differentiated further; else a new leaf.
Tensor variable(const Tensor& x, const char* who) {
  if (!x.defined()) throw ShapeError(std::string(who) + ": x is an undefined tensor");
  return x.requires_grad() ? x : x.detach().requires_grad_();
}

// The value of f at x. f is the caller's: what it throws is passed on as it is.
Tensor evaluated(const Function& f, const Tensor& x, const char* who) {
  Tensor y = f(x);
  if (!y.defined()) throw ShapeError(std::string(who) + ": the function gave an undefined tensor");
  return y;
}

Tensor result(const Tensor& t, bool create_graph) { return create_graph ? t : t.detach(); }

// The gradient of <y, v>, or zeros where y does not depend on x at all.
Tensor gradient_or_zero(const Tensor& y, const Tensor& x, const Tensor& v, bool create_graph,
                        bool retain) {
  if (!y.requires_grad()) return zeros_like(x);
  const std::vector<Tensor> g = grad(TensorList(y), TensorList(x),
                                     {.grad_outputs = v,
                                      .create_graph = create_graph,
                                      .retain_graph = retain,
                                      .allow_unused = true});
  return g[0].defined() ? g[0] : zeros_like(x);
}

void check_scalar(const Tensor& y, const char* who) {
  if (y.numel() != 1)
    throw ShapeError(std::string(who) + ": the function must give one element, not " +
                     str(y.shape()));
}

}  // namespace

std::pair<Tensor, Tensor> vjp(const Function& f, const Tensor& x, const Tensor& v,
                              bool create_graph) {
  const NoGrad record(true);
  const Tensor leaf = variable(x, "vjp");
  const Tensor y = evaluated(f, leaf, "vjp");
  const detail::Called as("vjp(x, v)", x, v);
  Tensor g = gradient_or_zero(y, leaf, v, create_graph, create_graph);
  return {result(y, create_graph), std::move(g)};
}

std::pair<Tensor, Tensor> jvp(const Function& f, const Tensor& x, const Tensor& u,
                              bool create_graph) {
  const NoGrad record(true);
  const Tensor leaf = variable(x, "jvp");
  const Tensor y = evaluated(f, leaf, "jvp");
  const detail::Called as("jvp(x, u)", x, u);
  const Tensor v = zeros_like(y).requires_grad_();
  const Tensor g = gradient_or_zero(y, leaf, v, true, true);  // linear in v
  return {result(y, create_graph), g.requires_grad()
                                       ? gradient_or_zero(g, v, u, create_graph, create_graph)
                                       : zeros_like(y)};
}

std::pair<Tensor, Tensor> hvp(const Function& f, const Tensor& x, const Tensor& v,
                              bool create_graph) {
  const NoGrad record(true);
  const Tensor leaf = variable(x, "hvp");
  const Tensor y = evaluated(f, leaf, "hvp");
  const detail::Called as("hvp(x, v)", x, v);
  check_scalar(y, "hvp");
  const Tensor g = gradient_or_zero(y, leaf, {}, true, true);
  return {result(y, create_graph), gradient_or_zero(g, leaf, v, create_graph, create_graph)};
}

namespace {

Tensor derivative_of_all(const Function& f, const Tensor& x, bool create_graph,
                         const char* signature, const char* who) {
  const NoGrad record(true);
  const Tensor leaf = variable(x, who);
  const Tensor y = evaluated(f, leaf, who);
  const detail::Called as(signature, x);
  return typed_memory([&] {
    const int64_t n = y.numel();
    std::vector<Tensor> rows;
    std::vector<double> unit(static_cast<size_t>(n), 0.0);
    for (int64_t i = 0; i < n; ++i) {
      unit[static_cast<size_t>(i)] = 1;
      rows.push_back(
          gradient_or_zero(y, leaf, tensor(unit, y.shape(), y.dtype()), create_graph, true));
      unit[static_cast<size_t>(i)] = 0;
    }
    Shape shape = y.shape();
    for (int64_t s : x.shape()) shape.push_back(s);
    return rows.empty() ? zeros(shape, x.dtype()) : reshape(stack(rows, 0), shape);
  });
}

}  // namespace

Tensor jacobian(const Function& f, const Tensor& x, bool create_graph) {
  return derivative_of_all(f, x, create_graph, "jacobian(x)", "jacobian");
}

Tensor hessian(const Function& f, const Tensor& x, bool create_graph) {
  return derivative_of_all(
      [&](const Tensor& at) {
        const Tensor y = evaluated(f, at, "hessian");
        check_scalar(y, "hessian");
        return gradient_or_zero(y, at, {}, true, true);
      },
      x, create_graph, "hessian(x)", "hessian");
}

}  // namespace regrad
