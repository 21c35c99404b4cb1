// 8-bit convolution without VNNI: numbers widened to 16 bits, their products added in pairs to 32
// bits, which is exact. The 8-bit instruction that AVX2 has (vpmaddubsw) adds its pairs in 16 bits
// and cuts them off.
#include "int8_lanes.h"

namespace regrad::kernels::REGRAD_ISA {
namespace {

// ---- sums over neighbouring elements: all convolutions but depthwise ones ----

#if defined(__AVX512F__)
constexpr int kPixels = 12;
#else
constexpr int kPixels = 6;
#endif

REGRAD_INLINE void store_sums(int32_t* y, Sums sum, int64_t n) {
  if (n >= kSums) return store<kSums>(y, sum);
  for (int64_t i = 0; i < n; ++i) y[i] = sum[i];
}

template <int pixels, int vectors>
void dense_block(const Int8Dense& s, const int16_t* x, const int16_t* weight, int64_t outputs,
                 int32_t* y) {
  Sums sum[pixels][vectors] = {};
  for (int64_t g = 0; g < s.segments; ++g) {
    const int16_t* from = x + s.segment[g];
    for (int64_t k = 0; k < s.pairs; ++k, from += 2, weight += 2 * vectors * kSums) {
      Halves w[vectors];
      for (int v = 0; v < vectors; ++v) w[v] = load<2 * kSums>(weight + 2 * v * kSums);
      REGRAD_UNROLL
      for (int p = 0; p < pixels; ++p) {
        const Halves pair = repeat_pair(from + p * s.pixel_step);
        for (int v = 0; v < vectors; ++v) sum[p][v] += multiply_pairs(pair, w[v]);
      }
    }
  }
  REGRAD_UNROLL
  for (int p = 0; p < pixels; ++p)
    for (int v = 0; v < vectors; ++v)
      store_sums(y + p * s.y_pixel + v * kSums, sum[p][v], outputs - v * kSums);
}

template <int most, int vectors>
void dense_pixels(const Int8Dense& s, const int16_t* x, const int16_t* weight, int64_t outputs,
                  int64_t pixels, int32_t* y) {
  if constexpr (most > 1)
    if (pixels < most) return dense_pixels<most - 1, vectors>(s, x, weight, outputs, pixels, y);
  dense_block<most, vectors>(s, x, weight, outputs, y);
}

// Blocks of pixels are cut as evenly as kPixels allows.
template <int vectors>
void dense_outputs(const Int8Dense& s, const int16_t* x, const int16_t* weight, int64_t outputs,
                   int32_t* y) {
  for (int64_t i = 0; i < s.rows; ++i)
    for (int64_t at = 0, left = (s.pixels + kPixels - 1) / kPixels; left > 0; --left) {
      const int64_t now = (s.pixels - at + left - 1) / left;
      dense_pixels<kPixels, vectors>(s, x + i * s.row_step + at * s.pixel_step, weight, outputs,
                                     now, y + (i * s.pixels + at) * s.y_pixel);
      at += now;
    }
}

// Where pixels of y lie side by side, the last block comes first and stores whole registers: what
// passes its pixel is written again later.
void dense(const Int8Dense& s, const int16_t* x, const int16_t* weight, int32_t* y) {
  const int64_t each = 2 * s.segments * s.pairs;
  const bool whole = s.y_pixel == s.outputs;
  for (int64_t o = (s.outputs - 1) / (2 * kSums) * (2 * kSums); o >= 0; o -= 2 * kSums) {
    const int64_t now = s.outputs - o, stored = whole ? 2 * kSums : now;
    if (now > kSums) {
      dense_outputs<2>(s, x, weight + o * each, stored, y + o);
    } else {
      dense_outputs<1>(s, x, weight + o * each, stored, y + o);
    }
  }
}

// ---- depthwise: neighbouring elements side by side, taps in pairs ----

template <int blocks>
REGRAD_INLINE void depthwise_block(const Int8Depthwise& s, const int16_t* x, const int16_t* weight,
                                   int32_t* y) {
  Sums low[blocks] = {}, high[blocks] = {};
  for (int64_t k = 0; k < s.pairs; ++k, weight += 2 * s.width) {
    const int16_t *a = x + s.tap[2 * k], *b = x + s.tap[2 * k + 1];
    for (int i = 0; i < blocks; ++i) {
      const Halves p = load<2 * kSums>(a + 2 * i * kSums), q = load<2 * kSums>(b + 2 * i * kSums);
      low[i] += multiply_pairs(interleave_low(p, q), load<2 * kSums>(weight + 4 * i * kSums));
      high[i] += multiply_pairs(interleave_high(p, q),
                                load<2 * kSums>(weight + 4 * i * kSums + 2 * kSums));
    }
  }
  for (int i = 0; i < blocks; ++i) store_interleaved(y + 2 * i * kSums, low[i], high[i]);
}

void depthwise(const Int8Depthwise& s, const int16_t* x, const int16_t* weight, int32_t* y) {
  for (int64_t i = 0; i < s.rows; ++i, x += s.row_step)
    for (int64_t r = 0; r < s.runs; ++r) {
      const int64_t n = r + 1 < s.runs ? s.run : s.last_run;
      const int16_t* from = x + r * s.run_step;
      int64_t j = 0;
      for (; j + 2 * kSums < n; j += 4 * kSums)
        depthwise_block<2>(s, from + j, weight + 2 * j, y + j);
      if (j < n) depthwise_block<1>(s, from + j, weight + 2 * j, y + j);
      y += n;
    }
}

void depthwise_pack(const int16_t* a, const int16_t* b, int64_t width, int16_t* to) {
  for (int64_t j = 0; j < width; j += 2 * kSums) {
    const Halves p = load<2 * kSums>(a + j), q = load<2 * kSums>(b + j);
    store<2 * kSums>(to + 2 * j, interleave_low(p, q));
    store<2 * kSums>(to + 2 * j + 2 * kSums, interleave_high(p, q));
  }
}

// ---- to whole numbers and back ----

// Adding and taking away 3 2^22 rounds to a whole number, halves to even. NaN becomes the lowest.
template <class Q>
void quantize(const float* x, int64_t n, const float* inverse, int64_t columns, float low,
              float high, void* to) {
  constexpr float shift = 12582912;
  auto* q = static_cast<Q*>(to);
  for (int64_t i = 0; i < n; i += columns) {
    const int64_t m = n - i < columns ? n - i : columns;
    REGRAD_LOOP
    for (int64_t j = 0; j < m; ++j) {
      const float v = x[i + j] * inverse[j], above = v > low ? v : low,
                  held = above < high ? above : high;
      q[i + j] = static_cast<Q>(static_cast<int32_t>((held + shift) - shift));
    }
  }
}

void restore(const int32_t* sums, int64_t n, const float* scale, const float* bias, int64_t columns,
             float* y) {
  for (int64_t i = 0; i < n; i += columns) {
    const int64_t m = n - i < columns ? n - i : columns;
    REGRAD_LOOP
    for (int64_t j = 0; j < m; ++j) y[i + j] = static_cast<float>(sums[i + j]) * scale[j] + bias[j];
  }
}

}  // namespace

void fill_int8(Table& t) {
  t.int8.sums = kSums;
  t.int8.to_s8 = quantize<int8_t>;
  t.int8.to_u8 = quantize<uint8_t>;
  t.int8.to_s16 = quantize<int16_t>;
  t.int8.restore = restore;
  t.int8.dense = dense;
  t.int8.depthwise = depthwise;
  t.int8.depthwise_pack = depthwise_pack;
  fill_int8_whole(t);
}

}  // namespace regrad::kernels::REGRAD_ISA
