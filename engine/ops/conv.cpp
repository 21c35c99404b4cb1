// Convolution's three rows. With y = conv(x, w), a sum of products of elements of x and of w,
//   conv2d(x, w) = y,   conv2d_input(g, w) = dy/dx at g,   conv2d_weight(x, g) = dy/dw at g
// are all linear in both operands, and each one's derivatives are the other two: closed at every
// order.
//
// A pass is cut into blocks of images whose number only the shapes give; weight gradients of blocks
// are added in order.
#include <regrad/engine/autograd.h>
#include <regrad/engine/conv.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/internal/called.h>
#include <regrad/engine/kernels/conv.h>
#include <regrad/engine/kernels/kernels.h>
#include <regrad/engine/ops/images.h>
#include <regrad/engine/ops/list.h>
#include <regrad/engine/parallel.h>

#include <algorithm>
#include <cstring>
#include <string>

namespace regrad {
namespace {

using detail::Scratch;
using kernels::Conv;
using kernels::ConvPass;

struct ConvAttrs {
  int32_t stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w, groups;
  // of what the output shape cannot be told from: x (conv2d_input) or the kernel (conv2d_weight)
  int32_t extent_h, extent_w;
};

int64_t reach(int64_t n, int64_t pad, int64_t dilation, int64_t k, int64_t stride) {
  return (n + 2 * pad - dilation * (k - 1) - 1) / stride + 1;
}

std::string both(const Shape& a, const Shape& b) { return str(a) + " with " + str(b); }

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

// Images a block: enough work for a block to be worth handing on, at most 8 blocks a task (each has
// a weight gradient of its own).
int64_t images_a_block(const Conv& s) {
  const int64_t worth =
      std::max(s.multiply_adds() >> 22, s.n * (s.c * s.h * s.w + s.o * s.oh * s.ow) >> 16);
  const int64_t blocks = std::clamp<int64_t>(worth, 1, std::min<int64_t>(8, s.n));
  return (s.n + blocks - 1) / blocks;
}

// One pass over T tasks: x, y [T, images], weight [T, weights], of which one is written.
template <class T>
struct Pass {
  const Conv& s;
  int64_t tasks, block = images_a_block(s), blocks = (s.n + block - 1) / block;
  int64_t x_image = s.c * s.h * s.w, y_image = s.o * s.oh * s.ow,
          weights = s.o * (s.c / s.groups) * s.kh * s.kw;
  // Of task t.
  const T *x, *y, *weight;
  int64_t x_task, y_task, weight_task;
};

void run(ConvPass pass, const Pass<double>& p) {
  parallel_for(p.tasks * (pass == ConvPass::weight ? 1 : p.blocks), [&](int64_t i) {
    const bool whole = pass == ConvPass::weight;
    const int64_t t = whole ? i : i / p.blocks, first = whole ? 0 : i % p.blocks * p.block;
    Conv s = p.s;
    if (!whole) s.n = std::min(p.block, s.n - first);
    const double *x = p.x + t * p.x_task + first * p.x_image,
                 *y = p.y + t * p.y_task + first * p.y_image, *w = p.weight + t * p.weight_task;
    if (pass == ConvPass::y) {
      kernels::conv_y(s, x, w, const_cast<double*>(y));
    } else if (pass == ConvPass::x) {
      kernels::conv_x(s, y, w, const_cast<double*>(x));
    } else {
      kernels::conv_weight(s, x, y, const_cast<double*>(w));
    }
  });
}

void add_into(float* to, const float* from, int64_t n) {
  for (int64_t i = 0; i < n; ++i) to[i] += from[i];
}

// Whether the depthwise kernels take it: oneDNN's read whole blocks of 16 channels.
bool is_depthwise(const Conv& s) {
  return s.groups == s.c && s.o == s.c && s.stride_w == 1 && s.c <= kernels::depthwise_channels &&
         s.kw <= kernels::depthwise_width && !detail::mode.bf16;
}
void run_depthwise(ConvPass pass, const Pass<float>& p) {
  const Conv& s = p.s;
  const int64_t taps = s.kh * s.kw, each = (taps * s.c + 15) / 16 * 16,
                parts = pass == ConvPass::weight ? p.blocks : 1;
  const Scratch turned(p.tasks * each * 4), partial(p.tasks * parts * each * 8);  // [taps, c]
  const kernels::Table& k = kernels::table();
  for (int64_t t = 0; t < p.tasks && pass != ConvPass::weight; ++t)
    for (int64_t c = 0; c < s.c; ++c)
      for (int64_t i = 0; i < taps; ++i)
        turned.as<float>()[t * each + i * s.c + c] = p.weight[t * p.weight_task + c * taps + i];
  parallel_for(p.tasks * p.blocks, [&](int64_t i) {
    const int64_t t = i / p.blocks, first = i % p.blocks * p.block;
    const kernels::Depthwise d{std::min(p.block, s.n - first),
                               s.c,
                               s.h,
                               s.w,
                               s.oh,
                               s.ow,
                               s.kh,
                               s.kw,
                               s.stride_h,
                               s.pad_h,
                               s.pad_w,
                               s.dilation_h,
                               s.dilation_w};
    const float *x = p.x + t * p.x_task + first * p.x_image,
                *y = p.y + t * p.y_task + first * p.y_image, *w = turned.as<float>() + t * each;
    if (pass == ConvPass::y) return k.depthwise_y(d, x, w, const_cast<float*>(y));
    if (pass == ConvPass::x) return k.depthwise_x(d, y, w, const_cast<float*>(x));
    const Scratch sums(taps * kernels::depthwise_channels * 4);
    k.depthwise_weight(d, x, y, sums.as<float>(), partial.as<double>() + i * each);
  });
  for (int64_t t = 0; t < p.tasks && pass == ConvPass::weight; ++t)
    for (int64_t c = 0; c < s.c; ++c)
      for (int64_t i = 0; i < taps; ++i) {
        double total = 0;
        for (int64_t b = 0; b < p.blocks; ++b)
          total += partial.as<double>()[(t * p.blocks + b) * each + i * s.c + c];
        const_cast<float*>(p.weight)[t * p.weight_task + c * taps + i] = static_cast<float>(total);
      }
}

void run(ConvPass pass, const Pass<float>& p) {
  if (is_depthwise(p.s)) return run_depthwise(pass, p);
  const auto plan = kernels::conv_plan(pass, p.s, p.block, detail::mode.bf16);
  const bool writes_weight = pass == ConvPass::weight;
  const int64_t room = (plan->packed_bytes + 63) / 64 * 64, each = writes_weight ? p.blocks : 1;
  const Scratch packed(p.tasks * each * room);
  const auto packed_at = [&](int64_t t, int64_t b) {
    return packed.as<char>() + (t * each + (writes_weight ? b : 0)) * room;
  };
  if (!writes_weight)
    parallel_for(p.tasks,
                 [&](int64_t t) { plan->pack(p.weight + t * p.weight_task, packed_at(t, 0)); });
  parallel_for(p.tasks * p.blocks, [&](int64_t i) {
    const int64_t t = i / p.blocks, b = i % p.blocks;
    const Scratch scratch(std::max<int64_t>(plan->scratch_bytes, 1));
    plan->run(b, p.x + t * p.x_task + b * p.block * p.x_image,
              p.y + t * p.y_task + b * p.block * p.y_image, packed_at(t, b), scratch.as<void>());
  });
  if (!writes_weight) return;
  parallel_for(p.tasks, [&](int64_t t) {
    for (int64_t b = 1; b < p.blocks; ++b)
      add_into(reinterpret_cast<float*>(packed_at(t, 0)),
               reinterpret_cast<const float*>(packed_at(t, b)), plan->packed_bytes / 4);
    plan->unpack(packed_at(t, 0), const_cast<float*>(p.weight) + t * p.weight_task);
  });
}

// Weights dense in PyTorch's order, tasks at any distance.
Tensor dense_weights(const Tensor& w) {
  const Shape want = contiguous_strides(w.shape());
  for (int d = 1; d <= 4; ++d)
    if (w.shape()[-d] != 1 && w.strides()[-d] != want[-d]) return w.contiguous();
  return w;
}
int64_t task_stride(const Tensor& x) { return x.dim() == 5 ? x.strides()[0] : 0; }

template <class T>
void convolve(ConvPass pass, const Conv& s, const Tensor& x, const Tensor& y,
              const Tensor& weight) {
  run(pass, Pass<T>{.s = s,
                    .tasks = x.dim() == 5 ? x.shape()[0] : 1,
                    .x = x.node()->ptr<T>(),
                    .y = y.node()->ptr<T>(),
                    .weight = weight.node()->ptr<T>(),
                    .x_task = task_stride(x),
                    .y_task = task_stride(y),
                    .weight_task = task_stride(weight)});
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
  x.dtype() == DType::f32 ? convolve<float>(pass, s, x, y, weight)
                          : convolve<double>(pass, s, x, y, weight);
}

Tensor conv_y(const Tensor& x, const Tensor& w, const ConvAttrs& a) {
  return apply2(conv2d_op, x, w, a);
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
// Examples as a row sees them: the shapes of its two inputs, and the extent it must be told.
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

namespace {

int32_t narrow(int64_t v, const char* op) {
  if (v != static_cast<int32_t>(v))
    throw ShapeError(std::string(op) + ": a size of " + std::to_string(v));
  return static_cast<int32_t>(v);
}
ConvAttrs attrs_of(const ConvOptions& o, const char* op) {
  const auto n = [op](int64_t v) { return narrow(v, op); };
  return {n(o.stride.h),
          n(o.stride.w),
          n(o.padding.h),
          n(o.padding.w),
          n(o.dilation.h),
          n(o.dilation.w),
          n(o.groups),
          0,
          0};
}

// Where only one of x and weight has tasks, the other is seen by all of them; a single image
// [C,H,W] is a batch of one.
struct Operands {
  Tensor x, weight;
  bool single;
};
Operands operands(const Tensor& x, const Tensor& weight) {
  if (x.dim() == 3 && weight.dim() == 4) return {x.unsqueeze(0), weight, true};
  const auto to_tasks = [](const Tensor& t, int64_t tasks) {
    Shape sizes = t.shape();
    sizes.insert(0, tasks);
    return expand(t, sizes);
  };
  if (x.dim() == 4 && weight.dim() == 5) return {to_tasks(x, weight.size(0)), weight, false};
  if (x.dim() == 5 && weight.dim() == 4) return {x, to_tasks(weight, x.size(0)), false};
  return {x, weight, false};
}

Tensor with_bias(Tensor y, const Tensor& bias, const char* op) {
  if (!bias.defined()) return y;
  const bool fits =
      bias.size(-1) == y.size(-3) &&
      (bias.dim() == 1 || (bias.dim() == 2 && y.dim() == 5 && bias.size(0) == y.size(0)));
  if (!fits)
    throw ShapeError(std::string(op) + ": bias " + str(bias.shape()) + " for an output of " +
                     str(y.shape()));
  const Tensor each = bias.dim() == 1 ? reshape(bias, {bias.size(0), 1, 1})
                                      : reshape(bias, {bias.size(0), 1, bias.size(1), 1, 1});
  return std::move(y) + each;
}

}  // namespace

Bf16::Bf16(bool on) : before_(detail::mode.bf16) {
  if (on && !kernels::has_bf16())
    throw ConfigError("bf16: this CPU does not multiply bf16 (it needs AVX-512 BF16 or AMX)");
  detail::mode.bf16 = on;
}
Bf16::~Bf16() { detail::mode.bf16 = before_; }
bool bf16_available() { return kernels::has_bf16(); }

Padding Padding::of_word(const char* word) {
  Padding p(0);
  p.same = std::strcmp(word, "same") == 0;
  if (!p.same && std::strcmp(word, "valid") != 0)
    throw ConfigError("padding is \"same\", \"valid\" or numbers, not \"" + std::string(word) +
                      "\"");
  return p;
}

namespace {

// dilation (k - 1) zeros along each dim: half of them in front, as the convolution's own padding;
// an odd one is put behind x first.
Tensor conv_same(const Tensor& x, const Tensor& weight, const Tensor& bias, ConvOptions o) {
  if (o.stride.h != 1 || o.stride.w != 1)
    throw ConfigError("conv2d: padding \"same\" goes with stride 1");
  if (x.dim() < 2 || weight.dim() < 2)
    throw ShapeError("conv2d: needs images, not " + both(x.shape(), weight.shape()));
  const int64_t h = o.dilation.h * (weight.size(-2) - 1), w = o.dilation.w * (weight.size(-1) - 1);
  o.padding = Padding(h / 2, w / 2);
  return conv2d(h % 2 || w % 2 ? pad(x, {0, w % 2, 0, h % 2}) : x, weight, bias, o);
}

}  // namespace

Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias,
              const ConvOptions& options) {
  const detail::Called as("conv2d(x, weight, bias?)", x, weight, bias);
  if (options.padding.same) return conv_same(x, weight, bias, options);
  const Operands in = operands(x, weight);
  Tensor y = with_bias(conv_y(in.x, in.weight, attrs_of(options, "conv2d")), bias, "conv2d");
  return in.single ? y.squeeze(0) : y;
}

Tensor conv1d(const Tensor& x, const Tensor& weight, const Tensor& bias,
              const ConvOptions& options) {
  const detail::Called as("conv1d(x, weight, bias?)", x, weight, bias);
  if (x.dim() < 2 || weight.dim() < 3)
    throw ShapeError("conv1d: needs [N,C,L] and weights [O,C/groups,K], not " +
                     both(x.shape(), weight.shape()));
  ConvOptions flat = options;
  flat.stride.h = flat.dilation.h = 1;
  flat.padding.h = 0;
  return conv2d(x.unsqueeze(-2), weight.unsqueeze(-2), bias, flat).squeeze(-2);
}

Tensor conv_transpose2d(const Tensor& x, const Tensor& weight, const Tensor& bias,
                        const ConvOptions& options, Pair output_padding) {
  const detail::Called as("conv_transpose2d(x, weight, bias?)", x, weight, bias);
  if (options.padding.same)
    throw ConfigError("conv_transpose2d: padding \"same\" is for convolutions forth");
  const Operands in = operands(x, weight);
  if (in.x.dim() < 4 || in.weight.dim() < 4)
    throw ShapeError("conv_transpose2d: needs [N,C,H,W] and weights [C,O/groups,KH,KW], not " +
                     both(x.shape(), weight.shape()));
  if (output_padding.h < 0 || output_padding.w < 0 ||
      output_padding.h >= std::max(options.stride.h, options.dilation.h) ||
      output_padding.w >= std::max(options.stride.w, options.dilation.w))
    throw ShapeError(
        "conv_transpose2d: output_padding must be at least 0 and below stride or dilation");
  ConvAttrs a = attrs_of(options, "conv_transpose2d");
  // Below dilation it may still reach a stride further: that is a transposed convolution of x with
  // zeros behind it.
  const int64_t more_h = output_padding.h / std::max<int64_t>(1, options.stride.h),
                more_w = output_padding.w / std::max<int64_t>(1, options.stride.w);
  const Tensor images = more_h || more_w ? pad(in.x, {0, more_w, 0, more_h}) : in.x;
  const auto extent = [](int64_t n, int64_t stride, int64_t pad, int64_t dilation, int64_t k,
                         int64_t more) {
    return narrow((n - 1) * stride - 2 * pad + dilation * (k - 1) + more + 1, "conv_transpose2d");
  };
  a.extent_h = extent(in.x.size(-2), options.stride.h, options.padding.h, options.dilation.h,
                      in.weight.size(-2), output_padding.h);
  a.extent_w = extent(in.x.size(-1), options.stride.w, options.padding.w, options.dilation.w,
                      in.weight.size(-1), output_padding.w);
  if (a.extent_h < 1 || a.extent_w < 1)
    throw ShapeError("conv_transpose2d: the padding leaves nothing of " +
                     both(x.shape(), weight.shape()));
  Tensor y = with_bias(apply2(conv2d_input_op, images, in.weight, a), bias, "conv_transpose2d");
  return in.single ? y.squeeze(0) : y;
}

}  // namespace regrad
