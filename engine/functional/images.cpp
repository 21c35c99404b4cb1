// Pooling and resampling in PyTorch's names, composed of the pooling rows, products and views.
#include <regrad/engine/conv.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/internal/called.h>
#include <regrad/engine/ops/list.h>
#include <regrad/engine/ops/pool.h>
#include <regrad/engine/sparse.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace regrad {
namespace {

// f on [N,C,H,W] or [T,N,C,H,W]; a single image [C,H,W] as a batch of one.
template <class F>
Tensor on_batch(const char* op, const Tensor& x, F&& f) {
  if (x.dim() == 3) return f(x.unsqueeze(0)).squeeze(0);
  if (x.dim() != 4 && x.dim() != 5)
    throw ShapeError(std::string(op) + ": needs images [N,C,H,W], [C,H,W] or [T,N,C,H,W], not " +
                     str(x.shape()));
  return f(x);
}

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

Tensor max_pool(const Tensor& x, const PoolAttrs& a) { return pool_gather(x, pool_index(x, a), a); }

// [from, to) of each window of adaptive pooling.
std::vector<std::pair<int64_t, int64_t>> windows(int64_t size, int64_t output) {
  std::vector<std::pair<int64_t, int64_t>> out;
  for (int64_t i = 0; i < output; ++i)
    out.emplace_back(i * size / output, ((i + 1) * size + output - 1) / output);
  return out;
}
// Before tables of the output's size are made: memory for the output itself.
void need_output(const char* op, const Tensor& x, Pair output) {
  if (output.h < 1 || output.w < 1 || x.numel() == 0)
    throw ShapeError(std::string(op) + ": " + str(x.shape()) + " to " + std::to_string(output.h) +
                     " x " + std::to_string(output.w));
  Shape sizes = x.shape();
  sizes[-2] = output.h, sizes[-1] = output.w;
  if (output.h > x.size(-2) || output.w > x.size(-1)) detail::empty(sizes, x.dtype());
}

// A linear map along one dim, by rows of (place, weight). It is sparse, so that an element reaches
// only what reads it: 0 times infinity is no number.
using Taps = std::vector<std::vector<std::pair<int64_t, double>>>;
Csr matrix_of(const Taps& taps, int64_t in, DType t) {
  std::vector<double> pointers{0}, columns, values;
  for (const auto& row : taps) {
    for (const auto& [place, weight] : row)
      if (weight != 0) columns.push_back(static_cast<double>(place)), values.push_back(weight);
    pointers.push_back(static_cast<double>(columns.size()));
  }
  const auto n = static_cast<int64_t>(values.size()), out = static_cast<int64_t>(taps.size());
  return sparse_csr_tensor(tensor(pointers, {out + 1}, DType::i64),
                           tensor(columns, {n}, DType::i64), tensor(values, {n}, t), out, in);
}
// Rows, then columns, of images with their channels last.
Tensor separable(const Tensor& x, const Taps& h, const Taps& w) {
  const int n = x.dim();
  Dims there, back;
  for (int d = 0; d < n - 3; ++d) there.push_back(d), back.push_back(d);
  for (int64_t d : {n - 2, n - 1, n - 3}) there.push_back(d);
  for (int64_t d : {n - 1, n - 3, n - 2}) back.push_back(d);
  const int64_t height = x.size(-2), width = x.size(-1), channels = x.size(-3),
                images = x.numel() / (height * width * channels);
  const auto oh = static_cast<int64_t>(h.size()), ow = static_cast<int64_t>(w.size());
  Tensor y = spmm(matrix_of(h, height, x.dtype()),
                  reshape(permute(x, there), {images, height, width * channels}));
  y = spmm(matrix_of(w, width, x.dtype()), reshape(y, {images * oh, width, channels}));
  Shape out = permute(x, there).shape();
  out[-3] = oh, out[-2] = ow;
  return permute(reshape(y, out), back);
}

// The sums over windows, and how many elements each has.
Taps sums(int64_t size, int64_t output) {
  Taps out;
  for (const auto& [from, to] : windows(size, output)) {
    out.emplace_back();
    for (int64_t i = from; i < to; ++i) out.back().emplace_back(i, 1.0);
  }
  return out;
}
Tensor counts(const Taps& sums, DType t) {
  std::vector<double> n;
  for (const auto& window : sums) n.push_back(static_cast<double>(window.size()));
  return tensor(n, {static_cast<int64_t>(n.size())}, t);
}
Taps nearest(int64_t size, int64_t output) {
  Taps out;
  for (int64_t i = 0; i < output; ++i)
    out.push_back({{std::min(i * size / output, size - 1), 1.0}});
  return out;
}
Taps bilinear(int64_t size, int64_t output, bool align_corners) {
  const double in = static_cast<double>(size), n = static_cast<double>(output);
  Taps out;
  for (int64_t i = 0; i < output; ++i) {
    double at = align_corners ? (output == 1 ? 0 : static_cast<double>(i) * (in - 1) / (n - 1))
                              : std::max(0.0, (static_cast<double>(i) + 0.5) * in / n - 0.5);
    at = std::min(at, in - 1);
    const auto low = static_cast<int64_t>(at);
    const double share = at - static_cast<double>(low);
    out.push_back({{low, 1 - share}, {std::min(low + 1, size - 1), share}});
  }
  return out;
}

}  // namespace

Tensor max_pool2d(const Tensor& x, Pair kernel, const PoolOptions& options) {
  const detail::Called as("max_pool2d(x)", x);
  const PoolAttrs a = attrs_of("max_pool2d", kernel, options, false);
  return on_batch("max_pool2d", x, [&](const Tensor& images) {
    if (int64_t{a.kh} * a.kw <= byte_taps) return max_pool(images, a);
    // A window too large for a byte is a row of windows, then a column of them: the first of equals
    // is the same.
    PoolAttrs row = a, column = a;
    row.kh = row.stride_h = row.dilation_h = 1, row.pad_h = 0;
    column.kw = column.stride_w = column.dilation_w = 1, column.pad_w = 0;
    return max_pool(max_pool(images, row), column);
  });
}

Tensor avg_pool2d(const Tensor& x, Pair kernel, const PoolOptions& options,
                  bool count_include_pad) {
  const detail::Called as("avg_pool2d(x)", x);
  if (options.dilation.h != 1 || options.dilation.w != 1)
    throw ShapeError("avg_pool2d: has no dilation");
  const PoolAttrs a = attrs_of("avg_pool2d", kernel, options, count_include_pad);
  return on_batch("avg_pool2d", x,
                  [&](const Tensor& images) { return apply(avg_pool2d_op, images, a); });
}

Tensor adaptive_avg_pool2d(const Tensor& x, Pair output) {
  const detail::Called as("adaptive_avg_pool2d(x)", x);
  return on_batch("adaptive_avg_pool2d", x, [&](const Tensor& images) {
    need_output("adaptive_avg_pool2d", images, output);
    if (output.h == 1 && output.w == 1) return mean(images, {-2, -1}, true);
    if (images.size(-2) % output.h == 0 && images.size(-1) % output.w == 0)
      return avg_pool2d(images, {images.size(-2) / output.h, images.size(-1) / output.w});
    const Taps h = sums(images.size(-2), output.h), w = sums(images.size(-1), output.w);
    return separable(images, h, w) / outer(counts(h, x.dtype()), counts(w, x.dtype()));
  });
}

Tensor adaptive_max_pool2d(const Tensor& x, Pair output) {
  const detail::Called as("adaptive_max_pool2d(x)", x);
  return on_batch("adaptive_max_pool2d", x, [&](const Tensor& images) {
    need_output("adaptive_max_pool2d", images, output);
    if (images.size(-2) % output.h == 0 && images.size(-1) % output.w == 0)
      return max_pool2d(images, {images.size(-2) / output.h, images.size(-1) / output.w});
    std::vector<Tensor> rows;
    for (const auto& [top, bottom] : windows(images.size(-2), output.h)) {
      std::vector<Tensor> row;
      for (const auto& [left, right] : windows(images.size(-1), output.w))
        row.push_back(max_pool2d(slice(slice(images, -2, top, bottom), -1, left, right),
                                 {bottom - top, right - left}));
      rows.push_back(cat(row, -1));
    }
    return cat(rows, -2);
  });
}

Tensor interpolate(const Tensor& x, Pair output, Interpolation mode, bool align_corners) {
  const detail::Called as("interpolate(x)", x);
  return on_batch("interpolate", x, [&](const Tensor& images) {
    need_output("interpolate", images, output);
    if (mode == Interpolation::nearest) {
      if (align_corners) throw ShapeError("interpolate: align_corners goes with bilinear only");
      return separable(images, nearest(images.size(-2), output.h),
                       nearest(images.size(-1), output.w));
    }
    return separable(images, bilinear(images.size(-2), output.h, align_corners),
                     bilinear(images.size(-1), output.w, align_corners));
  });
}

Tensor dropout2d(const Tensor& x, double p, const Random& r) {
  const detail::Called as("dropout2d(x)", x);
  if (x.dim() < 3) throw ShapeError("dropout2d: needs [N,C,H,W], not " + str(x.shape()));
  Shape channels = x.shape();
  channels[-1] = channels[-2] = 1;
  const Tensor kept = dropout(ones(channels, x.dtype()), p, r), zero = scalar(0, x.dtype());
  return where(ne(kept, zero), x * (p == 1 ? 0 : 1 / (1 - p)), zero);
}

}  // namespace regrad
