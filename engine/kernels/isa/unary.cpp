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
void pow_scalar(void* const* data, const int64_t* stride, int64_t n, const Params& params) {
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

template <class T>
void fill_type(Strip* row) {
  const auto put = [row](Unary op, Strip strip) { row[int(op)] = strip; };
  put(Unary::affine, unary_strip<affine<T>>);
  put(Unary::abs, unary_strip<abs<T>>);
  put(Unary::sign, unary_strip<sign<T>>);
  put(Unary::relu, unary_strip<relu<T>>);
  put(Unary::clamp, clamp_strip<T>);
}

template <class T>
void fill_real(Strip* row) {
  const auto put = [row](Unary op, Strip strip) { row[int(op)] = strip; };
  put(Unary::div_scalar, unary_strip<div_scalar<T>>);
  put(Unary::sqrt, unary_strip<sqrt<T>>);
  put(Unary::rsqrt, unary_strip<rsqrt<T>>);
  put(Unary::exp, batched_strip<exp<T>>);
  put(Unary::log, batched_strip<log<T>>);
  put(Unary::tanh, batched_strip<tanh<T>>);
  put(Unary::sigmoid, batched_strip<sigmoid<T>>);
  put(Unary::erf, batched_strip<erf<T>>);
  put(Unary::erfc, batched_strip<erfc<T>>);
  put(Unary::gelu, batched_strip<gelu<T>>);
  put(Unary::silu, batched_strip<silu<T>>);
  put(Unary::softplus, batched_strip<softplus<T>>);
  put(Unary::sin, batched_strip<sin<T>>);
  put(Unary::cos, batched_strip<cos<T>>);
  put(Unary::log1p, batched_strip<log1p<T>>);
  put(Unary::expm1, batched_strip<expm1<T>>);
  put(Unary::floor, batched_strip<floor<T>>);
  put(Unary::ceil, batched_strip<ceil<T>>);
  put(Unary::round, batched_strip<round<T>>);
  put(Unary::pow_scalar, pow_scalar<T>);
}

}  // namespace

void fill_unary(Table& t) {
  fill_type<float>(t.unary[0]);
  fill_type<double>(t.unary[1]);
  fill_type<int64_t>(t.unary[2]);
  fill_real<float>(t.unary[0]);
  fill_real<double>(t.unary[1]);
  t.unary[0][int(Unary::sin)] = batched_strip<Periodic<math::sin, math::sin_any>>;
  t.unary[0][int(Unary::cos)] = batched_strip<Periodic<math::cos, math::cos_any>>;
}

}  // namespace regrad::kernels::REGRAD_ISA
