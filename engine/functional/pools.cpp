// Pooling in PyTorch's names, composed of the pooling rows.
#include <regrad/engine/autograd.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/functional/images.h>
#include <regrad/engine/internal/called.h>
#include <regrad/engine/ops/list.h>
#include <regrad/engine/ops/pool.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace regrad {
namespace {

int16_t narrow(const char* op, int64_t v) {
  if (v != static_cast<int16_t>(v))
    throw ShapeError(std::string(op) + ": a size of " + std::to_string(v));
  return static_cast<int16_t>(v);
}
PoolAttrs attrs_of(const char* op, Pair kernel, const PoolOptions& o, bool count_pad) {
  const auto n = [op](int64_t v) { return narrow(op, v); };
  return {n(kernel.h),
          n(kernel.w),
          n(o.stride.h ? o.stride.h : kernel.h),
          n(o.stride.w ? o.stride.w : kernel.w),
          n(o.padding.h),
          n(o.padding.w),
          n(o.dilation.h),
          n(o.dilation.w),
          0,
          0,
          count_pad};
}

// How far ceil_mode's last window reaches beyond the padded image: (out - 1) stride + dilation
// (kernel - 1) + 1 - (n + 2 padding), with out = ceil((n + 2 padding - dilation (kernel - 1) - 1) /
// stride) + 1, less one where that window would start behind the image.
int64_t beyond(int64_t n, int64_t kernel, int64_t stride, int64_t pad, int64_t dilation) {
  if (kernel < 1 || stride < 1 || pad < 0 || dilation < 1) return 0;  // for the row to refuse
  const int64_t reach = dilation * (kernel - 1) + 1, room = n + 2 * pad - reach + stride - 1;
  if (room < 0) return 0;
  const int64_t last = room / stride * stride;
  return std::max<int64_t>(0, (last < n + pad ? last : last - stride) + reach - n - 2 * pad);
}
// x with as much of `filling` behind it as ceil_mode needs.
Tensor extended(const Tensor& x, const PoolAttrs& a, bool ceil_mode, double filling) {
  if (!ceil_mode) return x;
  const int64_t h = beyond(x.size(-2), a.kh, a.stride_h, a.pad_h, a.dilation_h),
                w = beyond(x.size(-1), a.kw, a.stride_w, a.pad_w, a.dilation_w);
  return h || w ? pad(x, {0, w, 0, h}, filling) : x;
}

// Every window along a dim of n elements reaches one of them: with dilation, all of its elements
// can lie in padding, and none is the largest.
void need_image(const char* op, int64_t n, int64_t kernel, int64_t stride, int64_t pad,
                int64_t dilation, bool ceil_mode) {
  if (dilation <= 1 || kernel < 1 || stride < 1 || pad < 0) return;
  const int64_t more = ceil_mode ? beyond(n, kernel, stride, pad, dilation) : 0,
                last = n + pad + more - dilation * (kernel - 1) - 1;
  for (int64_t from = -pad; from <= last; from += stride) {
    const int64_t first = from < 0 ? from + (dilation - 1 - from) / dilation * dilation : from;
    if (first >= n || first > from + dilation * (kernel - 1))
      throw ShapeError(std::string(op) + ": the window at " + std::to_string(from) + " of " +
                       std::to_string(n) + " elements holds nothing but padding");
  }
}
void need_image(const char* op, const Tensor& x, const PoolAttrs& a, bool ceil_mode) {
  need_image(op, x.size(-2), a.kh, a.stride_h, a.pad_h, a.dilation_h, ceil_mode);
  need_image(op, x.size(-1), a.kw, a.stride_w, a.pad_w, a.dilation_w, ceil_mode);
}

// places: where given, numbers of x's shape that become those of the largest elements.
Tensor max_pool(const Tensor& x, const PoolAttrs& a, Tensor* places) {
  if (int64_t{a.kh} * a.kw <= byte_taps) {
    const Tensor index = pool_index(x, a);
    if (places) *places = pool_gather(*places, index, a);
    return pool_gather(x, index, a);
  }
  // A window too large for a byte is a row of windows, then a column of them: the first of equals
  // is the same.
  PoolAttrs row = a, column = a;
  row.kh = row.stride_h = row.dilation_h = 1, row.pad_h = 0;
  column.kw = column.stride_w = column.dilation_w = 1, column.pad_w = 0;
  return max_pool(max_pool(x, row, places), column, places);
}

// In each window along a dim, how many elements are averaged: those of the padded image, or of the
// image alone.
Tensor counts(int64_t n, int64_t windows, int64_t kernel, int64_t stride, int64_t pad,
              bool with_pad, DType t) {
  std::vector<double> out;
  for (int64_t i = 0; i < windows; ++i) {
    const int64_t from = i * stride - pad, to = std::min(from + kernel, n + pad);
    out.push_back(
        static_cast<double>(with_pad ? to - from : std::min(to, n) - std::max<int64_t>(from, 0)));
  }
  return tensor(out, t);
}

}  // namespace

Tensor max_pool2d(const Tensor& x, Pair kernel, const PoolOptions& options) {
  const detail::Called as("max_pool2d(x)", x);
  const PoolAttrs a = attrs_of("max_pool2d", kernel, options, false);
  return on_batch("max_pool2d", x, [&](const Tensor& images) {
    need_image("max_pool2d", images, a, options.ceil_mode);
    return max_pool(extended(images, a, options.ceil_mode, -INFINITY), a, nullptr);
  });
}

Extreme max_pool2d_with_indices(const Tensor& x, Pair kernel, const PoolOptions& options) {
  const detail::Called as("max_pool2d_with_indices(x)", x);
  const PoolAttrs a = attrs_of("max_pool2d_with_indices", kernel, options, false);
  Extreme y;
  y.values = on_batch("max_pool2d_with_indices", x, [&](const Tensor& images) {
    need_image("max_pool2d_with_indices", images, a, options.ceil_mode);
    const int64_t h = images.size(-2), w = images.size(-1);
    Tensor places = expand(reshape(arange(0, static_cast<double>(h * w), 1, DType::f64), {h, w}),
                           images.shape());
    places = extended(places, a, options.ceil_mode, 0);
    const Tensor values = max_pool(extended(images, a, options.ceil_mode, -INFINITY), a, &places);
    y.indices = to(places, DType::i64);
    return values;
  });
  if (x.dim() == 3) y.indices = squeeze(y.indices, 0);
  return y;
}

Tensor avg_pool2d(const Tensor& x, Pair kernel, const PoolOptions& options,
                  bool count_include_pad) {
  const detail::Called as("avg_pool2d(x)", x);
  if (options.dilation.h != 1 || options.dilation.w != 1)
    throw ShapeError("avg_pool2d: has no dilation");
  PoolAttrs a = attrs_of("avg_pool2d", kernel, options, count_include_pad);
  return on_batch("avg_pool2d", x, [&](const Tensor& images) {
    const Tensor longer = extended(images, a, options.ceil_mode, 0);
    if (longer.shape() == images.shape()) return apply(avg_pool2d_op, images, a);
    a.count_pad = true;
    const Tensor y = apply(avg_pool2d_op, longer, a);
    const Tensor h = counts(images.size(-2), y.size(-2), a.kh, a.stride_h, a.pad_h,
                            count_include_pad, x.dtype()),
                 w = counts(images.size(-1), y.size(-1), a.kw, a.stride_w, a.pad_w,
                            count_include_pad, x.dtype());
    return y * (static_cast<double>(a.kh * a.kw) / outer(h, w));
  });
}

Tensor adaptive_max_pool2d(const Tensor& x, Pair output) {
  const detail::Called as("adaptive_max_pool2d(x)", x);
  return on_batch("adaptive_max_pool2d", x, [&](const Tensor& images) {
    need_output("adaptive_max_pool2d", images, output);
    if (images.size(-2) % output.h == 0 && images.size(-1) % output.w == 0)
      return max_pool2d(images, {images.size(-2) / output.h, images.size(-1) / output.w});
    std::vector<Tensor> rows;
    for (const auto& [top, bottom] : adaptive_windows(images.size(-2), output.h)) {
      std::vector<Tensor> row;
      for (const auto& [left, right] : adaptive_windows(images.size(-1), output.w))
        row.push_back(max_pool2d(slice(slice(images, -2, top, bottom), -1, left, right),
                                 {bottom - top, right - left}));
      rows.push_back(cat(row, -1));
    }
    return cat(rows, -2);
  });
}

}  // namespace regrad
