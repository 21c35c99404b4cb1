// Convolution's three rows. With y = conv(x, w), a sum of products of elements of x and of w,
//   conv2d(x, w) = y,   conv2d_input(g, w) = dy/dx at g,   conv2d_weight(x, g) = dy/dw at g
// are all linear in both operands, and each one's derivatives are the other two: closed at every
// order.
#include <regrad/engine/autograd.h>
#include <regrad/engine/ops/conv.h>
#include <regrad/engine/ops/images.h>
#include <regrad/engine/ops/list.h>

#include <string>

namespace regrad {
namespace {

using kernels::Conv;
using kernels::ConvPass;

int64_t reach(int64_t n, int64_t pad, int64_t dilation, int64_t k, int64_t stride) {
  return (n + 2 * pad - dilation * (k - 1) - 1) / stride + 1;
}

// The geometry of x, weight and y, or the ShapeError. `y`: null where the shape rule is to give it.
Conv geometry(const char* op, const Shape& x, const Shape& weight, const ConvAttrs& a,
              const Shape* y = nullptr) {
  const auto refuse = [&](const std::string& why) {
    throw ShapeError(std::string(op) + ": " + why + " (x, weight: " + both(x, weight) + ")");
  };
  if ((x.size() != 4 && x.size() != 5) || x.size() != weight.size())
    refuse(
        "needs images [N,C,H,W] and weights [O,C/groups,KH,KW], or both with a task dimension in "
        "front");
  if (x.size() == 5 && x[0] != weight[0]) refuse("the numbers of tasks differ");
  if (a.stride_h < 1 || a.stride_w < 1 || a.dilation_h < 1 || a.dilation_w < 1 || a.pad_h < 0 ||
      a.pad_w < 0 || a.groups < 1)
    refuse("stride, dilation and groups must be at least 1, padding at least 0");
  Conv s{x[-4],   x[-3],        x[-2],        x[-1],      weight[-4], 0,
         0,       weight[-2],   weight[-1],   a.stride_h, a.stride_w, a.pad_h,
         a.pad_w, a.dilation_h, a.dilation_w, a.groups};
  if (s.c % s.groups || s.o % s.groups || weight[-3] != s.c / s.groups)
    refuse(std::to_string(s.c) + " channels, weights for " + std::to_string(weight[-3]) + " in " +
           std::to_string(s.groups) + " groups");
  if (s.kh < 1 || s.kw < 1) refuse("the kernel is empty");
  if (s.h + 2 * s.pad_h < s.dilation_h * (s.kh - 1) + 1 ||
      s.w + 2 * s.pad_w < s.dilation_w * (s.kw - 1) + 1)
    refuse("the kernel is larger than the padded image");
  s.oh = reach(s.h, s.pad_h, s.dilation_h, s.kh, s.stride_h);
  s.ow = reach(s.w, s.pad_w, s.dilation_w, s.kw, s.stride_w);
  if (y && ((*y)[-4] != s.n || (*y)[-3] != s.o || (*y)[-2] != s.oh || (*y)[-1] != s.ow ||
            y->size() != x.size() || (x.size() == 5 && (*y)[0] != x[0])))
    refuse("the output's gradient " + str(*y) + " does not fit");
  return s;
}

void one_dtype(const char* op, const Call& c) {
  const DType a = c.in(0).dtype(), b = c.in(1).dtype();
  if (a != b || !is_floating(a))
    throw DTypeError(std::string(op) + ": " + name(a) + " with " + name(b) +
                     "; both must be f32 or both f64");
}

Shape with_tail(const Shape& like, int64_t a, int64_t b, int64_t c, int64_t d) {
  Shape out = like;
  out[-4] = a, out[-3] = b, out[-2] = c, out[-1] = d;
  return out;
}
Shape x_shape(const Shape& y, const Shape& weight, const ConvAttrs& a) {
  if (y.size() < 4 || weight.size() != y.size())
    throw ShapeError(
        "conv2d_input: needs a gradient [N,O,OH,OW] and weights [O,C/groups,KH,KW], or both with a "
        "task dimension in front, not " +
        both(y, weight));
  return with_tail(y, y[-4], weight[-3] * a.groups, a.extent_h, a.extent_w);
}

void conv2d_infer(const Call& c) {
  one_dtype("conv2d", c);
  const Conv s = geometry("conv2d", c.in(0).shape(), c.in(1).shape(), c.attrs<ConvAttrs>());
  c.out(with_tail(c.in(0).shape(), s.n, s.o, s.oh, s.ow), c.in(0).dtype());
}
void conv2d_input_infer(const Call& c) {
  one_dtype("conv2d_input", c);
  const Shape &y = c.in(0).shape(), &weight = c.in(1).shape();
  const Shape x = x_shape(y, weight, c.attrs<ConvAttrs>());
  geometry("conv2d_input", x, weight, c.attrs<ConvAttrs>(), &y);
  c.out(x, c.in(0).dtype());
}
void conv2d_weight_infer(const Call& c) {
  one_dtype("conv2d_weight", c);
  const Shape &x = c.in(0).shape(), &y = c.in(1).shape();
  const ConvAttrs& a = c.attrs<ConvAttrs>();
  if (x.size() < 4 || y.size() != x.size() || a.groups < 1)
    throw ShapeError(
        "conv2d_weight: needs images [N,C,H,W] and a gradient [N,O,OH,OW], or both with a task "
        "dimension in front, not " +
        both(x, y));
  const Shape weight = with_tail(x, y[-3], x[-3] / a.groups, a.extent_h, a.extent_w);
  geometry("conv2d_weight", x, weight, a, &y);
  c.out(weight, c.in(0).dtype());
}

// Weights dense in PyTorch's order, tasks at any distance.
Tensor dense_weights(const Tensor& w) {
  const Shape want = contiguous_strides(w.shape());
  for (int d = 1; d <= 4; ++d)
    if (w.shape()[-d] != 1 && w.strides()[-d] != want[-d]) return w.contiguous();
  return w;
}
void forward(const Call& c, ConvPass pass) {
  const NoGrad quiet;
  const detail::Borrowed out(c.node());
  Tensor x = pass == ConvPass::x ? *out : channels_last(c.in(0));
  Tensor weight = pass == ConvPass::weight ? *out : dense_weights(c.in(1));
  Tensor y = pass == ConvPass::y ? *out : channels_last(c.in(pass == ConvPass::x ? 0 : 1));
  if ((*out).numel() == 0) return;
  if (x.numel() == 0 || y.numel() == 0 || weight.numel() == 0) {
    std::memset(c.node()->raw(), 0,
                static_cast<size_t>((*out).numel() * item_size((*out).dtype())));
    return;
  }
  const Conv s = geometry(c.node()->op->name, x.shape(), weight.shape(), c.attrs<ConvAttrs>());
  convolve(pass, s, x, y, weight);
}

Tensor conv_x(const Tensor& g, const Tensor& w, ConvAttrs a, const Tensor& like) {
  a.extent_h = static_cast<int32_t>(like.shape()[-2]),
  a.extent_w = static_cast<int32_t>(like.shape()[-1]);
  return apply2(conv2d_input_op, g, w, a);
}
Tensor conv_w(const Tensor& x, const Tensor& g, ConvAttrs a, const Tensor& like) {
  a.extent_h = static_cast<int32_t>(like.shape()[-2]),
  a.extent_w = static_cast<int32_t>(like.shape()[-1]);
  return apply2(conv2d_weight_op, x, g, a);
}

// The reference: f(x index, y index, weight index) for every product in the sum, in PyTorch's order
// of dims.
template <class F>
void each_product(const Conv& s, int64_t tasks, F&& f) {
  const int64_t cg = s.c / s.groups, og = s.o / s.groups;
  for (int64_t t = 0; t < tasks; ++t)
    for (int64_t n = 0; n < s.n; ++n)
      for (int64_t o = 0; o < s.o; ++o)
        for (int64_t i = 0; i < s.oh; ++i)
          for (int64_t j = 0; j < s.ow; ++j)
            for (int64_t c = 0; c < cg; ++c)
              for (int64_t p = 0; p < s.kh; ++p)
                for (int64_t q = 0; q < s.kw; ++q) {
                  const int64_t h = i * s.stride_h - s.pad_h + p * s.dilation_h,
                                w = j * s.stride_w - s.pad_w + q * s.dilation_w;
                  if (h < 0 || h >= s.h || w < 0 || w >= s.w) continue;
                  f((((t * s.n + n) * s.c + o / og * cg + c) * s.h + h) * s.w + w,
                    (((t * s.n + n) * s.o + o) * s.oh + i) * s.ow + j,
                    (((t * s.o + o) * cg + c) * s.kh + p) * s.kw + q);
                }
}
std::vector<double> reference(const RefCall& c, const Shape& x, const Shape& weight, int written) {
  const Conv s = geometry("reference", x, weight, c.attrs<ConvAttrs>());
  std::vector<double> out(static_cast<size_t>(c.out.numel()));
  const auto &a = c.in[0].v, &b = c.in[1].v;
  each_product(s, x.size() == 5 ? x[0] : 1, [&](int64_t ix, int64_t iy, int64_t iw) {
    const auto px = static_cast<size_t>(ix), py = static_cast<size_t>(iy),
               pw = static_cast<size_t>(iw);
    if (written == 1) out[py] += a[px] * b[pw];
    if (written == 0) out[px] += a[py] * b[pw];
    if (written == 2) out[pw] += a[px] * b[py];
  });
  return out;
}

struct Example {
  Shape x, weight;
  ConvAttrs a;
};
const Example examples[] = {
    {{2, 2, 4, 4}, {3, 2, 3, 3}, {1, 1, 1, 1, 1, 1, 1, 0, 0}},
    {{1, 1, 5, 4}, {2, 1, 3, 2}, {2, 1, 0, 0, 1, 1, 1, 0, 0}},
    {{2, 4, 3, 3}, {4, 1, 3, 3}, {1, 1, 1, 1, 1, 1, 4, 0, 0}},
    {{1, 4, 4, 3}, {2, 2, 1, 1}, {1, 2, 0, 0, 1, 1, 2, 0, 0}},
    {{1, 2, 6, 5}, {1, 2, 2, 3}, {1, 1, 2, 1, 2, 1, 1, 0, 0}},
    {{2, 1, 1, 3, 3}, {2, 2, 1, 3, 3}, {1, 1, 1, 1, 1, 1, 1, 0, 0}},
    {{2, 2, 2, 4, 2}, {2, 2, 1, 2, 2}, {2, 2, 1, 0, 1, 1, 2, 0, 0}},
    {{3, 1, 5, 5}, {1, 1, 2, 2}, {3, 3, 0, 0, 1, 1, 1, 0, 0}},
    {{0, 2, 3, 3}, {1, 2, 2, 2}, {1, 1, 0, 0, 1, 1, 1, 0, 0}},
    {{1, 3, 2, 2}, {0, 3, 1, 1}, {1, 1, 0, 0, 1, 1, 1, 0, 0}},
};
// Examples as a row sees them: the shapes of its two inputs, and the extent it must be given.
template <class F>
void each_example(F&& f) {
  for (Example e : examples) {
    const Conv s = geometry("example", e.x, e.weight, e.a);
    f(e, with_tail(e.x, s.n, s.o, s.oh, s.ow));
  }
}

}  // namespace

constinit const Op conv2d_op = row(
    {.name = "conv2d",
     .doc =
         "y = x * w (cross-correlation), with stride, padding, dilation, groups; [T, ..] by task",
     .arity = 2,
     .keep = keep_0 | keep_1,
     .layout = Layout::channels_last,
     .infer = conv2d_infer,
     .forward = [](const Call& c) { forward(c, ConvPass::y); },
     .vjp = {[](const Call& c) { return conv_x(c.g(), c.in(1), c.attrs<ConvAttrs>(), c.in(0)); },
             [](const Call& c) { return conv_w(c.in(0), c.g(), c.attrs<ConvAttrs>(), c.in(1)); }},
     .smooth = true,
     .reference = [](const RefCall& c) { return reference(c, c.in[0].shape, c.in[1].shape, 1); },
     .samples =
         [](Samples& s) {
           each_example([&](const Example& e, const Shape&) { s.add({e.x, e.weight}, {{}}, e.a); });
           const ConvAttrs plain{1, 1, 0, 0, 1, 1, 1, 0, 0};
           s.bad({{1, 2, 3, 3}, {1, 1, 2, 2}}, plain);
           s.bad({{2, 3, 3}, {1, 2, 2, 2}}, plain);
           s.bad({{1, 1, 2, 2}, {1, 1, 3, 3}}, plain);
           s.bad({{1, 1, 2, 2}, {1, 1, 1, 1}}, ConvAttrs{0, 1, 0, 0, 1, 1, 1, 0, 0});
           s.bad({{2, 1, 1, 2, 2}, {3, 1, 1, 1, 1}}, plain);
           s.bad({{1, 3, 2, 2}, {2, 1, 1, 1}}, ConvAttrs{1, 1, 0, 0, 1, 1, 2, 0, 0});
         }});

constinit const Op conv2d_input_op = row(
    {.name = "conv2d_input",
     .doc = "conv2d's transpose in x",
     .arity = 2,
     .keep = keep_0 | keep_1,
     .layout = Layout::channels_last,
     .infer = conv2d_input_infer,
     .forward = [](const Call& c) { forward(c, ConvPass::x); },
     .vjp = {[](const Call& c) { return conv_y(c.g(), c.in(1), c.attrs<ConvAttrs>()); },
             [](const Call& c) { return conv_w(c.g(), c.in(0), c.attrs<ConvAttrs>(), c.in(1)); }},
     .smooth = true,
     .reference =
         [](const RefCall& c) {
           return reference(c, x_shape(c.in[0].shape, c.in[1].shape, c.attrs<ConvAttrs>()),
                            c.in[1].shape, 0);
         },
     .samples =
         [](Samples& s) {
           each_example([&](Example e, const Shape& y) {
             e.a.extent_h = static_cast<int32_t>(e.x[-2]),
             e.a.extent_w = static_cast<int32_t>(e.x[-1]);
             s.add({y, e.weight}, {{}}, e.a);
           });
           s.bad({{1, 1, 2, 2}, {1, 1, 2, 2}}, ConvAttrs{1, 1, 0, 0, 1, 1, 1, 4, 3});
           s.bad({{1, 1, 2}, {1, 1, 2}}, ConvAttrs{1, 1, 0, 0, 1, 1, 1, 3, 3});
         }});

constinit const Op conv2d_weight_op = row(
    {.name = "conv2d_weight",
     .doc = "conv2d's transpose in w",
     .arity = 2,
     .keep = keep_0 | keep_1,
     .infer = conv2d_weight_infer,
     .forward = [](const Call& c) { forward(c, ConvPass::weight); },
     .vjp = {[](const Call& c) { return conv_x(c.in(1), c.g(), c.attrs<ConvAttrs>(), c.in(0)); },
             [](const Call& c) { return conv_y(c.in(0), c.g(), c.attrs<ConvAttrs>()); }},
     .smooth = true,
     .reference =
         [](const RefCall& c) {
           const Shape &x = c.in[0].shape, &y = c.in[1].shape;
           const ConvAttrs& a = c.attrs<ConvAttrs>();
           return reference(c, x, with_tail(x, y[-3], x[-3] / a.groups, a.extent_h, a.extent_w), 2);
         },
     .samples =
         [](Samples& s) {
           each_example([&](Example e, const Shape& y) {
             e.a.extent_h = static_cast<int32_t>(e.weight[-2]),
             e.a.extent_w = static_cast<int32_t>(e.weight[-1]);
             s.add({e.x, y}, {{}}, e.a);
           });
           s.bad({{1, 1, 3, 3}, {1, 1, 3, 3}}, ConvAttrs{1, 1, 0, 0, 1, 1, 1, 2, 2});
           s.bad({{1, 1, 3}, {1, 1, 3}}, ConvAttrs{1, 1, 0, 0, 1, 1, 1, 2, 2});
         }});

Tensor conv_y(const Tensor& x, const Tensor& w, const ConvAttrs& a) {
  return apply2(conv2d_op, x, w, a);
}

}  // namespace regrad
