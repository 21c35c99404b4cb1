// Comparisons with a number.
#include <regrad/engine/internal/called.h>
#include <regrad/engine/ops.h>

#include <cmath>

namespace regrad {
namespace {

// x and s in one dtype: x's where that is floating, i64 for a whole number; a fraction lies below
// 2^52, where f64 is exact.
template <class F>
Tensor against(const Tensor& x, double s, F&& compare) {
  if (is_floating(x.dtype())) return compare(x, scalar(s, x.dtype()));
  const DType t = std::trunc(s) == s && std::abs(s) < 0x1p63 ? DType::i64 : DType::f64;
  return compare(x.to(t), scalar(s, t));
}

}  // namespace

#define REGRAD_AGAINST(name)                                                                   \
  Tensor name(const Tensor& x, double s) {                                                     \
    const detail::Called as(#name "(x)", x);                                                   \
    return against(x, s, [](const Tensor& a, const Tensor& b) { return regrad::name(a, b); }); \
  }
REGRAD_AGAINST(eq)
REGRAD_AGAINST(ne)
REGRAD_AGAINST(lt)
REGRAD_AGAINST(le)
REGRAD_AGAINST(gt)
REGRAD_AGAINST(ge)
#undef REGRAD_AGAINST

}  // namespace regrad
