#include <regrad/layers/init.h>

#include <cmath>
#include <vector>

namespace regrad::init {
namespace {

// Of weights [out, in, kernel...].
struct Fans {
  double in, out;
};
Fans fans(const Shape& s) {
  if (s.size() < 2)
    throw ShapeError("init: a weight of shape " + str(s) +
                     " has no fan-in; it needs [out, in, ...]");
  double field = 1;
  for (int d = 2; d < s.size(); ++d) field *= static_cast<double>(s[d]);
  return {static_cast<double>(s[1]) * field, static_cast<double>(s[0]) * field};
}

}  // namespace

Tensor torch_default(const Random& r, const Shape& sizes, int64_t fan_in, DType t) {
  const double b = std::sqrt(1 / static_cast<double>(fan_in));
  return uniform(r, sizes, -b, b, t);
}
Tensor kaiming_uniform(const Random& r, const Shape& sizes, double gain, DType t) {
  const double b = gain * std::sqrt(3 / fans(sizes).in);
  return uniform(r, sizes, -b, b, t);
}
Tensor kaiming_normal(const Random& r, const Shape& sizes, double gain, DType t, Fan fan) {
  const Fans f = fans(sizes);
  return normal(r, sizes, 0, gain / std::sqrt(fan == Fan::in ? f.in : f.out), t);
}
Tensor xavier_uniform(const Random& r, const Shape& sizes, double gain, DType t) {
  const Fans f = fans(sizes);
  const double b = gain * std::sqrt(6 / (f.in + f.out));
  return uniform(r, sizes, -b, b, t);
}
Tensor trunc_normal(const Random& r, const Shape& sizes, double deviation, DType t) {
  std::vector<double> v(static_cast<size_t>(sizes.numel()));
  uint64_t drawn = 0;
  for (double& x : v) {
    do x = r.normal(drawn++);
    while (std::abs(x) > 2);
    x *= deviation;
  }
  return tensor(v, sizes, t);
}

}  // namespace regrad::init
