#include <regrad/datasets/audio/augment.h>
#include <regrad/datasets/internal/adopt.h>
#include <regrad/engine/functional.h>

#include <algorithm>
#include <cmath>

namespace regrad {
namespace {

constexpr int64_t most_roll = int64_t{1} << 40;

// log of a Gamma(a, 1) variate. d = a - 1/3, c = 1 / sqrt(9 d): d v with v = (1 + c z)^3 is taken
// where log u < z^2 / 2 + d (1 - v + log v). Below
// a = 1: that of a + 1 times u^(1/a).
double log_gamma_variate(const Random& r, double a) {
  const double boosted = a < 1 ? a + 1 : a, d = boosted - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  const double less = a < 1 ? std::log1p(-(r / "boost").uniform(0)) / a : 0;
  const Random normals = r / "normal", uniforms = r / "uniform";
  for (uint64_t i = 0;; ++i) {
    const double z = normals.normal(i), root = 1 + c * z;
    if (root <= 0) continue;
    const double v = root * root * root;
    if (std::log1p(-uniforms.uniform(i)) < z * z / 2 + d * (1 - v + std::log(v)))
      return std::log(d * v) + less;
  }
}

Tensor betas(const Random& r, int64_t n, double alpha, DType t) {
  return typed_memory([&] {
    std::vector<double> l;
    for (int64_t i = 0; i < n; ++i) l.push_back(beta(r / i, alpha, alpha));
    return tensor(l, {n}, t);
  });
}

void check_f32(const Tensor& x, int least_dims, const char* op) {
  if (x.dim() < least_dims)
    throw ShapeError(std::string(op) + ": x has " + std::to_string(least_dims) + " dims or more, " +
                     str(x.shape()) + " has not");
  if (x.dtype() != DType::f32)
    throw DTypeError(std::string(op) + ": x is f32, not " + name(x.dtype()));
}

// [N] seen as [N, 1, ..] beside x.
Tensor beside(const Tensor& l, const Tensor& x) {
  Shape sizes{x.size(0)};
  for (int d = 1; d < x.dim(); ++d) sizes.push_back(1);
  return l.reshape(sizes);
}

void check_partners(const Tensor& x, const Tensor& partner, const Tensor& l, const char* op) {
  if (x.dim() < 1 || partner.shape() != Shape{x.size(0)} || l.shape() != Shape{x.size(0)})
    throw ShapeError(std::string(op) + ": a partner and an l for each of x's clips, " +
                     str(x.shape()) + ", " + str(partner.shape()) + " and " + str(l.shape()) +
                     " differ");
}

// A mask's first place and width along a dim of n.
struct Mask {
  int64_t first, width;
};
Mask draw_mask(const Random& r, int64_t most, int64_t n) {
  const int64_t width = std::min(static_cast<int64_t>(r.uniform(0) * static_cast<double>(most)), n);
  return {r.integer(1, n - width + 1), width};
}

Tensor restyle(const Tensor& x, const Dims& dims, const Random& r, const MixStyle& o,
               const char* op) {
  if (!(o.p >= 0 && o.p <= 1)) throw ConfigError(std::string(op) + ": p must lie in [0, 1]");
  if (x.dim() != 4)
    throw ShapeError(std::string(op) + ": x is [N, C, F, T], " + str(x.shape()) + " is not");
  if ((r / "whether").uniform(0) >= o.p || x.size(0) == 0) return x;
  const Tensor partner = randperm(r / "partner", x.size(0));
  return mix_statistics(x, dims, partner, betas(r / "l", x.size(0), o.alpha, x.dtype()), o.eps);
}

}  // namespace

double beta(const Random& r, double a, double b) {
  if (!(a > 0 && b > 0)) throw ConfigError("beta: both parameters must be above 0");
  return 1 / (1 + std::exp(log_gamma_variate(r / "b", b) - log_gamma_variate(r / "a", a)));
}

Tensor time_roll(const Tensor& x, int64_t most, const Random& r) {
  check_f32(x, 2, "time_roll");
  if (most < 0 || most > most_roll)
    throw ConfigError("time_roll: most is " + std::to_string(most) + ", must be 0 to 2^40");
  if (x.numel() == 0) return x;
  return typed_memory([&] {
    const int64_t clips = x.size(0), t = x.size(-1), rows = x.numel() / t / clips;
    std::vector<float> out = x.detach().to_vector<float>();
    for (int64_t i = 0; i < clips; ++i) {
      const int64_t shift = (((r / i).integer(0, 2 * most + 1) - most) % t + t) % t;
      for (int64_t row = i * rows; row < (i + 1) * rows; ++row) {
        const auto start = out.begin() + row * t;
        std::rotate(start, start + (t - shift), start + t);
      }
    }
    return detail::adopt(std::move(out), x.shape());
  });
}

Tensor spec_augment(const Tensor& x, const SpecAugment& o, const Random& r) {
  check_f32(x, 4, "spec_augment");
  if (x.dim() != 4)
    throw ShapeError("spec_augment: x is [N, C, F, T], " + str(x.shape()) + " is not");
  if (o.frequency_masks < 0 || o.frequency_max < 0 || o.time_masks < 0 || o.time_max < 0)
    throw ConfigError("spec_augment: numbers of masks and widths must be 0 or more");
  return typed_memory([&] {
    const int64_t n = x.size(0), c = x.size(1), f = x.size(2), t = x.size(3);
    std::vector<float> out = x.detach().to_vector<float>();
    for (int64_t i = 0; i < n; ++i) {
      const Random clip = r / i;
      const auto rows_of = [&](int64_t channel) { return out.begin() + (i * c + channel) * f * t; };
      for (int64_t k = 0; k < o.frequency_masks; ++k) {
        const Mask m = draw_mask(clip / "frequency" / k, o.frequency_max, f);
        for (int64_t channel = 0; channel < c; ++channel)
          std::fill_n(rows_of(channel) + m.first * t, m.width * t, 0.f);
      }
      for (int64_t k = 0; k < o.time_masks; ++k) {
        const Mask m = draw_mask(clip / "time" / k, o.time_max, t);
        for (int64_t row = 0; row < c * f; ++row)
          std::fill_n(rows_of(0) + row * t + m.first, m.width, 0.f);
      }
    }
    return detail::adopt(std::move(out), x.shape());
  });
}

Mixed mixup(const Tensor& x, const Tensor& y, const Tensor& partner, const Tensor& l) {
  check_partners(x, partner, l, "mixup");
  check_partners(y, partner, l, "mixup");
  const auto mix = [&](const Tensor& of) {
    const Tensor weight = beside(l.to(of.dtype()), of);
    return of * weight + index_select(of, 0, partner) * (1 - weight);
  };
  return {mix(x), mix(y)};
}

Mixed mixup(const Tensor& x, const Tensor& y, double alpha, const Random& r) {
  if (x.dim() < 1) throw ShapeError("mixup: x has no clips");
  const Tensor partner = randperm(r / "partner", x.size(0));
  return mixup(x, y, partner, betas(r / "l", x.size(0), alpha, x.dtype()));
}

Tensor mix_statistics(const Tensor& x, const Dims& dims, const Tensor& partner, const Tensor& l,
                      double eps) {
  check_partners(x, partner, l, "mix_statistics");
  const Tensor plain = x.detach(), mu = mean(plain, dims, true),
               sig = sqrt(var(plain, dims, 0, true) + eps), weight = beside(l, x);
  const auto mix = [&](const Tensor& s) {
    return s * weight + index_select(s, 0, partner) * (1 - weight);
  };
  return (x - mu) / sig * mix(sig) + mix(mu);
}

Tensor mix_style(const Tensor& x, const Random& r, const MixStyle& options) {
  return restyle(x, {2, 3}, r, options, "mix_style");
}
Tensor freq_mix_style(const Tensor& x, const Random& r, const MixStyle& options) {
  return restyle(x, {1, 3}, r, options, "freq_mix_style");
}

}  // namespace regrad
