// Sums of shifted rows: what a sparse convolution over padded planes, and a sparse matrix times
// columns, come down to.
//
//   y[o, j] = bias[o] + sum_k values[k] x[offsets[k] pixel + j],  k: the entries of row o
//
// A tile of y stays in registers while the entries pass. Entries are added in their order, whatever
// the tile; this file is compiled with contraction on.
#include "reduce.h"

namespace regrad::kernels::REGRAD_ISA {
namespace {

constexpr int kLanes = kVectorBytes / 4;
using V = Lanes<float, kLanes>::V;
typedef int32_t Bits __attribute__((vector_size(kVectorBytes)));

// The sums, one weight and one product fit the register file.
#if defined(__AVX512F__)
constexpr int kMost = 24;
#else
constexpr int kMost = 12;
#endif

// One row's sums to memory: + residual, max(., 0), & mask.
template <int kVectors>
REGRAD_INLINE void finish(const TapTile& t, int64_t o, V (&sum)[kVectors]) {
  if (t.residual) {
    const float* r = t.residual + o * t.residual_row;
    REGRAD_UNROLL
    for (int v = 0; v < kVectors; ++v) sum[v] += load<kLanes>(r + v * kLanes);
  }
  if (t.relu) {
    REGRAD_UNROLL
    for (int v = 0; v < kVectors; ++v) sum[v] = V{} > sum[v] ? V{} : sum[v];  // NaN stays
  }
  float* y = t.y + o * t.y_row;
  if (t.mask) {
    REGRAD_UNROLL
    for (int v = 0; v < kVectors; ++v)
      store<kLanes>(y + v * kLanes, (V)((Bits)sum[v] & load<kLanes>(t.mask + v * kLanes)));
  } else {
    REGRAD_UNROLL
    for (int v = 0; v < kVectors; ++v) store<kLanes>(y + v * kLanes, sum[v]);
  }
}

// Rows o .. o + kRows of a tile. Several rows side by side where one has too few sums to keep the
// adders busy.
template <int kRows, int kVectors>
REGRAD_INLINE void rows(const Taps& s, const TapTile& t, int64_t o) {
  V sum[kRows][kVectors];
  int64_t at[kRows], common = s.begin[o + 1] - s.begin[o];
  REGRAD_UNROLL
  for (int r = 0; r < kRows; ++r) {
    at[r] = s.begin[o + r];
    const int64_t entries = s.begin[o + r + 1] - at[r];
    common = entries < common ? entries : common;
    REGRAD_UNROLL
    for (int v = 0; v < kVectors; ++v) sum[r][v] = s.bias[o + r] - V{};
  }
  const auto add = [&](int r, int64_t k) {
    const float* x = t.x + s.offsets[k] * t.pixel;
    REGRAD_UNROLL
    for (int v = 0; v < kVectors; ++v) sum[r][v] += s.values[k] * load<kLanes>(x + v * kLanes);
  };
  if constexpr (kRows > 1) {
    for (int64_t k = 0; k < common; ++k) {
      REGRAD_UNROLL
      for (int r = 0; r < kRows; ++r) add(r, at[r] + k);
    }
  } else {
    common = 0;
  }
  REGRAD_UNROLL
  for (int r = 0; r < kRows; ++r)
    for (int64_t k = at[r] + common; k < s.begin[o + r + 1]; ++k) add(r, k);
  REGRAD_UNROLL
  for (int r = 0; r < kRows; ++r) finish(t, o + r, sum[r]);
}

template <int kVectors>
void tile(const Taps& s, const TapTile& t) {
  constexpr int kRows = kVectors < 3 ? 4 : kVectors < 7 && 2 * kVectors <= kMost ? 2 : 1;
  int64_t o = 0;
  for (; o + kRows <= s.rows; o += kRows) rows<kRows, kVectors>(s, t, o);
  if constexpr (kRows > 1)
    for (; o < s.rows; ++o) rows<1, kVectors>(s, t, o);
}

// The instance for that many vectors, found by counting down.
template <int kVectors>
void tile_of(const Taps& s, const TapTile& t, int64_t vectors) {
  if constexpr (kVectors > 0) {
    if (vectors < kVectors) return tile_of<kVectors - 1>(s, t, vectors);
    tile<kVectors>(s, t);
  }
}

// Tiles are cut as evenly as kMost vectors allow. All rows pass over a tile before the next one, so
// that what they share of x stays in the cache.
void taps(const Taps& s, const TapTile& whole, int64_t n) {
  TapTile t = whole;
  int64_t vectors = (n + kLanes - 1) / kLanes;
  for (int64_t left = (vectors + kMost - 1) / kMost; left > 0; --left) {
    const int64_t now = (vectors + left - 1) / left, step = now * kLanes;
    tile_of<kMost>(s, t, now);
    t.x += step, t.y += step, vectors -= now;
    if (t.residual) t.residual += step;
    if (t.mask) t.mask += step;
  }
}

// bias + sum_k values[k] x[offsets[k]]: eight sums side by side, so that one addition need not wait
// for the last.
constexpr int kSums = 8, kPart = kLanes < kSums ? kLanes : kSums, kParts = kSums / kPart;
using P = Lanes<float, kPart>::V;
typedef int32_t PartBits __attribute__((vector_size(4 * kPart)));

// The products of eight entries added to the sums; of those at a row's end the masked ones count,
// others are made 0 x 0.
template <bool masked>
REGRAD_INLINE void add_eight(const float* x, const int32_t* offsets, const float* values,
                             [[maybe_unused]] const int32_t* mask, P (&sum)[kParts]) {
  REGRAD_UNROLL
  for (int p = 0; p < kParts; ++p) {
    P from = {}, by = load<kPart>(values + p * kPart);
    REGRAD_UNROLL
    for (int i = 0; i < kPart; ++i) from[i] = x[offsets[p * kPart + i]];
    if constexpr (masked) {
      const PartBits m = load<kPart>(mask + p * kPart);
      from = (P)((PartBits)from & m), by = (P)((PartBits)by & m);
    }
    sum[p] += by * from;
  }
}

REGRAD_INLINE float dot(const float* x, const int32_t* offsets, const float* values,
                        int64_t entries, float bias) {
  static constexpr int32_t mask[2 * kSums] = {-1, -1, -1, -1, -1, -1, -1, -1};
  P sum[kParts] = {};
  sum[0][0] = bias;
  int64_t k = 0;
  for (; k + kSums <= entries; k += kSums)
    add_eight<false>(x, offsets + k, values + k, nullptr, sum);
  if (k < entries) add_eight<true>(x, offsets + k, values + k, mask + kSums - (entries - k), sum);
  float s[kSums];
  REGRAD_UNROLL
  for (int p = 0; p < kParts; ++p) store<kPart>(s + p * kPart, sum[p]);
  return ((s[0] + s[4]) + (s[1] + s[5])) + ((s[2] + s[6]) + (s[3] + s[7]));
}

void taps_dot(const Taps& s, const float* x, bool relu, float* y, int64_t y_row) {
  for (int64_t o = 0; o < s.rows; ++o) {
    const float sum = dot(x, s.offsets + s.begin[o], s.values + s.begin[o],
                          s.begin[o + 1] - s.begin[o], s.bias[o]);
    y[o * y_row] = relu && sum < 0 ? 0.0f : sum;
  }
}

}  // namespace

void fill_taps(Table& t) {
  t.taps = taps;
  t.taps_dot = taps_dot;
}

}  // namespace regrad::kernels::REGRAD_ISA
