// Resampling of images: adaptive averages and interpolation, as sparse products along each dim.
#include <regrad/engine/conv.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/functional/images.h>
#include <regrad/engine/internal/called.h>
#include <regrad/engine/ops/op.h>
#include <regrad/engine/sparse.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace regrad {

std::vector<std::pair<int64_t, int64_t>> adaptive_windows(int64_t size, int64_t output) {
  std::vector<std::pair<int64_t, int64_t>> out;
  for (int64_t i = 0; i < output; ++i)
    out.emplace_back(i * size / output, ((i + 1) * size + output - 1) / output);
  return out;
}
void need_output(const char* op, const Tensor& x, Pair output) {
  if (output.h < 1 || output.w < 1 || x.numel() == 0)
    throw ShapeError(std::string(op) + ": " + str(x.shape()) + " to " + std::to_string(output.h) +
                     " x " + std::to_string(output.w));
  Shape sizes = x.shape();
  sizes[-2] = output.h, sizes[-1] = output.w;
  if (output.h > x.size(-2) || output.w > x.size(-1)) detail::empty(sizes, x.dtype());
}

namespace {

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
  for (const auto& [from, to] : adaptive_windows(size, output)) {
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

// By the four nearest along the dim, clamped to the image (Keys 1981, with PyTorch's a = -0.75):
//   w(d) = (a + 2) d^3 - (a + 3) d^2 + 1 for d = |distance| <= 1, a (d^3 - 5 d^2 + 8 d - 4) to 2
double cubic(double distance) {
  constexpr double a = -0.75;
  const double d = std::abs(distance);
  return d <= 1 ? ((a + 2) * d - (a + 3)) * d * d + 1 : a * (((d - 5) * d + 8) * d - 4);
}
Taps bicubic(int64_t size, int64_t output, bool align_corners) {
  const double in = static_cast<double>(size), n = static_cast<double>(output);
  Taps out;
  for (int64_t i = 0; i < output; ++i) {
    const double at = align_corners
                          ? (output == 1 ? 0 : static_cast<double>(i) * (in - 1) / (n - 1))
                          : (static_cast<double>(i) + 0.5) * in / n - 0.5,
                 low = std::floor(at);
    out.emplace_back();
    for (int64_t k = -1; k <= 2; ++k)
      out.back().emplace_back(std::clamp<int64_t>(static_cast<int64_t>(low) + k, 0, size - 1),
                              cubic(at - low - static_cast<double>(k)));
  }
  return out;
}

}  // namespace

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

Tensor interpolate(const Tensor& x, Pair output, Interpolation mode, bool align_corners) {
  const detail::Called as("interpolate(x)", x);
  return on_batch("interpolate", x, [&](const Tensor& images) {
    need_output("interpolate", images, output);
    if (mode == Interpolation::nearest) {
      if (align_corners)
        throw ShapeError("interpolate: align_corners goes with bilinear and bicubic only");
      return separable(images, nearest(images.size(-2), output.h),
                       nearest(images.size(-1), output.w));
    }
    const auto taps = mode == Interpolation::bilinear ? bilinear : bicubic;
    return separable(images, taps(images.size(-2), output.h, align_corners),
                     taps(images.size(-1), output.w, align_corners));
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
