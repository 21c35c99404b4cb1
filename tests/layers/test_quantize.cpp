// Pruning, 8-bit weights, the challenge's bytes (audio.md, checks 26 and 27) and inference by 8-bit
// integers.
#include <doctest/doctest.h>

#include <regrad/layers/nets/bcresnet.h>
#include <regrad/layers/optim.h>
#include <regrad/layers/quantize.h>

#include <cmath>

using namespace regrad;

namespace {

double apart(const Tensor& a, const Tensor& b) {
  return amax(abs(a.to(DType::f64) - b.to(DType::f64))).item();
}
Tensor drawn(const char* name, const Shape& s, DType t = DType::f32) {
  return normal(Random(10) / name, s, 0, 1, t);
}
int64_t zeros_of(const Tensor& t) {
  int64_t n = 0;
  for (const double v : t.to_vector()) n += v == 0;
  return n;
}

template <class Net>
Net step(const Net& net, const std::vector<Tensor>& masks, const Tensor& x, const Tensor& y,
         double* loss_of = nullptr) {
  Context ctx{.training = true};
  const Tensor loss = cross_entropy(fake_quantized(masked(net, masks))(x, ctx), y);
  if (loss_of) *loss_of = loss.item();
  const Net g = grad(loss, net);
  std::vector<Tensor> p = parameters(net), d = parameters(g);
  for (size_t i = 0; i < p.size(); ++i) p[i] = (p[i] - 0.05 * d[i]).detach().requires_grad_();
  return commit(at(net, p), ctx);
}

}  // namespace

TEST_CASE(
    "27: 8-bit weights: |w - s q| <= s/2, q in [-127, 127], halves to even, zeros stay; straight "
    "through at every order") {
  for (const DType t : {DType::f32, DType::f64}) {
    const Tensor w =
        drawn("w", {7, 5, 3, 3}, t) * (drawn("keep", {7, 5, 3, 3}, t) > zeros({1}, t)).to(t);
    const double s = amax(abs(w)).item() / 127;
    const Tensor f = fake_quantize(w), q = f / s;
    CHECK(amax(abs(w - f)).item() <= s / 2 * (1 + 1e-5));
    CHECK(amax(abs(q - round(q))).item() < 1e-4);
    CHECK(std::abs(amax(abs(q)).item() - 127) < 1e-4);
    const std::vector<double> before = w.to_vector(), after = f.to_vector();
    for (size_t i = 0; i < before.size(); ++i)
      if (before[i] == 0) CHECK(after[i] == 0);
  }
  const Tensor halves = fake_quantize(tensor({127, 0.5, 1.5, 2.5, -0.5, -1.5, -126.5}, DType::f64));
  CHECK(apart(halves, tensor({127, 0, 2, 2, 0, -2, -126}, DType::f64)) == 0);
  CHECK(apart(fake_quantize(zeros({3})), zeros({3})) == 0);

  const Tensor w = drawn("leaf", {6}, DType::f64).requires_grad_();
  const Tensor y = sum(pow(fake_quantize(w), 3.0)), g = grad(y, w, {.create_graph = true});
  CHECK(apart(g, 3 * square(fake_quantize(w))) < 1e-12);
  CHECK(apart(grad(sum(g), w), 6 * fake_quantize(w)) < 1e-12);
  // Inputs outside of their range are held to its ends and have no gradient.
  const Tensor x = tensor({-1, 0.3, 5}, DType::f64).requires_grad_();
  const Int8Range unit{0, 1};
  CHECK(apart(fake_quantize(x, unit), tensor({0, std::nearbyint(0.3 * 255) / 255, 1}, DType::f64)) <
        1e-12);
  CHECK(apart(grad(sum(fake_quantize(x, unit)), x), tensor({0, 1, 0}, DType::f64)) == 0);
  CHECK(apart(int8_levels(x, unit), tensor({0, std::nearbyint(0.3 * 255), 255}, DType::f64)) == 0);
  CHECK(apart(grad(sum(int8_levels(x, unit)), x), tensor({0, 255, 0}, DType::f64)) < 1e-12);
}

TEST_CASE(
    "26: round(r n) weights of convolutions are pruned, stay so in training, and nothing else is") {
  BcResnetAsc net(Random(1), {.tau = 1, .dropout = 0});
  int64_t n = 0;
  for (const Tensor& t : parameters(net)) n += t.dim() == 4 ? t.numel() : 0;
  for (const double ratio : {0.0, 0.5, 0.89, 1.0}) {
    const std::vector<Tensor> masks = one_shot_masks(net, ratio);
    const std::vector<Tensor> p = parameters(masked(net, masks));
    int64_t zero = 0;
    double largest_pruned = 0, smallest_kept = 1e9;
    for (size_t i = 0; i < p.size(); ++i) {
      if (p[i].dim() != 4) {
        CHECK(zeros_of(masks[i]) == 0);
        continue;
      }
      zero += zeros_of(p[i]);
      const std::vector<double> w = parameters(net)[i].to_vector(), m = masks[i].to_vector();
      for (size_t j = 0; j < w.size(); ++j) {
        if (m[j] == 0) largest_pruned = std::max(largest_pruned, std::abs(w[j]));
        if (m[j] == 1) smallest_kept = std::min(smallest_kept, std::abs(w[j]));
      }
    }
    CHECK(zero == std::llround(ratio * static_cast<double>(n)));
    CHECK(largest_pruned <= smallest_kept);
  }
  CHECK_THROWS_AS(one_shot_masks(net, 1.5), ConfigError);

  const std::vector<Tensor> masks = one_shot_masks(net, 0.7);
  const Tensor x = drawn("x", {8, 1, 32, 24}), y = tensor({0, 1, 2, 3, 0, 1, 2, 3}, DType::i64);
  const auto count = [&] {
    int64_t zero = 0;
    for (const Tensor& t : parameters(masked(net, masks))) zero += t.dim() == 4 ? zeros_of(t) : 0;
    return zero;
  };
  double first = 0, last = 0;
  for (int i = 0; i < 15; ++i) net = step(net, masks, x, y, i ? &last : &first);
  CHECK(last < first);
  CHECK(count() == std::llround(0.7 * static_cast<double>(n)));
}

TEST_CASE("27: 62,335 bytes and 132 of scales for the net of 314,970 at 89%") {
  const BcResnetAsc net(Random(2), {.tau = 8});
  const BcResnetAsc small = fake_quantized(masked(net, one_shot_masks(net, 0.89)));
  const ChallengeSize s = challenge_size(small);
  CHECK(s.weights == 33035);
  CHECK(s.rest == 2 * (14640 + 10));
  CHECK(s.scales == 132);
  CHECK(challenge_bytes(small) == 62335);
  CHECK(s.total() == 62467);
  CHECK(challenge_bytes(net) == 300320 + 29300);
}

TEST_CASE(
    "8-bit convolutions are those of the whole numbers: pointwise, depthwise, 5x5, signed inputs "
    "and not, few channels and many") {
  struct Size {
    int64_t c, h, w, o, kh, kw;
    ConvOptions options;
  };
  for (const Size& s :
       {Size{1, 12, 15, 20, 5, 5, {.stride = 2, .padding = 2}}, Size{25, 7, 9, 10, 1, 1, {}},
        Size{80, 4, 5, 80, 1, 1, {}}, Size{15, 9, 8, 15, 3, 1, {.padding = {1, 0}, .groups = 15}},
        Size{25, 1, 19, 25, 1, 3, {.padding = {0, 4}, .dilation = {1, 4}, .groups = 25}},
        Size{20, 5, 11, 20, 5, 5, {.padding = {0, 2}, .groups = 20}}, Size{160, 3, 4, 80, 1, 1, {}},
        Size{64, 6, 6, 64, 3, 1, {.stride = {2, 1}, .padding = {1, 0}, .groups = 64}}}) {
    const Tensor w = drawn("w", {s.o, s.c / s.options.groups, s.kh, s.kw}),
                 bias = drawn("bias", {s.o});
    for (const bool is_signed : {false, true}) {
      CAPTURE(s.c);
      CAPTURE(s.kh);
      CAPTURE(is_signed);
      const Tensor x =
          is_signed ? drawn("x", {3, s.c, s.h, s.w}) : abs(drawn("x", {3, s.c, s.h, s.w}));
      const Int8Range range{is_signed ? -amax(abs(x)).item() : 0, amax(x).item()};
      const Int8Conv2d conv(w, bias, s.options, range);
      // The exact sum of the same whole numbers, in f64.
      const Tensor expected =
          conv2d(fake_quantize(x, range).to(DType::f64), fake_quantize(w).to(DType::f64),
                 bias.to(DType::f64), s.options);
      CHECK(apart(conv(x), expected) < 2e-6 * amax(abs(expected)).item());
      CHECK(apart(conv(x), conv2d(x, w, bias, s.options)) < 0.05 * amax(abs(expected)).item());
    }
  }
  CHECK_THROWS_AS(
      Int8Conv2d(drawn("w", {2, 3, 1, 1}), {}, {}, Int8Range{0, 1})(drawn("x", {1, 4, 2, 2})),
      ShapeError);
  CHECK_THROWS_AS(
      Int8Conv2d(drawn("w", {2, 3, 5, 5}), {}, {}, Int8Range{0, 1})(drawn("x", {1, 3, 2, 2})),
      ShapeError);
  CHECK_THROWS_AS(Int8Conv2d(drawn("w", {2, 3, 1, 1}, DType::f64), {}, {}, Int8Range{0, 1}),
                  DTypeError);
}

TEST_CASE(
    "a range for each group of channels: a small channel keeps its own 8 bits beside large ones") {
  for (const auto& [c, groups] :
       {std::pair<int64_t, int64_t>{15, 15}, {24, 24}, {12, 3}, {32, 4}}) {
    CAPTURE(c);
    const int64_t each = c / groups;
    const ConvOptions options{.padding = 1, .groups = groups};
    const Tensor w = drawn("w", {c, each, 3, 3}), bias = drawn("bias", {c}) * 1e-3;
    std::vector<double> sizes;  // 1, 0.01 and 0.0001, group by group
    for (int64_t k = 0; k < c; ++k)
      sizes.push_back(std::pow(100.0, -static_cast<double>(k / each % 3)));
    for (const bool is_signed : {false, true}) {
      CAPTURE(is_signed);
      Tensor x = drawn("x", {3, c, 7, 9}) * tensor(sizes, {1, c, 1, 1});
      if (!is_signed) x = abs(x);
      std::vector<Int8Range> seen;
      for (int64_t g = 0; g < groups; ++g) {
        const Tensor part = slice(x, 1, g * each, (g + 1) * each);
        // one without a sign among signed ones
        seen.push_back({is_signed && g != 1 ? amin(part).item() : 0, amax(part).item()});
      }
      const Int8Ranges ranges(seen),
          one(Int8Range{is_signed ? -amax(abs(x)).item() : 0, amax(x).item()});
      const Int8Conv2d conv(w, bias, options, ranges);
      const Tensor held = fake_quantize(x, ranges);
      const Tensor expected = conv2d(held.to(DType::f64), fake_quantize(w).to(DType::f64),
                                     bias.to(DType::f64), options);
      const Tensor exact = conv2d(x, fake_quantize(w), bias, options),
                   coarse = Int8Conv2d(w, bias, options, one)(x);
      for (int64_t g = 0; g < std::min<int64_t>(groups, 3); ++g) {
        const auto group = [&](const Tensor& t) { return slice(t, 1, g * each, (g + 1) * each); };
        const double largest = amax(abs(group(expected))).item();
        CHECK(apart(group(conv(x)), group(expected)) < 2e-6 * largest);
        if (!is_signed || g != 1) CHECK(apart(group(conv(x)), group(exact)) < 0.03 * largest);
        if (g == 2) CHECK(apart(group(coarse), group(exact)) > 0.2 * largest);
      }
    }
  }
  // One range without values, in a tensor with a sign: zeros, no NaN.
  const Tensor x = cat({zeros({1, 1, 4, 4}), drawn("x", {1, 1, 4, 4})}, 1),
               w = drawn("w", {2, 1, 1, 1});
  const Int8Ranges ranges({{0, 0}, {-3, 3}});
  CHECK(ranges.is_signed());
  const Tensor y = Int8Conv2d(w, {}, {.groups = 2}, ranges)(x);
  CHECK(amax(abs(slice(y, 1, 0, 1))).item() == 0);
  CHECK(apart(y, conv2d(fake_quantize(x, ranges), fake_quantize(w), Tensor(), {.groups = 2})) <
        1e-6);

  const Tensor leaf = tensor({0.2, 9.0, 0.2, 9.0}, {1, 4, 1, 1}, DType::f64).requires_grad_();
  const Int8Ranges two({{0, 1}, {0, 10}});
  CHECK(apart(fake_quantize(leaf, two),
              tensor({std::nearbyint(0.2 * 255) / 255, 1, std::nearbyint(5.1) / 25.5,
                      std::nearbyint(229.5) / 25.5},
                     {1, 4, 1, 1}, DType::f64)) < 1e-12);
  CHECK(apart(grad(sum(fake_quantize(leaf, two)), leaf),
              tensor({1, 0, 1, 1}, {1, 4, 1, 1}, DType::f64)) == 0);
  CHECK_THROWS_AS(Int8Ranges(std::vector<Int8Range>{}), ConfigError);
  CHECK_THROWS_AS(fake_quantize(drawn("x", {1, 3, 2, 2}), two), ShapeError);
  CHECK_THROWS_AS(fake_quantize(drawn("x", {4, 4}), two), ShapeError);
  CHECK_THROWS_AS(Int8Conv2d(drawn("w", {4, 1, 1, 1}), {}, {.groups = 4}, two), ShapeError);
  Int8Net net;
  CHECK_THROWS_AS(net.calibrate()(Conv2d(Random(1), 3, 4, 1), drawn("x", {2, 4, 3, 5, 5})),
                  ShapeError);
}

TEST_CASE("the compressed net by 8-bit integers: logits of the simulated ones, bit for bit") {
  for (const auto& [tau, ratio] : {std::pair{2.0, 0.6}, {8.0, 0.89}}) {
    // Weights of all layers at one scale, or one threshold cuts whole layers away, as training
    // would not.
    BcResnetAsc net(Random(3), {.tau = tau, .norm = FreqNorm::resnorm, .dropout = 0});
    each(net, [](const std::string&, Tensor& t, bool) {
      if (t.dim() == 4)
        t = (t * std::sqrt(static_cast<double>(t.size(1) * t.size(2) * t.size(3))))
                .detach()
                .requires_grad_();
    });
    const Tensor x = drawn("clips", {8, 1, 32, 40}),
                 y = tensor({0, 1, 2, 3, 4, 5, 6, 7}, DType::i64);
    const std::vector<Tensor> masks = one_shot_masks(net, ratio);
    for (int i = 0; i < 12; ++i) net = step(net, masks, x, y);
    const BcResnetAsc small = as_leaves(fake_quantized(masked(net, masks)), false);
    Context ctx;
    Int8Net int8;
    const Tensor plain = small(x, ctx, int8.calibrate());
    CHECK(apart(plain, small(x)) == 0);
    CHECK(int8.convolutions() == 33);
    const Tensor fresh = drawn("fresh", {5, 1, 32, 40});
    for (const Tensor& clips : {x, fresh}) {
      const Tensor fast = small(clips, ctx, int8.evaluate()),
                   simulated = small(clips, ctx, int8.simulate());
      MESSAGE("tau ", tau, ": integers and simulation ", apart(fast, simulated),
              " apart, simulation and f32 ", apart(simulated, small(clips)), ", logits to ",
              amax(abs(simulated)).item());
      // sums of whole numbers below 2^24 are exact in f32
      CHECK(apart(fast, simulated) == 0);
      // the logits do depend on the clip
      CHECK(apart(slice(simulated, 0, 0, 1), slice(simulated, 0, 1, 2)) > 1e-3);
      CHECK(apart(simulated, small(clips)) > 0);
    }
    CHECK_THROWS_AS(BcResnetAsc(Random(4), {})(x, ctx, int8.evaluate()), ConfigError);
  }
}
