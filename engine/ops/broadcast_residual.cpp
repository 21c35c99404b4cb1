// The end of a broadcasted residual block: y = relu(x + row + residual), where row has one
// frequency. One pass over memory forward and one back, which also sums the row's gradient: gz = g
// where y > 0; d x = d residual = gz, d row = sum of gz over frequencies.
#include <regrad/engine/autograd.h>
#include <regrad/engine/freq.h>
#include <regrad/engine/internal/called.h>
#include <regrad/engine/kernels/kernels.h>
#include <regrad/engine/ops/elementwise.h>
#include <regrad/engine/ops/images.h>
#include <regrad/engine/ops/list.h>
#include <regrad/engine/parallel.h>

#include <algorithm>
#include <string>

namespace regrad {
namespace {

void infer(const Call& c) {
  const Tensor& x = c.x();
  if (c.n_in() < 2 || c.n_in() > 3)
    throw ShapeError("broadcast_residual: takes x, row and at most a residual");
  if (!is_floating(x.dtype()))
    throw DTypeError(std::string("broadcast_residual: needs f32 or f64, not ") + name(x.dtype()));
  const Shape& s = x.shape();
  if (s.size() != 4) throw ShapeError("broadcast_residual: needs [N,C,F,T], not " + str(s));
  if (c.in(1).shape() != Shape{s[0], s[1], 1, s[3]})
    throw ShapeError("broadcast_residual: a row " + str(c.in(1).shape()) + " for " + str(s) +
                     "; needs " + str(Shape{s[0], s[1], 1, s[3]}));
  if (c.n_in() == 3 && c.in(2).shape() != s)
    throw ShapeError("broadcast_residual: a residual " + str(c.in(2).shape()) + " for " + str(s));
  for (int i = 1; i < c.n_in(); ++i)
    if (c.in(i).dtype() != x.dtype())
      throw DTypeError(std::string("broadcast_residual: ") + name(c.in(i).dtype()) + " with " +
                       name(x.dtype()));
  c.out(s, x.dtype());
}

int64_t images_a_block(const Shape& s) {
  return std::max<int64_t>(1, (int64_t{1} << 15) / std::max<int64_t>(1, s[1] * s[2] * s[3]));
}
template <class F>
void each_image(const Shape& s, const F& f) {
  const int64_t a_block = images_a_block(s);
  parallel_for((s[0] + a_block - 1) / a_block, [&](int64_t b) {
    for (int64_t i = b * a_block; i < std::min(s[0], (b + 1) * a_block); ++i) f(i);
  });
}

template <class T>
void forward_of(const Call& c) {
  const NoGrad quiet;
  const Shape& s = c.x().shape();
  if (s.numel() == 0) return;
  const Images x(c.x()), row(c.in(1)), residual(c.in(c.n_in() - 1));
  const int64_t n = s[1] * s[3];
  each_image(s, [&](int64_t i) {
    kernels::table().broadcast_row[sizeof(T) == 8].add(
        s[2], n, x.at<T>(0, i), row.at<T>(0, i), c.n_in() == 3 ? residual.at<T>(0, i) : nullptr,
        c.node()->ptr<T>() + i * s[2] * n);
  });
}

template <class T>
void fused_of(const Call& c, Tensor* out) {
  c.need_kept(c.y());
  const Shape& s = c.x().shape();
  const Images g(c.g());
  out[0] = detail::empty_strided(s, channels_last_strides(s), c.x().dtype());
  out[1] =
      detail::empty_strided(c.in(1).shape(), channels_last_strides(c.in(1).shape()), c.x().dtype());
  const int64_t n = s[1] * s[3];
  each_image(s, [&](int64_t i) {
    kernels::table().broadcast_row[sizeof(T) == 8].gradient(
        s[2], n, g.at<T>(0, i), c.y().node()->ptr<T>() + i * s[2] * n,
        out[0].node()->ptr<T>() + i * s[2] * n, out[1].node()->ptr<T>() + i * n);
  });
  if (c.n_in() == 3) out[2] = out[0];
}

void gradients(const Call& c, Tensor* out) {
  out[0] = relu_grad(c.g(), c.y());
  out[1] = sum(out[0], {2}, true);
  if (c.n_in() == 3) out[2] = out[0];
}

std::vector<double> reference(const RefCall& c) {
  std::vector<double> y = c.in[0].v;
  for (size_t i = 0; i < y.size(); ++i) {
    y[i] += broadcast_at(c.in[1], c.out, static_cast<int64_t>(i)) +
            (c.in.size() == 3 ? c.in[2].v[i] : 0);
    y[i] = std::max(y[i], 0.0);
  }
  return y;
}

}  // namespace

constinit const Op broadcast_residual_op =
    row({.name = "broadcast_residual",
         .doc = "y = relu(x + row + residual), row [N,C,1,T] one for all frequencies",
         .arity = -1,
         .keep = keep_y,
         .layout = Layout::channels_last,
         .infer = infer,
         .forward = typed<forward_of<float>, forward_of<double>>,
         .gradients = gradients,
         .fused = typed<fused_of<float>, fused_of<double>>,
         .smooth = true,
         .reference = reference,
         .samples = [](Samples& s) {
           // ReLU: far from its kink, open or shut.
           const Domain open{.low = 0.5, .high = 2}, shut{.low = -2, .high = -0.5};
           for (const Domain& d : {open, shut})
             for (const Shape& x : {Shape{2, 3, 2, 2}, Shape{1, 2, 3, 4}, Shape{2, 1, 1, 3},
                                    Shape{1, 4, 2, 1}, Shape{0, 2, 2, 2}, Shape{1, 2, 0, 2}}) {
               s.add({x, {x[0], x[1], 1, x[3]}}, {d});
               s.add({x, {x[0], x[1], 1, x[3]}, x}, {d});
             }
           s.bad({{2, 3}, {2, 3}});
           s.bad({{2, 3, 4, 5}, {2, 3, 4, 5}});
           s.bad({{2, 3, 4, 5}, {2, 3, 1, 5}, {2, 3, 1, 5}});
         }});

Tensor broadcast_residual(const Tensor& x, const Tensor& row, const Tensor& residual) {
  const detail::Called as("broadcast_residual(x, row, residual?)", x, row, residual);
  const Tensor* in[] = {&x, &row, &residual};
  return apply(broadcast_residual_op, in, residual.defined() ? 3 : 2, nullptr, 0);
}

}  // namespace regrad
