// Nets at few bits: 8-bit weights (audio.md, check 27), inference by integers, calibration and
// simulation of any net.
#include <doctest/doctest.h>

#include <regrad/algorithms/shared/masks.h>
#include <regrad/layers/nets/bcresnet.h>
#include <regrad/layers/nets/conv4.h>
#include <regrad/layers/nets/named_net.h>
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
  const Range unit{0, 1};
  CHECK(apart(fake_quantize(x, unit), tensor({0, std::nearbyint(0.3 * 255) / 255, 1}, DType::f64)) <
        1e-12);
  CHECK(apart(grad(sum(fake_quantize(x, unit)), x), tensor({0, 1, 0}, DType::f64)) == 0);
  CHECK(apart(quantized_levels(x, unit), tensor({0, std::nearbyint(0.3 * 255), 255}, DType::f64)) ==
        0);
  CHECK(apart(grad(sum(quantized_levels(x, unit)), x), tensor({0, 255, 0}, DType::f64)) < 1e-12);
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
      const Range range{is_signed ? -amax(abs(x)).item() : 0, amax(x).item()};
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
      Int8Conv2d(drawn("w", {2, 3, 1, 1}), {}, {}, Range{0, 1})(drawn("x", {1, 4, 2, 2})),
      ShapeError);
  CHECK_THROWS_AS(
      Int8Conv2d(drawn("w", {2, 3, 5, 5}), {}, {}, Range{0, 1})(drawn("x", {1, 3, 2, 2})),
      ShapeError);
  CHECK_THROWS_AS(Int8Conv2d(drawn("w", {2, 3, 1, 1}, DType::f64), {}, {}, Range{0, 1}),
                  DTypeError);
}

TEST_CASE(
    "a range for each group of channels: a small channel keeps its own 8 bits beside large ones") {
  for (const auto& size : {std::pair<int64_t, int64_t>{15, 15}, {24, 24}, {12, 3}, {32, 4}}) {
    const int64_t c = size.first, groups = size.second;
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
      std::vector<Range> seen;
      for (int64_t g = 0; g < groups; ++g) {
        const Tensor part = slice(x, 1, g * each, (g + 1) * each);
        // one without a sign among signed ones
        seen.push_back({is_signed && g != 1 ? amin(part).item() : 0, amax(part).item()});
      }
      const Ranges ranges(seen), one(Range{is_signed ? -amax(abs(x)).item() : 0, amax(x).item()});
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
  const Ranges ranges({{0, 0}, {-3, 3}});
  CHECK(ranges.is_signed());
  const Tensor y = Int8Conv2d(w, {}, {.groups = 2}, ranges)(x);
  CHECK(amax(abs(slice(y, 1, 0, 1))).item() == 0);
  CHECK(apart(y, conv2d(fake_quantize(x, ranges), fake_quantize(w), Tensor(), {.groups = 2})) <
        1e-6);

  const Tensor leaf = tensor({0.2, 9.0, 0.2, 9.0}, {1, 4, 1, 1}, DType::f64).requires_grad_();
  const Ranges two({{0, 1}, {0, 10}});
  CHECK(apart(fake_quantize(leaf, two),
              tensor({std::nearbyint(0.2 * 255) / 255, 1, std::nearbyint(5.1) / 25.5,
                      std::nearbyint(229.5) / 25.5},
                     {1, 4, 1, 1}, DType::f64)) < 1e-12);
  CHECK(apart(grad(sum(fake_quantize(leaf, two)), leaf),
              tensor({1, 0, 1, 1}, {1, 4, 1, 1}, DType::f64)) == 0);
  CHECK_THROWS_AS(Ranges(std::vector<Range>{}), ConfigError);
  CHECK_THROWS_AS(fake_quantize(drawn("x", {1, 3, 2, 2}), two), ShapeError);
  CHECK_THROWS_AS(fake_quantize(drawn("x", {4}), two), ShapeError);
  CHECK_THROWS_AS(Int8Conv2d(drawn("w", {4, 1, 1, 1}), {}, {.groups = 4}, two), ShapeError);
  Quantizer q;
  Context calibration{.evaluate = q.calibrate()};
  CHECK_THROWS_AS(Conv2d(Random(1), 3, 4, 1)(drawn("x", {2, 4, 3, 5, 5}), calibration), ShapeError);
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
    Quantizer q;
    Context calibration{.evaluate = q.calibrate()};
    CHECK(apart(small(x, calibration), small(x)) == 0);
    CHECK(q.layers() == 33);
    Context integers{.evaluate = q.integers()}, simulation{.evaluate = q.simulate()};
    const Tensor fresh = drawn("fresh", {5, 1, 32, 40});
    for (const Tensor& clips : {x, fresh}) {
      const Tensor fast = small(clips, integers), simulated = small(clips, simulation);
      MESSAGE("tau ", tau, ": integers and simulation ", apart(fast, simulated),
              " apart, simulation and f32 ", apart(simulated, small(clips)), ", logits to ",
              amax(abs(simulated)).item());
      // sums of whole numbers below 2^24 are exact in f32
      CHECK(apart(fast, simulated) == 0);
      // the logits do depend on the clip
      CHECK(apart(slice(simulated, 0, 0, 1), slice(simulated, 0, 1, 2)) > 1e-3);
      CHECK(apart(simulated, small(clips)) > 0);
    }
    CHECK_THROWS_AS(BcResnetAsc(Random(4), {})(x, integers), ConfigError);
  }
}

namespace {

// A net whose norms have seen something, at its deployed parameters.
NamedNet trained(const std::string& name, const Tensor& x) {
  NamedNet net(Random(5), {.name = name, .in_channels = 3, .size = x.size(-1), .classes = 10});
  for (int i = 0; i < 8; ++i) {
    Context ctx{.training = true};
    net(x, ctx);
    net = commit(std::move(net), ctx);
  }
  return as_leaves(std::move(net), false);
}

}  // namespace

TEST_CASE("any net is calibrated, simulated at 8 and 4 bits, and run by whole numbers at 8") {
  const Tensor x = drawn("images", {6, 3, 16, 16}), fresh = drawn("fresh images", {3, 3, 16, 16});
  struct Case {
    const char* name;
    size_t layers;
  };
  for (const Case& c : {Case{"resnet20", 22}, {"mobilenet", 28}, {"mlp", 3}, {"wrn-28-2", 29}}) {
    const std::string name = c.name;
    CAPTURE(name);
    const NamedNet net = trained(name, x);
    double before = 0;
    for (const int bits : {8, 4}) {
      CAPTURE(bits);
      Quantizer q({.weights = {.bits = bits, .per_channel = true}, .inputs = {.bits = bits}});
      Context calibration{.evaluate = q.calibrate()};
      CHECK(apart(net(x, calibration), net(x)) == 0);
      CHECK(q.layers() == c.layers);
      Context integers{.evaluate = q.integers()}, simulation{.evaluate = q.simulate()};
      for (const Tensor& images : {x, fresh}) {
        const Tensor simulated = net(images, simulation), whole = net(images, integers);
        const double largest = amax(abs(net(images))).item();
        // no sum of whole numbers comes near 2^24, so f32 holds them all
        CHECK(apart(whole, simulated) == 0);
        CHECK(apart(simulated, net(images)) > 0);
        if (bits == 8) CHECK(apart(simulated, net(images)) < 0.4 * largest);
      }
      const double lost = apart(net(x, simulation), net(x));
      if (bits == 4) CHECK(lost > before);
      before = lost;
    }
  }
}

TEST_CASE("padding \"same\" is run by whole numbers too") {
  for (const int64_t kernel : {1, 2, 3, 4})
    for (const int64_t dilation : {1, 2}) {
      Step s{.kind = Step::conv, .x = drawn("same", {2, 4, 7, 5})};
      s.weight = drawn("weights", {6, 2, kernel, 3}), s.bias = drawn("bias", {6});
      s.options = {.padding = "same", .dilation = {dilation, 1}, .groups = 2};
      const auto plain = [&] { return conv2d(s.x, s.weight, s.bias, s.options); };
      Quantizer q;
      q.calibrate()(s, plain);
      const Tensor simulated = q.simulate()(s, plain), whole = q.integers()(s, plain);
      CHECK(whole.shape() == plain().shape());
      CHECK(apart(whole, simulated) == 0);
    }
}

TEST_CASE("simulation by any scheme: a net trains through it; integers refuse what they have not") {
  Conv4 net(Random(8), {.in_channels = 3, .channels = 6, .size = 12}, 4);
  const Tensor x = drawn("few", {8, 3, 12, 12}), y = tensor({0, 1, 2, 3, 0, 1, 2, 3}, DType::i64);
  for (const QuantizeOptions& o :
       {QuantizeOptions{.bits = 3}, {.bits = 12}, {.bits = 5, .scheme = Scheme::affine}}) {
    CAPTURE(o.bits);
    Conv4 here = net;
    double first = 0, last = 0;
    for (int i = 0; i < 12; ++i) {
      Quantizer q({.weights = o, .inputs = o});
      Context calibration{.evaluate = q.calibrate()}, simulation{.evaluate = q.simulate()};
      here(x, calibration);
      const Tensor loss = cross_entropy(here(x, simulation), y);
      (i == 0 ? first : last) = loss.item();
      std::vector<Tensor> p = parameters(here), d = parameters(grad(loss, here));
      for (size_t k = 0; k < p.size(); ++k) p[k] = (p[k] - 0.2 * d[k]).detach().requires_grad_();
      here = at(here, p);
    }
    CHECK(last < 0.8 * first);
  }
  Quantizer q({.weights = {.bits = 8, .scheme = Scheme::affine}}), wide({.inputs = {.bits = 12}});
  for (Quantizer* each : {&q, &wide}) {
    Context calibration{.evaluate = each->calibrate()};
    net(x, calibration);
    Context integers{.evaluate = each->integers()};
    CHECK_THROWS_AS(net(x, integers), ConfigError);
  }
  Context tasks{.evaluate = q.calibrate()};
  CHECK_THROWS_AS(per_task(net, 2)(drawn("tasks", {2, 4, 3, 12, 12}), tasks), ShapeError);
}

TEST_CASE(
    "fake_quantized: convolutions and linear maps at few bits, norms and biases as they are") {
  const NamedNet net(Random(6), {.name = "tiny", .in_channels = 1, .size = 8, .classes = 3});
  const std::vector<Tensor> p = parameters(net),
                            few = parameters(fake_quantized(net, {.bits = 2, .per_channel = true}));
  for (size_t i = 0; i < p.size(); ++i) {
    if (p[i].dim() == 1) {
      CHECK(few[i].node() == p[i].node());
    } else {
      CHECK(apart(few[i], fake_quantize(p[i], {.bits = 2, .per_channel = true})) == 0);
      CHECK(apart(few[i], p[i]) > 0);
    }
  }
}
