// Batch normalization and what follows it: y = max_pool(relu(h weight + bias + residual)), h = (x -
// mean) r, r = 1/sqrt(var + eps), statistics over a task's images. One row with kernels of its own
// for values and first-order gradients; `gradients` is the composition:
//   gz = g back through pool and ReLU;
//   d bias = sum gz, d weight = sum gz h, d residual = gz, dx = r weight P(gz, h)
//   (P as in norm_rows.cpp)
#include <regrad/engine/autograd.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/internal/called.h>
#include <regrad/engine/ops/batch_norm.h>
#include <regrad/engine/ops/list.h>
#include <regrad/engine/ops/norm.h>

#include <algorithm>
#include <cmath>
#include <string>

namespace regrad {
namespace {

using kernels::Pool;

void need_fit(const Tensor& x, const Tensor& channels, const char* what) {
  const Shape fit = x.dim() == 5 ? Shape{x.size(0), x.size(2)} : Shape{x.size(-3)};
  if (channels.shape() != fit)
    throw ShapeError(std::string("batch_norm: ") + what + " " + str(channels.shape()) +
                     " for images " + str(x.shape()) + "; needs " + str(fit));
  if (channels.dtype() != x.dtype())
    throw DTypeError(std::string("batch_norm: ") + what + " is " + name(channels.dtype()) +
                     ", x is " + name(x.dtype()));
}

void need_residual(const Tensor& x, const Tensor& residual, bool pooled) {
  if (residual.shape() != x.shape() || residual.dtype() != x.dtype() || pooled)
    throw ShapeError("batch_norm: a residual " + str(residual.shape()) + " for " + str(x.shape()) +
                     (pooled ? ", and it does not go with pooling" : ""));
}

void infer(const Call& c) {
  const Tensor& x = c.x();
  const NormAttrs& a = c.attrs<NormAttrs>();
  if (c.n_in() < 3 || c.n_in() > 4)
    throw ShapeError("batch_norm: takes x, weight, bias and at most a residual");
  if (!is_floating(x.dtype()))
    throw DTypeError(std::string("batch_norm: needs f32 or f64, not ") + name(x.dtype()));
  if (x.dim() != 4 && x.dim() != 5)
    throw ShapeError("batch_norm: needs images [N,C,H,W], or [T,N,C,H,W], not " + str(x.shape()));
  need_fit(x, c.in(1), "weight");
  need_fit(x, c.in(2), "bias");
  if (x.size(-4) * x.size(-2) * x.size(-1) == 0)
    throw ShapeError("batch_norm: no elements to take statistics of in " + str(x.shape()));
  if (c.n_in() == 4) need_residual(x, c.in(3), a.pooled);
  if (!a.pooled) return c.out(x.shape(), x.dtype());
  const Pool s = pool_geometry("batch_norm", x.shape(), a.pool, byte_taps);
  c.out(with_extent(x.shape(), s.oh, s.ow), x.dtype());
}

// Over what statistics are taken.
Dims over(const Tensor& x) { return x.dim() == 5 ? Dims{1, 3, 4} : Dims{0, 2, 3}; }
// A value per channel, so that it broadcasts against images.
Tensor each_channel(const Tensor& v, int dims) {
  if (dims == 5 && v.dim() == 2) return reshape(v, {v.size(0), 1, v.size(1), 1, 1});
  return reshape(v, {v.size(-1), 1, 1});
}

void gradients(const Call& c, Tensor* out) {
  const Tensor& x = c.x();
  const NormAttrs& a = c.attrs<NormAttrs>();
  Tensor g = c.g();
  if (a.relu) g = relu_grad(g, c.y());
  if (a.pooled) g = pool_scatter(g, batch_norm_places(c), a.pool, x.size(-2), x.size(-1));
  const Dims dims = over(x);
  const Tensor h = standardize(x, dims, a.eps), r = inv_std(x, dims, a.eps);
  out[0] = norm_grad(g, h, dims) * (r * each_channel(c.in(1), x.dim()));
  out[1] = sum(g * h, dims);
  out[2] = sum(g, dims);
  if (c.n_in() == 4) out[3] = g;
}

std::vector<double> reference(const RefCall& c) {
  const NormAttrs& a = c.attrs<NormAttrs>();
  const Shape& s = c.in[0].shape;
  const int64_t tasks = s.size() == 5 ? s[0] : 1, n = s[-4], channels = s[-3],
                pixels = s[-2] * s[-1];
  std::vector<double> z = c.in[0].v;
  for (int64_t t = 0; t < tasks; ++t)
    for (int64_t ch = 0; ch < channels; ++ch) {
      const auto each = [&](auto&& f) {
        for (int64_t i = 0; i < n; ++i)
          for (int64_t p = 0; p < pixels; ++p)
            f(static_cast<size_t>(((t * n + i) * channels + ch) * pixels + p));
      };
      double mean = 0, var = 0;
      each([&](size_t at) { mean += c.in[0].v[at] / static_cast<double>(n * pixels); });
      each([&](size_t at) {
        var += std::pow(c.in[0].v[at] - mean, 2) / static_cast<double>(n * pixels);
      });
      const auto k = static_cast<size_t>(t * channels + ch);
      each([&](size_t at) {
        double& v = z[at];
        v = (v - mean) / std::sqrt(var + a.eps) * c.in[1].v[k] + c.in[2].v[k] +
            (c.in.size() == 4 ? c.in[3].v[at] : 0);
        if (a.relu) v = std::max(v, 0.0);
      });
    }
  if (!a.pooled) return z;
  const Pool g = pool_geometry("reference", s, a.pool, byte_taps);
  std::vector<double> y(static_cast<size_t>(c.out.numel()), -INFINITY);
  for (size_t o = 0; o < y.size(); ++o) {
    const auto at = static_cast<int64_t>(o), plane = at / (g.oh * g.ow), i = at / g.ow % g.oh,
               j = at % g.ow;
    for (int64_t p = 0; p < g.kh; ++p)
      for (int64_t q = 0; q < g.kw; ++q) {
        const int64_t h = i * g.stride_h - g.pad_h + p, w = j * g.stride_w - g.pad_w + q;
        if (h >= 0 && h < g.h && w >= 0 && w < g.w)
          y[o] = std::max(y[o], z[static_cast<size_t>((plane * g.h + h) * g.w + w)]);
      }
  }
  return y;
}

void samples(Samples& s) {
  const PoolAttrs halves{2, 2, 2, 2, 0, 0, 1, 1, 0, 0, 0},
      overlapping{3, 3, 2, 2, 1, 1, 1, 1, 0, 0, 0};
  // ReLU: far from its kink, open, or (bias below 0) shut
  const Domain away{.low = 0.5, .high = 1.5}, shifted{.low = 2.1, .high = 3};
  const Domain apart{.kind = Domain::distinct}, below{.low = -3, .high = -2.1};
  for (const Shape& x : {Shape{3, 2, 1, 1}, Shape{2, 1, 2, 2}, Shape{1, 2, 3, 2},
                         Shape{2, 2, 2, 1, 2}, Shape{4, 3, 1, 1}, Shape{2, 0, 2, 2}}) {
    const Shape k = x.size() == 5 ? Shape{x[0], x[2]} : Shape{x[1]};
    s.add({x, k, k}, {{}}, NormAttrs{0.5, false, false, {}});
    s.add({x, k, k, x}, {{}}, NormAttrs{0.5, false, false, {}});
    s.add({x, k, k}, {{}, away, shifted}, NormAttrs{0.5, true, false, {}});
    s.add({x, k, k, x}, {{}, away, below, {.low = -1, .high = 0}}, NormAttrs{0.5, true, false, {}});
  }
  for (const Shape& x : {Shape{2, 2, 2, 2}, Shape{1, 1, 3, 4}, Shape{2, 1, 2, 2, 2}}) {
    const Shape k = x.size() == 5 ? Shape{x[0], x[2]} : Shape{x[1]};
    s.add({x, k, k}, {apart, away, {}}, NormAttrs{0.5, false, true, halves});
    s.add({x, k, k}, {apart, away, shifted}, NormAttrs{0.5, true, true, overlapping});
    s.add({x, k, k}, {apart, away, below}, NormAttrs{0.5, true, true, halves});
  }
  const NormAttrs plain{0.5, false, false, {}};
  s.bad({{2, 3}, {3}, {3}}, plain);
  s.bad({{1, 2, 2, 2}, {3}, {2}}, plain);
  s.bad({{1, 2, 2, 2}, {2}, {1}}, plain);
  s.bad({{0, 2, 2, 2}, {2}, {2}}, plain);
  s.bad({{1, 2, 2, 2}, {2}, {2}, {1, 2, 2, 1}}, plain);
  s.bad({{2, 1, 2, 2, 2}, {2}, {2, 2}}, plain);
  s.bad({{1, 2, 2, 2}, {2}, {2}},
        NormAttrs{0.5, false, true, PoolAttrs{3, 3, 1, 1, 0, 0, 1, 1, 0, 0, 0}});
}

}  // namespace

constinit const Op batch_norm_op = row(
    {.name = "batch_norm",
     .doc = "y = max pool(relu((x - mean) r weight + bias + residual)), each but the norm optional",
     .arity = -1,
     .keep = keep_0 | keep_1 | keep_y,
     .layout = Layout::channels_last,
     .infer = infer,
     .forward = batch_norm_forward,
     .gradients = gradients,
     .fused = batch_norm_fused,
     .smooth = true,
     .reference = reference,
     .samples = samples});

namespace {

void need_images(const Tensor& x) {
  if (x.dim() < 2 || x.dim() > 5)
    throw ShapeError("batch_norm: needs images [N,C,H,W], [N,C,L], [N,C] or [T,N,C,H,W], not " +
                     str(x.shape()));
}
// [N,C] as images of one pixel, [N,C,L] as images of one row.
Tensor as_images(const Tensor& x) {
  if (x.dim() == 3) return unsqueeze(x, -2);
  return x.dim() == 2 ? reshape(x, {x.size(0), x.size(1), 1, 1}) : x;
}
// The result in x's kind.
Tensor as_given(const Tensor& y, const Tensor& x) {
  if (x.dim() == 3) return squeeze(y, -2);
  return x.dim() == 2 ? reshape(y, x.shape()) : y;
}

Tensor channels_of(const Tensor& v, const Tensor& x, double otherwise) {
  const Shape fit = x.dim() == 5 ? Shape{x.size(0), x.size(2)} : Shape{x.size(-3)};
  if (!v.defined()) return full(fit, otherwise, x.dtype());
  return v.dim() == 1 && fit.size() == 2 && v.size(0) == fit[1] ? expand(v, fit) : v;
}

NormAttrs attrs_of(const BatchNormOptions& o) {
  NormAttrs a{o.eps, o.relu, o.max_pool.has_value(), {}};
  if (!o.max_pool) return a;
  const auto narrow = [](int v) {
    if (v != static_cast<int16_t>(v))
      throw ShapeError("batch_norm: a window of " + std::to_string(v));
    return static_cast<int16_t>(v);
  };
  const int16_t k = narrow(o.max_pool->kernel), s = narrow(o.max_pool->stride),
                p = narrow(o.max_pool->padding);
  a.pool = {k, k, s, s, p, p, 1, 1, 0, 0, 0};
  return a;
}

}  // namespace

Tensor batch_norm(const Tensor& any, const Tensor& weight, const Tensor& bias,
                  const BatchNormOptions& options, BatchStatistics* seen) {
  const detail::Called as("batch_norm(x, weight?, bias?, residual?)", any, weight, bias,
                          options.residual);
  need_images(any);
  const Tensor x = as_images(any), w = channels_of(weight, x, 1), b = channels_of(bias, x, 0);
  const Tensor residual = options.residual.defined() ? as_images(options.residual) : Tensor();
  const NormAttrs a = attrs_of(options);
  const Tensor* in[] = {&x, &w, &b, &residual};
  Tensor y = apply(batch_norm_op, in, residual.defined() ? 4 : 3, &a, sizeof(a));
  if (seen) *seen = batch_norm_statistics(y, x);
  return as_given(y, any);
}

Tensor batch_norm(const Tensor& any, const BatchStatistics& given, const Tensor& weight,
                  const Tensor& bias, const BatchNormOptions& options) {
  const detail::Called as("batch_norm(x, mean, var, weight?, bias?, residual?)", any, given.mean,
                          given.var, weight, bias, options.residual);
  if (!given.mean.defined() || !given.var.defined()) detail::undefined_tensor("batch_norm", 1);
  need_images(any);
  const Tensor x = as_images(any), w = channels_of(weight, x, 1), b = channels_of(bias, x, 0);
  const Tensor residual = options.residual.defined() ? as_images(options.residual) : Tensor();
  if (residual.defined()) need_residual(x, residual, options.max_pool.has_value());
  const Tensor mean = channels_of(given.mean, x, 0), var = channels_of(given.var, x, 1);
  for (const auto& [t, what] :
       {std::pair{&w, "weight"}, {&b, "bias"}, {&mean, "mean"}, {&var, "var"}})
    need_fit(x, *t, what);
  const Tensor scale = w * rsqrt(var + options.eps);
  Tensor y = x * each_channel(scale, x.dim()) + each_channel(b - mean * scale, x.dim());
  if (residual.defined()) y = std::move(y) + residual;
  if (options.relu) y = relu(y);
  if (options.max_pool) {
    const PoolAttrs a = attrs_of(options).pool;
    y = pool_gather(y, pool_index(y, a), a);
  }
  return as_given(y, any);
}

Tensor group_norm(const Tensor& x, int64_t groups, const Tensor& weight, const Tensor& bias,
                  double eps) {
  const detail::Called as("group_norm(x, weight?, bias?)", x, weight, bias);
  if (x.dim() < 2 || groups < 1 || x.size(1) % groups)
    throw ShapeError("group_norm: " + str(x.shape()) + " in " + std::to_string(groups) +
                     " groups of channels");
  for (const auto& [t, what] : {std::pair{&weight, "weight"}, {&bias, "bias"}})
    if (t->defined() && t->shape() != Shape{x.size(1)})
      throw ShapeError(std::string("group_norm: ") + what + " " + str(t->shape()) + " for " +
                       str(x.shape()) + "; needs " + str(Shape{x.size(1)}));
  Shape split = x.shape();
  split[1] = x.size(1) / groups;
  split.insert(1, groups);
  Dims dims;
  for (int d = 2; d < split.size(); ++d) dims.push_back(d);
  Tensor y = reshape(standardize(reshape(x, split), dims, eps), x.shape());
  Shape channels{x.size(1)};
  for (int d = 2; d < x.dim(); ++d) channels.push_back(1);
  if (weight.defined()) y = std::move(y) * reshape(weight, channels);
  if (bias.defined()) y = std::move(y) + reshape(bias, channels);
  return y;
}
Tensor instance_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps) {
  const detail::Called as("instance_norm(x, weight?, bias?)", x, weight, bias);
  if (x.dim() < 3)
    throw ShapeError("instance_norm: needs [N,C,..] with pixels, not " + str(x.shape()));
  return group_norm(x, x.size(1), weight, bias, eps);
}

}  // namespace regrad
