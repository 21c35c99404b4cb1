// One row folded into one value (sum or max), in an order that depends on the row's length alone.
//
//   float s = fold_row<Sum<float>>(x, n);
#pragma once

#include "isa.h"

namespace regrad::kernels::REGRAD_ISA {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
#elif defined(__AVX2__)
constexpr int kVectorBytes = 32;
#else
constexpr int kVectorBytes = 16;
#endif

// n numbers at once: one register, or several where the machine's are smaller.
template <class T, int n>
struct Lanes {
  typedef T V __attribute__((vector_size(n * sizeof(T))));
  typedef T Loose __attribute__((vector_size(n * sizeof(T)), aligned(alignof(T)), may_alias));
};
template <int n, class T>
REGRAD_INLINE typename Lanes<T, n>::V load(const T* p) {
  return *reinterpret_cast<const typename Lanes<T, n>::Loose*>(p);
}
template <int n, class T>
REGRAD_INLINE void store(T* p, typename Lanes<T, n>::V v) {
  *reinterpret_cast<typename Lanes<T, n>::Loose*>(p) = v;
}

// How two partial results become one; both scalars and vectors. Sums of i64 are done as uint64_t,
// which wraps around.
template <class T>
struct Sum {
  using Type = T;
  using Total = double;  // what blocks of a long row are added in
  static constexpr T start = T(0);
  template <class V>
  REGRAD_INLINE V join(V a, V b) {
    return a + b;
  }
};
template <>
struct Sum<uint64_t> {
  using Type = uint64_t;
  using Total = uint64_t;
  static constexpr uint64_t start = 0;
  template <class V>
  REGRAD_INLINE V join(V a, V b) {
    return a + b;
  }
};
template <class T>
struct Max {
  using Type = T;
  using Total = T;
  static constexpr T start = T(-__builtin_inf());
  template <class V>
  REGRAD_INLINE V join(V a, V b) {  // NaN wins: once in a, nothing is larger
    const V kept = a > b ? a : b;
    return a != a ? a : kept;
  }
};
template <>
struct Max<int64_t> {
  using Type = int64_t;
  using Total = int64_t;
  static constexpr int64_t start = INT64_MIN;
  template <class V>
  REGRAD_INLINE V join(V a, V b) {
    return a > b ? a : b;
  }
};

constexpr int64_t kFoldBlock = 4096;

// 32 lanes, of which lane l takes x[l], x[l + 32], ..., folded to 8.
template <class Op, class T>
REGRAD_INLINE typename Lanes<T, 8>::V fold_32(const T* x, int64_t n) {
  constexpr int kWidth = kVectorBytes / int(sizeof(T)), kVectors = 32 / kWidth;
  typename Lanes<T, kWidth>::V sum[kVectors];
  for (int v = 0; v < kVectors; ++v) sum[v] = load<kWidth>(x + v * kWidth);
  for (int64_t i = 32; i + 32 <= n; i += 32) {
    for (int v = 0; v < kVectors; ++v) sum[v] = Op::join(sum[v], load<kWidth>(x + i + v * kWidth));
  }
  T lanes[32];
  for (int v = 0; v < kVectors; ++v) store<kWidth>(lanes + v * kWidth, sum[v]);
  return Op::join(Op::join(load<8>(lanes), load<8>(lanes + 16)),
                  Op::join(load<8>(lanes + 8), load<8>(lanes + 24)));
}

// Whole groups of 32 in 32 lanes, then groups of 8 in 8 lanes, folded to one; then single elements.
template <class Op>
REGRAD_INLINE typename Op::Type fold_block(const typename Op::Type* x, int64_t n) {
  using T = typename Op::Type;
  T value = Op::start;
  int64_t i = 0;
  if (n >= 8) {
    i = n >= 32 ? n & ~int64_t(31) : 8;
    typename Lanes<T, 8>::V eight = n >= 32 ? fold_32<Op>(x, n) : load<8>(x);
    for (; i + 8 <= n; i += 8) eight = Op::join(eight, load<8>(x + i));
    T lanes[8];
    store<8>(lanes, eight);
    store<4>(lanes, Op::join(load<4>(lanes), load<4>(lanes + 4)));
    value = Op::join(Op::join(lanes[0], lanes[2]), Op::join(lanes[1], lanes[3]));
  }
  for (; i < n; ++i) value = Op::join(value, x[i]);
  return value;
}

template <class Op>
REGRAD_INLINE typename Op::Type fold_row(const typename Op::Type* x, int64_t n) {
  if (n <= kFoldBlock) return fold_block<Op>(x, n);
  typename Op::Total total = Op::start;
  for (int64_t i = 0; i < n; i += kFoldBlock) {
    total = Op::join(
        total, typename Op::Total(fold_block<Op>(x + i, n - i < kFoldBlock ? n - i : kFoldBlock)));
  }
  return typename Op::Type(total);
}

}  // namespace regrad::kernels::REGRAD_ISA
