// Norms over frequencies: the facts that hold exactly (audio.md section 4, checks 1-13).
#include <doctest/doctest.h>

#include <regrad/layers/freq_norm.h>
#include <regrad/layers/norm.h>

#include <cmath>
#include <functional>

using namespace regrad;

namespace {

constexpr int64_t N = 3, C = 5, F = 8, T = 7;
constexpr double tiny = 1e-14;  // eps where the fact is exact at 0

double apart(const Tensor& a, const Tensor& b) {
  return amax(abs(a.to(DType::f64) - b.to(DType::f64))).item();
}
Tensor drawn(const char* name, const Shape& s, DType t = DType::f64) {
  return normal(Random(8) / name, s, 0, 1, t);
}
// With an offset and a scale of each (c, f).
Tensor clips(const char* name = "x") {
  return drawn(name, {N, C, F, T}) *
             (0.5 + uniform(Random(8) / "scale", {C, F, 1}, 0, 2, DType::f64)) +
         drawn("offset", {C, F, 1}) * 3;
}
Tensor of_freq(const char* name) { return drawn(name, {F, 1}); }
Tensor of_freq_of(int64_t frequencies) { return drawn("level", {frequencies, 1}) * 100; }
Tensor at_first_channel(const Tensor& x, double offset) {
  return cat(std::vector<Tensor>{slice(x, 1, 0, 1) + offset, slice(x, 1, 1, x.size(1))}, 1);
}
Tensor mean_ct(const Tensor& x) { return mean(x, {1, 3}, true); }
Tensor var_ct(const Tensor& x) { return var(x, {1, 3}, 0, true); }

using Norm = std::function<Tensor(const Tensor&)>;
struct Named {
  const char* name;
  Norm norm;
};
std::vector<Named> by_clip(double eps = 1e-5) {
  return {{"ifn", [eps](const Tensor& x) { return ifn(x, eps); }},
          {"res_norm", [eps](const Tensor& x) { return res_norm(x, 0.1, eps); }},
          {"rfn", [eps](const Tensor& x) { return rfn(x, 0.3, eps); }},
          {"clip_norm", [eps](const Tensor& x) { return clip_norm(x, eps); }},
          {"instance norm", [eps](const Tensor& x) { return plain_instance_norm(x, eps); }}};
}

}  // namespace

TEST_CASE("1: IFN's means are 0, its variances v/(v + eps)") {
  const Tensor x = clips(), y = ifn(x), v = var_ct(x);
  CHECK(amax(abs(mean_ct(y))).item() < 1e-12);
  CHECK(apart(var_ct(y), v / (v + 1e-5)) < 1e-12);
  CHECK(apart(var_ct(y), ones_like(v)) > 1e-8);  // not 1
}

TEST_CASE(
    "2, 3: IFN forgets a gain and an offset of each frequency; a negative gain turns the sign; "
    "constants give 0") {
  const Tensor x = clips(), g = exp(of_freq("g")), b = of_freq("b") * 5;
  CHECK(apart(ifn(x * g + b, tiny), ifn(x, tiny)) < 1e-10);
  const Tensor sign = regrad::sign(of_freq("g"));
  CHECK(apart(ifn(x * (g * sign) + b, tiny), ifn(x, tiny) * sign) < 1e-10);
  // With eps: |IFN(g x) - IFN(x)| <= |h| eps / v at most, v the smaller variance.
  const Tensor least = minimum(var_ct(x), var_ct(x * g));
  CHECK(amax(abs(ifn(x * g + b) - ifn(x)) / (abs(ifn(x, tiny)) * (1e-5 / least) + 1e-12)).item() <=
        1);
  for (const DType t : {DType::f32, DType::f64}) {
    const Tensor flat = expand(reshape(of_freq("flat").to(t), {1, 1, F, 1}), {N, C, F, T});
    CHECK(apart(ifn(flat), zeros({N, C, F, T}, t)) == 0);
  }
}

TEST_CASE("4, 5: residual norm keeps lambda of the means and offsets; lambda 0 is IFN") {
  const Tensor x = clips(), b = of_freq("b");
  CHECK(apart(mean_ct(res_norm(x, 0.1)), mean_ct(x) * 0.1) < 1e-12);
  CHECK(apart(res_norm(x + b, 0.1) - res_norm(x, 0.1), expand(b * 0.1, {N, C, F, T})) < 1e-12);
  CHECK(apart(res_norm(x, 0), ifn(x)) == 0);
  CHECK(apart(ifn(x), standardize(x, {1, 3})) < 1e-12);
  CHECK(apart(rfn(x, 0), ifn(x)) == 0);
  CHECK(apart(rfn(x, 1), clip_norm(x)) == 0);
  CHECK(apart(rfn(x, 0.5), (rfn(x, 0) + rfn(x, 1)) * 0.5) < 1e-12);
}

TEST_CASE(
    "6, 7: RFN's means; it forgets one offset, and an offset of each frequency only at lambda 0") {
  const Tensor x = clips(), b = of_freq("b");
  const Tensor m = mean(x, {1, 2, 3}, true), v = var(x, {1, 2, 3}, 0, true);
  CHECK(apart(mean_ct(rfn(x, 0.3)), (mean_ct(x) - m) * rsqrt(v + 1e-5) * 0.3) < 1e-12);
  CHECK(amax(abs(mean(rfn(x, 0.3), {1, 2, 3}))).item() < 1e-12);
  CHECK(apart(rfn(x + 4.5, 0.3), rfn(x, 0.3)) < 1e-11);
  CHECK(apart(rfn(x + b, 0.3), rfn(x, 0.3)) > 1e-2);
  CHECK(apart(rfn(x + b, 0), rfn(x, 0)) < 1e-11);
}

TEST_CASE("8: norms that are one and the same where a dim has one element") {
  const Tensor one_channel = slice(clips(), 1, 2, 3), one_frequency = slice(clips(), 2, 3, 4),
               x = clips();
  CHECK(apart(plain_instance_norm(one_channel), clip_norm(one_channel)) < 1e-12);
  CHECK(apart(ifn(one_frequency), clip_norm(one_frequency)) < 1e-12);
  CHECK(apart(ifn(one_channel), standardize(one_channel, {3})) < 1e-12);
  CHECK(apart(plain_instance_norm(x), ifn(x.transpose(1, 2)).transpose(1, 2)) < 1e-12);
}

TEST_CASE(
    "9: instance norm forgets what channels differ in, IFN what frequencies differ in, and not the "
    "other way round") {
  const Tensor x = clips(), b_f = of_freq("b"), b_c = drawn("b_c", {C, 1, 1}),
               g_c = exp(drawn("g_c", {C, 1, 1}));
  CHECK(apart(plain_instance_norm(x * g_c + b_c, tiny), plain_instance_norm(x, tiny)) < 1e-10);
  CHECK(apart(plain_instance_norm(x + b_f), plain_instance_norm(x)) > 1e-2);
  CHECK(apart(ifn(x + b_f), ifn(x)) < 1e-11);
  CHECK(apart(ifn(x + b_c), ifn(x)) > 1e-2);
}

TEST_CASE("10: a clip is normed by itself; batch norm and SSN depend on training") {
  const Tensor x = clips();
  for (const Named& n : by_clip()) {
    CAPTURE(n.name);
    const Tensor together = n.norm(x);
    for (int64_t i = 0; i < N; ++i)
      CHECK(apart(slice(together, 0, i, i + 1), n.norm(slice(x, 0, i, i + 1))) == 0);
  }
  for (const int64_t bands : {1, 4}) {
    const SubSpectralNorm norm(C, bands, DType::f64);
    Context training{.training = true}, after;
    CHECK(apart(norm(x, training), norm(x, after)) > 0.1);
    CHECK(apart(slice(norm(x, training), 0, 0, 1), norm(slice(x, 0, 0, 1), training)) > 0.1);
    CHECK(apart(slice(norm(x, after), 0, 0, 1), norm(slice(x, 0, 0, 1), after)) == 0);
  }
}

TEST_CASE("11: frames, channels and frequencies may change places, before or after") {
  const Tensor x = clips();
  // a permutation that is not a reversal
  const auto turned = [](const Tensor& t, int dim, int64_t by) {
    return cat({slice(t, dim, by, t.size(dim)), slice(t, dim, 0, by)}, dim);
  };
  for (const Named& n : by_clip()) {
    if (n.name == std::string("clip_norm") || n.name == std::string("instance norm")) continue;
    CAPTURE(n.name);
    for (const int dim : {1, 2, 3})
      CHECK(apart(n.norm(turned(x, dim, 2)), turned(n.norm(x), dim, 2)) < 1e-12);
  }
}

TEST_CASE(
    "12: SSN of one band is batch norm, of F bands the batch norm of each (c, f); bands do not "
    "meet") {
  const Tensor x = clips();
  Context a{.training = true}, b{.training = true};
  SubSpectralNorm one(C, 1, DType::f64);
  BatchNorm plain(C, BatchNorm::Track::running, DType::f64);
  one.weight = plain.weight = exp(drawn("w", {C}));
  one.bias = plain.bias = drawn("k", {C});
  CHECK(apart(one(x, a), plain(x, b)) < 1e-11);
  CHECK(apart(one(x, a, true), plain(x, b, {.relu = true})) < 1e-11);
  one = commit(one, a), plain = commit(plain, b);
  CHECK(apart(one.running_mean, plain.running_mean) < 1e-12);
  CHECK(apart(one.running_var, plain.running_var) < 1e-12);
  CHECK(apart(one(x, a = {}), plain(x)) < 1e-11);

  Context each{.training = true};
  const SubSpectralNorm whole(C, F, DType::f64);
  CHECK(apart(whole(x, each), standardize(x, {0, 3})) < 1e-11);
  CHECK(whole.running_mean.shape() == Shape{C * F});

  const SubSpectralNorm four(C, 4, DType::f64);
  Context four_ctx{.training = true};
  const Tensor y = four(x, four_ctx);
  CHECK(commit(four, four_ctx).running_var.shape() == Shape{C * 4});
  const Tensor band = slice(x, 2, 2, 4);
  CHECK(apart(slice(y, 2, 2, 4), standardize(band, {0, 2, 3})) < 1e-11);
  CHECK(apart(commit(four, four_ctx).running_mean[1 * 4 + 1], mean(slice(band, 1, 1, 2)) * 0.1) <
        1e-12);
  Context other{.training = true};
  const Tensor changed = cat({slice(x, 2, 0, 2) * 7, slice(x, 2, 2, F)}, 2);
  CHECK(apart(slice(four(changed, other), 2, 2, F), slice(y, 2, 2, F)) == 0);

  CHECK_THROWS_AS(SubSpectralNorm(C, 3, DType::f64)(x, a), ShapeError);
  CHECK_THROWS_AS(SubSpectralNorm(C, 0), ConfigError);
}

TEST_CASE(
    "13: gradients by differences; IFN's is orthogonal to constants and, up to eps/v, to its own "
    "output") {
  const Tensor x = clips().requires_grad_(), u = drawn("u", {N, C, F, T}),
               w = drawn("w", {N, C, F, T});
  for (const Named& n : by_clip()) {
    CAPTURE(n.name);
    const double h = 1e-5, slope = sum(grad(sum(n.norm(x) * u), x) * w).item();
    const double difference =
        (sum(n.norm(x + w * h) * u).item() - sum(n.norm(x - w * h) * u).item()) / (2 * h);
    CHECK(std::abs(slope - difference) < 1e-7 * (1 + std::abs(slope)));
    // The gradient that is recorded, for higher orders, is the same.
    CHECK(apart(grad(sum(n.norm(x) * u), x, {.create_graph = true}), grad(sum(n.norm(x) * u), x)) <
          1e-12);
  }
  const Tensor y = ifn(x), g = grad(sum(y * u), x);
  CHECK(amax(abs(sum(g, {1, 3}))).item() < 1e-10);
  CHECK(amax(abs(sum(g * y, {1, 3})) * var_ct(x).reshape({N, F}) / 1e-5).item() < 100);
}

TEST_CASE("f32 kernels in every layout agree with f64; odd sizes, more channels than a strip") {
  for (const Shape& s :
       {Shape{2, 3, 4, 5}, Shape{3, 20, 8, 101}, Shape{1, 1, 6, 130}, Shape{2, 600, 4, 3},
        Shape{5, 7, 10, 1}, Shape{52, 20, 20, 101}}) {  // the last: larger than caches
    const Tensor exact = drawn("f32", s), g = drawn("g32", s);
    const auto last = [](const Tensor& t) {
      return permute(contiguous(permute(t, {0, 2, 3, 1})), {0, 3, 1, 2});
    };
    for (const bool channels_last : {false, true}) {
      CAPTURE(channels_last);
      Tensor x = exact.to(DType::f32);
      if (channels_last) x = last(x);
      x = x.detach().requires_grad_();
      const Tensor w = exact.detach().requires_grad_();
      const int64_t c = s[1] * 2;
      const Tensor scale = exp(drawn("scale", {c}) * 0.3), shift = drawn("shift", {c});
      const auto ssn = [&](const Tensor& t) {
        return sub_spectral_norm(t, 2, scale.to(t.dtype()), shift.to(t.dtype()), {.relu = true});
      };
      for (const Named& n : {Named{"res_norm", [](const Tensor& t) { return res_norm(t, 0.1); }},
                             Named{"ssn", ssn}, Named{"residual", [](const Tensor& t) {
                                                        return broadcast_residual(
                                                            t, mean(t, {2}, true), square(t));
                                                      }}}) {
        CAPTURE(n.name);
        CHECK(apart(n.norm(x), n.norm(w)) < 2e-5);
        CHECK(apart(grad(n.norm(x), x, {.grad_outputs = g.to(DType::f32)}),
                    grad(n.norm(w), w, {.grad_outputs = g})) < 1e-4);
      }
    }
  }
}

TEST_CASE(
    "residual norm in one sweep of rows: offsets far from 0, a channel far from the others, long "
    "and short rows, constants") {
  for (const Shape& shape : {Shape{2, 20, 40, 101}, Shape{3, 5, 7, 16}, Shape{1, 3, 33, 15},
                             Shape{1, 2, 2, 9000}, Shape{2, 3, 70, 4}}) {
    const Tensor g = drawn("g", shape), plain = drawn("x", shape);
    const Tensor by_channel = (plain + drawn("far", {shape[1], 1, 1}) * 100).contiguous(),
                 first = at_first_channel(plain, 1000);
    for (const Tensor& x : {plain, plain + 1000, by_channel, first}) {
      CAPTURE(str(shape));
      // Values that f32 holds exactly, so that both start from the same.
      const Tensor x32 = x.to(DType::f32).detach().requires_grad_(),
                   x64 = x32.to(DType::f64).detach().requires_grad_();
      const Tensor g32 = g.to(DType::f32), g64 = g32.to(DType::f64);
      const Tensor y32 = res_norm(x32), y64 = res_norm(x64);
      CHECK(apart(y32, y64) < 2e-5 * amax(abs(y64)).item());
      const Tensor d32 = grad(y32, x32, {.grad_outputs = g32}),
                   d64 = grad(y64, x64, {.grad_outputs = g64});
      CHECK(apart(d32, d64) < 2e-5 * amax(abs(d64)).item());
    }
    const Tensor constant = expand(of_freq_of(shape[2]), shape).contiguous();
    CHECK(amax(abs(ifn(constant))).item() == 0);
    CHECK(amax(abs(ifn(constant.to(DType::f32)))).item() == 0);
  }
}

TEST_CASE("global norm by frequency: the training set's statistics, batch after batch") {
  const Tensor a = clips("a"), b = slice(clips("b"), 3, 0, 4), x = clips();
  FreqStatistics seen;
  CHECK_THROWS_AS(seen.norm(), ConfigError);
  seen.add(a), seen.add(b);
  const auto flat = [](const Tensor& t) {
    return reshape(contiguous(permute(t, {2, 0, 1, 3})), {F, -1});
  };
  const Tensor all = cat({flat(a), flat(b)}, 1);
  const GlobalFreqNorm norm = seen.norm(DType::f64, 1e-5);
  CHECK(apart(norm.mean, mean(all, {1})) < 1e-12);
  CHECK(apart(norm.deviation, sqrt(var(all, {1}, 0) + 1e-5)) < 1e-12);
  CHECK(apart(norm(x), (x - reshape(norm.mean, {F, 1})) / reshape(norm.deviation, {F, 1})) < 1e-12);
  CHECK(parameters(norm).empty());
  CHECK_THROWS_AS(seen.add(slice(a, 2, 0, 4)), ShapeError);
  CHECK_THROWS_AS(norm(slice(a, 2, 0, 4)), ShapeError);
}

TEST_CASE("BIN is batch norm at rho 1, instance norm at 0; clip_bin holds rho to [0, 1]") {
  const Tensor x = clips();
  BatchInstanceNorm norm(C, DType::f64);
  Context ctx{.training = true};
  CHECK(apart(norm(x, ctx), standardize(x, {0, 2, 3})) < 1e-11);
  CHECK(ctx.reports.size() == 2);
  norm.rho = zeros({C}, DType::f64);
  CHECK(apart(norm(x, ctx), plain_instance_norm(x)) < 1e-11);
  norm.rho = tensor({-0.5, 0.25, 1.5, 1, 0}, DType::f64).requires_grad_();
  norm.weight = full({C}, 3, DType::f64).requires_grad_();
  const BatchInstanceNorm held = clip_bin(norm);
  CHECK(apart(held.rho, tensor({0, 0.25, 1, 1, 0}, DType::f64)) == 0);
  CHECK(held.rho.requires_grad());
  CHECK(apart(held.weight, norm.weight) == 0);
}
