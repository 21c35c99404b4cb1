// Convolution in f64 by plain loops, which the f32 kernels are tested against.
#include "conv.h"

#include <algorithm>
#include <vector>

namespace regrad::kernels {
namespace {

// f(image, output row, output column, kernel row, kernel column, input row, input column) wherever
// the kernel meets the image.
template <class F>
void each_tap(const Conv& s, F&& f) {
  for (int64_t n = 0; n < s.n; ++n)
    for (int64_t i = 0; i < s.oh; ++i)
      for (int64_t j = 0; j < s.ow; ++j)
        for (int64_t p = 0; p < s.kh; ++p) {
          const int64_t y = i * s.stride_h + p * s.dilation_h - s.pad_h;
          if (y < 0 || y >= s.h) continue;
          for (int64_t q = 0; q < s.kw; ++q) {
            const int64_t x = j * s.stride_w + q * s.dilation_w - s.pad_w;
            if (x >= 0 && x < s.w)
              f(((n * s.h + y) * s.w + x) * s.c, ((n * s.oh + i) * s.ow + j) * s.o, p * s.kw + q);
          }
        }
}

// Weights as [tap][group][c][o] (channels inside a group), so that inner loops run over neighbours,
// and the way back.
struct Taps {
  const Conv& s;
  int64_t taps = s.kh * s.kw, cg = s.c / s.groups, og = s.o / s.groups;
  int64_t at(int64_t tap, int64_t group) const { return (tap * s.groups + group) * cg * og; }
  template <class F>
  void each(F&& f) const {  // f(index in PyTorch's order, index here)
    for (int64_t o = 0; o < s.o; ++o)
      for (int64_t c = 0; c < cg; ++c)
        for (int64_t t = 0; t < taps; ++t)
          f((o * cg + c) * taps + t, at(t, o / og) + c * og + o % og);
  }
};

std::vector<double> by_taps(const Taps& t, const double* weight) {
  std::vector<double> out(static_cast<size_t>(t.s.o * t.cg * t.taps));
  t.each([&](int64_t theirs, int64_t ours) { out[static_cast<size_t>(ours)] = weight[theirs]; });
  return out;
}

// f(x index, y index, weight) for every product of the sum.
template <class F>
void each_product(const Conv& s, const double* weight, F&& f) {
  const Taps t{s};
  const std::vector<double> w = by_taps(t, weight);
  each_tap(s, [&](int64_t in, int64_t out, int64_t tap) {
    for (int64_t g = 0; g < s.groups; ++g) {
      const double* row = w.data() + t.at(tap, g);
      for (int64_t c = 0; c < t.cg; ++c, row += t.og)
        for (int64_t o = 0; o < t.og; ++o) f(in + g * t.cg + c, out + g * t.og + o, row[o]);
    }
  });
}

}  // namespace

void conv_y(const Conv& s, const double* x, const double* weight, double* y) {
  std::fill(y, y + s.n * s.oh * s.ow * s.o, 0.0);
  each_product(s, weight, [&](int64_t in, int64_t out, double w) { y[out] += x[in] * w; });
}

void conv_x(const Conv& s, const double* y, const double* weight, double* x) {
  std::fill(x, x + s.n * s.h * s.w * s.c, 0.0);
  each_product(s, weight, [&](int64_t in, int64_t out, double w) { x[in] += y[out] * w; });
}

void conv_weight(const Conv& s, const double* x, const double* y, double* weight) {
  const Taps t{s};
  std::vector<double> w(static_cast<size_t>(s.o * t.cg * t.taps));
  each_tap(s, [&](int64_t in, int64_t out, int64_t tap) {
    for (int64_t g = 0; g < s.groups; ++g) {
      double* row = w.data() + t.at(tap, g);
      for (int64_t c = 0; c < t.cg; ++c, row += t.og)
        for (int64_t o = 0; o < t.og; ++o) row[o] += x[in + g * t.cg + c] * y[out + g * t.og + o];
    }
  });
  t.each([&](int64_t theirs, int64_t ours) { weight[theirs] = w[static_cast<size_t>(ours)]; });
}

}  // namespace regrad::kernels
