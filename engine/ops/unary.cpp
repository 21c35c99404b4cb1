// Elementwise functions of one tensor.
#include <regrad/engine/internal/called.h>
#include <regrad/engine/internal/decimal.h>
#include <regrad/engine/ops.h>
#include <regrad/engine/ops/elementwise.h>
#include <regrad/engine/ops/list.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace regrad {
namespace {

using kernels::Params;
using kernels::Unary;

const Params& p(const Call& c) { return c.attrs<Params>(); }

double sign_of(double x) { return double((x > 0) - (x < 0)); }
double sigmoid_of(double x) { return 1 / (1 + std::exp(-x)); }
double gelu_of(double x) { return 0.5 * x * (1 + std::erf(x / std::numbers::sqrt2)); }

std::vector<double> affine_reference(const RefCall& c) {
  std::vector<double> y = c.in[0].v;
  for (double& v : y) v = c.attrs<Params>().p0 * v + c.attrs<Params>().p1;
  return y;
}
std::vector<double> div_scalar_reference(const RefCall& c) {
  std::vector<double> y = c.in[0].v;
  for (double& v : y) v /= c.attrs<Params>().p0;
  return y;
}
std::vector<double> clamp_reference(const RefCall& c) {
  std::vector<double> y = c.in[0].v;
  for (double& v : y) v = std::min(std::max(v, c.attrs<Params>().p0), c.attrs<Params>().p1);
  return y;
}
std::vector<double> pow_reference(const RefCall& c) {
  std::vector<double> y = c.in[0].v;
  for (double& v : y) v = std::pow(v, c.attrs<Params>().p0);
  return y;
}

// Steps: the derivative is zero between them, and PyTorch's at them. Values lie in (n + 0.1, n +
// 0.4), away from every step.
template <Unary K, double (*F)(double)>
consteval Op rounding(const char* name) {
  return {.name = name,
          .layout = Layout::elementwise,
          .infer = same,
          .forward = unary<K>,
          .vjp = {declared_zero},
          .reference = pointwise<F>,
          .samples = [](Samples& s) {
            unary_shapes(s, {2.1, 2.4});
            unary_shapes(s, {-1.4, -1.1});
          }};
}

}  // namespace

// y = p0 x + p1
constinit const Op affine_op = row({.name = "affine",
                                    .layout = Layout::elementwise,
                                    .infer = same_any,
                                    .forward = unary<Unary::affine, true>,
                                    .vjp = {[](const Call& c) { return c.g() * p(c).p0; }},
                                    .smooth = true,
                                    .reference = affine_reference,
                                    .samples = [](Samples& s) {
                                      unary_shapes(s, {}, Params{-1.5, 0.25});
                                      unary_shapes(s, {}, Params{2, 0});
                                    }});

// y = x / p0, rounded once: 55 / 55 is 1, which 55 times the rounded 1/55 is not
constinit const Op div_scalar_op = row({.name = "div_scalar",
                                        .layout = Layout::elementwise,
                                        .infer = same,
                                        .forward = unary<Unary::div_scalar, true>,
                                        .vjp = {[](const Call& c) { return c.g() / p(c).p0; }},
                                        .smooth = true,
                                        .reference = div_scalar_reference,
                                        .samples = [](Samples& s) {
                                          for (double by : {-1.5, 3.0, 0.25})
                                            unary_shapes(s, {}, Params{by, 0});
                                        }});

// y = |x|, dy/dx = sign(x), 0 at 0
constinit const Op abs_op =
    row({.name = "abs",
         .keep = keep_0,
         .layout = Layout::elementwise,
         .infer = same_any,
         .forward = unary<Unary::abs>,
         .vjp = {[](const Call& c) { return c.g() * sign(c.x()); }},
         .reference = pointwise<std::abs>,
         .samples = [](Samples& s) { unary_shapes(s, {.away_from_zero = 0.1}); }});

// y = -1, 0, 1
constinit const Op sign_op =
    row({.name = "sign",
         .layout = Layout::elementwise,
         .infer = same_any,
         .forward = unary<Unary::sign>,
         .vjp = {declared_zero},
         .reference = pointwise<sign_of>,
         .samples = [](Samples& s) { unary_shapes(s, {.away_from_zero = 0.1}); }});

constinit const Op floor_op = row(rounding<Unary::floor, std::floor>("floor"));
constinit const Op ceil_op = row(rounding<Unary::ceil, std::ceil>("ceil"));
constinit const Op round_op = row(rounding<Unary::round, std::nearbyint>("round"));

// dy/dx = y
constinit const Op exp_op = row({.name = "exp",
                                 .keep = keep_y,
                                 .layout = Layout::elementwise,
                                 .infer = same,
                                 .forward = unary<Unary::exp>,
                                 .vjp = {[](const Call& c) { return c.g() * c.y(); }},
                                 .smooth = true,
                                 .reference = pointwise<std::exp>,
                                 .samples = [](Samples& s) {
                                   unary_shapes(s, {-2, 2});
                                 }});

// dy/dx = 1/x
constinit const Op log_op = row({.name = "log",
                                 .keep = keep_0,
                                 .layout = Layout::elementwise,
                                 .infer = same,
                                 .forward = unary<Unary::log>,
                                 .vjp = {[](const Call& c) { return c.g() / c.x(); }},
                                 .smooth = true,
                                 .reference = pointwise<std::log>,
                                 .samples = [](Samples& s) {
                                   unary_shapes(s, {0.3, 4});
                                 }});

// y = log(1 + x), dy/dx = 1/(1 + x)
constinit const Op log1p_op = row({.name = "log1p",
                                   .keep = keep_0,
                                   .layout = Layout::elementwise,
                                   .infer = same,
                                   .forward = unary<Unary::log1p>,
                                   .vjp = {[](const Call& c) { return c.g() / (c.x() + 1); }},
                                   .smooth = true,
                                   .reference = pointwise<std::log1p>,
                                   .samples = [](Samples& s) {
                                     unary_shapes(s, {-0.6, 3});
                                   }});

// y = e^x - 1, dy/dx = e^x, which y + 1 loses where x is far below 0
constinit const Op expm1_op = row({.name = "expm1",
                                   .keep = keep_0,
                                   .layout = Layout::elementwise,
                                   .infer = same,
                                   .forward = unary<Unary::expm1>,
                                   .vjp = {[](const Call& c) { return c.g() * exp(c.x()); }},
                                   .smooth = true,
                                   .reference = pointwise<std::expm1>,
                                   .samples = [](Samples& s) {
                                     unary_shapes(s, {-2, 2});
                                   }});

// dy/dx = 1/(2y)
constinit const Op sqrt_op = row({.name = "sqrt",
                                  .keep = keep_y,
                                  .layout = Layout::elementwise,
                                  .infer = same,
                                  .forward = unary<Unary::sqrt>,
                                  .vjp = {[](const Call& c) { return c.g() * 0.5 / c.y(); }},
                                  .smooth = true,
                                  .reference = pointwise<std::sqrt>,
                                  .samples = [](Samples& s) {
                                    unary_shapes(s, {0.4, 4});
                                  }});

// dy/dx = -y^3/2
constinit const Op rsqrt_op =
    row({.name = "rsqrt",
         .keep = keep_y,
         .layout = Layout::elementwise,
         .infer = same,
         .forward = unary<Unary::rsqrt>,
         .vjp = {[](const Call& c) { return c.g() * (-0.5 * pow(c.y(), 3)); }},
         .smooth = true,
         .reference = pointwise<([](double x) { return 1 / std::sqrt(x); })>,
         .samples = [](Samples& s) {
           unary_shapes(s, {0.5, 4});
         }});

constinit const Op sin_op = row({.name = "sin",
                                 .keep = keep_0,
                                 .layout = Layout::elementwise,
                                 .infer = same,
                                 .forward = unary<Unary::sin>,
                                 .vjp = {[](const Call& c) { return c.g() * cos(c.x()); }},
                                 .smooth = true,
                                 .reference = pointwise<std::sin>,
                                 .samples = [](Samples& s) {
                                   unary_shapes(s, {-4, 4});
                                 }});

constinit const Op cos_op = row({.name = "cos",
                                 .keep = keep_0,
                                 .layout = Layout::elementwise,
                                 .infer = same,
                                 .forward = unary<Unary::cos>,
                                 .vjp = {[](const Call& c) { return -(c.g() * sin(c.x())); }},
                                 .smooth = true,
                                 .reference = pointwise<std::cos>,
                                 .samples = [](Samples& s) {
                                   unary_shapes(s, {-4, 4});
                                 }});

// dy/dx = 1 - y^2 = 4 s(2x) s(-2x), s = sigmoid: a product keeps its relative accuracy in both
// tails
constinit const Op tanh_op = row(
    {.name = "tanh",
     .keep = keep_0,
     .layout = Layout::elementwise,
     .infer = same,
     .forward = unary<Unary::tanh>,
     .vjp = {[](const Call& c) { return c.g() * (sigmoid(2 * c.x()) * sigmoid(-2 * c.x()) * 4); }},
     .smooth = true,
     .reference = pointwise<std::tanh>,
     .samples = [](Samples& s) {
       unary_shapes(s, {-2.5, 2.5});
     }});

// dy/dx = y (1 - y), and 1 - y = sigmoid(-x)
constinit const Op sigmoid_op =
    row({.name = "sigmoid",
         .keep = keep_0 | keep_y,
         .layout = Layout::elementwise,
         .infer = same,
         .forward = unary<Unary::sigmoid>,
         .vjp = {[](const Call& c) { return c.g() * (c.y() * sigmoid(-c.x())); }},
         .smooth = true,
         .reference = pointwise<sigmoid_of>,
         .samples = [](Samples& s) {
           unary_shapes(s, {-4, 4});
         }});

// dy/dx = 1 where y > 0, else 0
constinit const Op relu_op =
    row({.name = "relu",
         .keep = keep_y,
         .layout = Layout::elementwise,
         .infer = same_any,
         .forward = unary<Unary::relu>,
         .vjp = {[](const Call& c) { return relu_grad(c.g(), c.y()); }},
         .reference = pointwise<([](double x) { return std::max(x, 0.0); })>,
         .samples = [](Samples& s) { unary_shapes(s, {.away_from_zero = 0.1}); }});

// dy/dx = 2/sqrt(pi) exp(-x^2)
constinit const Op erf_op =
    row({.name = "erf",
         .keep = keep_0,
         .layout = Layout::elementwise,
         .infer = same,
         .forward = unary<Unary::erf>,
         .vjp = {[](const Call& c) {
           return c.g() * (2 * std::numbers::inv_sqrtpi * exp(-square(c.x())));
         }},
         .smooth = true,
         .reference = pointwise<std::erf>,
         .samples = [](Samples& s) {
           unary_shapes(s, {-2, 2});
         }});

// y = 1 - erf(x), with its relative accuracy where erf is 1; dy/dx = -2/sqrt(pi) exp(-x^2)
constinit const Op erfc_op =
    row({.name = "erfc",
         .keep = keep_0,
         .layout = Layout::elementwise,
         .infer = same,
         .forward = unary<Unary::erfc>,
         .vjp = {[](const Call& c) {
           return c.g() * (-2 * std::numbers::inv_sqrtpi * exp(-square(c.x())));
         }},
         .smooth = true,
         .reference = pointwise<std::erfc>,
         .samples = [](Samples& s) {
           unary_shapes(s, {-2, 2});
         }});

// y = x Phi(x), dy/dx = Phi(x) + x phi(x), with the normal distribution's Phi(x) = erfc(-x / sqrt
// 2) / 2 and phi
constinit const Op gelu_op =
    row({.name = "gelu",
         .keep = keep_0,
         .layout = Layout::elementwise,
         .infer = same,
         .forward = unary<Unary::gelu>,
         .vjp = {[](const Call& c) {
           const Tensor& x = c.x();
           const Tensor cdf = 0.5 * erfc(x * (-1 / std::numbers::sqrt2));
           const Tensor pdf =
               exp(-0.5 * square(x)) * (std::numbers::inv_sqrtpi / std::numbers::sqrt2);
           return c.g() * (cdf + x * pdf);
         }},
         .smooth = true,
         .reference = pointwise<gelu_of>,
         .samples = [](Samples& s) {
           unary_shapes(s, {-3, 3});
         }});

// y = x s(x), dy/dx = s(x) (1 + x s(-x))
constinit const Op silu_op =
    row({.name = "silu",
         .keep = keep_0,
         .layout = Layout::elementwise,
         .infer = same,
         .forward = unary<Unary::silu>,
         .vjp = {[](const Call& c) {
           const Tensor& x = c.x();
           return c.g() * (sigmoid(x) * (1 + x * sigmoid(-x)));
         }},
         // Only further derivatives need sigmoid(-x) in its tail: beside
         // 1, 1 - s(x) is as good.
         .fused =
             [](const Call& c, Tensor* out) {
               const Tensor s = sigmoid(c.x());
               out[0] = c.g() * (s * (1 + c.x() * (1 - s)));
             },
         .smooth = true,
         .reference = pointwise<([](double x) { return x * sigmoid_of(x); })>,
         .samples =
             [](Samples& s) {
               unary_shapes(s, {-4, 4});
             }});

// y = log(1 + e^x), dy/dx = sigmoid(x)
constinit const Op softplus_op =
    row({.name = "softplus",
         .keep = keep_0,
         .layout = Layout::elementwise,
         .infer = same,
         .forward = unary<Unary::softplus>,
         .vjp = {[](const Call& c) { return c.g() * sigmoid(c.x()); }},
         .smooth = true,
         .reference = pointwise<(
             [](double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); })>,
         .samples = [](Samples& s) {
           unary_shapes(s, {-4, 4});
         }});

// dy/dx = 1 in [p0, p1], where y is x; outside the gradient is 0, whatever arrives
constinit const Op clamp_op =
    row({.name = "clamp",
         .keep = keep_0,
         .layout = Layout::elementwise,
         .infer = same_any,
         .forward = unary<Unary::clamp, true>,
         .vjp = {[](const Call& c) {
           const Tensor& x = c.x();
           return where(eq(x, clamp(x, p(c).p0, p(c).p1)), c.g(), scalar(0, c.g().dtype()));
         }},
         .reference = clamp_reference,
         .samples = [](Samples& s) {
           unary_shapes(s, {.low = -2, .high = 2, .away_from_zero = 0.1}, Params{-0.05, 0.05});
           unary_shapes(s, {.low = 0.1, .high = 0.9}, Params{0, 1});
         }});

// y = x^p0, dy/dx = p0 x^(p0 - 1); 0 for p0 = 0
constinit const Op pow_scalar_op =
    row({.name = "pow_scalar",
         .keep = keep_0,
         .layout = Layout::elementwise,
         .infer = same,
         .forward = unary<Unary::pow_scalar, true>,
         .vjp = {[](const Call& c) {
           const double e = p(c).p0;
           return e == 0 ? Tensor() : c.g() * (e * pow(c.x(), e - 1));
         }},
         .smooth = true,
         .reference = pow_reference,
         .samples = [](Samples& s) {
           for (double e : {2.0, 3.0, 1.0}) unary_shapes(s, {-2, 2}, Params{e, 0});
           for (double e : {0.5, -1.0, -0.5, 1.7, 0.0}) unary_shapes(s, {0.5, 2}, Params{e, 0});
         }});

Tensor affine(const Tensor& x, double scale, double shift) {
  // Numbers that an i64 holds; others make it f32.
  const auto fits = [](double v) { return v == std::floor(v) && std::abs(v) < 0x1p63; };
  const bool whole = fits(scale) && fits(shift);
  if (x.defined() && !is_floating(x.dtype()))
    return apply(affine_op, x.to(whole ? DType::i64 : DType::f32), Params{scale, shift});
  return apply(affine_op, x, Params{scale, shift});
}
Tensor affine(Tensor&& x, double scale, double shift) {
  if (x.defined() && !is_floating(x.dtype())) return affine(x, scale, shift);
  const Tensor own = std::move(x);
  return apply(affine_op, own, Params{scale, shift}, 1);
}
Tensor neg(const Tensor& x) {
  const detail::Called as("neg(x)", x);
  return affine(x, -1, 0);
}
Tensor reciprocal(const Tensor& x) {
  const detail::Called as("reciprocal(x)", x);
  return pow(x, -1);
}
Tensor operator/(const Tensor& x, double s) {
  const detail::Called as("div(x)", x);
  return apply(div_scalar_op, x.defined() && !is_floating(x.dtype()) ? x.to(DType::f32) : x,
               Params{s, 0});
}
Tensor operator/(double s, const Tensor& x) {
  const detail::Called as("div(x)", x);
  return div(scalar(s, x.dtype() == DType::f64 ? DType::f64 : DType::f32), x);
}

Tensor abs(const Tensor& x) { return apply(abs_op, x); }
Tensor sign(const Tensor& x) { return apply(sign_op, x); }
Tensor floor(const Tensor& x) {
  const detail::Called as("floor(x)", x);
  return x.dtype() == DType::i64 ? x : apply(floor_op, x);
}
Tensor ceil(const Tensor& x) {
  const detail::Called as("ceil(x)", x);
  return x.dtype() == DType::i64 ? x : apply(ceil_op, x);
}
Tensor round(const Tensor& x) {
  const detail::Called as("round(x)", x);
  return x.dtype() == DType::i64 ? x : apply(round_op, x);
}
Tensor log1p(const Tensor& x) { return apply(log1p_op, x); }
Tensor expm1(const Tensor& x) { return apply(expm1_op, x); }
Tensor exp(const Tensor& x) { return apply(exp_op, x); }
Tensor log(const Tensor& x) { return apply(log_op, x); }
Tensor sqrt(const Tensor& x) { return apply(sqrt_op, x); }
Tensor rsqrt(const Tensor& x) { return apply(rsqrt_op, x); }
Tensor sin(const Tensor& x) { return apply(sin_op, x); }
Tensor cos(const Tensor& x) { return apply(cos_op, x); }
Tensor tanh(const Tensor& x) { return apply(tanh_op, x); }
Tensor sigmoid(const Tensor& x) { return apply(sigmoid_op, x); }
Tensor relu(const Tensor& x) { return apply(relu_op, x); }
Tensor relu(Tensor&& x) {
  const Tensor own = std::move(x);
  return apply(relu_op, own, NoAttrs{}, 1);
}
Tensor erf(const Tensor& x) { return apply(erf_op, x); }
Tensor erfc(const Tensor& x) { return apply(erfc_op, x); }
Tensor gelu(const Tensor& x) { return apply(gelu_op, x); }
Tensor silu(const Tensor& x) { return apply(silu_op, x); }
Tensor softplus(const Tensor& x) { return apply(softplus_op, x); }
Tensor square(const Tensor& x) {
  const detail::Called as("square(x)", x);
  return mul(x, x);
}
Tensor clamp(const Tensor& x, double low, double high) {
  if (low > high)
    throw ShapeError("clamp: low " + decimal(low) + " is above high " + decimal(high));
  return apply(clamp_op, x, Params{low, high});
}
Tensor pow(const Tensor& x, double exponent) {
  const detail::Called as("pow(x)", x);
  return apply(pow_scalar_op, x, Params{exponent, 0});
}

}  // namespace regrad
