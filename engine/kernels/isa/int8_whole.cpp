// Convolutions of levels whose results go on as f32, as levels of the next convolution, or as both:
// sums stay in registers until then. By bytes with AVX-512 VNNI, by 16-bit pairs everywhere.
#include "int8_lanes.h"

namespace regrad::kernels::REGRAD_ISA {
namespace {

#define REGRAD_METHOD inline __attribute__((always_inline))

constexpr int kBlock = 2 * kSums;  // outputs at once

REGRAD_INLINE Floats load_floats(const float* p) { return load<kSums>(p); }

// What is done with sums, as flags that a kernel is compiled for.
enum : int { kBand = 1, kResidual = 2, kY = 4, kBytes = 8, kHalves = 16, kFlags = 24, kExact = 32 };
int flags_of(const Int8Finish& f) {
  return (f.band_scale ? kBand : 0) | (f.residual ? kResidual : 0) | (f.y ? kY : 0) |
         (!f.q     ? 0
          : f.wide ? kHalves
                   : kBytes);
}

// What stands in the arrays for a register of outputs.
template <int flags>
struct Numbers {
  Floats scale, bias, band_scale, band_bias, inverse;
  // at: of the arrays; band: where the row's are
  REGRAD_INLINE Numbers of(const Int8Finish& f, int64_t at, int64_t band) {
    Numbers k{};
    k.scale = load_floats(f.scale + at), k.bias = load_floats(f.bias + at);
    if constexpr (flags & kBand)
      k.band_scale = load_floats(f.band_scale + band + at),
      k.band_bias = load_floats(f.band_bias + band + at);
    if constexpr (flags & (kBytes | kHalves)) k.inverse = load_floats(f.inverse + at);
    return k;
  }
};

// A copy: what is written through its pointers does not change it.
template <int flags>
struct Finish {
  const Int8Finish f;
  const Floats low, high, floor;
  explicit Finish(const Int8Finish& given)
      : f(given),
        low(f.low - Floats{}),
        high(f.high - Floats{}),
        floor((f.relu ? 0.0f : -__builtin_inff()) - Floats{}) {}

  REGRAD_METHOD Numbers<flags> numbers(int64_t at, int64_t band) const {
    return Numbers<flags>::of(f, at, band);
  }
  // Levels of n neighbouring values at most, to element `at`.
  REGRAD_METHOD void store_levels(Floats v, Floats inverse, int64_t n, int64_t at) const {
    v = v * inverse;
    v = v > low ? v : low;
    v = v < high ? v : high;
    const Sums q = rounded(v) + f.offset;
    if ((flags & kExact) && n < kSums) {
      for (int64_t i = 0; i < n; ++i) {
        if constexpr (flags & kHalves) {
          static_cast<int16_t*>(f.q)[at + i] = int16_t(q[i]);
        } else {
          static_cast<uint8_t*>(f.q)[at + i] = uint8_t(q[i]);
        }
      }
    } else if constexpr (flags & kHalves) {
      store_halves(static_cast<int16_t*>(f.q) + at, q);
    } else {
      store_bytes(static_cast<uint8_t*>(f.q) + at, q);
    }
  }
  // y and its levels.
  REGRAD_METHOD void store_both(Floats v, Floats inverse, int64_t n, int64_t y, int64_t q) const {
    if constexpr (flags & kY) {
      if ((flags & kExact) && n < kSums) {
        for (int64_t i = 0; i < n; ++i) f.y[y + i] = v[i];
      } else {
        store<kSums>(f.y + y, v);
      }
    }
    if constexpr (flags & (kBytes | kHalves)) store_levels(v, inverse, n, q);
  }
  REGRAD_METHOD void operator()(Sums sums, const Numbers<flags>& k, int64_t n, int64_t y,
                                int64_t q) const {
    Floats v = __builtin_convertvector(sums, Floats);
    v = v * k.scale + k.bias;
    if constexpr (flags & kBand) v = v * k.band_scale + k.band_bias;
    if constexpr (flags & kResidual) v = v + load_floats(f.residual + y);
    v = v < floor ? floor : v;
    store_both(v, k.inverse, n, y, q);
  }
};

// Sums [pixels, vectors kSums] of n outputs each, `vectors` registers of them.
struct Tile {
  const int32_t* sums;
  int64_t pixels, n, at, band, y, q;
};
template <int flags, int vectors>
void finish_tile(const Int8Finish& given, const Tile& t) {
  const Finish<flags> finish(given);
  Numbers<flags> k[vectors];
  for (int v = 0; v < vectors; ++v) k[v] = Numbers<flags>::of(given, t.at + v * kSums, t.band);
  const int32_t* sums = t.sums;
  int64_t y = t.y, q = t.q;
  for (int64_t p = 0; p < t.pixels; ++p, sums += vectors * kSums) {
    for (int v = 0; v < vectors; ++v)
      finish(load<kSums>(sums + v * kSums), k[v], t.n - v * kSums, y + v * kSums, q + v * kSums);
    y += finish.f.y_pixel, q += finish.f.q_pixel;
  }
}
template <int flags>
void finish_one(const Int8Finish& f, const Tile& t) {
  finish_tile<flags, 1>(f, t);
}
template <int flags>
void finish_two(const Int8Finish& f, const Tile& t) {
  finish_tile<flags, 2>(f, t);
}

#define REGRAD_EIGHT(f, k) \
  f<(k)>, f<(k) + 1>, f<(k) + 2>, f<(k) + 3>, f<(k) + 4>, f<(k) + 5>, f<(k) + 6>, f<(k) + 7>
#define REGRAD_BY_FLAGS(f, k) \
  { REGRAD_EIGHT(f, k), REGRAD_EIGHT(f, (k) + 8), REGRAD_EIGHT(f, (k) + 16) }
using FinishTile = void (*)(const Int8Finish& given, const Tile& t);
// by exact, registers - 1 and flags
constexpr FinishTile finish_tiles[2][2][kFlags] = {
    {REGRAD_BY_FLAGS(finish_one, 0), REGRAD_BY_FLAGS(finish_two, 0)},
    {REGRAD_BY_FLAGS(finish_one, kExact), REGRAD_BY_FLAGS(finish_two, kExact)}};

// ---- products ----

struct Pairs {
  REGRAD_INLINE Sums add(Sums sum, Halves x, Halves w) { return sum + multiply_pairs(x, w); }
};
#if defined(__AVX512F__)
struct Fours {
  REGRAD_INLINE Sums add(Sums sum, Halves x, Halves w) {
    asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(x), "vm"(w));
    return sum;
  }
};
constexpr int kPixels = 12;
#else
constexpr int kPixels = 6;
#endif

template <class Products, int pixels, int vectors>
void block(const Int8Conv& s, const Int8Finish& f, const char* x, const int16_t* weight, int64_t o,
           int64_t band, int64_t y, int64_t q) {
  Sums sum[pixels][vectors];
  for (int v = 0; v < vectors; ++v) {
    const Sums start = load<kSums>(f.start + o + v * kSums);
    for (int p = 0; p < pixels; ++p) sum[p][v] = start;
  }
  for (int64_t g = 0; g < s.segments; ++g) {
    const char* from = x + s.segment[g];
    for (int64_t k = 0; k < s.units; ++k, from += 4, weight += 2 * vectors * kSums) {
      Halves w[vectors];
      for (int v = 0; v < vectors; ++v) w[v] = load<2 * kSums>(weight + 2 * v * kSums);
      REGRAD_UNROLL
      for (int p = 0; p < pixels; ++p) {
        const Halves unit = repeat_pair(reinterpret_cast<const int16_t*>(from + p * s.pixel_step));
        for (int v = 0; v < vectors; ++v) sum[p][v] = Products::add(sum[p][v], unit, w[v]);
      }
    }
  }
  int32_t tile[pixels][vectors * kSums];
  REGRAD_UNROLL
  for (int p = 0; p < pixels; ++p)
    for (int v = 0; v < vectors; ++v) store<kSums>(tile[p] + v * kSums, sum[p][v]);
  const int64_t left = s.outputs - o, n = left < vectors * kSums ? left : vectors * kSums;
  finish_tiles[f.exact][vectors - 1][flags_of(f)](f, {tile[0], pixels, n, o, band, y, q});
}

template <class Products, int most, int vectors>
void pixels_of(const Int8Conv& s, const Int8Finish& f, const char* x, const int16_t* weight,
               int64_t o, int64_t band, int64_t pixels, int64_t y, int64_t q) {
  if constexpr (most > 1)
    if (pixels < most)
      return pixels_of<Products, most - 1, vectors>(s, f, x, weight, o, band, pixels, y, q);
  block<Products, most, vectors>(s, f, x, weight, o, band, y, q);
}

// Blocks of pixels are cut as evenly as kPixels allows.
template <class Products, int vectors>
void outputs_of(const Int8Conv& s, const Int8Finish& f, const char* x, const int16_t* weight,
                int64_t o) {
  for (int64_t i = 0; i < s.rows; ++i)
    for (int64_t at = 0, left = (s.pixels + kPixels - 1) / kPixels; left > 0; --left) {
      const int64_t now = (s.pixels - at + left - 1) / left;
      pixels_of<Products, kPixels, vectors>(
          s, f, x + i * s.row_step + at * s.pixel_step, weight, o, i / f.band_rows * f.band_width,
          now, i * f.y_row + at * f.y_pixel + o, i * f.q_row + at * f.q_pixel + o);
      at += now;
    }
}

// The last outputs come first: what is written past a pixel is written again.
template <class Products>
void conv(const Int8Conv& s, const Int8Finish& f, const void* x, const void* weight) {
  const auto* from = static_cast<const char*>(x);
  const auto* w = static_cast<const int16_t*>(weight);
  const int64_t each = 2 * s.segments * s.units;
  for (int64_t o = (s.outputs - 1) / kBlock * kBlock; o >= 0; o -= kBlock) {
    if (s.outputs - o > kSums) {
      outputs_of<Products, 2>(s, f, from, w + o * each, o);
    } else {
      outputs_of<Products, 1>(s, f, from, w + o * each, o);
    }
  }
}

// ---- depthwise ----

// n elements of a run from the j-th on, 2 kSums blocks at most.
template <int blocks, class Finisher>
REGRAD_INLINE void depthwise_block(const Int8Depthwise& s, const Finisher& finish, const int16_t* x,
                                   const int16_t* weight, int64_t n, int64_t j, int64_t band,
                                   int64_t y, int64_t q) {
  Sums low[blocks] = {}, high[blocks] = {};
  for (int64_t k = 0; k < s.pairs; ++k, weight += 2 * s.width) {
    const int16_t *a = x + s.tap[2 * k], *b = x + s.tap[2 * k + 1];
    for (int i = 0; i < blocks; ++i) {
      const Halves p = load<2 * kSums>(a + 2 * i * kSums), r = load<2 * kSums>(b + 2 * i * kSums);
      low[i] += multiply_pairs(interleave_low(p, r), load<2 * kSums>(weight + 4 * i * kSums));
      high[i] += multiply_pairs(interleave_high(p, r),
                                load<2 * kSums>(weight + 4 * i * kSums + 2 * kSums));
    }
  }
  for (int i = 0; i < blocks; ++i) {
    const int64_t at = 2 * i * kSums;
    finish(first_of(low[i], high[i]), finish.numbers(j + at, band), n - at, y + at, q + at);
    if (n - at > kSums)
      finish(last_of(low[i], high[i]), finish.numbers(j + at + kSums, band), n - at - kSums,
             y + at + kSums, q + at + kSums);
  }
}

template <int flags>
void depthwise_rows(const Int8Depthwise& given, const Int8Finish& f, const int16_t* x,
                    const int16_t* weight) {
  const Int8Depthwise s = given;
  const Finish<flags> finish(f);
  for (int64_t i = 0; i < s.rows; ++i, x += s.row_step) {
    const int64_t band = i / f.band_rows * f.band_width;
    for (int64_t r = 0, y = i * f.y_row, q = i * f.q_row; r < s.runs; ++r) {
      const int64_t n = r + 1 < s.runs ? s.run : s.last_run;
      const int16_t* from = x + r * s.run_step;
      int64_t j = 0;
      for (; j + 2 * kSums < n; j += 4 * kSums)
        depthwise_block<2>(s, finish, from + j, weight + 2 * j, n - j, j, band, y + j, q + j);
      if (j < n)
        depthwise_block<1>(s, finish, from + j, weight + 2 * j, n - j, j, band, y + j, q + j);
      y += n, q += n;
    }
  }
}
void conv_depthwise(const Int8Depthwise& s, const Int8Finish& f, const int16_t* x,
                    const int16_t* weight) {
  constexpr decltype(&conv_depthwise) all[kFlags] = REGRAD_BY_FLAGS(depthwise_rows, 0);
  all[flags_of(f)](s, f, x, weight);
}

// ---- without products ----

// Runs of `columns` elements, of a row of n.
template <class F>
REGRAD_INLINE void each_vector(int64_t n, int64_t columns, F&& f) {
  for (int64_t i = 0; i < n; i += columns)
    for (int64_t j = 0, m = n - i < columns ? n - i : columns; j < m; j += kSums)
      f(i + j, j, m - j);
}

void to_levels(const float* x, int64_t n, const float* inverse, int64_t columns,
               const Int8Finish& f) {
  const auto row = [&](const auto& finish) __attribute__((always_inline)) {
    each_vector(
        n, columns, [&](int64_t at, int64_t j, int64_t left) __attribute__((always_inline)) {
          finish.store_levels(load_floats(x + at), load_floats(inverse + j), left, at);
        });
  };
  f.wide ? row(Finish<kHalves>(f)) : row(Finish<kBytes>(f));
}

template <int flags>
void add_rows(const float* a, const float* row, int64_t rows, int64_t n, const float* inverse,
              int64_t columns, const Int8Finish& f) {
  const Finish<flags> finish(f);
  for (int64_t r = 0; r < rows; ++r)
    each_vector(
        n, columns, [&](int64_t at, int64_t j, int64_t left) __attribute__((always_inline)) {
          const int64_t y = r * n + at;
          Floats v = load_floats(a + y);
          if constexpr (flags & kResidual) v = load_floats(finish.f.residual + y) + v;
          v = v + load_floats(row + at);
          v = v < 0 ? Floats{} : v;
          Floats by{};
          if constexpr (flags & (kBytes | kHalves)) by = load_floats(inverse + j);
          finish.store_both(v, by, left, y, r * finish.f.q_row + at);
        });
}
void add_row(const float* a, const float* row, int64_t rows, int64_t n, const float* inverse,
             int64_t columns, const Int8Finish& f) {
  constexpr decltype(&add_row) all[kFlags] = REGRAD_BY_FLAGS(add_rows, 0);
  all[flags_of(f)](a, row, rows, n, inverse, columns, f);
}

}  // namespace

void fill_int8_whole(Table& t) {
#if defined(__AVX512F__)
  t.int8.conv_bytes = conv<Fours>;
#else
  t.int8.conv_bytes = nullptr;
#endif
  t.int8.conv_halves = conv<Pairs>;
  t.int8.conv_depthwise = conv_depthwise;
  t.int8.to_levels = to_levels;
  t.int8.add_row = add_row;
}

}  // namespace regrad::kernels::REGRAD_ISA
