// Sums of shifted rows: what a sparse convolution over padded planes, and a sparse matrix times columns, come down to.
//
//   y[j] = bias + sum_k values[k] x[offsets[k] + j],  j = 0..n
//
// A block of y stays in registers while the entries pass. Entries are added in their order; this file is compiled with contraction on.
#include "reduce.h"

namespace regrad::kernels::REGRAD_ISA {
namespace {

constexpr int kLanes = 16;  // of f32, whatever the register's size

template <int kVectors>
REGRAD_INLINE void block(const float* x, const int32_t* offsets, const float* values, int64_t entries, float bias, float* y) {
  typename Lanes<float, kLanes>::V sum[kVectors];
  for (int v = 0; v < kVectors; ++v) sum[v] = bias - typename Lanes<float, kLanes>::V{};
  for (int64_t k = 0; k < entries; ++k) {
    const float* from = x + offsets[k];
    for (int v = 0; v < kVectors; ++v) sum[v] += values[k] * load<kLanes>(from + v * kLanes);
  }
  for (int v = 0; v < kVectors; ++v) store<kLanes>(y + v * kLanes, sum[v]);
}

template <int kVectors>
void blocks(const float* x, const int32_t* offsets, const float* values, int64_t entries, float bias, int64_t vectors, float* y) {
  if constexpr (kVectors > 0) {
    if (vectors < kVectors) return blocks<kVectors - 1>(x, offsets, values, entries, bias, vectors, y);
    block<kVectors>(x, offsets, values, entries, bias, y);
  }
}

#if defined(__AVX512F__)
constexpr int64_t kMost = 12;
#else
constexpr int64_t kMost = 4;
#endif

// n is rounded up to whole vectors: x and y have room for it. Blocks are cut as evenly as kMost vectors allow.
void taps(const float* x, const int32_t* offsets, const float* values, int64_t entries, float bias, int64_t n, float* y) {
  int64_t vectors = (n + kLanes - 1) / kLanes;
  for (int64_t left = (vectors + kMost - 1) / kMost; left > 0; --left) {
    const int64_t now = (vectors + left - 1) / left;
    blocks<int(kMost)>(x, offsets, values, entries, bias, now, y);
    x += now * kLanes, y += now * kLanes, vectors -= now;
  }
}

// bias + sum_k values[k] x[offsets[k]]: eight sums, so that one addition need not wait for the last. As vectors the loads would be put together one by
// one, at twice the time.
#if defined(__GNUC__) && !defined(__clang__)
__attribute__((optimize("no-tree-slp-vectorize", "no-tree-vectorize")))
#endif
float dot(const float* x, const int32_t* offsets, const float* values, int64_t entries, float bias) {
  float sum[8] = {bias};
  int64_t k = 0;
  for (; k + 8 <= entries; k += 8)
    for (int i = 0; i < 8; ++i) sum[i] += values[k + i] * x[offsets[k + i]];
  for (int i = 0; k < entries; ++k, ++i) sum[i] += values[k] * x[offsets[k]];
  return ((sum[0] + sum[4]) + (sum[1] + sum[5])) + ((sum[2] + sum[6]) + (sum[3] + sum[7]));
}

}  // namespace

void fill_taps(Table& t) {
  t.taps = taps;
  t.taps_dot = dot;
}

}  // namespace regrad::kernels::REGRAD_ISA
