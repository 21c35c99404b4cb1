// Depthwise convolution, channels last, stride 1 along the width. A row of pixels is w c
// neighbouring elements, and a tap shifts it by whole pixels: loops run over many pixels at once,
// with the channels' weights repeated, whatever the number of channels.
#include "reduce.h"

namespace regrad::kernels::REGRAD_ISA {
namespace {

constexpr int64_t kWide = depthwise_channels, kMostTaps = depthwise_width;
// sums, and a weight and a product beside them, fit the registers
constexpr int kLanes = kVectorBytes / 4, kVectors = kVectorBytes == 64 ? 4 : 8;

int64_t width_of(int64_t c) { return kWide / c * c; }

// [0, n) of a row of pixels `from` whose tap at `shift` lies in [0, limit): first and last + 1.
struct Span {
  int64_t first, last;
  Span(int64_t begin, int64_t end, int64_t shift, int64_t limit) : first(begin), last(end) {
    if (first + shift < 0) first = -shift;
    if (last + shift > limit) last = limit - shift;
  }
};

// to[i, ..] = sum over taps of weight[tap] from[i + shift, ..], for pixels begin .. end of one row.
// rows: where each tap's row starts (null: outside).
struct Taps {
  int64_t n = 0;
  const float* row[kMostTaps];
  const float* weight[kMostTaps];
  int64_t shift[kMostTaps];
};
// n elements from `at` on whose taps all lie inside: sums stay in registers.
template <int vectors>
REGRAD_INLINE void gather_vectors(const Taps& taps, int64_t c, int64_t at, int64_t j, float* to) {
  typename Lanes<float, kLanes>::V sum[vectors] = {};
  for (int64_t k = 0; k < taps.n; ++k) {
    const float *x = taps.row[k] + taps.shift[k] * c + at + j, *w = taps.weight[k] + j;
    for (int v = 0; v < vectors; ++v)
      sum[v] += load<kLanes>(w + v * kLanes) * load<kLanes>(x + v * kLanes);
  }
  for (int v = 0; v < vectors; ++v) store<kLanes>(to + at + j + v * kLanes, sum[v]);
}
REGRAD_INLINE void gather_inside(const Taps& taps, int64_t c, int64_t at, int64_t n, float* to) {
  int64_t j = 0;
  for (; j + kVectors * kLanes <= n; j += kVectors * kLanes)
    gather_vectors<kVectors>(taps, c, at, j, to);
  for (; j + kLanes <= n; j += kLanes) gather_vectors<1>(taps, c, at, j, to);
  if (j < n) gather_vectors<1>(taps, c, at, n - kLanes, to);  // some once more
}

REGRAD_INLINE void gather_row(const Taps& taps, int64_t c, int64_t pixels, int64_t limit, bool more,
                              float* to) {
  const int64_t step = width_of(c) / c;
  int64_t left = 0, right = 0;  // how far taps reach
  for (int64_t k = 0; k < taps.n; ++k) {
    if (taps.shift[k] < left) left = taps.shift[k];
    if (taps.shift[k] > right) right = taps.shift[k];
  }
  for (int64_t begin = 0; begin < pixels; begin += step) {
    const int64_t end = pixels - begin < step ? pixels : begin + step, n = (end - begin) * c;
    if (!more && n >= kLanes && begin + left >= 0 && end + right <= limit) {
      gather_inside(taps, c, begin * c, n, to);
      continue;
    }
    float sum[kWide];
    for (int64_t j = 0; j < n; ++j) sum[j] = more ? to[begin * c + j] : 0;
    for (int64_t k = 0; k < taps.n; ++k) {
      const Span in(begin, end, taps.shift[k], limit);
      if (in.last <= in.first) continue;
      const int64_t count = (in.last - in.first) * c;
      const float *x = taps.row[k] + (in.first + taps.shift[k]) * c, *w = taps.weight[k];
      float* s = sum + (in.first - begin) * c;
      REGRAD_LOOP
      for (int64_t j = 0; j < count; ++j) s[j] += w[j] * x[j];
    }
    for (int64_t j = 0; j < n; ++j) to[begin * c + j] = sum[j];
  }
}

// weight [taps, c] with channels repeated over a strip: [taps, width].
void repeat(const float* weight, int64_t taps, int64_t c, float* to) {
  const int64_t width = width_of(c);
  for (int64_t k = 0; k < taps; ++k)
    for (int64_t i = 0; i < width; i += c)
      for (int64_t j = 0; j < c; ++j) to[k * width + i + j] = weight[k * c + j];
}

// One pass that gathers: rows of `to` from rows of `from`. forth: y from x; else x from y.
template <bool forth>
void gather(const Depthwise& s, const float* from, const float* weight, float* to) {
  const int64_t rows = forth ? s.oh : s.h, pixels = forth ? s.ow : s.w,
                from_rows = forth ? s.h : s.oh, limit = forth ? s.w : s.ow;
  const int64_t width = width_of(s.c);
  float repeated[kMostTaps * kWide];
  for (int64_t p0 = 0, a_pass = kMostTaps / s.kw; p0 < s.kh; p0 += a_pass) {
    const int64_t p1 = s.kh - p0 < a_pass ? s.kh : p0 + a_pass;
    repeat(weight + p0 * s.kw * s.c, (p1 - p0) * s.kw, s.c, repeated);
    for (int64_t image = 0; image < s.n; ++image)
      for (int64_t i = 0; i < rows; ++i) {
        Taps taps;
        for (int64_t p = p0; p < p1; ++p) {
          int64_t row =
              forth ? i * s.stride_h - s.pad_h + p * s.dilation_h : i + s.pad_h - p * s.dilation_h;
          if (!forth) {
            if (row < 0 || row % s.stride_h) continue;
            row /= s.stride_h;
          }
          if (row < 0 || row >= from_rows) continue;
          for (int64_t q = 0; q < s.kw; ++q, ++taps.n) {
            const int64_t shift = q * s.dilation_w - s.pad_w;
            taps.row[taps.n] = from + (image * from_rows + row) * limit * s.c;
            taps.weight[taps.n] = repeated + ((p - p0) * s.kw + q) * width;
            taps.shift[taps.n] = forth ? shift : -shift;
          }
        }
        gather_row(taps, s.c, pixels, limit, p0 > 0, to + (image * rows + i) * pixels * s.c);
      }
  }
}

// sums[tap, strip] over rows and strips, folded into double after each image.
void weights(const Depthwise& s, const float* x, const float* y, float* sums, double* weight) {
  const int64_t width = width_of(s.c), step = width / s.c, taps = s.kh * s.kw;
  for (int64_t k = 0; k < taps * s.c; ++k) weight[k] = 0;
  for (int64_t k = 0; k < taps * width; ++k) sums[k] = 0;
  for (int64_t image = 0; image < s.n; ++image) {
    for (int64_t i = 0; i < s.oh; ++i)
      for (int64_t begin = 0; begin < s.ow; begin += step) {
        const int64_t end = s.ow - begin < step ? s.ow : begin + step;
        const float* g = y + ((image * s.oh + i) * s.ow) * s.c;
        for (int64_t p = 0; p < s.kh; ++p) {
          const int64_t row = i * s.stride_h - s.pad_h + p * s.dilation_h;
          if (row < 0 || row >= s.h) continue;
          for (int64_t q = 0; q < s.kw; ++q) {
            const int64_t shift = q * s.dilation_w - s.pad_w;
            const Span in(begin, end, shift, s.w);
            if (in.last <= in.first) continue;
            const int64_t count = (in.last - in.first) * s.c;
            const float *from = x + ((image * s.h + row) * s.w + in.first + shift) * s.c,
                        *gp = g + in.first * s.c;
            float* sum = sums + (p * s.kw + q) * width + (in.first - begin) * s.c;
            REGRAD_LOOP
            for (int64_t j = 0; j < count; ++j) sum[j] += gp[j] * from[j];
          }
        }
      }
    for (int64_t k = 0; k < taps; ++k)
      for (int64_t at = 0; at < width; at += s.c)
        for (int64_t j = 0; j < s.c; ++j)
          weight[k * s.c + j] += double(sums[k * width + at + j]), sums[k * width + at + j] = 0;
  }
}

}  // namespace

void fill_depthwise(Table& t) {
  t.depthwise_y = gather<true>;
  t.depthwise_x = gather<false>;
  t.depthwise_weight = weights;
}

}  // namespace regrad::kernels::REGRAD_ISA
