// Elementwise functions of one or two tensors without a kernel: the C library's, one number at a
// time.
#include <regrad/engine/ops.h>
#include <regrad/engine/ops/elementwise.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace regrad {
namespace {

using kernels::Params;

// The n-th derivative of sin(z)/z. Away from 0 by z f_n + n f_(n-1) = sin^(n)(z); near it, where
// that cancels, by the series sum_k (-1)^k z^(2k-n) / ((2k-n)! (2k+1)), 2k >= n.
double sin_over(double z, int n) {
  if (n == 0) return z == 0 ? 1 : std::sin(z) / z;
  if (std::abs(z) > n + 1) {
    const double turns[] = {std::sin(z), std::cos(z), -std::sin(z), -std::cos(z)};
    double f = turns[0] / z;
    for (int m = 1; m <= n; ++m) f = (turns[m % 4] - m * f) / z;
    return f;
  }
  double sum = 0, power = n % 2 ? z : 1;  // z^m / m!, m = 2k - n
  for (int k = (n + 1) / 2; k < n + 40; ++k) {
    const int m = 2 * k - n;
    sum += (k % 2 ? -power : power) / (2 * k + 1);
    power *= z * z / ((m + 1) * (m + 2));
  }
  return sum;
}
double sinc_of(double x, const Params& p) {
  const double pi = std::numbers::pi;
  return std::pow(pi, p.p0) * sin_over(pi * x, static_cast<int>(p.p0));
}
Tensor sinc_derivative(const Tensor& x, double order) {
  return apply(sinc_op, x, Params{order, 0});
}
// The same as pi^n times the integral of t^n cos(pi x t + n pi/2) over [0, 1], by Gauss' rule of
// three points in each of `pieces`.
std::vector<double> sinc_reference(const RefCall& c) {
  const double n = c.attrs<Params>().p0, pi = std::numbers::pi;
  constexpr int pieces = 200;
  std::vector<double> y = c.in[0].v;
  for (double& v : y) {
    double sum = 0;
    for (int k = 0; k < 3 * pieces; ++k) {
      const double t = (k / 3 + 0.5 + (k % 3 - 1) * std::sqrt(0.15)) / pieces;
      sum += (k % 3 == 1 ? 8 : 5) * std::pow(t, n) * std::cos(pi * v * t + n * pi / 2);
    }
    v = std::pow(pi, n) * sum / (18 * pieces);
  }
  return y;
}

// g other / (a^2 + b^2), 0 at (0, 0).
Tensor turn(const Call& c, const Tensor& other) {
  const Tensor r = square(c.in(0)) + square(c.in(1)), zero = scalar(0, r.dtype());
  const Tensor flat = eq(r, zero), safe = where(flat, scalar(1, r.dtype()), r);
  return where(flat, zero, c.g() * other / safe);
}

// fmod and remainder are a minus a whole multiple of b, which is their derivative by b. i64 too.
template <class T>
T fmod_of(T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    if (b == 0) throw NumericError("remainder: an integer divided by 0");
    return b == -1 ? 0 : a % b;  // the lowest integer by -1 has no quotient
  } else {
    return std::fmod(a, b);
  }
}
template <class T>
T remainder_of(T a, T b) {
  const T r = fmod_of(a, b);
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}
template <void (*forward)(const Call&), double (*F)(double, double)>
consteval Op modulo(const char* name, const char* doc) {
  return kinked(binary_row(
      {.name = name,
       .doc = doc,
       .keep = keep_0 | keep_1 | keep_y,
       .infer = broadcast_two,
       .forward = forward,
       .vjp = {[](const Call& c) { return sum_to(c.g(), c.in(0).shape()); },
               [](const Call& c) {
                 return sum_to(-(c.g() * round((c.in(0) - c.y()) / c.in(1))), c.in(1).shape());
               }},
       .reference = pointwise2<F>,
       .samples = [](Samples& s) {
         for (double sign : {1.0, -1.0})
           binary_shapes(s, {.low = sign * 2.2 - 0.1, .high = sign * 2.2 + 0.1},
                         {.low = 1.3, .high = 1.5});
       }}));
}

}  // namespace

constinit const Op tan_op =
    unary_row({.name = "tan",
               .doc = "y = tan x, dy/dx = 1 + y^2",
               .keep = keep_y,
               .forward = formula1<([](auto x) { return std::tan(x); })>,
               .vjp = {[](const Call& c) { return c.g() * (square(c.y()) + 1); }},
               .reference = pointwise<std::tan>,
               .samples = [](Samples& s) { between(s, -1, 1); }});

constinit const Op asin_op =
    unary_row({.name = "asin",
               .doc = "y = arcsin x, dy/dx = 1/sqrt(1 - x^2)",
               .keep = keep_0,
               .forward = formula1<([](auto x) { return std::asin(x); })>,
               .vjp = {[](const Call& c) { return c.g() * rsqrt(1 - square(c.x())); }},
               .reference = pointwise<std::asin>,
               .samples = [](Samples& s) { between(s, -0.7, 0.7); }});

constinit const Op acos_op =
    unary_row({.name = "acos",
               .doc = "y = arccos x, dy/dx = -1/sqrt(1 - x^2)",
               .keep = keep_0,
               .forward = formula1<([](auto x) { return std::acos(x); })>,
               .vjp = {[](const Call& c) { return -(c.g() * rsqrt(1 - square(c.x()))); }},
               .reference = pointwise<std::acos>,
               .samples = [](Samples& s) { between(s, -0.7, 0.7); }});

constinit const Op atan_op =
    unary_row({.name = "atan",
               .doc = "y = arctan x, dy/dx = 1/(1 + x^2)",
               .keep = keep_0,
               .forward = formula1<([](auto x) { return std::atan(x); })>,
               .vjp = {[](const Call& c) { return c.g() / (square(c.x()) + 1); }},
               .reference = pointwise<std::atan>,
               .samples = [](Samples& s) { between(s, -3, 3); }});

constinit const Op sinh_op = unary_row({.name = "sinh",
                                        .doc = "y = (e^x - e^-x)/2, dy/dx = cosh x",
                                        .keep = keep_0,
                                        .forward = formula1<([](auto x) { return std::sinh(x); })>,
                                        .vjp = {[](const Call& c) { return c.g() * cosh(c.x()); }},
                                        .reference = pointwise<std::sinh>,
                                        .samples = [](Samples& s) { between(s, -2, 2); }});

constinit const Op cosh_op = unary_row({.name = "cosh",
                                        .doc = "y = (e^x + e^-x)/2, dy/dx = sinh x",
                                        .keep = keep_0,
                                        .forward = formula1<([](auto x) { return std::cosh(x); })>,
                                        .vjp = {[](const Call& c) { return c.g() * sinh(c.x()); }},
                                        .reference = pointwise<std::cosh>,
                                        .samples = [](Samples& s) { between(s, -2, 2); }});

constinit const Op asinh_op =
    unary_row({.name = "asinh",
               .doc = "y = log(x + sqrt(x^2 + 1)), dy/dx = 1/sqrt(x^2 + 1)",
               .keep = keep_0,
               .forward = formula1<([](auto x) { return std::asinh(x); })>,
               .vjp = {[](const Call& c) { return c.g() * rsqrt(square(c.x()) + 1); }},
               .reference = pointwise<std::asinh>,
               .samples = [](Samples& s) { between(s, -3, 3); }});

constinit const Op acosh_op =
    unary_row({.name = "acosh",
               .doc = "y = log(x + sqrt(x^2 - 1)), dy/dx = 1/sqrt(x^2 - 1)",
               .keep = keep_0,
               .forward = formula1<([](auto x) { return std::acosh(x); })>,
               .vjp = {[](const Call& c) { return c.g() * rsqrt(square(c.x()) - 1); }},
               .reference = pointwise<std::acosh>,
               .samples = [](Samples& s) { between(s, 1.4, 4); }});

constinit const Op atanh_op =
    unary_row({.name = "atanh",
               .doc = "y = log((1 + x)/(1 - x))/2, dy/dx = 1/(1 - x^2)",
               .keep = keep_0,
               .forward = formula1<([](auto x) { return std::atanh(x); })>,
               .vjp = {[](const Call& c) { return c.g() / (1 - square(c.x())); }},
               .reference = pointwise<std::atanh>,
               .samples = [](Samples& s) { between(s, -0.6, 0.6); }});

constinit const Op log2_op =
    unary_row({.name = "log2",
               .doc = "y = log x / log 2, dy/dx = 1/(x log 2)",
               .keep = keep_0,
               .forward = formula1<([](auto x) { return std::log2(x); })>,
               .vjp = {[](const Call& c) { return c.g() / (c.x() * std::numbers::ln2); }},
               .reference = pointwise<std::log2>,
               .samples = [](Samples& s) { between(s, 0.3, 4); }});

constinit const Op log10_op =
    unary_row({.name = "log10",
               .doc = "y = log x / log 10, dy/dx = 1/(x log 10)",
               .keep = keep_0,
               .forward = formula1<([](auto x) { return std::log10(x); })>,
               .vjp = {[](const Call& c) { return c.g() / (c.x() * std::numbers::ln10); }},
               .reference = pointwise<std::log10>,
               .samples = [](Samples& s) { between(s, 0.3, 4); }});

// Closed under differentiation, so that every order is right at 0 too.
constinit const Op sinc_op =
    unary_row({.name = "sinc",
               .doc = "y = the p0-th derivative of sin(pi x)/(pi x), which is 1 at 0",
               .keep = keep_0,
               .forward = formula1<sinc_of>,
               .vjp = {[](const Call& c) {
                 return c.g() * sinc_derivative(c.x(), c.attrs<Params>().p0 + 1);
               }},
               .reference = sinc_reference,
               .samples = [](Samples& s) {
                 for (double order : {0.0, 1.0, 2.0}) unary_shapes(s, {-3, 3}, Params{order, 0});
               }});

// At (0, 0) both derivatives are 0 (PyTorch's).
constinit const Op atan2_op =
    binary_row({.name = "atan2",
                .doc = "the angle of (b, a), d/da = b/(a^2 + b^2), d/db = -a/(a^2 + b^2)",
                .keep = keep_0 | keep_1,
                .forward = formula2<([](auto a, auto b) { return std::atan2(a, b); })>,
                .vjp = {[](const Call& c) { return sum_to(turn(c, c.in(1)), c.in(0).shape()); },
                        [](const Call& c) { return sum_to(-turn(c, c.in(0)), c.in(1).shape()); }},
                .reference = pointwise2<std::atan2>,
                .samples = [](Samples& s) {
                  binary_shapes(s, {.away_from_zero = 0.3}, {.away_from_zero = 0.3});
                }});

constinit const Op logaddexp_op = binary_row(
    {.name = "logaddexp",
     .doc = "y = log(e^a + e^b), d/da = sigmoid(a - b), d/db = sigmoid(b - a)",
     .keep = keep_0 | keep_1,
     .forward = formula2<([](auto a, auto b) {
       const auto apart = a == b ? 0 : std::abs(a - b);  // equal infinities are not apart
       return std::max(a, b) + std::log1p(std::exp(-apart));
     })>,
     .vjp = {
         [](const Call& c) { return sum_to(c.g() * sigmoid(c.in(0) - c.in(1)), c.in(0).shape()); },
         [](const Call& c) { return sum_to(c.g() * sigmoid(c.in(1) - c.in(0)), c.in(1).shape()); }},
     .reference =
         pointwise2<([](double a, double b) { return std::log(std::exp(a) + std::exp(b)); })>,
     .samples = [](Samples& s) { binary_shapes(s); }});

// Where a = 0 and b <= 0, d/da is 0 (PyTorch's); what is left out there is not computed.
constinit const Op xlogy_op = binary_row(
    {.name = "xlogy",
     .doc = "y = a log b, 0 where a = 0; d/da = log b, d/db = a/b",
     .keep = keep_0 | keep_1,
     .forward = formula2<([](auto a, auto b) {
       return a == 0 && !std::isnan(b) ? decltype(a)(0) : a * std::log(b);
     })>,
     .vjp = {[](const Call& c) {
               const Tensor &a = c.in(0), &b = c.in(1), zero = scalar(0, a.dtype());
               const Tensor flat = logical_and(eq(a, zero), b <= zero);
               const Tensor safe = where(flat, scalar(1, a.dtype()), b);
               return sum_to(xlogy(c.g(), safe), a.shape());
             },
             [](const Call& c) { return sum_to(c.g() * c.in(0) / c.in(1), c.in(1).shape()); }},
     .reference = pointwise2<([](double a, double b) { return a == 0 ? 0 : a * std::log(b); })>,
     .samples = [](Samples& s) { binary_shapes(s, {}, {.low = 0.4, .high = 3}); }});

constinit const Op remainder_op =
    modulo<formula2<([](auto a, auto b) { return remainder_of(a, b); }), true>,
           ([](double a, double b) { return a - b * std::floor(a / b); })>(
        "remainder", "y = a - b floor(a/b), of b's sign; d/da = 1, d/db = -floor(a/b)");
constinit const Op fmod_op =
    modulo<formula2<([](auto a, auto b) { return fmod_of(a, b); }), true>, std::fmod>(
        "fmod", "y = a - b trunc(a/b), of a's sign; d/da = 1, d/db = -trunc(a/b)");

Tensor sinc(const Tensor& x) { return sinc_derivative(x, 0); }

}  // namespace regrad
