#include <regrad/engine/autograd.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/internal/called.h>
#include <regrad/engine/internal/decimal.h>

#include <limits>
#include <string>

namespace regrad {
namespace {

Tensor reduce(const Tensor& x, Reduction r, const char* loss) {
  switch (r) {
    case Reduction::none: return x;
    case Reduction::mean: return mean(x);
    case Reduction::sum: return sum(x);
    case Reduction::batchmean: break;
  }
  throw ConfigError(std::string(loss) + ": the reduction batchmean is kl_div's");
}

Tensor by_task(const Tensor& x) {
  if (x.dim() == 1) return x;
  const Tensor rows = flatten(x, 1);
  return mean(rows, {1});
}

void need_equal(const Tensor& input, const Tensor& target, const char* loss) {
  if (input.shape() != target.shape())
    throw ShapeError(std::string(loss) + ": input " + str(input.shape()) + " and target " +
                     str(target.shape()) + " differ");
}

}  // namespace

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  const detail::Called as("linear(x, weight, bias?)", x, weight, bias);
  if (weight.dim() != 2 && weight.dim() != 3)
    throw ShapeError("linear: weight " + str(weight.shape()) +
                     " must be [out,in] or [tasks,out,in]");
  if (x.dim() == 0 || x.shape()[-1] != weight.shape()[-1])
    throw ShapeError("linear: x " + str(x.shape()) + " does not end in weight's in, " +
                     str(weight.shape()));
  if (x.dim() == 1) return squeeze(linear(unsqueeze(x, 0), weight, bias), 0);
  if (!bias.defined()) return matmul(x, weight.mT());
  return addmm(weight.dim() == 3 ? unsqueeze(bias, -2) : bias, x, weight.mT());
}

Tensor mse_loss(const Tensor& input, const Tensor& target, Reduction reduction) {
  const detail::Called as("mse_loss(input, target)", input, target);
  need_equal(input, target, "mse_loss");
  return reduce(square(input - target), reduction, "mse_loss");
}
Tensor l1_loss(const Tensor& input, const Tensor& target, Reduction reduction) {
  const detail::Called as("l1_loss(input, target)", input, target);
  need_equal(input, target, "l1_loss");
  return reduce(abs(input - target), reduction, "l1_loss");
}
Tensor huber_loss(const Tensor& input, const Tensor& target, double delta, Reduction reduction) {
  const detail::Called as("huber_loss(input, target)", input, target);
  need_equal(input, target, "huber_loss");
  if (!(delta > 0)) throw ConfigError("huber_loss: delta " + decimal(delta) + " must be above 0");
  const Tensor d = input - target, distance = abs(d), zero = scalar(0, d.dtype()),
               far = distance >= scalar(delta, d.dtype());
  return reduce(
      0.5 * square(where(far, zero, d)) + where(far, delta * (distance - 0.5 * delta), zero),
      reduction, "huber_loss");
}
Tensor smooth_l1_loss(const Tensor& input, const Tensor& target, double beta, Reduction reduction) {
  const detail::Called as("smooth_l1_loss(input, target)", input, target);
  if (!(beta >= 0)) throw ConfigError("smooth_l1_loss: beta " + decimal(beta) + " is below 0");
  if (beta == 0) return l1_loss(input, target, reduction);
  need_equal(input, target, "smooth_l1_loss");
  const Tensor d = input - target, distance = abs(d), far = distance >= beta;
  const Tensor near = square(where(far, scalar(0, d.dtype()), d)) * (0.5 / beta);
  return reduce(where(far, distance - 0.5 * beta, near), reduction, "smooth_l1_loss");
}
Tensor kl_div(const Tensor& input, const Tensor& target, const KlDivOptions& options) {
  const detail::Called as("kl_div(input, target)", input, target);
  need_equal(input, target, "kl_div");
  const auto divergence = [&] {
    if (options.log_target) return exp(target) * (target - input);
    const Tensor zero = scalar(0, target.dtype()), positive = target > zero;
    const Tensor entropy =
        where(positive, target * log(where(positive, target, scalar(1, target.dtype()))), zero);
    // log 0 is allowed where the target is 0: a finite number stands for it there.
    const double least = input.dtype() == DType::f32 ? std::numeric_limits<float>::lowest()
                                                     : std::numeric_limits<double>::lowest();
    return entropy - target * where(eq(target, zero),
                                    clamp(input, least, std::numeric_limits<double>::infinity()),
                                    input);
  };
  if (options.reduction != Reduction::batchmean)
    return reduce(divergence(), options.reduction, "kl_div");
  const Tensor all = sum(divergence());
  return input.dim() == 0 ? all : all / static_cast<double>(input.size(0));
}
Tensor kl_div(const Tensor& input, const Tensor& target, Reduction reduction) {
  return kl_div(input, target, KlDivOptions{reduction, false});
}

// Both terms are sums of positive numbers, each exact in its tail.
Tensor binary_cross_entropy_with_logits(const Tensor& input, const Tensor& target,
                                        const BceOptions& options) {
  constexpr const char* loss = "binary_cross_entropy_with_logits";
  const detail::Called as("binary_cross_entropy_with_logits(input, target, weight?, pos_weight?)",
                          input, target, options.weight, options.pos_weight);
  need_equal(input, target, loss);
  const auto need_fit = [&](const Tensor& w, const char* what) {
    if (broadcast(w.shape(), input.shape(), loss) != input.shape())
      throw ShapeError(std::string(loss) + ": " + what + " " + str(w.shape()) +
                       " does not broadcast to input " + str(input.shape()));
  };
  Tensor positive = target * softplus(-input);
  if (options.pos_weight.defined()) {
    need_fit(options.pos_weight, "pos_weight");
    positive = std::move(positive) * options.pos_weight;
  }
  Tensor each = std::move(positive) + (1 - target) * softplus(input);
  if (options.weight.defined()) {
    need_fit(options.weight, "weight");
    each = std::move(each) * options.weight;
  }
  return reduce(each, options.reduction, loss);
}
Tensor binary_cross_entropy_with_logits(const Tensor& input, const Tensor& target,
                                        Reduction reduction) {
  return binary_cross_entropy_with_logits(input, target, BceOptions{{}, {}, reduction});
}

namespace {

void need_rows(const Tensor& input, const Tensor& target, const char* loss) {
  Shape rows = input.shape();
  if (!rows.empty()) rows.erase(rows.size() - 1);
  if (input.dim() == 0 || rows != target.shape())
    throw ShapeError(std::string(loss) + ": input " + str(input.shape()) + " needs a target " +
                     str(rows) + ", not " + str(target.shape()));
}
void need_class_weight(const Tensor& input, const Tensor& weight, const char* loss) {
  if (weight.defined() && weight.shape() != Shape{input.size(-1)})
    throw ShapeError(std::string(loss) + ": weight " + str(weight.shape()) + " for " +
                     std::to_string(input.size(-1)) + " classes");
}

// Labels, each in [0, classes): those to ignore as 0, and where they count (undefined: all do).
struct Labels {
  Tensor index, counts;
  int64_t n = 0;  // that count
};
Labels labels_of(const Tensor& target, int64_t classes, std::optional<int64_t> ignore_index,
                 const char* loss) {
  if (target.dtype() != DType::i64)
    throw DTypeError(std::string(loss) + ": labels must be i64, not " + name(target.dtype()));
  const NoGrad quiet;
  const Tensor all = target.contiguous();
  const int64_t* label = all.data<int64_t>();
  Labels out{target, {}, 0};
  for (int64_t i = 0; i < all.numel(); ++i) {
    if (ignore_index && label[i] == *ignore_index) continue;
    if (label[i] < 0 || label[i] >= classes)
      throw ShapeError(std::string(loss) + ": label " + std::to_string(label[i]) + " (element " +
                       std::to_string(i) + " of target " + str(target.shape()) +
                       ") is outside [0, " + std::to_string(classes) + ")");
    ++out.n;
  }
  if (out.n == all.numel()) return out;
  out.counts = ne(all, scalar(static_cast<double>(*ignore_index), DType::i64));
  out.index = where(out.counts, all, scalar(0, DType::i64));
  return out;
}

// x where labels count, else 0 without a gradient.
Tensor where_counted(const Labels& l, const Tensor& x) {
  return l.counts.defined() ? where(l.counts, x, scalar(0, x.dtype())) : x;
}

// (1 - smoothing) of the loss at the label and smoothing of its mean over classes, of log
// probabilities log_p.
Tensor by_label(const Tensor& log_p, const Tensor& target, const NllOptions& o, double smoothing,
                const char* loss) {
  need_rows(log_p, target, loss);
  need_class_weight(log_p, o.weight, loss);
  const int64_t classes = log_p.size(-1);
  const Labels l = labels_of(target, classes, o.ignore_index, loss);
  Tensor each = where_counted(l, -squeeze(gather(log_p, -1, unsqueeze(l.index, -1)), -1)), weights;
  if (o.weight.defined()) {
    weights = where_counted(
        l, reshape(index_select(o.weight, 0, reshape(l.index, {-1})), target.shape()));
    each = std::move(each) * weights;
  }
  if (smoothing > 0) {
    const Tensor spread = -sum(o.weight.defined() ? log_p * o.weight : log_p, {-1});
    each = (1 - smoothing) * std::move(each) +
           smoothing / static_cast<double>(classes) * where_counted(l, spread);
  }
  if (o.reduction != Reduction::mean || (l.n == target.numel() && !weights.defined()))
    return reduce(each, o.reduction, loss);
  return weights.defined() ? sum(each) / sum(weights) : sum(each) / static_cast<double>(l.n);
}

// -sum_c weight[c] p[c] log_p[c]
Tensor by_probabilities(const Tensor& log_p, const Tensor& p, const Tensor& weight,
                        double smoothing, Reduction reduction) {
  need_equal(log_p, p, "cross_entropy");
  need_class_weight(log_p, weight, "cross_entropy");
  Tensor each = log_p * (smoothing > 0 ? affine(p, 1 - smoothing,
                                                smoothing / static_cast<double>(log_p.size(-1)))
                                       : p);
  if (weight.defined()) each = std::move(each) * weight;
  return reduce(-sum(each, {-1}), reduction, "cross_entropy");
}

}  // namespace

Tensor nll_loss(const Tensor& input, const Tensor& target, const NllOptions& options) {
  const detail::Called as("nll_loss(input, target, weight?)", input, target, options.weight);
  return by_label(input, target, options, 0, "nll_loss");
}
Tensor nll_loss(const Tensor& input, const Tensor& target, Reduction reduction) {
  return nll_loss(input, target, NllOptions{{}, {}, reduction});
}

Tensor cross_entropy(const Tensor& input, const Tensor& target, const CrossEntropyOptions& o) {
  const detail::Called as("cross_entropy(input, target, weight?)", input, target, o.weight);
  if (!(o.label_smoothing >= 0 && o.label_smoothing <= 1))
    throw ConfigError("cross_entropy: label_smoothing " + decimal(o.label_smoothing) +
                      " is outside [0, 1]");
  if (!is_floating(target.dtype())) {
    need_rows(input, target, "cross_entropy");
    return by_label(log_softmax(input, -1), target, {o.weight, o.ignore_index, o.reduction},
                    o.label_smoothing, "cross_entropy");
  }
  if (o.ignore_index)
    throw ConfigError(
        "cross_entropy: ignore_index goes with labels, and target holds probabilities");
  if (input.dim() == 0) throw ShapeError("cross_entropy: input [] has no classes");
  return by_probabilities(log_softmax(input, -1), target, o.weight, o.label_smoothing, o.reduction);
}
Tensor cross_entropy(const Tensor& input, const Tensor& target, Reduction reduction) {
  return cross_entropy(input, target, CrossEntropyOptions{{}, {}, 0, reduction});
}

Tensor mse_loss_by_task(const Tensor& input, const Tensor& target) {
  const detail::Called as("mse_loss_by_task(input, target)", input, target);
  return by_task(mse_loss(input, target, Reduction::none));
}
Tensor cross_entropy_by_task(const Tensor& input, const Tensor& target) {
  const detail::Called as("cross_entropy_by_task(input, target)", input, target);
  return by_task(cross_entropy(input, target, Reduction::none));
}

Tensor cosine_similarity(const Tensor& a, const Tensor& b, int64_t dim, double eps) {
  const detail::Called as("cosine_similarity(a, b)", a, b);
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
Tensor pairwise_distance(const Tensor& a, const Tensor& b, double p, double eps) {
  const detail::Called as("pairwise_distance(a, b)", a, b);
  return norm(a - b + eps, p, {-1});
}
Tensor cdist(const Tensor& a, const Tensor& b, double p) {
  const detail::Called as("cdist(a, b)", a, b);
  if (a.dim() < 2 || b.dim() < 2 || a.shape()[-1] != b.shape()[-1]) {
    throw ShapeError("cdist: needs [..,N,D] and [..,M,D], not " + str(a.shape()) + " and " +
                     str(b.shape()));
  }
  return norm(unsqueeze(a, -2) - unsqueeze(b, -3), p, {-1});
}

}  // namespace regrad
