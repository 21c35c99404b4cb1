#include <regrad/engine/functional.h>

#include <string>

namespace regrad {
namespace {

Tensor reduce(const Tensor& x, Reduction r) {
  if (r == Reduction::none) return x;
  return r == Reduction::mean ? mean(x) : sum(x);
}

Tensor by_task(const Tensor& x) {
  if (x.dim() == 1) return x;
  const Tensor rows = flatten(x, 1);
  return mean(rows, {1});
}

}  // namespace

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  if (weight.dim() != 2 && weight.dim() != 3) throw ShapeError("linear: weight " + str(weight.shape()) + " must be [out,in] or [tasks,out,in]");
  if (x.dim() == 0 || x.shape()[-1] != weight.shape()[-1])
    throw ShapeError("linear: x " + str(x.shape()) + " does not end in weight's in, " + str(weight.shape()));
  if (x.dim() == 1) return squeeze(linear(unsqueeze(x, 0), weight, bias), 0);
  if (!bias.defined()) return matmul(x, weight.mT());
  return addmm(weight.dim() == 3 ? unsqueeze(bias, -2) : bias, x, weight.mT());
}

Tensor mse_loss(const Tensor& input, const Tensor& target, Reduction reduction) {
  if (input.shape() != target.shape()) throw ShapeError("mse_loss: input " + str(input.shape()) + " and target " + str(target.shape()) + " differ");
  return reduce(square(input - target), reduction);
}
Tensor mse_loss_by_task(const Tensor& input, const Tensor& target) { return by_task(mse_loss(input, target, Reduction::none)); }

Tensor cross_entropy(const Tensor& input, const Tensor& target, Reduction reduction) {
  Shape rows = input.shape();
  if (!rows.empty()) rows.erase(rows.size() - 1);
  if (input.dim() == 0 || rows != target.shape())
    throw ShapeError("cross_entropy: input " + str(input.shape()) + " needs a target " + str(rows) + ", not " + str(target.shape()));
  return reduce(-squeeze(gather(log_softmax(input, -1), -1, unsqueeze(target, -1)), -1), reduction);
}
Tensor cross_entropy_by_task(const Tensor& input, const Tensor& target) { return by_task(cross_entropy(input, target, Reduction::none)); }

}  // namespace regrad
