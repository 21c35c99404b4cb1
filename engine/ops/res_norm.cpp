// Residual normalization: y = lambda x + h, h = (x - mean) r, r = 1/sqrt(var + eps), over channels
// and frames of each (n, f). One row with kernels of its own for values and first-order gradients;
// the vjp is the composition on the norm rows: lambda g + r P(g, h), P as in norm_rows.cpp.
#include <regrad/engine/autograd.h>
#include <regrad/engine/freq.h>
#include <regrad/engine/internal/memory.h>
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

struct ResAttrs {
  double lambda, eps;
};

void infer(const Call& c) {
  const Shape& s = c.x().shape();
  if (!is_floating(c.x().dtype()))
    throw DTypeError(std::string("res_norm: needs f32 or f64, not ") + name(c.x().dtype()));
  if (s.size() != 4 || s[1] * s[3] == 0)
    throw ShapeError("res_norm: needs [N,C,F,T] with channels and frames, not " + str(s));
  c.out(s, c.x().dtype());
}

// The groups (n, f) of neighbouring f in a layout of those strides; neighbours first, in one run
// where memory allows.
kernels::Groups groups_of(const Shape& s, const Shape& strides) {
  kernels::Groups g{1, strides[2], s[1], strides[1], s[3], strides[3], false};
  if (s[3] == 1 || (s[1] != 1 && strides[1] < strides[3]))
    g = {1, strides[2], s[3], strides[3], s[1], strides[1], false};
  if (g.runs == 1 || g.run_stride == g.run * g.step)
    g = {1, strides[2], 1, 0, g.run * g.runs, g.step, false};
  return g;
}
// f(offset in elements, groups, room) for every few neighbouring groups of an image: as many as the
// second cache holds.
template <class T, class F>
void each_few(const Shape& s, const Shape& strides, int copies, const F& f) {
  kernels::Groups one = groups_of(s, strides);
  one.past_cache = s.numel() * int64_t{sizeof(T)} >= int64_t{1} << 23;
  const bool scattered = one.step > 1;
  const int64_t most =
      std::clamp<int64_t>((int64_t{1} << 16) / (s[1] * s[3]), 1, kernels::most_groups);
  const int64_t cuts = std::max<int64_t>(1, (s[2] + most - 1) / most),
                few = (s[2] + cuts - 1) / cuts;
  parallel_for(s[0] * cuts, [&](int64_t b) {
    kernels::Groups g = one;
    const int64_t first = b % cuts * few;
    g.n = std::min(few, s[2] - first);
    if (g.n <= 0) return;
    const detail::Scratch room(scattered ? copies * g.n * g.runs * g.run * int64_t{sizeof(T)} : 0);
    f(b / cuts * strides[0] + first * strides[2], g, room.as<void>());
  });
}

// x in the strides of `like`, a dense tensor.
Tensor in_layout(const Tensor& x, const Shape& strides) {
  if (x.strides() == strides) return x;
  const NoGrad quiet;
  Dims order;
  for (int d = 0; d < x.dim(); ++d) order.push_back(d);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return strides[static_cast<int>(a)] > strides[static_cast<int>(b)];
  });
  Dims back = order;
  for (int i = 0; i < order.size(); ++i) back[static_cast<int>(order[i])] = i;
  return permute(contiguous(permute(x, order)), back);
}

template <class T>
void forward_of(const Call& c) {
  const Tensor x = in_layout(c.x(), c.node()->strides);
  const kernels::ResNorm& k = kernels::table().res_norm[sizeof(T) == 8];
  const ResAttrs& a = c.attrs<ResAttrs>();
  each_few<T>(
      x.shape(), c.node()->strides, 1, [&](int64_t at, const kernels::Groups& few, void* room) {
        k.forward(few, a.lambda, a.eps, x.node()->ptr<T>() + at, c.node()->ptr<T>() + at, room);
      });
}

template <class T>
void fused_of(const Call& c, Tensor* out) {
  c.need_kept(c.x());
  const Shape& strides = c.node()->strides;
  const Tensor x = in_layout(c.x(), strides), g = in_layout(c.g(), strides);
  const kernels::ResNorm& k = kernels::table().res_norm[sizeof(T) == 8];
  const ResAttrs& a = c.attrs<ResAttrs>();
  out[0] = detail::empty_strided(x.shape(), strides, x.dtype());
  each_few<T>(x.shape(), strides, 2, [&](int64_t at, const kernels::Groups& few, void* room) {
    k.gradient(few, a.lambda, a.eps, g.node()->ptr<T>() + at, x.node()->ptr<T>() + at,
               out[0].node()->ptr<T>() + at, room);
  });
}

Tensor vjp_x(const Call& c) {
  const ResAttrs& a = c.attrs<ResAttrs>();
  const Dims dims{1, 3};
  const Tensor dx =
      inv_std(c.x(), dims, a.eps) * norm_grad(c.g(), standardize(c.x(), dims, a.eps), dims);
  return a.lambda == 0 ? dx : add(dx, c.g(), a.lambda);
}

std::vector<double> reference(const RefCall& c) {
  const ResAttrs& a = c.attrs<ResAttrs>();
  const Shape& s = c.in[0].shape;
  std::vector<double> y = c.in[0].v;
  const auto each = [&](int64_t n, int64_t f, auto&& body) {
    for (int64_t ch = 0; ch < s[1]; ++ch)
      for (int64_t t = 0; t < s[3]; ++t)
        body(static_cast<size_t>(((n * s[1] + ch) * s[2] + f) * s[3] + t));
  };
  for (int64_t n = 0; n < s[0]; ++n)
    for (int64_t f = 0; f < s[2]; ++f) {
      double mean = 0, var = 0;
      const double count = static_cast<double>(s[1] * s[3]);
      each(n, f, [&](size_t i) { mean += c.in[0].v[i] / count; });
      each(n, f, [&](size_t i) { var += std::pow(c.in[0].v[i] - mean, 2) / count; });
      each(n, f, [&](size_t i) {
        y[i] = a.lambda * c.in[0].v[i] + (c.in[0].v[i] - mean) / std::sqrt(var + a.eps);
      });
    }
  return y;
}

}  // namespace

constinit const Op res_norm_op =
    row({.name = "res_norm",
         .doc = "y = p0 x + (x - mean) r, statistics of each sample and frequency",
         .keep = keep_0,
         .layout = Layout::elementwise,
         .infer = infer,
         .forward = typed<forward_of<float>, forward_of<double>>,
         .vjp = {vjp_x},
         .fused = typed<fused_of<float>, fused_of<double>>,
         .smooth = true,
         .reference = reference,
         .samples = [](Samples& s) {
           for (const Shape& x :
                {Shape{1, 1, 1, 4}, Shape{2, 2, 2, 2}, Shape{1, 3, 2, 1}, Shape{1, 1, 1, 1},
                 Shape{2, 1, 1, 3}, Shape{1, 2, 3, 2}, Shape{0, 2, 1, 2}, Shape{1, 5, 1, 2}})
             for (const double lambda : {0.0, 0.3}) s.add({x}, {{}}, ResAttrs{lambda, 0.5});
           s.bad({{2, 3, 1}}, ResAttrs{0, 0.5});
           s.bad({{1, 2, 3, 0}}, ResAttrs{0, 0.5});
         }});

Tensor res_norm(const Tensor& x, double lambda, double eps) {
  return apply(res_norm_op, x, ResAttrs{lambda, eps});
}

}  // namespace regrad
