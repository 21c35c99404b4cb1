// Sub-spectral normalization: batch norm of each channel in each band of frequencies, y = relu(h
// weight + bias), h = (x - mean) r. One row with kernels of its own for values and first-order
// gradients; `gradients` is the composition on x seen as [N, C, S, F/S, T]:
//   gz = g where y > 0;  d bias = sum gz, d weight = sum gz h, dx = r weight P(gz, h)
//   (P as in norm_rows.cpp)
// Beside it band_affine, y = relu(x scale + shift) by channel and band, for given statistics.
#include <regrad/engine/autograd.h>
#include <regrad/engine/freq.h>
#include <regrad/engine/internal/called.h>
#include <regrad/engine/kernels/kernels.h>
#include <regrad/engine/ops/images.h>
#include <regrad/engine/ops/list.h>
#include <regrad/engine/ops/norm.h>
#include <regrad/engine/parallel.h>

#include <algorithm>
#include <cmath>
#include <string>

namespace regrad {
namespace {

using detail::Scratch;

struct BandAttrs {
  double eps;
  int64_t bands;
  bool relu;
};

constexpr const char* name_of_norm = "sub_spectral_norm";

void need_bands(const char* op, const Shape& s, int64_t bands) {
  if (s.size() != 4) throw ShapeError(std::string(op) + ": needs [N,C,F,T], not " + str(s));
  if (bands < 1 || s[2] % bands)
    throw ShapeError(std::string(op) + ": " + std::to_string(bands) + " bands do not divide " +
                     std::to_string(s[2]) + " frequencies");
}
void need_channels(const char* op, const Tensor& x, const Tensor& v, int64_t bands,
                   const char* what) {
  const Shape fit{x.shape()[1] * bands};
  if (v.shape() != fit)
    throw ShapeError(std::string(op) + ": " + what + " " + str(v.shape()) + " for " +
                     str(x.shape()) + " in " + std::to_string(bands) + " bands; needs " + str(fit));
  if (v.dtype() != x.dtype())
    throw DTypeError(std::string(op) + ": " + what + " is " + name(v.dtype()) + ", x is " +
                     name(x.dtype()));
}

void infer(const Call& c) {
  const Tensor& x = c.x();
  if (!is_floating(x.dtype()))
    throw DTypeError(std::string("sub_spectral_norm: needs f32 or f64, not ") + name(x.dtype()));
  const int64_t bands = c.attrs<BandAttrs>().bands;
  need_bands(name_of_norm, x.shape(), bands);
  need_channels(name_of_norm, x, c.in(1), bands, "weight");
  need_channels(name_of_norm, x, c.in(2), bands, "bias");
  if (x.shape()[0] * x.shape()[2] * x.shape()[3] == 0)
    throw ShapeError("sub_spectral_norm: no elements to take statistics of in " + str(x.shape()));
  c.out(x.shape(), x.dtype());
}

// A block is a run of images; its cut follows from shapes alone. Channels' values lie as [bands, C]
// here, mean, r and var one after the other in aux.
struct Plan {
  int64_t n, c, s, band, image, images, blocks;
  Plan(const Shape& x, int64_t bands)
      : n(x[0]), c(x[1]), s(bands), band(x[1] * (x[2] / bands) * x[3]), image(x[1] * x[2] * x[3]) {
    images = std::clamp<int64_t>((int64_t{1} << 15) / std::max<int64_t>(1, image), 1, n);
    blocks = (n + images - 1) / images;
  }
  int64_t values() const { return c * s; }
  // f(block, band, where its first element lies, geometry)
  template <class F>
  void each(const F& f) const {
    parallel_for(blocks, [&](int64_t b) {
      const int64_t count = std::min(images, n - b * images);
      for (int64_t k = 0; k < s; ++k)
        f(b, k, b * images * image + k * band, kernels::Band{count, image, band, c});
    });
  }
};

// From [C bands] to [bands, C].
template <class T>
void by_bands(const Tensor& given, const Plan& p, T* to) {
  const Tensor dense = given.contiguous();
  const T* from = dense.node()->ptr<T>();
  for (int64_t k = 0; k < p.s; ++k)
    for (int64_t ch = 0; ch < p.c; ++ch) to[k * p.c + ch] = from[ch * p.s + k];
}

template <class T>
class Bands {
 public:
  explicit Bands(const Call& c)
      : c_(c),
        a_(c.attrs<BandAttrs>()),
        x_(c.x()),
        p_(x_.x.shape(), a_.bands),
        k_(kernels::table().sub_bands[sizeof(T) == 8]) {}
  int64_t aux_bytes() const { return 3 * std::max<int64_t>(1, p_.values()) * int64_t{sizeof(T)}; }

  void moments(T* aux) const {
    const int64_t v = p_.values();
    const Scratch parts(p_.blocks * 2 * v * 8);
    double* part = parts.as<double>();
    p_.each([&](int64_t b, int64_t k, int64_t at, const kernels::Band& band) {
      k_.moments(band, x_.at<T>(0) + at, part + b * 2 * v + k * p_.c,
                 part + (b * 2 + 1) * v + k * p_.c);
    });
    for (int64_t j = 0; j < v; ++j) {
      double mean = 0, m2 = 0, rows = 0;
      for (int64_t b = 0; b < p_.blocks; ++b) {  // joined in order (Chan, Golub and LeVeque 1979)
        const double more =
            static_cast<double>(std::min(p_.images, p_.n - b * p_.images) * (p_.band / p_.c));
        const double delta = part[b * 2 * v + j] - mean, share = more / (rows + more);
        m2 += part[(b * 2 + 1) * v + j] + delta * delta * rows * share;
        mean += delta * share;
        rows += more;
      }
      aux[j] = static_cast<T>(mean);
      aux[v + j] = static_cast<T>(1 / std::sqrt(m2 / rows + a_.eps));
      aux[2 * v + j] = static_cast<T>(m2 / rows);
    }
  }

  void apply(const T* aux) const {
    const int64_t v = p_.values();
    const Scratch room(2 * v * int64_t{sizeof(T)});
    T *scale = room.as<T>(), *shift = scale + v;
    by_bands(c_.in(1), p_, scale), by_bands(c_.in(2), p_, shift);
    for (int64_t j = 0; j < v; ++j) scale[j] *= aux[v + j];
    p_.each([&](int64_t, int64_t k, int64_t at, const kernels::Band& band) {
      k_.apply(band, aux + k * p_.c, scale + k * p_.c, shift + k * p_.c, a_.relu, x_.at<T>(0) + at,
               c_.node()->ptr<T>() + at);
    });
  }

  // First-order gradients by what the forward pass left in aux.
  void gradient(const T* aux, Tensor* out) const {
    const Images g(c_.g());
    const T* mask = a_.relu ? c_.y().node()->ptr<T>() : nullptr;
    const int64_t v = p_.values();
    const Scratch parts(p_.blocks * 2 * v * 8), room(3 * v * int64_t{sizeof(T)});
    double* part = parts.as<double>();
    p_.each([&](int64_t b, int64_t k, int64_t at, const kernels::Band& band) {
      k_.sums(band, aux + k * p_.c, g.at<T>(0) + at, mask ? mask + at : nullptr, x_.at<T>(0) + at,
              part + b * 2 * v + k * p_.c, part + (b * 2 + 1) * v + k * p_.c);
    });
    T *scale = room.as<T>(), *shift = scale + v, *slope = shift + v;
    by_bands(c_.in(1), p_, scale);
    out[1] = detail::empty({v}, c_.x().dtype()), out[2] = detail::empty({v}, c_.x().dtype());
    const double rows = static_cast<double>(p_.n * (p_.band / p_.c));
    for (int64_t k = 0; k < p_.s; ++k)
      for (int64_t ch = 0; ch < p_.c; ++ch) {
        const int64_t j = k * p_.c + ch, named = ch * p_.s + k;
        double sum_g = 0, sum_gd = 0;
        for (int64_t b = 0; b < p_.blocks; ++b)
          sum_g += part[b * 2 * v + j], sum_gd += part[(b * 2 + 1) * v + j];
        const double r = static_cast<double>(aux[v + j]), by = static_cast<double>(scale[j]) * r;
        out[1].node()->ptr<T>()[named] = static_cast<T>(sum_gd * r),
        out[2].node()->ptr<T>()[named] = static_cast<T>(sum_g);
        scale[j] = static_cast<T>(by), shift[j] = static_cast<T>(by * sum_g / rows),
        slope[j] = static_cast<T>(by * r * r * sum_gd / rows);
      }
    out[0] = detail::empty_strided(c_.x().shape(), channels_last_strides(c_.x().shape()),
                                   c_.x().dtype());
    T* dx = out[0].node()->ptr<T>();
    p_.each([&](int64_t, int64_t k, int64_t at, const kernels::Band& band) {
      const int64_t j = k * p_.c;
      k_.gradient(band, aux + j, scale + j, shift + j, slope + j, g.at<T>(0) + at,
                  mask ? mask + at : nullptr, x_.at<T>(0) + at, dx + at);
    });
  }

 private:
  const Call& c_;
  const BandAttrs& a_;
  Images x_;
  Plan p_;
  const kernels::SubBands& k_;
};

template <class T>
void forward_of(const Call& c) {
  const NoGrad quiet;
  const Bands<T> bands(c);
  detail::Storage* aux = detail::new_storage(bands.aux_bytes());
  c.node()->aux.store(aux, std::memory_order_relaxed);
  if (c.x().numel() == 0) return;
  bands.moments(static_cast<T*>(aux->data));
  bands.apply(static_cast<const T*>(aux->data));
}
template <class T>
void fused_of(const Call& c, Tensor* out) {
  c.need_kept(c.x());
  c.need_kept(c.in(1));
  c.need_kept(c.y());  // aux lives as long as the output's data
  if (c.x().numel() == 0) {
    for (int i = 0; i < 3; ++i) out[i] = zeros_like(c.in(i));
    return;
  }
  Bands<T>(c).gradient(static_cast<const T*>(c.node()->aux.load(std::memory_order_relaxed)->data),
                       out);
}

Shape split(const Shape& s, int64_t bands) { return {s[0], s[1], bands, s[2] / bands, s[3]}; }
Tensor each_band(const Tensor& v, int64_t bands) {
  return reshape(v, {v.size(0) / bands, bands, 1, 1});
}

void gradients(const Call& c, Tensor* out) {
  const BandAttrs& a = c.attrs<BandAttrs>();
  const Shape& s = c.x().shape();
  const Dims dims{0, 3, 4};
  const Tensor x = reshape(c.x(), split(s, a.bands)),
               g = reshape(a.relu ? relu_grad(c.g(), c.y()) : c.g(), split(s, a.bands));
  const Tensor h = standardize(x, dims, a.eps), r = inv_std(x, dims, a.eps);
  out[0] = reshape(norm_grad(g, h, dims) * (r * each_band(c.in(1), a.bands)), s);
  out[1] = reshape(sum(g * h, dims), {s[1] * a.bands});
  out[2] = reshape(sum(g, dims), {s[1] * a.bands});
}

std::vector<double> reference(const RefCall& c) {
  const BandAttrs& a = c.attrs<BandAttrs>();
  const Shape& s = c.in[0].shape;
  const int64_t rows = s[2] / a.bands;
  std::vector<double> y = c.in[0].v;
  for (int64_t ch = 0; ch < s[1]; ++ch)
    for (int64_t k = 0; k < a.bands; ++k) {
      const auto each = [&](auto&& f) {
        for (int64_t n = 0; n < s[0]; ++n)
          for (int64_t i = 0; i < rows * s[3]; ++i)
            f(static_cast<size_t>(((n * s[1] + ch) * s[2] + k * rows) * s[3] + i));
      };
      const double count = static_cast<double>(s[0] * rows * s[3]);
      const auto j = static_cast<size_t>(ch * a.bands + k);
      double mean = 0, var = 0;
      each([&](size_t i) { mean += c.in[0].v[i] / count; });
      each([&](size_t i) { var += std::pow(c.in[0].v[i] - mean, 2) / count; });
      each([&](size_t i) {
        y[i] = (c.in[0].v[i] - mean) / std::sqrt(var + a.eps) * c.in[1].v[j] + c.in[2].v[j];
        if (a.relu) y[i] = std::max(y[i], 0.0);
      });
    }
  return y;
}

// band_affine
template <class T>
void affine_forward(const Call& c) {
  const NoGrad quiet;
  if (c.x().numel() == 0) return;
  const BandAttrs& a = c.attrs<BandAttrs>();
  const Images x(c.x());
  const Plan p(x.x.shape(), a.bands);
  const Scratch room(3 * p.values() * int64_t{sizeof(T)});
  T *zero = room.as<T>(), *scale = zero + p.values(), *shift = scale + p.values();
  std::fill(zero, scale, T(0));
  by_bands(c.in(1), p, scale), by_bands(c.in(2), p, shift);
  p.each([&](int64_t, int64_t k, int64_t at, const kernels::Band& band) {
    kernels::table().sub_bands[sizeof(T) == 8].apply(band, zero, scale + k * p.c, shift + k * p.c,
                                                     a.relu, x.at<T>(0) + at,
                                                     c.node()->ptr<T>() + at);
  });
}
void affine_infer(const Call& c) {
  const Tensor& x = c.x();
  if (!is_floating(x.dtype()))
    throw DTypeError(std::string("band_affine: needs f32 or f64, not ") + name(x.dtype()));
  const int64_t bands = c.attrs<BandAttrs>().bands;
  need_bands("band_affine", x.shape(), bands);
  need_channels("band_affine", x, c.in(1), bands, "scale");
  need_channels("band_affine", x, c.in(2), bands, "shift");
  c.out(x.shape(), x.dtype());
}
void affine_gradients(const Call& c, Tensor* out) {
  const BandAttrs& a = c.attrs<BandAttrs>();
  const Shape& s = c.x().shape();
  const Tensor g = reshape(a.relu ? relu_grad(c.g(), c.y()) : c.g(), split(s, a.bands));
  out[0] = reshape(g * each_band(c.in(1), a.bands), s);
  out[1] = reshape(sum(g * reshape(c.x(), split(s, a.bands)), {0, 3, 4}), {s[1] * a.bands});
  out[2] = reshape(sum(g, {0, 3, 4}), {s[1] * a.bands});
}
std::vector<double> affine_reference(const RefCall& c) {
  const BandAttrs& a = c.attrs<BandAttrs>();
  const Shape& s = c.in[0].shape;
  std::vector<double> y = c.in[0].v;
  for (size_t i = 0; i < y.size(); ++i) {
    const auto at = static_cast<int64_t>(i), ch = at / (s[2] * s[3]) % s[1],
               k = at / s[3] % s[2] / (s[2] / a.bands);
    const auto j = static_cast<size_t>(ch * a.bands + k);
    y[i] = y[i] * c.in[1].v[j] + c.in[2].v[j];
    if (a.relu) y[i] = std::max(y[i], 0.0);
  }
  return y;
}
void affine_samples(Samples& s) {
  const Domain open{.low = 0.5, .high = 2}, below{.low = -8, .high = -5};
  for (const Shape& x :
       {Shape{2, 2, 2, 1}, Shape{1, 1, 4, 2}, Shape{1, 3, 2, 2}, Shape{0, 2, 2, 2}})
    for (const int64_t bands : {1, 2}) {
      const Shape k{x[1] * bands};
      s.add({x, k, k}, {{}}, BandAttrs{0, bands, false});
      s.add({x, k, k}, {open}, BandAttrs{0, bands, true});
      s.add({x, k, k}, {open, open, below}, BandAttrs{0, bands, true});
    }
  s.bad({{2, 3, 4}, {6}, {6}}, BandAttrs{0, 2, false});
  s.bad({{1, 1, 3, 2}, {2}, {2}}, BandAttrs{0, 2, false});
  s.bad({{1, 2, 2, 2}, {2}, {4}}, BandAttrs{0, 2, false});
}

void samples(Samples& s) {
  const Domain away{.low = 0.5, .high = 1.5}, shifted{.low = 2.1, .high = 3},
      below{.low = -3, .high = -2.1};  // ReLU: far from its kink, open or shut
  struct Example {
    Shape x;
    int64_t bands;
  };
  for (const auto& [x, bands] :
       {Example{{2, 2, 2, 1}, 2}, Example{{1, 1, 4, 2}, 2}, Example{{2, 1, 2, 2}, 1},
        Example{{1, 3, 2, 2}, 1}, Example{{3, 1, 3, 1}, 3}, Example{{2, 0, 2, 2}, 2}}) {
    const Shape k{x[1] * bands};
    s.add({x, k, k}, {{}}, BandAttrs{0.5, bands, false});
    s.add({x, k, k}, {{}, away, shifted}, BandAttrs{0.5, bands, true});
    s.add({x, k, k}, {{}, away, below}, BandAttrs{0.5, bands, true});
  }
  const BandAttrs two{0.5, 2, false};
  s.bad({{2, 3, 4}, {6}, {6}}, two);
  s.bad({{1, 1, 3, 2}, {2}, {2}}, two);
  s.bad({{1, 2, 2, 2}, {2}, {4}}, two);
  s.bad({{1, 2, 2, 2}, {4}, {2}}, two);
  s.bad({{0, 1, 2, 2}, {2}, {2}}, two);
}

Tensor or_full(const Tensor& v, const Tensor& x, int64_t bands, double otherwise) {
  return v.defined() ? v : full({x.size(1) * bands}, otherwise, x.dtype());
}

BatchStatistics statistics_of(const Tensor& y, int64_t bands) {
  const int64_t c = y.size(1), v = c * bands, item = item_size(y.dtype());
  const char* aux = static_cast<const char*>(y.node()->aux.load(std::memory_order_relaxed)->data);
  const auto read = [&](int64_t which) {
    const Tensor by_bands = from_data(aux + which * v * item, {bands, c}, y.dtype());
    return reshape(by_bands.transpose(0, 1), {v});
  };
  return {read(0), read(2)};
}

}  // namespace

constinit const Op sub_spectral_op =
    row({.name = "sub_spectral",
         .doc = "y = relu((x - mean) r weight + bias) by channel and band of frequencies",
         .arity = 3,
         .keep = keep_0 | keep_1 | keep_y,
         .layout = Layout::channels_last,
         .infer = infer,
         .forward = typed<forward_of<float>, forward_of<double>>,
         .gradients = gradients,
         .fused = typed<fused_of<float>, fused_of<double>>,
         .smooth = true,
         .reference = reference,
         .samples = samples});

constinit const Op band_affine_op =
    row({.name = "band_affine",
         .doc = "y = relu(x scale + shift) by channel and band of frequencies",
         .arity = 3,
         .keep = keep_0 | keep_1 | keep_y,
         .layout = Layout::channels_last,
         .infer = affine_infer,
         .forward = typed<affine_forward<float>, affine_forward<double>>,
         .gradients = affine_gradients,
         .smooth = true,
         .reference = affine_reference,
         .samples = affine_samples});

Tensor sub_spectral_norm(const Tensor& x, int64_t bands, const Tensor& weight, const Tensor& bias,
                         const SubSpectralOptions& options, BatchStatistics* seen) {
  const detail::Called as("sub_spectral_norm(x, weight?, bias?)", x, weight, bias);
  need_bands(name_of_norm, x.shape(), bands);
  Tensor y = apply3(sub_spectral_op, x, or_full(weight, x, bands, 1), or_full(bias, x, bands, 0),
                    BandAttrs{options.eps, bands, options.relu});
  if (seen) {
    const NoGrad quiet;
    *seen = statistics_of(y, bands);
  }
  return y;
}

Tensor sub_spectral_norm(const Tensor& x, int64_t bands, const BatchStatistics& given,
                         const Tensor& weight, const Tensor& bias,
                         const SubSpectralOptions& options) {
  const detail::Called as("sub_spectral_norm(x, mean, var, weight?, bias?)", x, given.mean,
                          given.var, weight, bias);
  need_bands(name_of_norm, x.shape(), bands);
  const Tensor w = or_full(weight, x, bands, 1), b = or_full(bias, x, bands, 0);
  for (const auto& [t, what] :
       {std::pair{&w, "weight"}, {&b, "bias"}, {&given.mean, "mean"}, {&given.var, "var"}})
    need_channels(name_of_norm, x, *t, bands, what);
  const Tensor scale = w * rsqrt(given.var + options.eps), shift = b - given.mean * scale;
  return apply3(band_affine_op, x, scale, shift, BandAttrs{0, bands, options.relu});
}

}  // namespace regrad
