// Elementwise functions of one tensor that have a kernel. formulas.cpp has those without.
#include <regrad/engine/internal/called.h>
#include <regrad/engine/internal/decimal.h>
#include <regrad/engine/ops.h>
#include <regrad/engine/ops/elementwise.h>
#include <regrad/engine/parallel.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace regrad {
namespace {

using kernels::Params;
using kernels::Unary;

const Params& p(const Call& c) { return c.attrs<Params>(); }

double sigmoid_of(double x) { return 1 / (1 + std::exp(-x)); }

// A reference with the row's parameters.
template <double (*F)(double, const Params&)>
std::vector<double> with_params(const RefCall& c) {
  std::vector<double> y = c.in[0].v;
  for (double& v : y) v = F(v, c.attrs<Params>());
  return y;
}

// Steps: the derivative is zero between them, and PyTorch's at them. Values lie in (n + 0.1, n +
// 0.4), away from every step.
template <Unary K, double (*F)(double)>
consteval Op rounding(const char* name, const char* doc) {
  return kinked(unary_row({.name = name,
                           .doc = doc,
                           .forward = unary<K>,
                           .vjp = {declared_zero},
                           .reference = pointwise<F>,
                           .samples = [](Samples& s) {
                             between(s, 2.1, 2.4);
                             between(s, -1.4, -1.1);
                           }}));
}

}  // namespace

constinit const Op affine_op = unary_row(
    {.name = "affine",
     .doc = "y = p0 x + p1",
     .infer = same_any,
     .forward = unary<Unary::affine, true>,
     .vjp = {[](const Call& c) { return c.g() * p(c).p0; }},
     .reference = with_params<([](double x, const Params& q) { return q.p0 * x + q.p1; })>,
     .samples = [](Samples& s) {
       for (const Params& q : {Params{-1.5, 0.25}, Params{2, 0}}) unary_shapes(s, {}, q);
     }});

// 55 / 55 is 1, which 55 times the rounded 1/55 is not.
constinit const Op div_scalar_op =
    unary_row({.name = "div_scalar",
               .doc = "y = x / p0, rounded once",
               .forward = unary<Unary::div_scalar, true>,
               .vjp = {[](const Call& c) { return c.g() / p(c).p0; }},
               .reference = with_params<([](double x, const Params& q) { return x / q.p0; })>,
               .samples = [](Samples& s) {
                 for (double by : {-1.5, 3.0, 0.25}) unary_shapes(s, {}, Params{by, 0});
               }});

constinit const Op abs_op =
    kinked(unary_row({.name = "abs",
                      .doc = "y = |x|, dy/dx = sign(x), 0 at 0",
                      .keep = keep_0,
                      .infer = same_any,
                      .forward = unary<Unary::abs>,
                      .vjp = {[](const Call& c) { return c.g() * sign(c.x()); }},
                      .reference = pointwise<std::abs>,
                      .samples = [](Samples& s) { away_from_zero(s); }}));

constinit const Op sign_op =
    kinked(unary_row({.name = "sign",
                      .doc = "y = -1, 0 or 1",
                      .infer = same_any,
                      .forward = unary<Unary::sign>,
                      .vjp = {declared_zero},
                      .reference = pointwise<([](double x) { return double((x > 0) - (x < 0)); })>,
                      .samples = [](Samples& s) { away_from_zero(s); }}));

constinit const Op floor_op = rounding<Unary::floor, std::floor>("floor", "largest integer <= x");
constinit const Op ceil_op = rounding<Unary::ceil, std::ceil>("ceil", "smallest integer >= x");
constinit const Op round_op =
    rounding<Unary::round, std::nearbyint>("round", "nearest integer, halves to even");

constinit const Op exp_op = unary_row({.name = "exp",
                                       .doc = "y = e^x, dy/dx = y",
                                       .keep = keep_y,
                                       .forward = unary<Unary::exp>,
                                       .vjp = {[](const Call& c) { return c.g() * c.y(); }},
                                       .reference = pointwise<std::exp>,
                                       .samples = [](Samples& s) { between(s, -2, 2); }});

constinit const Op log_op = unary_row({.name = "log",
                                       .doc = "y = log x, dy/dx = 1/x",
                                       .keep = keep_0,
                                       .forward = unary<Unary::log>,
                                       .vjp = {[](const Call& c) { return c.g() / c.x(); }},
                                       .reference = pointwise<std::log>,
                                       .samples = [](Samples& s) { between(s, 0.3, 4); }});

constinit const Op log1p_op = unary_row({.name = "log1p",
                                         .doc = "y = log(1 + x), dy/dx = 1/(1 + x)",
                                         .keep = keep_0,
                                         .forward = unary<Unary::log1p>,
                                         .vjp = {[](const Call& c) { return c.g() / (c.x() + 1); }},
                                         .reference = pointwise<std::log1p>,
                                         .samples = [](Samples& s) { between(s, -0.6, 3); }});

// y + 1 would lose the derivative where x is far below 0.
constinit const Op expm1_op = unary_row({.name = "expm1",
                                         .doc = "y = e^x - 1, dy/dx = e^x",
                                         .keep = keep_0,
                                         .forward = unary<Unary::expm1>,
                                         .vjp = {[](const Call& c) { return c.g() * exp(c.x()); }},
                                         .reference = pointwise<std::expm1>,
                                         .samples = [](Samples& s) { between(s, -2, 2); }});

constinit const Op sqrt_op = unary_row({.name = "sqrt",
                                        .doc = "y = sqrt(x), dy/dx = 1/(2y)",
                                        .keep = keep_y,
                                        .forward = unary<Unary::sqrt>,
                                        .vjp = {[](const Call& c) { return c.g() * 0.5 / c.y(); }},
                                        .reference = pointwise<std::sqrt>,
                                        .samples = [](Samples& s) { between(s, 0.4, 4); }});

constinit const Op rsqrt_op =
    unary_row({.name = "rsqrt",
               .doc = "y = 1/sqrt(x), dy/dx = -y^3/2",
               .keep = keep_y,
               .forward = unary<Unary::rsqrt>,
               .vjp = {[](const Call& c) { return c.g() * (-0.5 * pow(c.y(), 3)); }},
               .reference = pointwise<([](double x) { return 1 / std::sqrt(x); })>,
               .samples = [](Samples& s) { between(s, 0.5, 4); }});

constinit const Op sin_op = unary_row({.name = "sin",
                                       .doc = "y = sin x, dy/dx = cos x",
                                       .keep = keep_0,
                                       .forward = unary<Unary::sin>,
                                       .vjp = {[](const Call& c) { return c.g() * cos(c.x()); }},
                                       .reference = pointwise<std::sin>,
                                       .samples = [](Samples& s) { between(s, -4, 4); }});

constinit const Op cos_op = unary_row({.name = "cos",
                                       .doc = "y = cos x, dy/dx = -sin x",
                                       .keep = keep_0,
                                       .forward = unary<Unary::cos>,
                                       .vjp = {[](const Call& c) { return -(c.g() * sin(c.x())); }},
                                       .reference = pointwise<std::cos>,
                                       .samples = [](Samples& s) { between(s, -4, 4); }});

// 1 - y^2 as a product keeps its relative accuracy in both tails.
constinit const Op tanh_op = unary_row(
    {.name = "tanh",
     .doc = "y = tanh x, dy/dx = 1 - y^2 = 4 s(2x) s(-2x), s = sigmoid",
     .keep = keep_0,
     .forward = unary<Unary::tanh>,
     .vjp = {[](const Call& c) { return c.g() * (sigmoid(2 * c.x()) * sigmoid(-2 * c.x()) * 4); }},
     .reference = pointwise<std::tanh>,
     .samples = [](Samples& s) { between(s, -2.5, 2.5); }});

constinit const Op sigmoid_op =
    unary_row({.name = "sigmoid",
               .doc = "y = s(x) = 1/(1 + e^-x), dy/dx = y (1 - y) = y s(-x)",
               .keep = keep_0 | keep_y,
               .forward = unary<Unary::sigmoid>,
               .vjp = {[](const Call& c) { return c.g() * (c.y() * sigmoid(-c.x())); }},
               .reference = pointwise<sigmoid_of>,
               .samples = [](Samples& s) { between(s, -4, 4); }});

constinit const Op relu_op =
    kinked(unary_row({.name = "relu",
                      .doc = "y = max(x, 0), dy/dx = 1 where y > 0, else 0",
                      .keep = keep_y,
                      .infer = same_any,
                      .forward = unary<Unary::relu>,
                      .vjp = {[](const Call& c) { return relu_grad(c.g(), c.y()); }},
                      .reference = pointwise<([](double x) { return std::max(x, 0.0); })>,
                      .samples = [](Samples& s) { away_from_zero(s); }}));

constinit const Op erf_op =
    unary_row({.name = "erf",
               .doc = "y = 2/sqrt(pi) times the integral of e^-t^2 from 0 to x",
               .keep = keep_0,
               .forward = unary<Unary::erf>,
               .vjp = {[](const Call& c) {
                 return c.g() * (2 * std::numbers::inv_sqrtpi * exp(-square(c.x())));
               }},
               .reference = pointwise<std::erf>,
               .samples = [](Samples& s) { between(s, -2, 2); }});

constinit const Op erfc_op =
    unary_row({.name = "erfc",
               .doc = "y = 1 - erf(x), with its relative accuracy where erf is 1",
               .keep = keep_0,
               .forward = unary<Unary::erfc>,
               .vjp = {[](const Call& c) {
                 return c.g() * (-2 * std::numbers::inv_sqrtpi * exp(-square(c.x())));
               }},
               .reference = pointwise<std::erfc>,
               .samples = [](Samples& s) { between(s, -2, 2); }});

namespace {

// g d gelu(x) / dx in one pass.
Tensor gelu_gradient(const Tensor& g_of, const Tensor& x_of) {
  constexpr int64_t block = 32768;
  const Tensor g = g_of.contiguous(), x = x_of.contiguous(),
               out = detail::empty(x.shape(), x.dtype());
  const int64_t n = x.numel(), item = item_size(x.dtype());
  parallel_for((n + block - 1) / block, [&](int64_t b) {
    const auto at = [&](const Tensor& t) {
      return static_cast<void*>(static_cast<char*>(t.node()->raw()) + b * block * item);
    };
    void* data[] = {at(out), at(g), at(x)};
    const int64_t stride[] = {1, 1, 1};
    kernels::table().binary[x.dtype() == DType::f64][int(kernels::Binary::gelu_grad)](
        data, stride, std::min(block, n - b * block), {});
  });
  return out;
}

}  // namespace

// With the normal distribution's Phi(x) = erfc(-x / sqrt 2) / 2 and density phi.
constinit const Op gelu_op = unary_row(
    {.name = "gelu",
     .doc = "y = x Phi(x), dy/dx = Phi(x) + x phi(x)",
     .keep = keep_0,
     .forward = unary<Unary::gelu>,
     .vjp = {[](const Call& c) {
       const Tensor& x = c.x();
       const Tensor cdf = 0.5 * erfc(x * (-1 / std::numbers::sqrt2));
       const Tensor pdf = exp(-0.5 * square(x)) * (std::numbers::inv_sqrtpi / std::numbers::sqrt2);
       return c.g() * (cdf + x * pdf);
     }},
     .fused =
         [](const Call& c, Tensor* out) {
           c.need_kept(c.x());
           out[0] = gelu_gradient(c.g(), c.x());
         },
     .reference =
         pointwise<([](double x) { return 0.5 * x * (1 + std::erf(x / std::numbers::sqrt2)); })>,
     .samples = [](Samples& s) { between(s, -3, 3); }});

constinit const Op silu_op = unary_row(
    {.name = "silu",
     .doc = "y = x s(x), dy/dx = s(x) (1 + x s(-x)), s = sigmoid",
     .keep = keep_0,
     .forward = unary<Unary::silu>,
     .vjp = {[](const Call& c) {
       const Tensor& x = c.x();
       return c.g() * (sigmoid(x) * (1 + x * sigmoid(-x)));
     }},
     // Only further derivatives need sigmoid(-x) in its tail: beside 1, 1 - s(x) is as good.
     .fused =
         [](const Call& c, Tensor* out) {
           const Tensor s = sigmoid(c.x());
           out[0] = c.g() * (s * (1 + c.x() * (1 - s)));
         },
     .reference = pointwise<([](double x) { return x * sigmoid_of(x); })>,
     .samples = [](Samples& s) { between(s, -4, 4); }});

constinit const Op softplus_op =
    unary_row({.name = "softplus",
               .doc = "y = log(1 + e^x), dy/dx = sigmoid(x)",
               .keep = keep_0,
               .forward = unary<Unary::softplus>,
               .vjp = {[](const Call& c) { return c.g() * sigmoid(c.x()); }},
               .reference = pointwise<(
                   [](double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); })>,
               .samples = [](Samples& s) { between(s, -4, 4); }});

// Where y is x the derivative is 1; outside the gradient is 0, whatever arrives.
constinit const Op clamp_op = kinked(unary_row(
    {.name = "clamp",
     .doc = "y = min(max(x, p0), p1), dy/dx = 1 in [p0, p1], else 0",
     .keep = keep_0,
     .infer = same_any,
     .forward = unary<Unary::clamp, true>,
     .vjp = {[](const Call& c) {
       const Tensor& x = c.x();
       return where(eq(x, clamp(x, p(c).p0, p(c).p1)), c.g(), scalar(0, c.g().dtype()));
     }},
     .reference =
         with_params<([](double x, const Params& q) { return std::min(std::max(x, q.p0), q.p1); })>,
     .samples = [](Samples& s) {
       unary_shapes(s, {.low = -2, .high = 2, .away_from_zero = 0.1}, Params{-0.05, 0.05});
       unary_shapes(s, {.low = 0.1, .high = 0.9}, Params{0, 1});
     }}));

constinit const Op pow_scalar_op = unary_row(
    {.name = "pow_scalar",
     .doc = "y = x^p0, dy/dx = p0 x^(p0 - 1); 0 for p0 = 0",
     .keep = keep_0,
     .forward = unary<Unary::pow_scalar, true>,
     .vjp = {[](const Call& c) {
       const double e = p(c).p0;
       return e == 0 ? Tensor() : c.g() * (e * pow(c.x(), e - 1));
     }},
     .reference = with_params<([](double x, const Params& q) { return std::pow(x, q.p0); })>,
     .samples = [](Samples& s) {
       for (double e : {2.0, 3.0, 1.0}) unary_shapes(s, {-2, 2}, Params{e, 0});
       for (double e : {0.5, -1.0, -0.5, 1.7, 0.0}) unary_shapes(s, {0.5, 2}, Params{e, 0});
     }});

// The public functions that are a row of one tensor and nothing else.
#define X(name)
#define X1(name) \
  Tensor name(const Tensor& x) { return apply(name##_op, x); }
#define X2(name)
#include <regrad/engine/ops/rows.def>

Tensor relu(Tensor&& x) {
  const Tensor own = std::move(x);
  return apply(relu_op, own, NoAttrs{}, 1);
}
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
Tensor square(const Tensor& x) {
  const detail::Called as("square(x)", x);
  return mul(x, x);
}
Tensor clamp(const Tensor& x, std::optional<double> low, std::optional<double> high) {
  constexpr double inf = std::numeric_limits<double>::infinity();
  if (!low && !high) throw ShapeError("clamp: neither low nor high is given");
  if (low && high && *low > *high)
    throw ShapeError("clamp: low " + decimal(*low) + " is above high " + decimal(*high));
  return apply(clamp_op, x, Params{low.value_or(-inf), high.value_or(inf)});
}
Tensor clamp_min(const Tensor& x, double low) {
  const detail::Called as("clamp_min(x)", x);
  return clamp(x, low);
}
Tensor clamp_max(const Tensor& x, double high) {
  const detail::Called as("clamp_max(x)", x);
  return clamp(x, std::nullopt, high);
}
Tensor pow(const Tensor& x, double exponent) {
  const detail::Called as("pow(x)", x);
  return apply(pow_scalar_op, x, Params{exponent, 0});
}

}  // namespace regrad
