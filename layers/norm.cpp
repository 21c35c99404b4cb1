#include <regrad/layers/norm.h>

#include <string>

namespace regrad {

BatchNorm::BatchNorm(int64_t channels, Track track, DType t)
    : weight(ones({channels}, t).requires_grad_()), bias(zeros({channels}, t).requires_grad_()) {
  if (track == Track::never) return;
  running_mean = zeros({channels}, t);
  running_var = ones({channels}, t);
}

Tensor BatchNorm::operator()(const Tensor& x, Context& ctx, BatchNormOptions options) const {
  options.eps = eps;
  return evaluated(
      ctx,
      [&] {
        return Step{.kind = Step::norm,
                    .x = x,
                    .weight = weight,
                    .bias = bias,
                    .running = {running_mean, running_var},
                    .after = options};
      },
      [&] { return normed(x, ctx, options); });
}
Tensor BatchNorm::normed(const Tensor& x, Context& ctx, const BatchNormOptions& options) const {
  if (!running_mean.defined()) return batch_norm(x, weight, bias, options);
  if (!ctx.training)
    return batch_norm(x, BatchStatistics{running_mean, running_var}, weight, bias, options);
  BatchStatistics seen;
  Tensor y = batch_norm(x, weight, bias, options, &seen);
  // Running variances are those of a sample: divided by n - 1 (PyTorch's).
  const NoGrad quiet;
  const double n = static_cast<double>(x.numel()) / static_cast<double>(seen.mean.numel());
  const auto of_tasks = [](const Tensor& v) { return v.dim() == 2 ? mean(v, {0}) : v; };
  ctx.reports.push_back({running_mean, of_tasks(seen.mean), momentum});
  ctx.reports.push_back({running_var, of_tasks(seen.var) * (n > 1 ? n / (n - 1) : 1), momentum});
  return y;
}
Tensor BatchNorm::operator()(const Tensor& x, BatchNormOptions options) const {
  Context ctx;
  return (*this)(x, ctx, std::move(options));
}

GroupNorm::GroupNorm(int64_t groups_of, int64_t channels, DType t)
    : weight(ones({channels}, t).requires_grad_()),
      bias(zeros({channels}, t).requires_grad_()),
      groups(groups_of) {
  if (groups < 1 || channels % groups)
    throw ConfigError("GroupNorm: " + std::to_string(channels) + " channels in " +
                      std::to_string(groups) + " groups");
}

}  // namespace regrad
