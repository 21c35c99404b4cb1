// The unary rows of the table.
#include "formulas.h"
#include "strips.h"

namespace regrad::kernels::REGRAD_ISA {
namespace {

// sin and cos: the vector loop for arguments in range; a block that holds one beyond it goes
// through the C library for that element.
template <float fast(float), float any(float)>
struct Periodic : Formula<float> {
  using Formula<float>::Formula;
  void apply(const float* x, float* y, int64_t n) const {
    constexpr int64_t kBlock = 1024;
    for (int64_t begin = 0; begin < n; begin += kBlock) {
      const int64_t end = n - begin < kBlock ? n : begin + kBlock;
      int beyond = 0;
      for (int64_t i = begin; i < end; ++i) beyond |= math::abs(x[i]) > math::kSinRange;
      if (beyond) {
        for (int64_t i = begin; i < end; ++i) y[i] = any(x[i]);
      } else {
        REGRAD_LOOP
        for (int64_t i = begin; i < end; ++i) y[i] = fast(x[i]);
      }
    }
  }
};

template <class T>
void clamp_strip(void* const* data, const int64_t* stride, int64_t n, const Params& params) {
  if (params.p0 == params.p0 && params.p1 == params.p1)
    return unary_strip<clamp<T>>(data, stride, n, params);
  // a NaN bound: all NaN
  unary_strip<affine<T>>(data, stride, n, Params{params.p0 + params.p1, 0.0});
}

template <class T>
struct pow_scalar {
  static void strip(void* const* data, const int64_t* stride, int64_t n, const Params& params) {
    Strip strip = unary_strip<power_any<T>>;
    if (params.p0 == 0.0) strip = unary_strip<power_0<T>>;
    if (params.p0 == 1.0) strip = unary_strip<power_1<T>>;
    if (params.p0 == 2.0) strip = unary_strip<power_2<T>>;
    if (params.p0 == 3.0) strip = unary_strip<power_3<T>>;
    if (params.p0 == 0.5) strip = unary_strip<sqrt<T>>;
    if (params.p0 == -0.5) strip = unary_strip<rsqrt<T>>;
    if (params.p0 == -1.0) strip = unary_strip<reciprocal<T>>;
    strip(data, stride, n, params);
  }
};

// The strip of a formula: one loop of operator(), one vector loop of apply(), or its own.
template <class F>
Strip strip_of(const F*) {
  if constexpr (requires { &F::apply; })
    return batched_strip<F>;
  else
    return unary_strip<F>;
}
template <class T>
Strip strip_of(const clamp<T>*) {
  return clamp_strip<T>;
}
template <class T>
Strip strip_of(const pow_scalar<T>*) {
  return pow_scalar<T>::strip;
}
Strip strip_of(const sin<float>*) { return batched_strip<Periodic<math::sin, math::sin_any>>; }
Strip strip_of(const cos<float>*) { return batched_strip<Periodic<math::cos, math::cos_any>>; }

template <template <class> class F, class T>
Strip strip() {
  return strip_of(static_cast<const F<T>*>(nullptr));
}

}  // namespace

void fill_unary(Table& t) {
#define X(name)                                        \
  t.unary[0][int(Unary::name)] = strip<name, float>(); \
  t.unary[1][int(Unary::name)] = strip<name, double>();
#define XI(name) X(name) t.unary[2][int(Unary::name)] = strip<name, int64_t>();
#include "../unary.def"
}

}  // namespace regrad::kernels::REGRAD_ISA
