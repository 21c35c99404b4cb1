#include <regrad/engine/functional.h>

#include <limits>
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

void need_equal(const Tensor& input, const Tensor& target, const char* loss) {
  if (input.shape() != target.shape())
    throw ShapeError(std::string(loss) + ": input " + str(input.shape()) + " and target " + str(target.shape()) + " differ");
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
  need_equal(input, target, "mse_loss");
  return reduce(square(input - target), reduction);
}
Tensor l1_loss(const Tensor& input, const Tensor& target, Reduction reduction) {
  need_equal(input, target, "l1_loss");
  return reduce(abs(input - target), reduction);
}
Tensor huber_loss(const Tensor& input, const Tensor& target, double delta, Reduction reduction) {
  need_equal(input, target, "huber_loss");
  if (!(delta > 0)) throw ConfigError("huber_loss: delta " + std::to_string(delta) + " must be above 0");
  const Tensor d = input - target, distance = abs(d), zero = scalar(0, d.dtype()), far = distance >= scalar(delta, d.dtype());
  return reduce(0.5 * square(where(far, zero, d)) + where(far, delta * (distance - 0.5 * delta), zero), reduction);
}
Tensor kl_div(const Tensor& input, const Tensor& target, Reduction reduction) {
  need_equal(input, target, "kl_div");
  const Tensor zero = scalar(0, target.dtype()), positive = target > zero;
  const Tensor entropy = where(positive, target * log(where(positive, target, scalar(1, target.dtype()))), zero);
  return reduce(entropy - target * input, reduction);
}
Tensor binary_cross_entropy_with_logits(const Tensor& input, const Tensor& target, Reduction reduction) {
  need_equal(input, target, "binary_cross_entropy_with_logits");
  // One branch a label: softplus(x) - x t would lose what is left of a large x.
  return reduce(target * softplus(-input) + (1 - target) * softplus(input), reduction);
}
Tensor nll_loss(const Tensor& input, const Tensor& target, Reduction reduction) {
  Shape rows = input.shape();
  if (!rows.empty()) rows.erase(rows.size() - 1);
  if (input.dim() == 0 || rows != target.shape())
    throw ShapeError("nll_loss: input " + str(input.shape()) + " needs a target " + str(rows) + ", not " + str(target.shape()));
  return reduce(-squeeze(gather(input, -1, unsqueeze(target, -1)), -1), reduction);
}
Tensor cross_entropy(const Tensor& input, const Tensor& target, Reduction reduction) {
  Shape rows = input.shape();
  if (!rows.empty()) rows.erase(rows.size() - 1);
  if (input.dim() == 0 || rows != target.shape())
    throw ShapeError("cross_entropy: input " + str(input.shape()) + " needs a target " + str(rows) + ", not " + str(target.shape()));
  return nll_loss(log_softmax(input, -1), target, reduction);
}
Tensor mse_loss_by_task(const Tensor& input, const Tensor& target) { return by_task(mse_loss(input, target, Reduction::none)); }
Tensor cross_entropy_by_task(const Tensor& input, const Tensor& target) { return by_task(cross_entropy(input, target, Reduction::none)); }

Tensor cosine_similarity(const Tensor& a, const Tensor& b, int64_t dim, double eps) {
  // Norms are those of the broadcast vectors; other dims need no copy.
  const Shape whole = broadcast(a.shape(), b.shape(), "cosine_similarity");
  const int along = wrap_dim(dim, whole.size(), "cosine_similarity");
  const auto unit = [&](Tensor x) {
    while (x.dim() < whole.size()) x = unsqueeze(x, 0);
    Shape sizes = x.shape();
    sizes[along] = whole[along];
    x = expand(x, sizes);
    return x / clamp(norm(x, 2, {along}, true), eps, std::numeric_limits<double>::infinity());
  };
  return sum(unit(a) * unit(b), {along});
}
Tensor pairwise_distance(const Tensor& a, const Tensor& b, double p, double eps) { return norm(a - b + eps, p, {-1}); }
Tensor cdist(const Tensor& a, const Tensor& b, double p) {
  if (a.dim() < 2 || b.dim() < 2 || a.shape()[-1] != b.shape()[-1]) {
    throw ShapeError("cdist: needs [..,N,D] and [..,M,D], not " + str(a.shape()) + " and " + str(b.shape()));
  }
  return norm(unsqueeze(a, -2) - unsqueeze(b, -3), p, {-1});
}

}  // namespace regrad
