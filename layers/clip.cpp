#include <regrad/engine/internal/decimal.h>
#include <regrad/engine/ops.h>
#include <regrad/layers/clip.h>

#include <cmath>
#include <string>

namespace regrad {
namespace {

void check(const char* what, double bound) {
  if (!(bound >= 0))
    throw ConfigError(std::string(what) + ": the bound is " + decimal(bound) +
                      "; it must not be below 0");
}

}  // namespace

double global_norm(const std::vector<Tensor>& grads) {
  const NoGrad quiet;
  double squares = 0;
  for (const Tensor& g : grads)
    if (g.defined()) squares += sum(square(g)).item();
  return std::sqrt(squares);
}

std::pair<std::vector<Tensor>, double> clip_grad_norm(std::vector<Tensor> grads, double max_norm) {
  check("clip_grad_norm", max_norm);
  const NoGrad quiet;
  const double norm = global_norm(grads), scale = max_norm / (norm + 1e-6);
  if (scale >= 1) return {std::move(grads), norm};
  for (Tensor& g : grads)
    if (g.defined()) g = std::move(g) * scale;
  return {std::move(grads), norm};
}

std::vector<Tensor> clip_grad_value(std::vector<Tensor> grads, double clip_value) {
  check("clip_grad_value", clip_value);
  const NoGrad quiet;
  for (Tensor& g : grads)
    if (g.defined()) g = clamp(g, -clip_value, clip_value);
  return grads;
}

}  // namespace regrad
