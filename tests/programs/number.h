// Numbers of the interpreter: doubles that carry how far f32 or f64 arithmetic may be off, and jets
// of them, which carry derivatives.
//
//   Jet x = {value, e1: v1, e2: v2, e3: v3}, e_k e_k = 0:
//   f(x) holds f, <f', v>, v1' f'' v2, f'''[v1, v2, v3] of any f written in + - * / and
//   scalar functions. No rule for a derivative of an op is written anywhere: this is what the
//       engine's vjps are compared with.
//
// A number's error is a running bound to first order: |df/dx| e_x + |df/dy| e_y + u |f|, u the
// program's unit roundoff. Sums, products and differences that are exact in the program's dtype
// have none, so that ties stay ties.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace regrad::programs {

// The dtype's numbers (below the smallest normal one a step may lose all), and what happened to
// them since it was set.
struct Rounding {
  double unit = 0x1p-24, tiny = 0x1p-126, largest = std::numeric_limits<float>::max();
  bool undecided = false;  // a comparison whose outcome rounding may turn
  // a derivative that is no number, even if nothing reads it: a backward sweep may meet it as 0
  // times infinity
  bool lost = false;
  bool singular = false;  // a function taken where it has no derivative, even if none is asked for
  // a finite number near the dtype's end: the engine's intermediate results may overflow
  bool huge = false;
  void clear() { undecided = lost = singular = huge = false; }
  bool single() const { return unit > 1e-10; }
};
inline Rounding rounding;
// How often the running bound a result may be off: rows of the engine round more often than the
// interpreter does.
constexpr double slack = 32;

struct Number {
  double v = 0, e = 0;
};

inline Number rounded(double v, double e) {
  const double size = std::abs(v);
  if (!(size <= rounding.largest))
    return {size > rounding.largest ? std::copysign(std::numeric_limits<double>::infinity(), v) : v,
            0};
  if (size > rounding.largest * 1e-6) rounding.huge = true;
  return {v, e + rounding.unit * size + rounding.tiny};
}
inline bool fits(double v) {
  return !rounding.single() || static_cast<double>(static_cast<float>(v)) == v;
}

inline Number operator+(const Number& a, const Number& b) {
  const double s = a.v + b.v;
  if (a.e == 0 && b.e == 0 && fits(s)) {
    const double t = s - a.v;
    if ((a.v - (s - t)) + (b.v - t) == 0) return {s, 0};
  }
  return rounded(s, a.e + b.e);
}
inline Number operator*(const Number& a, const Number& b) {
  const double p = a.v * b.v;
  if (a.e == 0 && b.e == 0 && fits(p) && std::fma(a.v, b.v, -p) == 0 &&
      (p == 0 ? a.v == 0 || b.v == 0 : std::abs(p) >= rounding.tiny / rounding.unit))
    return {p, 0};
  if ((std::isinf(a.v) && std::abs(b.v) <= slack * b.e) ||
      (std::isinf(b.v) && std::abs(a.v) <= slack * a.e))
    rounding.undecided = true;
  const double left = b.e == 0 ? 0 : std::abs(a.v) * b.e,
               right = a.e == 0 ? 0 : std::abs(b.v) * a.e;
  return rounded(p, left + right + a.e * b.e);
}
inline Number operator/(const Number& a, const Number& b) {
  const double q = a.v / b.v;
  if (a.e == 0 && b.e == 0 && fits(q) && std::isfinite(q) && std::fma(q, b.v, -a.v) == 0 &&
      (a.v == 0 || std::min(std::abs(q), std::abs(a.v)) >= rounding.tiny / rounding.unit))
    return {q, 0};
  return rounded(q, (a.e + std::abs(q) * b.e) / std::abs(b.v));
}

inline void look(const Number& derivative) {
  if (!std::isfinite(derivative.v)) rounding.lost = true;
}

struct Jet {
  Number c[8];  // by the set of e's: bit k - 1 for e_k
  // which are not zero by structure: what never depended on a leaf has no derivative to be
  // multiplied by infinity
  uint8_t live = 1;

  Jet() = default;
  Jet(double v) { c[0].v = v; }
  explicit Jet(const Number& v) { c[0] = v; }
  double v() const { return c[0].v; }
  bool constant() const { return live == 1; }
};

// A sum of derivatives rounds by the size of its terms even where they cancel exactly: backward
// sweeps add other partial sums, of the same terms.
inline Number sum_of(const Number& a, const Number& b, bool derivative) {
  Number y = a + b;
  if (derivative && std::isfinite(y.v))
    y.e = std::max(y.e, a.e + b.e + rounding.unit * (std::abs(a.v) + std::abs(b.v)));
  return y;
}
inline Jet operator+(const Jet& a, const Jet& b) {
  Jet y;
  y.live = a.live | b.live;
  for (int s = 0; s < 8; ++s)
    if (y.live >> s & 1)
      y.c[s] =
          (a.live >> s & 1) ? ((b.live >> s & 1) ? sum_of(a.c[s], b.c[s], s) : a.c[s]) : b.c[s];
  return y;
}
inline Jet operator*(const Jet& a, const Jet& b) {
  Jet y;
  y.live = 0;
  for (int s = 0; s < 8; ++s) {
    for (int p = s;; p = (p - 1) & s) {
      if ((a.live >> p & 1) && (b.live >> (s ^ p) & 1)) {
        Number term = a.c[p] * b.c[s ^ p];
        // Where both cancelled, a backward sweep may still multiply what they are sums of: about e
        // / 16u each.
        if (s) term.e += a.c[p].e * b.c[s ^ p].e / (16 * rounding.unit);
        y.c[s] = (y.live >> s & 1) ? sum_of(y.c[s], term, s) : term;
        y.live = static_cast<uint8_t>(y.live | 1 << s);
      }
      if (p == 0) break;
    }
    if (s && (y.live >> s & 1)) look(y.c[s]);
  }
  return y;
}
inline Jet operator-(const Jet& a) {
  Jet y = a;
  for (Number& n : y.c) n.v = -n.v;
  return y;
}
inline Jet operator-(const Jet& a, const Jet& b) { return a + -b; }

// f(x) from f and its first four derivatives at x. floor: the absolute size that a derivative's
// error is a share of, where the usual formula subtracts from a number of that size (1 - tanh^2).
struct Taylor {
  double d[5];
  double floor = 0;
};
inline Jet chain(const Jet& x, const Taylor& f) {
  const auto at = [&](int k) {
    const double slope = x.c[0].e == 0 ? 0 : std::abs(f.d[k + 1]) * x.c[0].e;
    if (!std::isfinite(slope) && std::isfinite(x.v())) rounding.undecided = true;
    return rounded(f.d[k], slope + (k ? rounding.unit * f.floor : 0));
  };
  for (int k = 1; k <= 3; ++k)
    if (!std::isfinite(f.d[k])) rounding.singular = true;
  Jet y(at(0));
  Jet n = x;
  n.live &= static_cast<uint8_t>(~1u);
  Jet power = n;
  double factorial = 1;
  for (int k = 1; k <= 3 && power.live; ++k) {
    y = y + Jet(at(k)) * power * Jet(1 / factorial);
    power = power * n;
    factorial *= k + 1;
  }
  return y;
}

Jet reciprocal(const Jet& x);
Jet operator/(const Jet& a, const Jet& b);
Jet exp(const Jet& x);
Jet expm1(const Jet& x);
Jet log(const Jet& x);
Jet log2(const Jet& x);
Jet log1p(const Jet& x);
Jet sqrt(const Jet& x);
Jet rsqrt(const Jet& x);
Jet sin(const Jet& x);
Jet cos(const Jet& x);
Jet tan(const Jet& x);
Jet atan(const Jet& x);
Jet sinh(const Jet& x);
Jet cosh(const Jet& x);
Jet tanh(const Jet& x);
Jet sigmoid(const Jet& x);
Jet softplus(const Jet& x);
Jet erf(const Jet& x);
Jet pow(const Jet& x, double p);

// The sum, exact where all terms are small multiples of 2^-10 and so no order of adding rounds.
Jet total(const std::vector<Jet>& terms);
// The same value without a derivative.
inline Jet frozen(const Jet& x) { return Jet(x.c[0]); }
// A value whose derivatives, of all that these depend on, are no numbers.
Jet without_derivative(const std::vector<Jet>& of, double value);
// a < b by value. Marks the program undecided where rounding may decide.
bool below(const Jet& a, const Jet& b);
// The derivatives of the mean of `tied`, with the value of the first.
Jet shared(const std::vector<Jet>& tied);

}  // namespace regrad::programs
