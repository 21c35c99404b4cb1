// Batch normalization and what follows it: y = max_pool(relu(h weight + bias + residual)), h = (x -
// mean) r, r = 1/sqrt(var + eps), statistics over a task's images. One row with kernels of its own
// for values and first-order gradients; `gradients` is the composition:
//   gz = g back through pool and ReLU;
//   d bias = sum gz, d weight = sum gz h, d residual = gz, dx = r weight P(gz, h)
//   (P as in norm.cpp)
#include <regrad/engine/autograd.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/internal/called.h>
#include <regrad/engine/ops/images.h>
#include <regrad/engine/ops/list.h>
#include <regrad/engine/ops/norm.h>
#include <regrad/engine/ops/pool.h>
#include <regrad/engine/parallel.h>

#include <algorithm>
#include <cmath>
#include <string>

namespace regrad {
namespace {

using detail::Scratch;
using kernels::BatchNorm;
using kernels::Pool;

struct NormAttrs {
  double eps;
  bool relu, pooled;
  PoolAttrs pool;
};

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

// Sizes, and where things lie in the node's aux: a task's channels (mean, r, var, in the tensor's
// dtype), then, with pooling, the places.
struct Plan {
  int64_t tasks, n, channels, pixels, item;
  int64_t images, blocks;  // a block; of a task
  Plan(const Tensor& x, bool pooled)
      : tasks(x.dim() == 5 ? x.shape()[0] : 1),
        n(x.shape()[-4]),
        channels(x.shape()[-3]),
        pixels(x.shape()[-2] * x.shape()[-1]),
        item(item_size(x.dtype())) {
    // Without pooling a block is a run of rows (pixels of all images): any cut will do.
    unit = pooled ? pixels : 1;
    const int64_t units = n * pixels / unit, each = unit * std::max<int64_t>(channels, 1);
    images = std::clamp<int64_t>((int64_t{1} << 15) / each, 1, units);
    blocks = (units + images - 1) / images;
  }
  int64_t unit;  // rows that stay together
  int64_t first(int64_t b) const { return b * images * unit; }
  int64_t rows(int64_t b) const { return std::min(images * unit, n * pixels - first(b)); }
  int64_t stats_bytes() const { return (tasks * 3 * channels * item + 63) / 64 * 64; }
};

// f(task, block) for all of them.
template <class F>
void each_block(const Plan& p, const F& f) {
  parallel_for(p.tasks * p.blocks, [&](int64_t i) { f(i / p.blocks, i % p.blocks); });
}

// The arrays of a task's channels, in T.
template <class T>
struct Stats {
  T *mean, *r, *var;
  Stats(const Plan& p, void* aux, int64_t task) {
    mean = static_cast<T*>(aux) + task * 3 * p.channels;
    r = mean + p.channels;
    var = r + p.channels;
  }
};

template <class T>
class Batch {
 public:
  Batch(const Call& c)
      : c_(c),
        a_(c.attrs<NormAttrs>()),
        x_(c.x()),
        p_(x_.x, a_.pooled),
        k_(kernels::table().batch_norm[sizeof(T) == 8]) {
    if (a_.pooled) pool_ = pool_geometry("batch_norm", c.x().shape(), a_.pool, byte_taps);
    weight_ = c.in(1).contiguous();
  }

  // Means and variances: blocks of rows, joined in order.
  void moments(void* aux) const {
    const Scratch parts(p_.tasks * p_.blocks * 2 * p_.channels * 8);
    const auto part = [&](int64_t t, int64_t b) {
      return parts.as<double>() + (t * p_.blocks + b) * 2 * p_.channels;
    };
    each_block(p_, [&](int64_t t, int64_t b) {
      k_.moments(x_.at<T>(t) + p_.first(b) * p_.channels, p_.rows(b), p_.channels, part(t, b),
                 part(t, b) + p_.channels);
    });
    for (int64_t t = 0; t < p_.tasks; ++t) {
      const Stats<T> s(p_, aux, t);
      for (int64_t j = 0; j < p_.channels; ++j) {
        double mean = 0, m2 = 0, rows = 0;
        for (int64_t b = 0; b < p_.blocks; ++b) {
          const double more = static_cast<double>(p_.rows(b)), delta = part(t, b)[j] - mean,
                       share = more / (rows + more);
          m2 += part(t, b)[p_.channels + j] + delta * delta * rows * share;
          mean += delta * share;
          rows += more;
        }
        s.mean[j] = static_cast<T>(mean);
        s.var[j] = static_cast<T>(m2 / rows);
        s.r[j] = static_cast<T>(1 / std::sqrt(m2 / rows + a_.eps));
      }
    }
  }

  void apply(void* aux) const {
    const Scratch scales(p_.tasks * p_.channels * p_.item);
    const Tensor bias = c_.in(2).contiguous(),
                 residual = c_.n_in() == 4 ? channels_last(c_.in(3)) : Tensor();
    fill_scales(aux, scales.as<T>());
    const auto residual_at = [&, task = residual.defined() && residual.dim() == 5
                                            ? residual.strides()[0]
                                            : 0](int64_t t, int64_t row) -> const T* {
      return residual.defined() ? residual.node()->ptr<T>() + t * task + row * p_.channels
                                : nullptr;
    };
    T* y = c_.node()->ptr<T>();
    each_block(p_, [&](int64_t t, int64_t b) {
      const BatchNorm::Channels k = channels(aux, scales.as<T>(), bias.node()->ptr<T>(), t);
      if (!a_.pooled) {
        k_.apply(k, x_.at<T>(t) + p_.first(b) * p_.channels, residual_at(t, p_.first(b)), a_.relu,
                 p_.rows(b), p_.channels, y + (t * p_.n * p_.pixels + p_.first(b)) * p_.channels);
        return;
      }
      each_image(b, [&](int64_t image) {
        k_.apply_pool(k, pool_, x_.at<T>(t, image), a_.relu, y + pooled_at(t, image),
                      places(aux) + pooled_at(t, image));
      });
    });
  }

  // First-order gradients by what the forward pass left in aux.
  void gradient(void* aux, Tensor* out) const {
    const Images g(c_.g());
    const Tensor y = c_.y();
    const Scratch scales((p_.tasks * p_.channels + 2 * p_.tasks * p_.channels) * p_.item);
    T *scale = scales.as<T>(), *means = scale + p_.tasks * p_.channels;
    fill_scales(aux, scale);
    const T* mask = a_.relu ? y.node()->ptr<T>() : nullptr;
    out[1] = detail::empty(c_.in(1).shape(), c_.x().dtype()),
    out[2] = detail::empty(c_.in(2).shape(), c_.x().dtype());
    sums(aux, scale, g, mask, means, out[1].node()->ptr<T>(), out[2].node()->ptr<T>());
    out[0] = detail::empty_strided(c_.x().shape(), channels_last_strides(c_.x().shape()),
                                   c_.x().dtype());
    T *dx = out[0].node()->ptr<T>(), *ds = nullptr;
    if (c_.n_in() == 4) {
      out[3] = detail::empty_strided(c_.x().shape(), channels_last_strides(c_.x().shape()),
                                     c_.x().dtype());
      ds = out[3].node()->ptr<T>();
    }
    each_block(p_, [&](int64_t t, int64_t b) {
      const BatchNorm::Channels k = channels(aux, scale, scale, t);
      const T *mean_g = means + t * 2 * p_.channels, *mean_gh = mean_g + p_.channels;
      const int64_t row = p_.first(b) * p_.channels,
                    whole = t * p_.n * p_.pixels * p_.channels + row;
      if (!a_.pooled) {
        k_.gradient(k, mean_g, mean_gh, g.at<T>(t) + row, mask ? mask + whole : nullptr,
                    x_.at<T>(t) + row, p_.rows(b), p_.channels, dx + whole,
                    ds ? ds + whole : nullptr);
        return;
      }
      each_image(b, [&](int64_t image) {
        const int64_t at = pooled_at(t, image);
        k_.gradient_pool(k, pool_, mean_g, mean_gh, g.at<T>(t, image), mask ? mask + at : nullptr,
                         places(aux) + at, x_.at<T>(t, image),
                         dx + (t * p_.n + image) * p_.pixels * p_.channels);
      });
    });
  }

  const Plan& plan() const { return p_; }
  int64_t aux_bytes() const {
    return p_.stats_bytes() + (a_.pooled ? c_.node()->shape.numel() : 0);
  }

 private:
  // mean of gz and of gz h, a task's [2, C] each, and their sums into d_weight, d_bias.
  void sums(void* aux, const T* scale, const Images& g, const T* mask, T* means, T* d_weight,
            T* d_bias) const {
    const Scratch parts(p_.tasks * p_.blocks * 2 * p_.channels * 8);
    const auto part = [&](int64_t t, int64_t b) {
      return parts.as<double>() + (t * p_.blocks + b) * 2 * p_.channels;
    };
    each_block(p_, [&](int64_t t, int64_t b) {
      double *sum_g = part(t, b), *sum_gh = sum_g + p_.channels;
      std::fill(sum_g, sum_g + 2 * p_.channels, 0.0);
      const BatchNorm::Channels k = channels(aux, scale, scale, t);
      const int64_t row = p_.first(b) * p_.channels;
      if (!a_.pooled) {
        k_.sums(k, g.at<T>(t) + row,
                mask ? mask + t * p_.n * p_.pixels * p_.channels + row : nullptr, x_.at<T>(t) + row,
                p_.rows(b), p_.channels, sum_g, sum_gh);
        return;
      }
      each_image(b, [&](int64_t image) {
        const int64_t at = pooled_at(t, image);
        k_.sums_pool(k, pool_, g.at<T>(t, image), mask ? mask + at : nullptr, places(aux) + at,
                     x_.at<T>(t, image), sum_g, sum_gh);
      });
    });
    const double rows = static_cast<double>(p_.n * p_.pixels);
    for (int64_t t = 0; t < p_.tasks; ++t)
      for (int64_t j = 0; j < 2 * p_.channels; ++j) {
        double total = 0;
        for (int64_t b = 0; b < p_.blocks; ++b) total += part(t, b)[j];
        means[t * 2 * p_.channels + j] = static_cast<T>(total / rows);
        (j < p_.channels ? d_bias[t * p_.channels + j]
                         : d_weight[t * p_.channels + j - p_.channels]) = static_cast<T>(total);
      }
  }

  void fill_scales(void* aux, T* scale) const {
    const T* w = weight_.node()->ptr<T>();
    for (int64_t t = 0; t < p_.tasks; ++t)
      for (int64_t j = 0; j < p_.channels; ++j)
        scale[t * p_.channels + j] = w[t * p_.channels + j] * Stats<T>(p_, aux, t).r[j];
  }
  BatchNorm::Channels channels(void* aux, const T* scale, const T* shift, int64_t t) const {
    const Stats<T> s(p_, aux, t);
    return {s.mean, s.r, scale + t * p_.channels, shift + t * p_.channels};
  }
  uint8_t* places(void* aux) const { return static_cast<uint8_t*>(aux) + p_.stats_bytes(); }
  int64_t pooled_at(int64_t t, int64_t image) const {
    return (t * p_.n + image) * pool_.oh * pool_.ow * p_.channels;
  }
  template <class F>
  void each_image(int64_t b, const F& f) const {
    for (int64_t i = p_.first(b) / p_.unit; i < (p_.first(b) + p_.rows(b)) / p_.unit; ++i) f(i);
  }

  const Call& c_;
  const NormAttrs& a_;
  Images x_;
  Plan p_;
  const BatchNorm& k_;
  Pool pool_{};
  Tensor weight_;
};

template <class T>
void forward_of(const Call& c) {
  const NoGrad quiet;
  const Batch<T> batch(c);
  detail::Storage* aux = detail::new_storage(std::max<int64_t>(batch.aux_bytes(), 1));
  c.node()->aux.store(aux, std::memory_order_relaxed);
  if (c.x().numel() == 0) return;
  batch.moments(aux->data);
  batch.apply(aux->data);
}

void* aux_of(const Call& c) { return c.node()->aux.load(std::memory_order_relaxed)->data; }

void fused(const Call& c, Tensor* out) {
  c.need_kept(c.x());
  c.need_kept(c.in(1));
  c.need_kept(c.y());
  if (c.x().numel() == 0) {
    for (int i = 0; i < c.n_in(); ++i) out[i] = zeros_like(c.in(i));
    return;
  }
  c.x().dtype() == DType::f32 ? Batch<float>(c).gradient(aux_of(c), out)
                              : Batch<double>(c).gradient(aux_of(c), out);
}

// Over what statistics are taken.
Dims over(const Tensor& x) { return x.dim() == 5 ? Dims{1, 3, 4} : Dims{0, 2, 3}; }
// A value a channel, so that it broadcasts against images.
Tensor each_channel(const Tensor& v, int dims) {
  if (dims == 5 && v.dim() == 2) return reshape(v, {v.size(0), 1, v.size(1), 1, 1});
  return reshape(v, {v.size(-1), 1, 1});
}

// The places that the forward pass found, as a constant.
Tensor places_of(const Call& c) {
  const Plan p(c.x(), true);
  Tensor index =
      detail::empty_strided(c.node()->shape, channels_last_strides(c.node()->shape), DType::u8);
  if (index.numel())
    std::memcpy(index.node()->raw(), static_cast<const char*>(aux_of(c)) + p.stats_bytes(),
                static_cast<size_t>(index.numel()));
  return index;
}

void gradients(const Call& c, Tensor* out) {
  const Tensor& x = c.x();
  const NormAttrs& a = c.attrs<NormAttrs>();
  Tensor g = c.g();
  if (a.relu) g = relu_grad(g, c.y());
  if (a.pooled) g = pool_scatter(g, places_of(c), a.pool, x.size(-2), x.size(-1));
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

constinit const Op batch_norm_op = row({.name = "batch_norm",
                                        .arity = -1,
                                        .keep = keep_0 | keep_1 | keep_y,
                                        .layout = Layout::channels_last,
                                        .infer = infer,
                                        .forward = typed<forward_of<float>, forward_of<double>>,
                                        .gradients = gradients,
                                        .fused = fused,
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

// The statistics that a batch_norm node keeps.
BatchStatistics statistics_of(const Tensor& y, const Tensor& x) {
  const Plan p(x, false);
  const auto read = [&](int64_t which) {
    Tensor out =
        detail::empty(x.dim() == 5 ? Shape{p.tasks, p.channels} : Shape{p.channels}, x.dtype());
    const char* aux = static_cast<const char*>(y.node()->aux.load(std::memory_order_relaxed)->data);
    for (int64_t t = 0; t < p.tasks; ++t)
      std::memcpy(static_cast<char*>(out.node()->raw()) + t * p.channels * p.item,
                  aux + (t * 3 + which) * p.channels * p.item,
                  static_cast<size_t>(p.channels * p.item));
    return out;
  };
  return {read(0), read(2)};
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
  if (seen) *seen = statistics_of(y, x);
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
