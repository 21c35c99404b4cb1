// regrad-rfn's methods, trials and claims.
#include <doctest/doctest.h>
#include <regrad/algorithms/experiment/claims.h>
#include <regrad/algorithms/experiment/data/scene_model.h>
#include <regrad/algorithms/experiment/options.h>
#include <regrad/algorithms/rfn/experiment/learner.h>
#include <regrad/algorithms/rfn/experiment/measure.h>
#include <regrad/algorithms/rfn/experiment/table.h>
#include <regrad/engine/error.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "../temp_folder.h"

using namespace regrad;
using namespace regrad::relaxed_norm;
using experiment::on;

namespace {

// Twenty clips of generated scenes by nine devices.
std::shared_ptr<const Recordings> few() {
  const experiment::FrontEnd front = experiment::front_end("scenes");
  static const auto made = std::make_shared<const Recordings>(experiment::record(
      experiment::load_clips("scenes", "", front, {.train = 2, .test = 1}), front,
      experiment::recorders("simulated", "", 8000, Random(1)), {.source = 0.5}, Random(1)));
  return made;
}

Settings quick() {
  Settings s;
  s.epochs = 4, s.batch = 8, s.lr = 0.02, s.dropout = 0.1, s.tau = 0.4;
  return s;
}

using BcTrial = RfnTrial<BcResnetAsc>;
template <class Net = BcResnetAsc>
RfnTrial<Net> begun(const char* name, const Settings& s = quick()) {
  return trial<Net>({name, "simulated", 3}, s, few());
}

std::vector<std::vector<double>> state_of(experiment::Trial& t) {
  std::vector<std::vector<double>> out;
  t.state(
      [&](const std::string&, Tensor& part) { out.push_back(part.to(DType::f64).to_vector()); });
  return out;
}

}  // namespace

TEST_CASE("every method has a name of its own, and rows where the table has them") {
  std::set<std::string> names;
  for (const Method& a : methods()) {
    CHECK(names.insert(a.name).second);
    CHECK(has_row(a, "simulated"));
  }
  CHECK_THROWS_AS(experiment::find_method(methods(), "batch"), ConfigError);
  const auto arm = [](const char* name) { return experiment::find_method(methods(), name); };
  CHECK_FALSE(has_row(arm("crossgrad"), "microphones"));
  CHECK(has_row(arm("rfn"), "sd8"));
  CHECK_FALSE(has_row(arm("ifn"), "sd8"));
  CHECK(has_row(arm("ifn"), "sd0"));
}

TEST_CASE(
    "with one channel instance norm is layer norm, so in-input has no row of LN's beside it") {
  const Random r(4);
  const auto normed = [&](FreqNorm n) {
    Context ctx;
    return BcResnetAsc(r, {.norm = n, .input_only = true}).norms[0](few()->test_x[4], ctx);
  };
  CHECK(amax(abs(normed(FreqNorm::in) - normed(FreqNorm::ln))).item() < 1e-5);
  CHECK(amax(abs(normed(FreqNorm::ifn) - normed(FreqNorm::ln))).item() > 0.1);
}

TEST_CASE("a trial's state is all there is: another that takes it up goes on in the same bits") {
  for (const char* name :
       {"none", "rfn", "bin", "global", "mixstyle", "freq-mixstyle", "crossgrad"}) {
    CAPTURE(name);
    BcTrial whole = begun(name), first = begun(name), second = begun(name);
    for (int64_t i = 0; i < 6; ++i) whole.step(i);
    for (int64_t i = 0; i < 3; ++i) first.step(i);
    std::vector<Tensor> kept;
    first.state([&](const std::string&, Tensor& t) { kept.push_back(t.detach()); });
    size_t at = 0;
    second.state([&](const std::string&, Tensor& t) {
      const bool leaf = t.requires_grad();
      t = kept[at++].detach();
      if (leaf) t.requires_grad_();
    });
    for (int64_t i = 3; i < 6; ++i) second.step(i);
    CHECK(state_of(whole) == state_of(second));
  }
}

TEST_CASE(
    "methods differ in what they train on; CrossGrad with no share for moved inputs is plain "
    "training") {
  Settings s = quick();
  s.dropout = 0, s.cross_share = 0, s.mix_p = s.freq_mix_p = 1;
  BcTrial none = begun("none", s), across = begun("crossgrad", s), mixed = begun("mixstyle", s),
          freq = begun("freq-mixstyle", s);
  for (int64_t i = 0; i < 3; ++i) none.step(i), across.step(i), mixed.step(i), freq.step(i);
  const auto head = [](BcTrial& t) { return t.model().front().second; };
  CHECK(amax(abs(head(none) - head(across))).item() < 1e-5);
  CHECK(amax(abs(head(none) - head(mixed))).item() > 1e-4);
  CHECK(amax(abs(head(mixed) - head(freq))).item() > 1e-4);
  s.cross_share = 0.5;
  BcTrial moved = begun("crossgrad", s);
  for (int64_t i = 0; i < 3; ++i) moved.step(i);
  CHECK(amax(abs(head(none) - head(moved))).item() > 1e-4);
}

TEST_CASE(
    "a finished trial has every clip's hits, and the gap is the difference of the two means") {
  BcTrial t = begun("rfn");
  const experiment::Outcome out = t.finish();
  std::map<std::string, double> score;
  for (const auto& s : out.scores) score[s.metric] = s.value;
  CHECK(score.at("gap@simulated") ==
        doctest::Approx(score.at("source@simulated") - score.at("unseen@simulated")));
  REQUIRE(out.items.size() == 4);
  for (const auto& i : out.items) {
    CHECK(i.values.size() == 10);
    CHECK(experiment::mean(i.values) == doctest::Approx(score.at(i.metric)));
  }
  CHECK(score.count(on(nats("device", "frequency", "head"), "simulated")) == 1);
  CHECK(out.parameters[0].second == parameter_count(BcResnetAsc(Random(0), {.tau = 0.4})));
}

TEST_CASE("a trained net's file holds what it takes to classify a sound") {
  const test::TempFolder at;
  BcTrial t = begun("rfn-input");
  t.step(0);
  save_safetensors(at / "model.safetensors", t.model(), t.about());
  const experiment::SceneModel m = experiment::load_scene_model(at / "model.safetensors");
  CHECK(m.classes == few()->classes);
  CHECK(m.options.lambda == 0.5);
  CHECK(m.options.input_only);
  const Tensor &x = few()->test_x[6], same = m.net(x) - t.learner().net(x);
  CHECK(amax(abs(same)).item() == 0);
  CHECK(m.spectrogram({normal(Random(1), {1, 8000}), 8000}).shape() == Shape{1, 1, 64, 101});
  CHECK(trial<PooledNet>({"rfn", "simulated", 3}, quick(), few()).about().at("net") == "pooled");
}

TEST_CASE(
    "the pilot's net: means of ten segments; IFN takes a device's curve off its input; its trial "
    "goes on from its state") {
  const Random r(5);
  const PooledNet net(r, {.mels = 3, .classes = 4, .segments = 2, .hidden = 6});
  const Tensor x = normal(r / "x", {2, 1, 3, 8}, 0, 1),
               halves = mean(reshape(x, {2, 3, 2, 4}), {3});
  const Tensor by_hand = net.output(relu(net.hidden(net.standard(reshape(halves, {2, 6})))));
  CHECK(amax(abs(net(x) - by_hand)).item() < 1e-5);
  CHECK_THROWS_AS(net(normal(r, {2, 1, 4, 8}, 0, 1)), ShapeError);
  CHECK_THROWS_AS(net(normal(r, {2, 1, 3, 1}, 0, 1)), ShapeError);

  const Tensor curve = tensor({2, -1, 0.5}, {1, 1, 3, 1});
  const auto moved = [&](FreqNorm n) {
    const PooledNet of(r, {.mels = 3, .classes = 4, .segments = 2, .norm = n, .lambda = 0.5});
    return amax(abs(of(x) - of(x + curve))).item();
  };
  CHECK(moved(FreqNorm::ifn) < 1e-4);
  CHECK(moved(FreqNorm::rfn) > 1e-2);
  CHECK(moved(FreqNorm::none) > 1e-2);

  for (const char* name : {"rfn", "global", "crossgrad"}) {
    CAPTURE(name);
    RfnTrial<PooledNet> whole = begun<PooledNet>(name), second = begun<PooledNet>(name);
    for (int64_t i = 0; i < 6; ++i) whole.step(i);
    {
      RfnTrial<PooledNet> first = begun<PooledNet>(name);
      for (int64_t i = 0; i < 3; ++i) first.step(i);
      std::vector<Tensor> kept;
      first.state([&](const std::string&, Tensor& t) { kept.push_back(t.detach()); });
      size_t at = 0;
      second.state([&](const std::string&, Tensor& t) {
        t = kept[at++].detach().requires_grad_(t.requires_grad());
      });
    }
    for (int64_t i = 3; i < 6; ++i) second.step(i);
    CHECK(state_of(whole) == state_of(second));
    CHECK(second.finish().items.size() == 4);
  }
}

TEST_CASE("settings that contradict each other are refused") {
  const auto table = rfn_table("scenes");
  experiment::Experiment& e = *table;
  e.choose("scenes", "tiny");
  std::vector<experiment::Field> fields = e.fields();
  for (const auto& [key, value] : {std::pair{"devices", "phones"},
                                   {"batch", "1"},
                                   {"warmup", "1"},
                                   {"mix_alpha", "0"},
                                   {"tau", "0"},
                                   {"net", "vit"},
                                   {"mels", "40"}}) {
    const char *at = key, *to = value;  // clang 14 captures no structured binding
    const std::string before = experiment::text(*experiment::find(fields, at));
    CAPTURE(at);
    const auto refused = [&] { experiment::assign(fields, at, to, "test"), e.check(); };
    CHECK_THROWS_AS(refused(), ConfigError);
    experiment::assign(fields, at, before, "test");
  }
  CHECK_NOTHROW(e.check());
  CHECK_FALSE(e.has_row({"ln", "sd8", 0}));
  experiment::assign(fields, "net", "pooled", "test"),
      experiment::assign(fields, "mels", "40", "test");
  CHECK_NOTHROW(e.check());
  CHECK(e.has_row({"ln", "sd8", 0}));  // the pilot's table has every method
}

TEST_CASE(
    "methods without a row on the chosen devices are left out, or refused where they were asked "
    "for") {
  const auto parsed = [](std::vector<const char*> flags) {
    experiment::TaskList tasks = rfn_tasks();
    flags.insert(flags.begin(), {"regrad-rfn", "--print-config", "--preset", "small"});
    return experiment::parse_options(tasks, static_cast<int>(flags.size()), flags.data());
  };
  const auto has = [](const experiment::Options& o, const char* name) {
    return std::find(o.methods.begin(), o.methods.end(), name) != o.methods.end();
  };
  const experiment::Options curves = parsed({"--devices", "sd4,sd8"}), all = parsed({});
  CHECK(has(curves, "none"));
  CHECK(has(curves, "rfn-0.1"));
  CHECK_FALSE(has(curves, "ln"));
  CHECK(has(all, "ln"));
  CHECK(has(parsed({"--devices", "sd4,sd8", "--net", "pooled"}), "ln"));
  CHECK_THROWS_AS(parsed({"--devices", "sd4,sd8", "--methods", "none,ln"}), ConfigError);
  // none at sd0
  CHECK_THROWS_AS(parsed({"--devices", "sd0,sd4", "--methods", "rfn-0.1"}), ConfigError);
}
