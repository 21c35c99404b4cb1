// regrad-asc: the translation net, the chain of compression, a row of the table and its model file
// (audio.md sections 1 and 4, checks 26 and 27).
#include <doctest/doctest.h>
#include <regrad/algorithms/asc/compress.h>
#include <regrad/algorithms/asc/experiment/pictures.h>
#include <regrad/algorithms/asc/experiment/table.h>
#include <regrad/algorithms/asc/experiment/trial.h>
#include <regrad/algorithms/experiment/data/scene_model.h>
#include <regrad/algorithms/shared/distill.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/io/files.h>
#include <regrad/layers/serialize.h>

#include <cmath>
#include <limits>
#include <set>

#include "../temp_folder.h"

using namespace regrad;
using namespace regrad::asc;
using regrad::test::complaint;
using regrad::test::TempFolder;

namespace {

double apart(const Tensor& a, const Tensor& b) {
  return amax(abs(a.to(DType::f64) - b.to(DType::f64))).item();
}
Tensor drawn(const char* name, const Shape& s, DType t = DType::f32) {
  return normal(Random(21) / name, s, 0, 1, t);
}
Tensor whole(const std::vector<double>& v) {
  return tensor(v, {static_cast<int64_t>(v.size())}, DType::i64);
}
int64_t zeros_of(const Tensor& t) {
  int64_t n = 0;
  for (const double v : t.to_vector()) n += v == 0;
  return n;
}
int64_t zero_weights(const BcResnetAsc& net) {
  int64_t n = 0;
  for (const Tensor& t : parameters(net)) n += t.dim() == 4 ? zeros_of(t) : 0;
  return n;
}
int64_t weights(const BcResnetAsc& net) {
  int64_t n = 0;
  for (const Tensor& t : parameters(net)) n += t.dim() == 4 ? t.numel() : 0;
  return n;
}

// Weights of all layers at one scale, or one threshold cuts whole layers away, as training would
// not.
BcResnetAsc levelled(BcResnetAsc net) {
  each(net, [](const std::string&, Tensor& t, bool) {
    if (t.dim() == 4)
      t = (t * std::sqrt(static_cast<double>(t.size(1) * t.size(2) * t.size(3))))
              .detach()
              .requires_grad_();
  });
  return net;
}

// Four classes: each has energy in a band of its own. Devices a and b are seen, c is not; a device
// adds a constant to each mel band.
Recordings small_data() {
  constexpr int64_t n = 40, m = 12, mels = 32, frames = 24;
  const auto clips = [&](const char* name, int64_t count) {
    const Tensor base = drawn(name, {count, 1, mels, frames});
    std::vector<double> lift(static_cast<size_t>(count * mels), 0.0);
    for (int64_t i = 0; i < count; ++i)
      for (int64_t f = 8 * (i % 4); f < 8 * (i % 4) + 8; ++f)
        lift[static_cast<size_t>(i * mels + f)] = 3;
    // A burst, so that the band varies in time too: what is constant in time a device could have
    // added.
    const Tensor burst =
        (uniform(Random(5) / name, {count, 1, 1, frames}) < full({1}, 0.4)).to(DType::f32);
    return base + tensor(lift, {count, 1, mels, 1}) * burst - 4;
  };
  const auto labels = [](int64_t count) {
    std::vector<double> y;
    for (int64_t i = 0; i < count; ++i) y.push_back(static_cast<double>(i % 4));
    return whole(y);
  };
  const auto by = [&](const Tensor& x, const char* device) {
    return x + 2 * drawn(device, {1, 1, mels, 1});
  };
  Recordings d;
  const Tensor source = clips("train", n);
  std::vector<Tensor> rows;
  std::vector<double> device, of_clip;
  for (int64_t i = 0; i < n; ++i) {
    const Tensor one = slice(source, 0, i, i + 1);
    rows.push_back(i % 5 == 4 ? by(one, "b") : one);
    device.push_back(i % 5 == 4 ? 1 : 0);
    if (i % 5 == 4) of_clip.push_back(static_cast<double>(i));
  }
  d.train_x = cat(rows, 0), d.train_y = labels(n), d.train_device = whole(device);
  d.pair_x = index_select(source, 0, whole(of_clip)), d.pair_of = whole(of_clip);
  const Tensor test = clips("test", m);
  d.test_x = {test, by(test, "b"), by(test, "c")}, d.test_y = {labels(m), labels(m), labels(m)},
  // Two clips each of six recordings.
      d.test_group.assign(3, {70, 70, 72, 72, 74, 74, 76, 76, 78, 78, 80, 80});
  const Tensor held = clips("validation", m);
  d.validation_x = {held, by(held, "b")}, d.validation_y = {labels(m), labels(m)};
  d.devices = {"a", "b", "c"};
  d.seen = 2, d.classes = {"bus", "park", "tram", "a shop"};
  d.front = {{.rate = 8000, .n_fft = 512, .hop = 160, .mels = mels}, 160 * (frames - 1), 0.1};
  return d;
}

Settings small_settings(bool compress) {
  Settings s;
  s.epochs = 2, s.batch = 10, s.log_every = 1, s.lr = 0.05, s.roll = 0.1, s.mask_mels = 4,
  s.mask_frames = 4;
  s.translation.steps = 5, s.translation.batch = 4, s.translation.crop = 8, s.translation.width = 4;
  s.tau = 1, s.compress = compress, s.compression.epochs = 1;
  return s;
}

struct Run {
  AscTrial trial;
  std::vector<experiment::Moment> moments{};
  Run(const char* method, const Settings& s, const std::shared_ptr<const Recordings>& data)
      : trial({method, "", 3}, s, data) {}
  void to(int64_t from, int64_t end) {
    for (int64_t i = from; i < end; ++i) moments.push_back(trial.step(i));
  }
};

std::vector<std::pair<std::string, Tensor>> state_of(AscTrial& t) {
  std::vector<std::pair<std::string, Tensor>> out;
  t.state([&](const std::string& name, Tensor& x) { out.emplace_back(name, x); });
  return out;
}
void check_same(AscTrial& a, AscTrial& b) {
  const auto of_a = state_of(a), of_b = state_of(b);
  REQUIRE(of_a.size() == of_b.size());
  for (size_t i = 0; i < of_a.size(); ++i) {
    CHECK(of_a[i].first == of_b[i].first);
    if (of_a[i].second.numel())
      CHECK_MESSAGE(apart(of_a[i].second, of_b[i].second) == 0, of_a[i].first);
  }
}

}  // namespace

TEST_CASE(
    "translation: at first G(x, d) is x, bit for bit, and devices' parameters are their own") {
  for (const DType t : {DType::f32, DType::f64}) {
    TranslationNet g(Random(1), 3, 16, 4, t);
    const Tensor x = drawn("x", {5, 1, 16, 9}, t) * 3 - 5, d = whole({0, 1, 2, 1, 0});
    CHECK(apart(g(x, d), x) == 0);
    g = standardized(std::move(g), x);
    CHECK(std::abs(g.centre.item() - mean(x).item()) < 1e-5);
    CHECK(apart(g(x, d), x) == 0);
    // A gradient at device 1 alone moves device 1 alone.
    const TranslationNet slope = grad(sum(square(g(slice(x, 0, 0, 2), whole({1, 1})))), g);
    for (const Tensor& s : {slope.scale, slope.shift}) {
      CHECK(zeros_of(s[0]) == 16);
      CHECK(zeros_of(s[1]) == 0);
      CHECK(zeros_of(s[2]) == 16);
    }
  }
  const TranslationNet g(Random(1), 3, 16);
  CHECK(complaint<ShapeError>(
            [&] {
              g(drawn("x", {2, 1, 8, 9}), whole({0, 1}));
            },
            "[N,1,16,T]") == "");
  CHECK(complaint<ShapeError>(
            [&] {
              g(drawn("x", {2, 1, 16, 9}), whole({0}));
            },
            "devices [1]") == "");
  CHECK(complaint<ConfigError>([] { TranslationNet(Random(1), 0, 16); }, "0 devices") == "");
  CHECK(complaint<ConfigError>(
            [] {
              standardized(TranslationNet(Random(1), 1, 16), zeros({0, 1, 16, 4}));
            },
            "no spectrograms") == "");
}

TEST_CASE("translation: devices that add a constant to each mel band are learned, each by itself") {
  const Tensor truth =
      cat({zeros({1, 16}), 2 * drawn("one", {1, 16}), 2 * drawn("two", {1, 16})}, 0);
  const auto pair = [&](const Random& r) {
    const Tensor x = normal(r / "x", {12, 1, 16, 10}, -4, 2), d = randint(r / "d", 0, 3, {12});
    return std::tuple{x, x + reshape(index_select(truth, 0, d), {12, 1, 16, 1}), d};
  };
  TranslationNet g = standardized(TranslationNet(Random(2), 3, 16), std::get<0>(pair(Random(3))));
  const auto loss = [&] {
    const auto [x, y, d] = pair(Random(4));
    return l1_loss(g(x, d), y).item();
  };
  Adam::State state;
  const double before = loss();
  for (int64_t i = 0; i < 150; ++i) {
    const auto [x, y, d] = pair(Random(5) / i);
    learn_translation(g, state, 0.02 * (1 - static_cast<double>(i) / 150), x, y, d);
  }
  const double after = loss();
  MESSAGE("L1 of fresh pairs ", before, " before, ", after, " after");
  CHECK(after < 0.2 * before);
  // Where a clip goes decides what is added.
  const Tensor x = std::get<0>(pair(Random(6)));
  const Tensor by_one = mean(g(x, full({12}, 1, DType::i64)) - x, {0, 1, 3});
  CHECK(mean(abs(by_one - truth[1])).item() < 0.25);
  CHECK(mean(abs(by_one - truth[2])).item() > 1);
}

TEST_CASE(
    "translation: clips of the source alone are replaced, about as often as asked, never to the "
    "source or an unseen device") {
  TranslationNet g(Random(1), 3, 16, 4);
  g.shift = tensor({0, 10, 20}, {3, 1}).expand({3, 16}).contiguous();  // G(x, d) - x shows d
  std::vector<double> device;
  for (int i = 0; i < 600; ++i) device.push_back(i % 3);
  const Tensor x = drawn("x", {600, 1, 16, 3}), d = whole(device);
  const Tensor moved = round(mean(translated(g, x, d, 0.5, Random(2)) - x, {1, 2, 3}));
  int64_t replaced = 0;
  std::set<double> to;
  for (size_t i = 0; i < device.size(); ++i) {
    const double by = moved.to_vector()[i];
    if (device[i] != 0) CHECK(by == 0);
    if (by != 0) ++replaced, to.insert(by);
  }
  CHECK(replaced > 70);
  CHECK(replaced < 130);
  CHECK(to == std::set<double>{10, 20});
  CHECK(apart(translated(g, x, d, 0, Random(2)), x) == 0);
  CHECK(zeros_of(mean(translated(g, x, d, 1, Random(2)) - x, {1, 2, 3})) == 400);
  // A clip's fate is its place's, not that of the batch around it.
  CHECK(apart(slice(translated(g, x, d, 0.5, Random(2)), 0, 0, 50),
              translated(g, slice(x, 0, 0, 50).contiguous(), slice(d, 0, 0, 50), 0.5, Random(2))) <
        1e-5);
}

TEST_CASE("losses: soft cross-entropy of one-hot labels is cross-entropy; (1 - a) CE + a T^2 KL") {
  const Tensor z = drawn("z", {6, 4}, DType::f64), teacher = drawn("t", {6, 4}, DType::f64),
               y = whole({0, 1, 2, 3, 1, 1});
  const Tensor soft = one_hot(y, 4).to(DType::f64);
  CHECK(apart(soft_cross_entropy(z, soft), cross_entropy(z, y)) < 1e-12);
  CHECK(apart(distilled_loss(z, teacher, soft, {.share = 0}), cross_entropy(z, y)) < 1e-12);
  CHECK(apart(distilled_loss(z, teacher, soft, {.share = 1, .temperature = 3}),
              distillation(z, teacher, 3)) < 1e-12);
  CHECK(apart(distilled_loss(z, teacher, soft, {}),
              0.5 * cross_entropy(z, y) + 0.5 * distillation(z, teacher, 2)) < 1e-12);
  CHECK(complaint<ShapeError>([&] { soft_cross_entropy(z, y); }, "[N,K]") == "");
}

TEST_CASE("half precision: 11 digits, halves to even, subnormals, the largest") {
  const double tiny = std::ldexp(1, -24);
  const Tensor x = tensor({1, 1 + std::ldexp(1, -11), 1 + 3 * std::ldexp(1, -11), 0.1, -2049, 65504,
                           0.4 * tiny, 0.6 * tiny, -0.0},
                          DType::f64);
  const Tensor expected =
      tensor({1, 1, 1 + std::ldexp(1, -9), 0.0999755859375, -2048, 65504, 0, tiny, 0}, DType::f64);
  CHECK(apart(half(x), expected) == 0);
  CHECK(apart(half(half(drawn("x", {50}))), half(drawn("x", {50}))) == 0);
  CHECK(complaint<NumericError>([] { half(tensor({65520})); }, "65504") == "");
  CHECK(complaint<NumericError>([] { half(tensor({std::numeric_limits<double>::quiet_NaN()})); },
                                "beyond") == "");
}

TEST_CASE(
    "26: pruned weights stay 0 through fine-tuning, with and without a teacher; norms and biases "
    "move") {
  const BcResnetAsc teacher =
      levelled(BcResnetAsc(Random(3), {.tau = 2, .classes = 4, .norm = FreqNorm::resnorm}));
  const std::vector<Tensor> masks = one_shot_masks(teacher, 0.89);
  const int64_t due = std::llround(0.89 * static_cast<double>(weights(teacher)));
  const Sgd sgd{.lr = 0.02, .momentum = 0.9, .weight_decay = 1e-3};
  const Tensor x = drawn("x", {8, 1, 32, 16}),
               y = one_hot(whole({0, 1, 2, 3, 0, 1, 2, 3}), 4).to(DType::f32),
               logits = logits_of(teacher, x);
  for (const bool distilled : {false, true})
    for (const bool quantized : {false, true}) {
      BcResnetAsc net = pruned(teacher, masks);
      CHECK(zero_weights(net) == due);
      Sgd::State state = sgd.initial(parameters(net));
      double first = 0, last = 0;
      for (int64_t i = 0; i < 12; ++i) {
        last = fine_tune(net, state, sgd, masks, x, y, distilled ? &logits : nullptr,
                         {.quantized = quantized}, Random(4) / i)
                   .item();
        if (i == 0) first = last;
        CHECK(zero_weights(net) == due);
      }
      // through rounding to 8 bits the curve is each CPU's own
      if (!quantized) CHECK(last < first);
      int64_t moved = 0, of = 0;
      const std::vector<Tensor> before = parameters(teacher), after = parameters(net);
      for (size_t i = 0; i < after.size(); ++i) {
        if (after[i].dim() == 4) {
          CHECK(apart(after[i] * masks[i], after[i]) == 0);
        } else {
          moved += apart(after[i], before[i]) > 0, of += 1;
        }
      }
      MESSAGE(moved, " of ", of, " norms' and biases' tensors moved");
      // not those of a layer that is cut away whole
      CHECK(moved > of / 2);
      CHECK(zero_weights(deployed(net, masks, x).net) >=
            due);  // 8 bits round small weights to 0 too
    }
  CHECK(zero_weights(teacher) == 0);
}

TEST_CASE(
    "27: what is deployed: 62,335 bytes for tau 8 at 0.89, norms of two half-precision numbers, "
    "logits near the net's") {
  BcResnetAsc net(Random(5), {.tau = 8, .norm = FreqNorm::resnorm});
  const std::vector<Tensor> masks = one_shot_masks(net, 0.89);
  CHECK(challenge_bytes(pruned(net, masks)) == 62335);
  // 8 bits make more zeros, which are free; no net needs more bytes than the mask allows.
  const Deployed eight = deployed(net, masks, drawn("x", {2, 1, 32, 16}));
  CHECK(eight.wide == 0);
  CHECK(challenge_bytes(eight.net) <= 62335);
  CHECK(deployed_size(eight.net).rest == 2 * 14650);

  BcResnetAsc small(Random(6), {.tau = 1, .classes = 4, .norm = FreqNorm::resnorm, .dropout = 0});
  for (int64_t i = 0; i < 20; ++i) {  // running statistics that are not 0 and 1
    Context ctx{.training = true};
    small(drawn("seen", {8, 1, 32, 16}) * 2 - 1, ctx);
    small = commit(std::move(small), ctx);
  }
  const std::vector<Tensor> half_masks = one_shot_masks(small, 0.5);
  const Tensor x = drawn("fresh", {5, 1, 32, 16});
  const Deployed as_half = deployed(small, half_masks, x);
  CHECK(as_half.wide == 0);
  const BcResnetAsc& out = as_half.net;
  for (const SubSpectralNorm* n : {&out.head_norm, &out.stages[0][0].enter_norm,
                                   &out.stages[3][2].freq_norm, &out.stages[3][2].time_norm}) {
    CHECK(apart(n->weight, half(n->weight)) == 0);
    CHECK(apart(n->bias, half(n->bias)) == 0);
    CHECK(zeros_of(n->running_mean) == n->running_mean.numel());
    CHECK(apart(n->running_var, full(n->running_var.shape(), 1 - 1e-5)) < 1e-7);
  }
  CHECK(apart(out.classifier.bias, half(out.classifier.bias)) == 0);
  const Tensor plain = logits_of(as_leaves(fake_quantized(masked(small, half_masks)), false), x);
  CHECK(apart(logits_of(out, x), plain) < 5e-3);
  CHECK(apart(logits_of(out, x), plain) > 0);
}

TEST_CASE(
    "deployment: norms that half precision cannot carry stay in single precision, and their bytes "
    "are counted") {
  // Channels of a norm that vary by a few thousandths beside 100: the next one, in time, enlarges
  // what is left of them.
  BcResnetAsc net(Random(8), {.tau = 1, .classes = 4, .norm = FreqNorm::none, .dropout = 0});
  SubSpectralNorm& narrow = net.stages[1][0].freq_norm;
  narrow.weight = full(narrow.weight.shape(), 0.01);
  narrow.bias = full(narrow.bias.shape(), 100) + drawn("bias", narrow.bias.shape());
  const Tensor x = drawn("x", {16, 1, 32, 16});
  for (int64_t i = 0; i < 40; ++i) {
    Context ctx{.training = true};
    net(x, ctx);
    net = commit(std::move(net), ctx);
  }
  const std::vector<Tensor> masks = one_shot_masks(net, 0);
  const BcResnetAsc tuned = as_tuned(net, masks, true);
  const Tensor before = logits_of(tuned, x);
  const auto off = [&](const BcResnetAsc& n) { return apart(logits_of(n, x), before); };
  const double spread = sqrt(mean(square(before - mean(before, {0}, true)))).item();

  // As a bound that nothing passes shows: everything in half precision.
  const Deployed all_half = deployed(net, masks, x, 1e6);
  CHECK(all_half.wide == 0);
  CHECK(off(all_half.net) > 0.3 * spread);

  const Deployed out = deployed(net, masks, x);
  MESSAGE(out.wide, " norms in single precision; a logit ", out.largest_difference, " off, ",
          off(all_half.net), " in half precision, bound ", out.bound, ", spread ", spread);
  CHECK(out.wide > 0);
  CHECK(out.wide < 12);  // of 23
  CHECK(out.largest_difference <= out.bound);
  CHECK(off(out.net) == out.largest_difference);
  const double bias = amax(abs(net.classifier.bias)).item();
  CHECK(out.bound == doctest::Approx(0.05 * spread + bias / 2048).epsilon(1e-4));
  const SubSpectralNorm& kept = out.net.stages[1][0].freq_norm;
  CHECK(apart(kept.bias, half(kept.bias)) > 0);
  // Two bytes more for scale and shift of each of its channels' bands.
  const int64_t halves = challenge_size(out.net).rest;
  CHECK(deployed_size(all_half.net).rest == halves);
  CHECK(deployed_size(out.net).rest >= halves + 4 * kept.bias.numel());
  CHECK(deployed_size(out.net).weights == challenge_size(out.net).weights);

  net.head.weight = full(net.head.weight.shape(), std::numeric_limits<double>::quiet_NaN());
  CHECK(complaint<NumericError>([&] { deployed(net, masks, x); }, "single precision") == "");
  CHECK(complaint<ConfigError>([&] { deployed(net, masks, slice(x, 0, 0, 0)); }, "no clips") == "");
  CHECK(complaint<ConfigError>([&] { deployed(net, masks, x, 0); }, "rounding") == "");
}

TEST_CASE("deployment: a shift beyond half precision's largest number is no error") {
  BcResnetAsc net(Random(8), {.tau = 1, .classes = 4, .dropout = 0});
  net.head_norm.running_mean = full(net.head_norm.running_mean.shape(), 1e5);
  const Tensor x = drawn("x", {4, 1, 32, 16});
  const Deployed out = deployed(net, one_shot_masks(net, 0), x);
  CHECK(out.wide >= 1);
  CHECK(amax(abs(out.net.head_norm.bias)).item() > 65504);
}

TEST_CASE(
    "a channel that never varied is its norm's bias, whatever rounding puts there; others are as "
    "they were") {
  BcResnetAsc net(Random(5), {.tau = 1});
  SubSpectralNorm& norm = net.stages[1][0].time_norm;
  std::vector<double> var(static_cast<size_t>(norm.running_var.numel()), 0.5);
  var[0] = 0, var[1] = 1e-9, var[2] = 1e-6;
  norm.running_var = tensor(var, norm.running_var.shape());
  const std::vector<double> before = norm.weight.to_vector(),
                            after = quieted(net).stages[1][0].time_norm.weight.to_vector();
  for (size_t i = 0; i < before.size(); ++i) CHECK(after[i] == (i < 2 ? 0 : before[i]));
  CHECK(apart(quieted(net).head_norm.weight, net.head_norm.weight) == 0);
  // and so the net is evaluated after tuning, and deployed
  const std::vector<Tensor> masks = one_shot_masks(net, 0);
  for (const bool quantized : {false, true})
    CHECK(as_tuned(net, masks, quantized).stages[1][0].time_norm.weight.to_vector() == after);
  const BcResnetAsc out = deployed(net, masks, drawn("x", {2, 1, 32, 16})).net;
  CHECK(zeros_of(slice(out.stages[1][0].time_norm.weight, 0, 0, 2)) == 2);
  CHECK(zeros_of(out.stages[1][0].time_norm.weight) == 2);
}

TEST_CASE("8-bit integers: the simulation bit for bit, whatever the batches") {
  const auto data = std::make_shared<const Recordings>(small_data());
  Run run("resnorm", small_settings(false), data);
  run.to(0, 8);
  const BcResnetAsc net = levelled(run.trial.now().net);
  const BcResnetAsc small = deployed(net, one_shot_masks(net, 0.6), data->train_x).net;
  const std::vector<Tensor> tests = {data->test_x[0], data->test_x[2]};
  const Int8Report r = evaluate_int8(small, data->train_x, tests);
  REQUIRE(r.logits.size() == 2);
  MESSAGE("largest difference of a logit ", r.largest_difference);
  CHECK(r.largest_difference == 0);
  // the logits do depend on the clip
  CHECK(apart(slice(r.logits[0], 0, 0, 1), slice(r.logits[0], 0, 1, 2)) > 0.1);
  // inputs are rounded
  CHECK(apart(r.logits[0], logits_of(small, tests[0])) > 0);
  CHECK(apart(logits_of(small, tests[0], 5), logits_of(small, tests[0])) < 1e-5);
  CHECK(complaint<ConfigError>([&] { evaluate_int8(small, slice(data->train_x, 0, 0, 0), tests); },
                               "calibrate") == "");
}

// Of a net that no step has moved: eight steps from the initial values are another net on each CPU.
TEST_CASE("8-bit integers stay near the net that they stand for") {
  const auto data = std::make_shared<const Recordings>(small_data());
  BcResnetAsc net(Random(6), {.tau = 1, .classes = 4, .norm = FreqNorm::resnorm, .dropout = 0});
  for (int64_t i = 0; i < 20; ++i) {
    Context ctx{.training = true};
    net(slice(data->train_x, 0, 0, 16), ctx);
    net = commit(std::move(net), ctx);
  }
  const BcResnetAsc small = deployed(net, one_shot_masks(net, 0.6), data->train_x).net;
  const Tensor of_integers = evaluate_int8(small, data->train_x, {data->test_x[0]}).logits[0],
               plain = logits_of(small, data->test_x[0]);
  CHECK(apart(of_integers, plain) < 0.25 * amax(abs(plain)).item());
}

TEST_CASE("a row that was cut anywhere and goes on ends in the same bits") {
  const auto data = std::make_shared<const Recordings>(small_data());
  const Settings s = small_settings(true);
  const Phases p = phases(s, "resnorm-g", 40);
  CHECK(p.batches == 4);
  CHECK(p.translation == 5);
  CHECK(p.training == 8);
  CHECK(p.without == 4);
  CHECK(p.steps() == 21);
  CHECK(phases(s, "baseline", 40).steps() == 16);
  Run without_stop("resnorm-g", s, data);
  without_stop.to(0, p.steps());
  const experiment::Outcome end = without_stop.trial.finish();
  for (const int64_t cut : {0, 3, 5, 9, 13, 15, 17, 20, 21}) {
    CAPTURE(cut);
    Run first("resnorm-g", s, data), second("resnorm-g", s, data);
    first.to(0, cut);
    const auto kept = state_of(first.trial);
    size_t at = 0;
    second.trial.state([&](const std::string& name, Tensor& t) {
      REQUIRE(name == kept[at].first);
      REQUIRE(t.shape() == kept[at].second.shape());
      t = kept[at++].second.detach().requires_grad_(t.requires_grad());
    });
    REQUIRE(at == kept.size());
    second.to(cut, p.steps());
    check_same(without_stop.trial, second.trial);
    const experiment::Outcome again = second.trial.finish();
    REQUIRE(again.scores.size() == end.scores.size());
    for (size_t i = 0; i < end.scores.size(); ++i)
      CHECK_MESSAGE(again.scores[i].value == end.scores[i].value, end.scores[i].metric);
  }
}

TEST_CASE("a row: masks by the trained net, what is counted, what is reported") {
  const auto data = std::make_shared<const Recordings>(small_data());
  Settings s = small_settings(true);
  s.epochs = 6;
  Run run("resnorm-g", s, data);
  const Phases p = phases(s, "resnorm-g", 40);
  run.to(0, p.translation + p.training);
  const BcResnetAsc trained = run.trial.now().net;
  CHECK(zeros_of(run.trial.now().masks[0]) == 0);
  run.to(p.translation + p.training, p.steps());
  for (size_t i = 0; i < parameters(trained).size(); ++i)
    CHECK(apart(parameters(trained)[i], parameters(run.trial.now().net)[i]) == 0);
  const std::vector<Tensor> masks = one_shot_masks(trained, 0.89);
  for (size_t i = 0; i < masks.size(); ++i) CHECK(apart(masks[i], run.trial.now().masks[i]) == 0);
  const int64_t due = std::llround(0.89 * static_cast<double>(weights(trained)));
  for (const bool distilled : {false, true})
    CHECK(zero_weights(run.trial.now().students[distilled]) == due);
  bool differ = false;
  for (size_t i = 0; i < masks.size(); ++i)
    differ = differ || apart(parameters(run.trial.now().students[false])[i],
                             parameters(run.trial.now().students[true])[i]) > 0;
  CHECK(differ);

  const experiment::Outcome out = run.trial.finish();
  const auto score = [&](const std::string& metric) {
    for (const experiment::Score& x : out.scores)
      if (x.metric == metric) return x.value;
    FAIL(metric);
    return 0.0;
  };
  CHECK(score("accuracy") ==
        doctest::Approx((score("on device a") + score("on device b") + score("on device c")) / 3));
  CHECK(score("unseen") == doctest::Approx(score("on device c")));
  CHECK(score("seen") == doctest::Approx((score("on device a") + score("on device b")) / 2));
  CHECK(score("before compression") == score("accuracy"));
  int64_t emptied = 0;
  for (const Tensor& m : masks) emptied += m.dim() == 4 && zeros_of(m) == m.numel();
  CHECK(score("convolutions cut away whole") == static_cast<double>(emptied));
  const Deployed small = deployed(run.trial.now().students[true], masks, data->train_x);
  CHECK(challenge_bytes(small.net) <=
        weights(trained) - due + 2 * (parameter_count(trained) - weights(trained)));
  CHECK(score("largest int8 difference of a logit") < 1e-2);
  CHECK(score("bytes") ==
        static_cast<double>(challenge_bytes(small.net) + deployed_size(small.net).rest -
                            challenge_size(small.net).rest));
  CHECK(score("norms in single precision") == static_cast<double>(small.wide));
  for (const experiment::Items& i : out.items) {
    CHECK(i.values.size() == 12);
    CHECK(i.groups == data->test_group[0]);
    CHECK(experiment::mean(i.values) == doctest::Approx(score(i.metric)));
  }
  REQUIRE(out.listings.size() == 1);  // of confusions
  CHECK(out.listings[0].columns.size() == 5);
  CHECK(out.listings[0].rows.size() == 4);
  int64_t logs = 0;
  for (const experiment::Moment& m : run.moments) logs += !m.empty();
  CHECK(logs >= 8);
}

TEST_CASE(
    "a row learns: well above chance on seen devices, and the same initial net and batches with "
    "every method") {
  const auto data = std::make_shared<const Recordings>(small_data());
  Settings s = small_settings(false);
  s.epochs = 25, s.mixup = 0, s.mask_mels = s.mask_frames = 0, s.dropout = 0;
  Run run("resnorm", s, data), other("baseline", s, data);
  for (size_t i = 0; i < parameters(run.trial.now().net).size(); ++i)
    CHECK(apart(parameters(run.trial.now().net)[i], parameters(other.trial.now().net)[i]) == 0);
  run.to(0, 100);
  double seen = 0;
  for (const experiment::Score& x : run.trial.finish().scores)
    if (x.metric == "seen") seen = x.value;
  CHECK(seen > 60);
}

TEST_CASE("unpaired test clips: items are all clips in a row, scores the means of devices") {
  Recordings d = small_data();
  d.paired = false;
  d.test_x[2] = slice(d.test_x[2], 0, 0, 4).contiguous(),
  d.test_y[2] = slice(d.test_y[2], 0, 0, 4).contiguous();
  d.test_group[2] = {90, 90, 91, 91};
  const Tensor right = one_hot(d.test_y[0], 4).to(DType::f32),
               wrong = one_hot(whole({1, 2, 3, 0}), 4).to(DType::f32);
  const Hits hits = hits_of({right, right, wrong}, d);
  experiment::Outcome out;
  add_by_device({"x", "", 0}, hits, d, out);
  CHECK(out.scores[0].value == doctest::Approx(200.0 / 3));
  CHECK(out.items[0].values.size() == 28);
  CHECK(out.items[0].groups.size() == 28);
  CHECK(out.items[0].groups[24] == 90);
  CHECK(out.items[1].groups == std::vector<int64_t>{90, 90, 91, 91});
  CHECK(out.items[1].values == std::vector<double>(4, 0.0));
}

TEST_CASE(
    "model file: from a row to a file and back, the same logits; files that contradict "
    "themselves") {
  const auto data = std::make_shared<const Recordings>(small_data());
  const TempFolder at;
  for (const bool compress : {false, true}) {
    Run run("resnorm", small_settings(compress), data);
    run.to(0, phases(small_settings(compress), "resnorm", 40).steps());
    const std::string path = at / "model.safetensors";
    save_safetensors(path, run.trial.model(), run.trial.about());
    const experiment::SceneModel m = experiment::load_scene_model(path);
    CHECK(m.classes == data->classes);
    CHECK(str(m.front.mel) == str(data->front.mel));
    CHECK(m.front.samples == data->front.samples);
    const BcResnetAsc same =
        compress
            ? deployed(run.trial.now().students[true], run.trial.now().masks, data->train_x).net
            : run.trial.now().net;
    CHECK(apart(logits_of(m.net, data->test_x[2]), logits_of(same, data->test_x[2])) == 0);
    // Half as long, twice the rate, two channels, another level: the same size of spectrogram.
    const Sound s{0.01 * drawn("sound", {2, 8000}), 16000};
    CHECK(m.spectrogram(s).shape() == Shape{1, 1, 32, 24});
    CHECK(apart(m.spectrogram({s.samples * 7, 16000}), m.spectrogram(s)) < 1e-3);
    const auto broken = [&](const std::string& key, const std::string& value) {
      Metadata meta = run.trial.about();
      value.empty() ? void(meta.erase(key)) : void(meta[key] = value);
      save_safetensors(path, run.trial.model(), meta);
      return complaint<IOError>([&] { experiment::load_scene_model(path); }, path);
    };
    for (const char* key :
         {"net", "tau", "class_names", "norm", "rate", "hop", "mels", "samples", "rms", "lambda"})
      CHECK(broken(key, "") == "");
    CHECK(broken("tau", "2") == "");
    CHECK(broken("tau", "nan") == "");
    CHECK(broken("rate", "0") == "");
    CHECK(broken("hop", "1.5") == "");
    CHECK(broken("norm", "no such norm") == "");
    CHECK(broken("class_names", "two\nclasses") == "");
    CHECK(broken("f_max", "1e9") == "");
  }
}

TEST_CASE("pictures: low frequencies at the bottom, from dark to light; confusions by row") {
  // the upper band's last frame is loud
  Tensor x = zeros({2, 3}) + tensor({0, 0, 0, 0, 0, 1}, {2, 3});
  const experiment::Picture p = spectrogram_picture(x, 1);
  CHECK(p.width == 3);
  CHECK(p.height == 2);
  CHECK(static_cast<unsigned char>(p.pixels[6]) == 252);  // first row, third pixel
  CHECK(static_cast<unsigned char>(p.pixels[9 + 6]) == 8);
  CHECK(spectrogram_picture(x, 4).pixels.size() == 12 * 8 * 3);
  CHECK(to_png(p).substr(1, 3) == "PNG");
  const experiment::Listing c =
      confusions(tensor({1, 2, 0, 0}, {2, 2}, DType::f64), {"bus", "park"}, "c");
  CHECK(c.columns == std::vector<std::string>{"class", "bus", "park"});
  CHECK(c.rows ==
        std::vector<std::vector<std::string>>{{"bus", "33%", "67%"}, {"park", "0%", "0%"}});
  CHECK_THROWS_AS(spectrogram_picture(zeros({3})), ShapeError);
  CHECK_THROWS_AS(confusions(zeros({2, 3}), {"a", "b"}, ""), ShapeError);
  CHECK_THROWS_AS(confusions(zeros({2, 2}), {"a"}, ""), ShapeError);
}

TEST_CASE("settings: every task's presets hold, values that contradict each other are refused") {
  for (const char* task : {"scenes", "digits", "esc10", "tau", "folder"})
    for (const char* preset : {"tiny", "small", "long", "paper"}) {
      const auto table = asc_table(task);
      experiment::Experiment& e = *table;
      e.choose(task, preset);
      e.check();
      CHECK(e.seeds() == (task == std::string("esc10") && preset != std::string("tiny") ? 5
                          : preset == std::string("long")                               ? 5
                          : preset == std::string("paper")                              ? 1
                          : task == std::string("tau")                                  ? 1
                                                                                        : 3));
    }
  const auto with = [](const char* key, const char* value, const char* words) {
    const auto table = asc_table("scenes");
    experiment::Experiment& e = *table;
    e.choose("scenes", "tiny");
    std::vector<experiment::Field> fields = e.fields();
    return complaint<ConfigError>(
        [&] {
          experiment::assign(fields, key, value, "test");
          e.check();
          e.data("");
          e.check();
          e.trial({"resnorm-g", "", 0});
        },
        words);
  };
  CHECK(with("epochs", "0", "epochs") == "");
  CHECK(with("batch", "500", "500 clips a step of 240") == "");
  CHECK(with("compression.ratio", "1.1", "compression.ratio") == "");
  CHECK(with("compression.temperature", "0", "temperature") == "");
  CHECK(with("translation.width", "0", "translation.width") == "");
  CHECK(with("source", "1", "no clip was recorded") == "");
  CHECK(with("devices", "telephones", "telephones") == "");
  CHECK(with("noise", "6", "noise") == "");
  CHECK(with("tau", "0.33", "tau") == "");
}
