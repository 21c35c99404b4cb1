#include "number.h"

namespace regrad::programs {

namespace {
// A number that rounding may make 0 has no side, and which sign a zero has is left open.
void settled(const Jet& x) {
  below(x, Jet(0.0));
  if (x.v() == 0 && std::signbit(x.v())) rounding.undecided = true;
}
void settled_divisor(const Jet& x) {
  settled(x);
  if (x.v() == 0) rounding.undecided = true;
}
}  // namespace

Jet reciprocal(const Jet& x) {
  settled_divisor(x);
  const double r = 1 / x.v();
  Jet y = chain(x, {{r, -r * r, 2 * r * r * r, -6 * r * r * r * r, 24 * r * r * r * r * r}});
  y.c[0] = Number{1, 0} / x.c[0];
  return y;
}
Jet operator/(const Jet& a, const Jet& b) {
  Jet y = b.constant() && a.constant() ? Jet() : a * reciprocal(b);
  settled_divisor(b);
  y.c[0] = a.c[0] / b.c[0];
  return y;
}
Jet exp(const Jet& x) {
  const double e = std::exp(x.v());
  return chain(x, {{e, e, e, e, e}});
}
Jet expm1(const Jet& x) {
  const double e = std::exp(x.v());
  return chain(x, {{std::expm1(x.v()), e, e, e, e}});
}
Jet log(const Jet& x) {
  settled(x);
  const double r = 1 / x.v();
  return chain(x, {{std::log(x.v()), r, -r * r, 2 * r * r * r, -6 * r * r * r * r}});
}
Jet log2(const Jet& x) {
  settled(x);
  const double r = 1 / x.v(), l = 1 / std::log(2.0);
  return chain(x,
               {{std::log2(x.v()), l * r, -l * r * r, 2 * l * r * r * r, -6 * l * r * r * r * r}});
}
Jet log1p(const Jet& x) {
  below(x, Jet(-1.0));
  const double r = 1 / (1 + x.v());
  return chain(x, {{std::log1p(x.v()), r, -r * r, 2 * r * r * r, -6 * r * r * r * r}});
}
Jet sqrt(const Jet& x) {
  settled(x);
  const double s = std::sqrt(x.v()), r = 1 / x.v();
  Jet y = chain(
      x, {{s, s * r / 2, -s * r * r / 4, 3 * s * r * r * r / 8, -15 * s * r * r * r * r / 16}});
  if (x.c[0].e == 0 && fits(s) && std::fma(s, s, -x.v()) == 0) y.c[0] = {s, 0};
  if (x.v() == 0 && !x.constant())
    for (int s1 = 1; s1 < 8; ++s1)
      if (y.live >> s1 & 1) y.c[s1] = {std::numeric_limits<double>::infinity(), 0};
  return y;
}
Jet rsqrt(const Jet& x) {
  settled_divisor(x);
  const double s = 1 / std::sqrt(x.v()), r = 1 / x.v();
  return chain(x, {{s, -s * r / 2, 3 * s * r * r / 4, -15 * s * r * r * r / 8,
                    105 * s * r * r * r * r / 16}});
}
Jet sin(const Jet& x) {
  const double s = std::sin(x.v()), c = std::cos(x.v());
  return chain(x, {{s, c, -s, -c, s}});
}
Jet cos(const Jet& x) {
  const double s = std::sin(x.v()), c = std::cos(x.v());
  return chain(x, {{c, -s, -c, s, c}});
}
Jet tan(const Jet& x) {
  const double t = std::tan(x.v()), s = 1 + t * t;
  return chain(x, {{t, s, 2 * t * s, 2 * s * (1 + 3 * t * t), 8 * t * s * (2 + 3 * t * t)}});
}
Jet atan(const Jet& x) {
  const double v = x.v(), r = 1 / (1 + v * v), r2 = r * r;
  return chain(x, {{std::atan(v), r, -2 * v * r2, (6 * v * v - 2) * r * r2,
                    24 * v * (1 - v * v) * r2 * r2}});
}
Jet sinh(const Jet& x) {
  const double s = std::sinh(x.v()), c = std::cosh(x.v());
  return chain(x, {{s, c, s, c, s}});
}
Jet cosh(const Jet& x) {
  const double s = std::sinh(x.v()), c = std::cosh(x.v());
  return chain(x, {{c, s, c, s, c}});
}
Jet tanh(const Jet& x) {
  const double t = std::tanh(x.v()), c = 1 / std::cosh(x.v()), s = c * c;
  return chain(
      x, {{t, s, -2 * t * s, -2 * s * s + 4 * t * t * s, 16 * t * s * s - 8 * t * t * t * s}, 1});
}
namespace {
// The sigmoid and its derivatives.
void logistic(double x, double (&d)[5]) {
  const double y = x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x)),
               z = x < 0 ? 1 / (1 + std::exp(x)) : std::exp(-x) / (1 + std::exp(-x)), s = y * z;
  d[0] = y, d[1] = s, d[2] = s * (z - y), d[3] = s * (1 - 6 * s), d[4] = s * (z - y) * (1 - 12 * s);
}
}  // namespace
Jet sigmoid(const Jet& x) {
  double d[5];
  logistic(x.v(), d);
  return chain(x, {{d[0], d[1], d[2], d[3], d[4]}, d[0]});
}
Jet softplus(const Jet& x) {
  double d[5];
  logistic(x.v(), d);
  const double v = std::max(x.v(), 0.0) + std::log1p(std::exp(-std::abs(x.v())));
  return chain(x, {{std::isnan(x.v()) ? x.v() : v, d[0], d[1], d[2], d[3]}, d[0]});
}
Jet erf(const Jet& x) {
  const double v = x.v(), g = 2 / std::sqrt(M_PI) * std::exp(-v * v);
  return chain(
      x, {{std::erf(v), g, -2 * v * g, (4 * v * v - 2) * g, (-8 * v * v * v + 12 * v) * g}, 2 * g});
}
Jet pow(const Jet& x, double p) {
  if (p == -0.5) return rsqrt(x);  // of the halves: also at infinities and the negative zero
  if (p == 0.5) return sqrt(x);
  if (p < 0 || p != std::rint(p)) p < 0 ? settled_divisor(x) : settled(x);
  double d[5], factor = 1;
  for (int k = 0; k < 5; ++k) {
    d[k] = factor == 0 ? 0 : factor * std::pow(x.v(), p - k);
    factor *= p - k;
  }
  if (p == 1) return x;
  return p == 2 ? x * x : chain(x, {{d[0], d[1], d[2], d[3], d[4]}});
}

Jet total(const std::vector<Jet>& terms) {
  Jet y;
  for (int s = 0; s < 8; ++s) {
    double sum = -0.0, size = 0, error = 0;
    bool any = false, exact = true;
    for (const Jet& t : terms) {
      if (!(t.live >> s & 1)) continue;
      any = true;
      sum += t.c[s].v;
      size += std::abs(t.c[s].v);
      error += t.c[s].e;
      exact = exact && t.c[s].v * 1024 == std::rint(t.c[s].v * 1024);
    }
    if (!any) continue;
    y.live = static_cast<uint8_t>(y.live | 1 << s);
    exact = error == 0 && ((exact && s == 0 && size * 1024 < 0x1p24) || terms.size() == 1);
    y.c[s] = exact ? Number{sum, 0} : rounded(sum, error + rounding.unit * size);
    if (size > rounding.largest * 1e-6 && std::isfinite(size)) rounding.huge = true;
  }
  return y;
}

bool below(const Jet& a, const Jet& b) {
  const double error = a.c[0].e + b.c[0].e;
  if (error > 0 && std::abs(a.v() - b.v()) <= slack * error) rounding.undecided = true;
  return a.v() < b.v();
}

Jet without_derivative(const std::vector<Jet>& of, double value) {
  Jet y(value);
  for (const Jet& x : of) y.live |= x.live;
  for (int s = 1; s < 8; ++s)
    if (y.live >> s & 1) y.c[s].v = std::numeric_limits<double>::quiet_NaN();
  if (y.live != 1) rounding.lost = true;
  return y;
}

Jet shared(const std::vector<Jet>& tied) {
  if (tied.size() == 1) return tied[0];
  Jet y = total(tied) * Jet(1.0 / static_cast<double>(tied.size()));
  y.c[0] = tied[0].c[0];
  return y;
}

}  // namespace regrad::programs
