#include <regrad/layers/freq_norm.h>

#include <cmath>
#include <string>

namespace regrad {
namespace {

void need_maps(const char* what, const Tensor& x) {
  if (x.dim() != 4)
    throw ShapeError(std::string(what) + ": needs [N,C,F,T], not " + str(x.shape()));
}
// Reports the batch's statistics; running variances are those of a sample (PyTorch's).
void report(Context& ctx, const BatchStatistics& seen, const Tensor& mean, const Tensor& var,
            double of_each, double momentum) {
  const NoGrad quiet;
  ctx.reports.push_back({mean, seen.mean, momentum});
  ctx.reports.push_back({var, seen.var * (of_each > 1 ? of_each / (of_each - 1) : 1), momentum});
}
Tensor each_channel(const Tensor& v) { return reshape(v, {v.numel(), 1, 1}); }

}  // namespace

Tensor ifn(const Tensor& x, double eps) { return res_norm(x, 0, eps); }
Tensor clip_norm(const Tensor& x, double eps) {
  need_maps("clip_norm", x);
  return standardize(x, {1, 2, 3}, eps);
}
Tensor plain_instance_norm(const Tensor& x, double eps) {
  need_maps("plain_instance_norm", x);
  return standardize(x, {2, 3}, eps);
}
Tensor rfn(const Tensor& x, double lambda, double eps) {
  if (lambda == 0) return ifn(x, eps);
  if (lambda == 1) return clip_norm(x, eps);
  return add(clip_norm(x, eps) * lambda, ifn(x, eps), 1 - lambda);
}

SubSpectralNorm::SubSpectralNorm(int64_t channels, int64_t bands_of, DType t) : bands(bands_of) {
  if (channels < 1 || bands < 1)
    throw ConfigError("SubSpectralNorm: " + std::to_string(channels) + " channels in " +
                      std::to_string(bands) + " bands; both must be at least 1");
  const Shape s{channels * bands};
  weight = ones(s, t).requires_grad_();
  bias = zeros(s, t).requires_grad_();
  running_mean = zeros(s, t);
  running_var = ones(s, t);
}
Tensor SubSpectralNorm::operator()(const Tensor& x, Context& ctx, bool relu) const {
  return evaluated(
      ctx,
      [&] {
        return Step{.kind = Step::norm,
                    .x = x,
                    .weight = weight,
                    .bias = bias,
                    .running = {running_mean, running_var},
                    .after = {.eps = eps, .relu = relu},
                    .bands = bands};
      },
      [&] { return normed(x, ctx, {.eps = eps, .relu = relu}); });
}
Tensor SubSpectralNorm::normed(const Tensor& x, Context& ctx, const SubSpectralOptions& o) const {
  if (!ctx.training)
    return sub_spectral_norm(x, bands, BatchStatistics{running_mean, running_var}, weight, bias, o);
  BatchStatistics seen;
  Tensor y = sub_spectral_norm(x, bands, weight, bias, o, &seen);
  report(ctx, seen, running_mean, running_var,
         static_cast<double>(x.numel()) / static_cast<double>(seen.mean.numel()), momentum);
  return y;
}

GlobalFreqNorm::GlobalFreqNorm(Tensor means, Tensor deviations)
    : mean(std::move(means)), deviation(std::move(deviations)) {
  if (mean.dim() != 1 || mean.shape() != deviation.shape())
    throw ShapeError("GlobalFreqNorm: needs a mean and a deviation of each frequency, not " +
                     str(mean.shape()) + " and " + str(deviation.shape()));
}
Tensor GlobalFreqNorm::operator()(const Tensor& x) const {
  need_maps("GlobalFreqNorm", x);
  if (x.size(2) != mean.size(0))
    throw ShapeError("GlobalFreqNorm: statistics of " + std::to_string(mean.size(0)) +
                     " frequencies for " + str(x.shape()));
  const Shape column{mean.size(0), 1};
  return (x - reshape(mean, column)) / reshape(deviation, column);
}

void FreqStatistics::add(const Tensor& x) {
  need_maps("FreqStatistics", x);
  const NoGrad quiet;
  const auto f = static_cast<size_t>(x.size(2));
  if (count_ == 0) mean_.assign(f, 0), m2_.assign(f, 0);
  if (mean_.size() != f)
    throw ShapeError("FreqStatistics: " + str(x.shape()) + " after clips of " +
                     std::to_string(mean_.size()) + " frequencies");
  const double more = static_cast<double>(x.size(0) * x.size(1) * x.size(3));
  if (more == 0) return;
  const Tensor wide = x.detach().to(DType::f64);
  const std::vector<double> means = regrad::mean(wide, {0, 1, 3}).to_vector(),
                            vars = var(wide, {0, 1, 3}, 0).to_vector();
  for (size_t i = 0; i < f; ++i) {  // joined as Chan, Golub and LeVeque 1979
    const double delta = means[i] - mean_[i], share = more / (count_ + more);
    m2_[i] += vars[i] * more + delta * delta * count_ * share;
    mean_[i] += delta * share;
  }
  count_ += more;
}
GlobalFreqNorm FreqStatistics::norm(DType t, double eps) const {
  if (count_ == 0) throw ConfigError("FreqStatistics: no clips were added");
  std::vector<double> deviations;
  for (const double m2 : m2_) deviations.push_back(std::sqrt(m2 / count_ + eps));
  const Shape s{static_cast<int64_t>(mean_.size())};
  return {tensor(mean_, s, t), tensor(deviations, s, t)};
}

BatchInstanceNorm::BatchInstanceNorm(int64_t channels, DType t)
    : weight(ones({channels}, t).requires_grad_()),
      bias(zeros({channels}, t).requires_grad_()),
      rho(ones({channels}, t).requires_grad_()),
      running_mean(zeros({channels}, t)),
      running_var(ones({channels}, t)) {}
Tensor BatchInstanceNorm::operator()(const Tensor& x, Context& ctx) const {
  need_maps("BatchInstanceNorm", x);
  const SubSpectralOptions o{.eps = eps};
  Tensor by_batch;
  if (ctx.training) {
    BatchStatistics seen;
    by_batch = sub_spectral_norm(x, 1, {}, {}, o, &seen);
    report(ctx, seen, running_mean, running_var,
           static_cast<double>(x.numel()) / static_cast<double>(seen.mean.numel()), momentum);
  } else {
    by_batch = sub_spectral_norm(x, 1, BatchStatistics{running_mean, running_var}, {}, {}, o);
  }
  const Tensor share = each_channel(rho);
  return each_channel(weight) * (share * by_batch + (1 - share) * plain_instance_norm(x, eps)) +
         each_channel(bias);
}

}  // namespace regrad
