// Pooling. Maxima are the place of the largest element, which has no derivative, and a gather,
// whose derivative is a scatter and the other way round; averages and their transpose are each
// other's derivative.
#include <regrad/engine/autograd.h>
#include <regrad/engine/conv.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/ops/images.h>
#include <regrad/engine/ops/list.h>
#include <regrad/engine/ops/pool.h>
#include <regrad/engine/parallel.h>

#include <algorithm>
#include <cmath>
#include <string>

namespace regrad {

using kernels::Pool;

kernels::Pool pool_geometry(const char* op, const Shape& image, const PoolAttrs& a,
                            int64_t most_taps) {
  const auto refuse = [&](const std::string& why) {
    throw ShapeError(std::string(op) + ": " + why + " (images " + str(image) + ")");
  };
  if (image.size() != 4 && image.size() != 5) refuse("needs images [N,C,H,W], or [T,N,C,H,W]");
  if (a.kh < 1 || a.kw < 1 || a.stride_h < 1 || a.stride_w < 1 || a.dilation_h < 1 ||
      a.dilation_w < 1 || a.pad_h < 0 || a.pad_w < 0)
    refuse("kernel, stride and dilation must be at least 1, padding at least 0");
  if (a.pad_h > a.kh / 2 || a.pad_w > a.kw / 2) refuse("padding must be at most half the kernel");
  if (int64_t{a.kh} * a.kw > most_taps)
    refuse("a window of more than " + std::to_string(most_taps) + " elements");
  const auto reach = [](int64_t n, int64_t pad, int64_t k, int64_t dilation, int64_t stride) {
    const int64_t room = n + 2 * pad - dilation * (k - 1) - 1;
    return room < 0 ? 0 : room / stride + 1;
  };
  const Pool s{image[-2],
               image[-1],
               image[-3],
               reach(image[-2], a.pad_h, a.kh, a.dilation_h, a.stride_h),
               reach(image[-1], a.pad_w, a.kw, a.dilation_w, a.stride_w),
               a.kh,
               a.kw,
               a.stride_h,
               a.stride_w,
               a.pad_h,
               a.pad_w,
               a.dilation_h,
               a.dilation_w};
  if (s.oh < 1 || s.ow < 1) refuse("the window is larger than the padded image");
  return s;
}

Shape with_extent(const Shape& images, int64_t h, int64_t w) {
  Shape out = images;
  out[-2] = h, out[-1] = w;
  return out;
}

namespace {

constexpr int64_t any_taps = INT32_MAX;

void need_real(const char* op, const Tensor& x) {
  if (!is_floating(x.dtype()))
    throw DTypeError(std::string(op) + ": needs f32 or f64, not " + name(x.dtype()));
}
// The image that a gradient of shape `y` belongs to, checked against it.
Pool back_geometry(const char* op, const Shape& y, const PoolAttrs& a, int64_t most_taps) {
  if (y.size() < 4) throw ShapeError(std::string(op) + ": needs [N,C,OH,OW], not " + str(y));
  const Pool s = pool_geometry(op, with_extent(y, a.extent_h, a.extent_w), a, most_taps);
  if (s.oh != y[-2] || s.ow != y[-1])
    throw ShapeError(std::string(op) + ": " + str(y) + " is not what windows over " +
                     std::to_string(s.h) + " x " + std::to_string(s.w) + " give");
  return s;
}
void need_index(const char* op, const Tensor& index, const Shape& shape) {
  if (index.dtype() != DType::u8)
    throw DTypeError(std::string(op) + ": places are u8, not " + name(index.dtype()));
  if (index.shape() != shape)
    throw ShapeError(std::string(op) + ": places " + str(index.shape()) + " for " + str(shape));
}

void index_infer(const Call& c) {
  need_real("pool_index", c.x());
  const Pool s = pool_geometry("pool_index", c.x().shape(), c.attrs<PoolAttrs>(), byte_taps);
  c.out(with_extent(c.x().shape(), s.oh, s.ow), DType::u8);
}
void gather_infer(const Call& c) {
  need_real("pool_gather", c.x());
  const Pool s = pool_geometry("pool_gather", c.x().shape(), c.attrs<PoolAttrs>(), byte_taps);
  const Shape out = with_extent(c.x().shape(), s.oh, s.ow);
  need_index("pool_gather", c.in(1), out);
  c.out(out, c.x().dtype());
}
void scatter_infer(const Call& c) {
  need_real("pool_scatter", c.x());
  const PoolAttrs& a = c.attrs<PoolAttrs>();
  back_geometry("pool_scatter", c.x().shape(), a, byte_taps);
  need_index("pool_scatter", c.in(1), c.x().shape());
  c.out(with_extent(c.x().shape(), a.extent_h, a.extent_w), c.x().dtype());
}
void average_infer(const Call& c) {
  need_real("avg_pool2d", c.x());
  const Pool s = pool_geometry("avg_pool2d", c.x().shape(), c.attrs<PoolAttrs>(), any_taps);
  c.out(with_extent(c.x().shape(), s.oh, s.ow), c.x().dtype());
}
void spread_infer(const Call& c) {
  need_real("avg_pool2d_grad", c.x());
  const PoolAttrs& a = c.attrs<PoolAttrs>();
  back_geometry("avg_pool2d_grad", c.x().shape(), a, any_taps);
  c.out(with_extent(c.x().shape(), a.extent_h, a.extent_w), c.x().dtype());
}

// f(image of input 0, image of input 1 or null, image of the output) for every image, in blocks.
template <class F>
void each_image(const Call& c, const F& f) {
  const NoGrad quiet;
  const detail::Borrowed out(c.node());
  if ((*out).numel() == 0) return;
  const auto dense = [](const Tensor& x) {
    Tensor y = channels_last(x);
    return y.dim() == 5 && y.strides()[0] != y.size(1) * y.size(2) * y.size(3) * y.size(4) &&
                   y.size(0) != 1
               ? contiguous(y.permute({0, 1, 3, 4, 2})).permute({0, 1, 4, 2, 3})
               : y;
  };
  const Tensor a = dense(c.in(0)), b = c.n_in() > 1 ? dense(c.in(1)) : Tensor();
  const auto bytes = [](const Tensor& x) {
    return x.size(-3) * x.size(-2) * x.size(-1) * item_size(x.dtype());
  };
  const auto at = [](const Tensor& x, int64_t offset) {
    return static_cast<char*>(x.node()->raw()) + offset;
  };
  const int64_t each_a = bytes(a), each_b = b.defined() ? bytes(b) : 0, each_out = bytes(*out);
  const int64_t images = (*out).numel() * item_size((*out).dtype()) / each_out,
                a_block = std::max<int64_t>(1, (int64_t{1} << 17) / std::max(each_a, each_out));
  parallel_for((images + a_block - 1) / a_block, [&](int64_t block) {
    for (int64_t i = block * a_block; i < std::min(images, (block + 1) * a_block); ++i)
      f(at(a, i * each_a),
        b.defined() ? reinterpret_cast<const uint8_t*>(at(b, i * each_b)) : nullptr,
        static_cast<char*>(c.node()->raw()) + i * each_out);
  });
}

const kernels::Pooling& pooling(DType t) { return kernels::table().pooling[t == DType::f64]; }

void index_forward(const Call& c) {
  const Pool s = pool_geometry("pool_index", c.x().shape(), c.attrs<PoolAttrs>(), byte_taps);
  each_image(c, [&](const char* x, const uint8_t*, char* y) {
    pooling(c.x().dtype()).max_index(s, x, reinterpret_cast<uint8_t*>(y));
  });
}
void gather_forward(const Call& c) {
  const Pool s = pool_geometry("pool_gather", c.x().shape(), c.attrs<PoolAttrs>(), byte_taps);
  each_image(c, [&](const char* x, const uint8_t* index, char* y) {
    pooling(c.x().dtype()).gather(s, x, index, y);
  });
}
void scatter_forward(const Call& c) {
  const Pool s = back_geometry("pool_scatter", c.x().shape(), c.attrs<PoolAttrs>(), byte_taps);
  each_image(c, [&](const char* y, const uint8_t* index, char* x) {
    pooling(c.x().dtype()).scatter(s, y, index, x);
  });
}
void average_forward(const Call& c) {
  const Pool s = pool_geometry("avg_pool2d", c.x().shape(), c.attrs<PoolAttrs>(), any_taps);
  each_image(c, [&](const char* x, const uint8_t*, char* y) {
    pooling(c.x().dtype()).average(s, c.attrs<PoolAttrs>().count_pad, x, y);
  });
}
void spread_forward(const Call& c) {
  const Pool s = back_geometry("avg_pool2d_grad", c.x().shape(), c.attrs<PoolAttrs>(), any_taps);
  each_image(c, [&](const char* y, const uint8_t*, char* x) {
    pooling(c.x().dtype()).spread(s, c.attrs<PoolAttrs>().count_pad, y, x);
  });
}

PoolAttrs back_to(PoolAttrs a, int64_t h, int64_t w) {
  a.extent_h = static_cast<int32_t>(h), a.extent_w = static_cast<int32_t>(w);
  return a;
}
Tensor average(const Tensor& x, const PoolAttrs& a) { return apply(avg_pool2d_op, x, a); }
Tensor spread(const Tensor& g, const PoolAttrs& a, const Tensor& like) {
  return apply(avg_pool2d_grad_op, g, back_to(a, like.shape()[-2], like.shape()[-1]));
}

// The references: f(flat index in x, flat index in y, tap) in PyTorch's order of dims, for taps
// inside the image.
template <class F>
void each_pair(const Pool& s, int64_t planes, F&& f) {
  for (int64_t n = 0; n < planes; ++n)
    for (int64_t i = 0; i < s.oh; ++i)
      for (int64_t j = 0; j < s.ow; ++j)
        for (int64_t p = 0; p < s.kh; ++p)
          for (int64_t q = 0; q < s.kw; ++q) {
            const int64_t h = i * s.stride_h - s.pad_h + p * s.dilation_h,
                          w = j * s.stride_w - s.pad_w + q * s.dilation_w;
            if (h >= 0 && h < s.h && w >= 0 && w < s.w)
              f(static_cast<size_t>((n * s.h + h) * s.w + w),
                static_cast<size_t>((n * s.oh + i) * s.ow + j), p * s.kw + q);
          }
}
int64_t planes(const Shape& s) { return Shape(s.begin(), s.end() - 2).numel(); }

std::vector<double> index_reference(const RefCall& c) {
  const Pool s = pool_geometry("reference", c.in[0].shape, c.attrs<PoolAttrs>(), byte_taps);
  std::vector<double> best(static_cast<size_t>(c.out.numel()), -INFINITY), tap = best;
  each_pair(s, planes(c.out), [&](size_t x, size_t y, int64_t t) {
    // the first tap inside where all are -inf
    if (tap[y] < 0 || c.in[0].v[x] > best[y])
      best[y] = c.in[0].v[x], tap[y] = static_cast<double>(t);
  });
  for (double& t : tap)
    if (t < 0) t = 0;  // no tap inside
  return tap;
}
template <bool forth>
std::vector<double> gather_reference(const RefCall& c) {
  const Shape& image = forth ? c.in[0].shape : c.out;
  const Pool s = pool_geometry("reference", image, c.attrs<PoolAttrs>(), byte_taps);
  std::vector<double> out(static_cast<size_t>(c.out.numel()));
  each_pair(s, planes(image), [&](size_t x, size_t y, int64_t t) {
    if (c.in[1].v[y] == static_cast<double>(t)) out[forth ? y : x] += c.in[0].v[forth ? x : y];
  });
  return out;
}
template <bool forth>
std::vector<double> average_reference(const RefCall& c) {
  const Shape& image = forth ? c.in[0].shape : c.out;
  const PoolAttrs& a = c.attrs<PoolAttrs>();
  const Pool s = pool_geometry("reference", image, a, any_taps);
  std::vector<double> out(static_cast<size_t>(c.out.numel())),
      taps(static_cast<size_t>(planes(image) * s.oh * s.ow));
  each_pair(s, planes(image), [&](size_t, size_t y, int64_t) { taps[y] += 1; });
  each_pair(s, planes(image), [&](size_t x, size_t y, int64_t) {
    out[forth ? y : x] +=
        c.in[0].v[forth ? x : y] / (a.count_pad ? static_cast<double>(s.kh * s.kw) : taps[y]);
  });
  return out;
}

struct Example {
  Shape image;
  PoolAttrs a;
};
// The windows of these lie inside the padded image, where a padded average counts every tap.
const Example examples[] = {
    {{1, 2, 4, 4}, {2, 2, 2, 2, 0, 0, 1, 1, 0, 0, 0}},
    {{2, 1, 5, 3}, {3, 2, 2, 1, 1, 0, 1, 1, 0, 0, 1}},
    {{1, 3, 3, 3}, {3, 3, 1, 1, 1, 1, 1, 1, 0, 0, 0}},
    {{2, 1, 2, 3, 4}, {2, 2, 1, 2, 0, 0, 1, 1, 0, 0, 1}},
    {{1, 1, 5, 5}, {2, 2, 1, 1, 0, 0, 2, 3, 0, 0, 0}},
    {{0, 2, 4, 4}, {2, 2, 2, 2, 0, 0, 1, 1, 0, 0, 0}},
    {{1, 2, 1, 6}, {1, 3, 1, 3, 0, 0, 1, 1, 0, 0, 1}},
    {{2, 2, 2, 2}, {1, 1, 1, 1, 0, 0, 1, 1, 0, 0, 0}},
    {{1, 2, 2, 2}, {2, 2, 2, 2, 0, 0, 1, 1, 0, 0, 0}},
    {{2, 2, 1, 3, 3}, {2, 1, 1, 2, 1, 0, 1, 1, 0, 0, 1}},
    {{3, 1, 3, 4}, {3, 2, 1, 2, 1, 1, 1, 1, 0, 0, 0}},
};
Shape pooled(const Example& e) {
  const Pool s = pool_geometry("example", e.image, e.a, any_taps);
  return with_extent(e.image, s.oh, s.ow);
}
const Domain apart{.kind = Domain::distinct};
Domain places(const Example& e) {
  return {.low = 0, .high = static_cast<double>(e.a.kh * e.a.kw), .kind = Domain::place};
}

}  // namespace

constinit const Op pool_index_op =
    row({.name = "pool_index",
         .doc = "u8 place of the largest in each window",
         .layout = Layout::channels_last,
         .infer = index_infer,
         .forward = index_forward,
         .vjp = {declared_zero},
         .reference = index_reference,
         .samples = [](Samples& s) {
           for (const Example& e : examples) s.add({e.image}, {apart}, e.a);
           s.bad({{2, 3, 3}}, PoolAttrs{2, 2, 1, 1, 0, 0, 1, 1, 0, 0, 0});
           s.bad({{1, 1, 2, 2}}, PoolAttrs{3, 3, 1, 1, 0, 0, 1, 1, 0, 0, 0});
           s.bad({{1, 1, 3, 3}}, PoolAttrs{2, 2, 1, 1, 2, 0, 1, 1, 0, 0, 0});
           s.bad({{1, 1, 3, 3}}, PoolAttrs{2, 2, 0, 1, 0, 0, 1, 1, 0, 0, 0});
           s.bad({{1, 1, 30, 30}}, PoolAttrs{20, 20, 1, 1, 0, 0, 1, 1, 0, 0, 0});
         }});

constinit const Op pool_gather_op =
    row({.name = "pool_gather",
         .doc = "what lies at those places",
         .arity = 2,
         .keep = keep_1,
         .layout = Layout::channels_last,
         .infer = gather_infer,
         .forward = gather_forward,
         .vjp = {[](const Call& c) {
                   const Shape& s = c.x().shape();
                   return pool_scatter(c.g(), c.in(1), c.attrs<PoolAttrs>(), s[-2], s[-1]);
                 },
                 declared_zero},
         .smooth = true,
         .reference = gather_reference<true>,
         .samples = [](Samples& s) {
           for (const Example& e : examples) s.add({e.image, pooled(e)}, {{}, places(e)}, e.a);
           s.bad({{1, 1, 3, 3}, {1, 1, 3, 3}}, PoolAttrs{2, 2, 1, 1, 0, 0, 1, 1, 0, 0, 0});
           s.bad({{3, 3}, {3, 3}}, PoolAttrs{2, 2, 1, 1, 0, 0, 1, 1, 0, 0, 0});
         }});

constinit const Op pool_scatter_op =
    row({.name = "pool_scatter",
         .doc = "the transpose of pool_gather: zeros and sums at the places",
         .arity = 2,
         .keep = keep_1,
         .layout = Layout::channels_last,
         .infer = scatter_infer,
         .forward = scatter_forward,
         .vjp = {[](const Call& c) { return pool_gather(c.g(), c.in(1), c.attrs<PoolAttrs>()); },
                 declared_zero},
         .smooth = true,
         .reference = gather_reference<false>,
         .samples = [](Samples& s) {
           for (const Example& e : examples)
             s.add({pooled(e), pooled(e)}, {{}, places(e)}, back_to(e.a, e.image[-2], e.image[-1]));
           s.bad({{1, 1, 3, 3}, {1, 1, 3, 3}}, PoolAttrs{2, 2, 1, 1, 0, 0, 1, 1, 3, 3, 0});
           s.bad({{3, 3}, {3, 3}}, PoolAttrs{2, 2, 1, 1, 0, 0, 1, 1, 4, 4, 0});
         }});

constinit const Op avg_pool2d_op =
    row({.name = "avg_pool2d",
         .doc = "the mean of each window",
         .layout = Layout::channels_last,
         .infer = average_infer,
         .forward = average_forward,
         .vjp = {[](const Call& c) { return spread(c.g(), c.attrs<PoolAttrs>(), c.x()); }},
         .smooth = true,
         .reference = average_reference<true>,
         .samples = [](Samples& s) {
           for (const Example& e : examples) s.add({e.image}, {{}}, e.a);
           s.bad({{3, 3}}, PoolAttrs{2, 2, 1, 1, 0, 0, 1, 1, 0, 0, 0});
           s.bad({{1, 1, 3, 3}}, PoolAttrs{4, 4, 1, 1, 0, 0, 1, 1, 0, 0, 0});
         }});

constinit const Op avg_pool2d_grad_op =
    row({.name = "avg_pool2d_grad",
         .doc = "the transpose of avg_pool2d",
         .layout = Layout::channels_last,
         .infer = spread_infer,
         .forward = spread_forward,
         .vjp = {[](const Call& c) { return average(c.g(), c.attrs<PoolAttrs>()); }},
         .smooth = true,
         .reference = average_reference<false>,
         .samples = [](Samples& s) {
           for (const Example& e : examples)
             s.add({pooled(e)}, {{}}, back_to(e.a, e.image[-2], e.image[-1]));
           s.bad({{1, 1, 3, 3}}, PoolAttrs{2, 2, 1, 1, 0, 0, 1, 1, 3, 3, 0});
           s.bad({{3, 3}}, PoolAttrs{2, 2, 1, 1, 0, 0, 1, 1, 3, 3, 0});
         }});

Tensor pool_index(const Tensor& x, const PoolAttrs& a) { return apply(pool_index_op, x, a); }
Tensor pool_gather(const Tensor& x, const Tensor& index, const PoolAttrs& a) {
  return apply2(pool_gather_op, x, index, a);
}
Tensor pool_scatter(const Tensor& g, const Tensor& index, PoolAttrs a, int64_t h, int64_t w) {
  return apply2(pool_scatter_op, g, index, back_to(a, h, w));
}

}  // namespace regrad
