// Batch normalization's passes over memory: moments, values, first-order gradients; and what a node
// keeps of them.
#include <regrad/engine/autograd.h>
#include <regrad/engine/ops/batch_norm.h>
#include <regrad/engine/ops/images.h>
#include <regrad/engine/parallel.h>

#include <algorithm>
#include <cmath>

namespace regrad {
namespace {

using detail::Scratch;
using kernels::BatchNorm;
using kernels::Pool;

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

}  // namespace

void batch_norm_forward(const Call& c) { typed<forward_of<float>, forward_of<double>>(c); }

void batch_norm_fused(const Call& c, Tensor* out) {
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

Tensor batch_norm_places(const Call& c) {
  const Plan p(c.x(), true);
  Tensor index =
      detail::empty_strided(c.node()->shape, channels_last_strides(c.node()->shape), DType::u8);
  if (index.numel())
    std::memcpy(index.node()->raw(), static_cast<const char*>(aux_of(c)) + p.stats_bytes(),
                static_cast<size_t>(index.numel()));
  return index;
}

BatchStatistics batch_norm_statistics(const Tensor& y, const Tensor& x) {
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

}  // namespace regrad
