// regrad-rfn's table: presets, rows, and that a trial's recordings keep unseen devices and test
// clips out of training.
#include <doctest/doctest.h>
#include <regrad/algorithms/experiment/options.h>
#include <regrad/algorithms/rfn/experiment/learner.h>
#include <regrad/algorithms/rfn/experiment/table.h>

#include <algorithm>
#include <map>
#include <set>

#include "../experiment/made_up.h"
#include "../temp_folder.h"

using namespace regrad;
using namespace regrad::relaxed_norm;

namespace {

using Texts = std::map<std::string, std::string>;

bool same(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && a.to(DType::f64).to_vector() == b.to(DType::f64).to_vector();
}

Texts texts_of(std::vector<experiment::Field> fields) {
  Texts out;
  for (const experiment::Field& f : fields) out[f.name] = experiment::text(f);
  return out;
}

}  // namespace

TEST_CASE("what a table starts from, and what each preset of each task changes of it") {
  // audio.md sections 1 (training, MixStyle) and 3
  Settings first;
  const Texts defaults = texts_of(experiment::fields(first));
  CHECK(defaults == Texts{{"batch", "32"},
                          {"clipped_step", "10"},
                          {"cross_clip", "0.1"},
                          {"cross_share", "0.5"},
                          {"cross_step", "1"},
                          {"devices", "simulated,microphones,sd0,sd4,sd8"},
                          {"dropout", "0.1"},
                          {"epochs", "20"},
                          {"freq_mix_alpha", "0.3"},
                          {"freq_mix_p", "0.4"},
                          {"generated.test", "10"},
                          {"generated.train", "40"},
                          {"generated.validation", "10"},
                          {"held", "0.1"},
                          {"information", "true"},
                          {"log_every", "5"},
                          {"lr", "0.06"},
                          {"mask_frames", "0"},
                          {"mask_mels", "0"},
                          {"mels", "0"},
                          {"mix_alpha", "0.1"},
                          {"mix_p", "0.5"},
                          {"mixup", "0"},
                          {"momentum", "0.9"},
                          {"net", "bcresnet"},
                          {"noise", "0"},
                          {"partial", "false"},
                          {"roll", "0"},
                          {"seconds", "0"},
                          {"source", "0.85"},
                          {"tau", "1"},
                          {"test_share", "0.2"},
                          {"warmup", "0.05"},
                          {"weight_decay", "0.001"},
                          {"wide", "false"}});
  struct Preset {
    const char *task, *name;
    int seeds;
    Texts changes;
  };
  const Texts on_two{{"devices", "simulated,microphones"}, {"roll", "1.5"}},
      on_own{{"devices", "recorded"}, {"roll", "1.5"}},
      on_one{{"devices", "simulated"}, {"roll", "1.5"}},
      generated{{"devices", "simulated,sd0,sd8"}};
  const auto with = [](Texts base, const Texts& more) {
    for (const auto& [key, value] : more) base[key] = value;
    return base;
  };
  const Texts tiny{{"devices", "simulated"}, {"epochs", "10"}},
      paper{{"batch", "64"},  {"epochs", "100"}, {"roll", "1.5"},    {"tau", "8"},
            {"wide", "true"}, {"mixup", "0.3"},  {"mask_mels", "40"}};
  // 40 of 256 bands and 80 of 334 frames, and the same shares of shorter clips
  const auto masked = [&](int frames, int mels) {
    return with(paper,
                {{"mask_frames", std::to_string(frames)}, {"mask_mels", std::to_string(mels)}});
  };
  const auto longer = [&](const Texts& base, const char* epochs) {
    return with(base, {{"epochs", epochs}, {"tau", "2"}});
  };
  const Preset presets[] = {{"scenes", "tiny", 3, tiny},
                            {"scenes", "small", 3, generated},
                            {"scenes", "long", 5, longer(generated, "40")},
                            {"scenes", "paper", 3, with(generated, masked(16, 20))},
                            {"digits", "tiny", 3, tiny},
                            {"digits", "small", 5, {}},
                            {"digits", "long", 5, longer({}, "40")},
                            {"digits", "paper", 3, masked(8, 20)},
                            {"esc10", "tiny", 3, with(tiny, {{"roll", "1.5"}})},
                            {"esc10", "small", 5, with(on_two, {{"epochs", "30"}})},
                            {"esc10", "long", 5, longer(on_two, "60")},
                            {"esc10", "paper", 5, with(on_two, masked(40, 40))},
                            {"tau", "tiny", 3, with(on_own, {{"epochs", "10"}})},
                            {"tau", "small", 3, with(on_own, {{"epochs", "30"}})},
                            {"tau", "long", 5, longer(on_own, "60")},
                            {"tau", "paper", 3, with(on_own, masked(80, 40))},
                            {"folder", "tiny", 3, with(on_one, {{"epochs", "10"}})},
                            {"folder", "small", 3, with(on_one, {{"epochs", "30"}})},
                            {"folder", "long", 5, longer(on_one, "60")},
                            {"folder", "paper", 3, with(on_one, masked(40, 40))}};
  for (const Preset& p : presets) {
    CAPTURE(p.task);
    CAPTURE(p.name);
    const auto table = rfn_table(p.task);
    table->choose(p.task, p.name);
    CHECK(texts_of(table->fields()) == with(defaults, p.changes));
    CHECK(table->seeds() == p.seeds);
    const experiment::Card card = table->card();
    const std::string devices = table->variants()[0];
    CHECK(card.metric == "unseen@" + devices);
    CHECK(card.baseline == "none");
    CHECK(card.better == experiment::Better::higher);
    CHECK(card.tasks == std::vector<std::string>{p.task});
  }
}

TEST_CASE("rows by kind of devices, and those that run unasked") {
  // m: microphones, 0: equal devices, c: random curves, +: unasked, t: unasked in preset tiny
  const std::map<std::string, std::string> told = {{"none", "m0c+t"},
                                                   {"global", "+"},
                                                   {"in", "+"},
                                                   {"ln", "m+"},
                                                   {"ifn", "m0+t"},
                                                   {"resnorm", "m0+t"},
                                                   {"resnorm-0.5", "m"},
                                                   {"resnorm-1", "m+"},
                                                   {"rfn", "m0c+t"},
                                                   {"rfn-0.1", "mc+"},
                                                   {"rfn-0.9", "m+"},
                                                   {"bin", "+"},
                                                   {"mixstyle", "m0c+"},
                                                   {"mixstyle-inside", "+"},
                                                   {"freq-mixstyle", "m0c+"},
                                                   {"crossgrad", "+"},
                                                   {"crossgrad-clipped", "+"},
                                                   {"ifn-input", "mc+"},
                                                   {"in-input", "m+"},
                                                   {"resnorm-input", "mc"},
                                                   {"rfn-input", "mc"}};
  const auto table = rfn_table("digits"), pooled = rfn_table("digits"), tiny = rfn_table("digits");
  table->choose("digits", "small"), pooled->choose("digits", "small");
  tiny->choose("digits", "tiny");
  std::vector<experiment::Field> fields = pooled->fields();
  experiment::assign(fields, "net", "pooled", "test");
  REQUIRE(methods().size() == told.size());
  for (const Method& m : methods()) {
    CAPTURE(m.name);
    std::string found;
    for (const auto& [mark, devices] :
         {std::pair{"m", "microphones"}, {"0", "sd0"}, {"c", "sd4"}}) {
      if (table->has_row({m.name, devices, 0})) found += mark;
      CHECK(pooled->has_row({m.name, devices, 0}) == (std::string(m.name) != "mixstyle-inside"));
    }
    CHECK(table->has_row({m.name, "sd8", 0}) == table->has_row({m.name, "sd4", 0}));
    CHECK(table->has_row({m.name, "simulated", 0}));
    CHECK(table->has_row({m.name, "recorded", 0}));
    const auto asked = [&](const experiment::Experiment& of) {
      for (const experiment::MethodCard& c : of.card().methods)
        if (c.name == m.name) return c.by_default;
      return false;
    };
    if (asked(*table)) found += "+";
    if (asked(*tiny)) found += "t";
    CHECK(found == told.at(m.name));
  }
}

TEST_CASE("recordings: a training clip by one seen device, test clips by all, none by both") {
  // Devices that differ by their level alone, clips by their frequency.
  const experiment::FrontEnd front = {{.rate = 8000, .n_fft = 256, .hop = 128, .mels = 32}, 1024};
  const double levels[] = {1, 4, 2, 32, 8, 16};  // unseen ones among the others
  const bool seen[] = {true, false, true, false, true, true};
  std::vector<experiment::Recorder> devices;
  for (int d = 0; d < 6; ++d)
    devices.push_back({"d" + std::to_string(d), seen[d],
                       [level = levels[d]](const Tensor& x) { return x * level; }});
  experiment::Clips clips;
  clips.train_x = normal(Random(1), {20, 1024}), clips.test_x = normal(Random(2), {6, 1024});
  clips.train_y = randint(Random(3), 0, 2, {20}), clips.test_y = randint(Random(4), 0, 2, {6});
  clips.classes = {"a", "b"};
  const experiment::Recordings r =
      experiment::record(clips, front, devices, {.source = 0.6}, Random(5));
  CHECK(r.devices == std::vector<std::string>{"d0", "d2", "d4", "d5", "d1", "d3"});
  CHECK(r.seen == 4);
  CHECK(r.paired);
  const auto map = [&](const Tensor& wave, double level) {
    return log_mel(wave * level, front.mel);
  };
  const double by_place[] = {1, 2, 8, 16, 4, 32};
  std::set<int64_t> taken;
  std::vector<int> count(4, 0);
  for (int64_t i = 0; i < r.clips(); ++i) {
    const int64_t device = r.train_device.to_vector<int64_t>()[static_cast<size_t>(i)];
    REQUIRE(device < r.seen);
    ++count[static_cast<size_t>(device)];
    int64_t clip = -1;
    for (int64_t c = 0; c < 20; ++c)
      if (amax(abs(map(clips.train_x[c], by_place[device]) - r.train_x[i][0])).item() < 1e-4)
        clip = c;
    REQUIRE(clip >= 0);
    CHECK(taken.insert(clip).second);
    CHECK(r.train_y[i].item() == clips.train_y[clip].item());
  }
  CHECK(count == std::vector<int>{12, 3, 3, 2});
  REQUIRE(r.test_x.size() == 6);
  for (size_t d = 0; d < 6; ++d) {
    CHECK(same(r.test_y[d], clips.test_y));
    CHECK(amax(abs(squeeze(r.test_x[d], 1) - map(clips.test_x, by_place[d]))).item() < 1e-4);
  }
}

TEST_CASE("a trial's recordings: by the settings, by seed and kind of devices, one for all rows") {
  const auto table = rfn_table("scenes");
  table->choose("scenes", "small");
  std::vector<experiment::Field> fields = table->fields();
  for (const auto& [key, value] : {std::pair{"generated.train", "2"},
                                   {"generated.test", "1"},
                                   {"generated.validation", "0"},
                                   {"batch", "4"},
                                   {"tau", "0.4"},
                                   {"source", "0.5"},
                                   {"noise", "-40"}})
    experiment::assign(fields, key, value, "test");
  table->data("");
  table->check();
  CHECK(table->steps({"rfn", "sd8", 0}) == 20 / 4 * 20);
  CHECK(table->log_every() == 20 / 4 * 5);
  std::vector<std::unique_ptr<experiment::Trial>> trials;
  const auto data_of = [&](const char* method, const char* devices, uint64_t seed) {
    trials.push_back(table->trial({method, devices, seed}));
    const auto* t = dynamic_cast<const RfnTrial<BcResnetAsc>*>(trials.back().get());
    REQUIRE(t != nullptr);
    return &t->set().data();
  };
  const experiment::FrontEnd front = experiment::front_end("scenes");
  const experiment::Clips clips = experiment::load_clips("scenes", "", front, {2, 1, 0});
  const Random r = Random(3) / "recordings" / "sd8";
  const experiment::Recordings told = experiment::record(
      clips, front, experiment::recorders("sd8", "", 8000, r), {.source = 0.5, .noise = -40}, r);
  const experiment::Recordings *ours = data_of("rfn", "sd8", 3), *other = data_of("rfn", "sd8", 4);
  CHECK(same(ours->train_x, told.train_x));
  CHECK(same(ours->train_device, told.train_device));
  CHECK(same(ours->test_x.back(), told.test_x.back()));
  CHECK(data_of("none", "sd8", 3) == ours);
  CHECK_FALSE(same(other->train_x, told.train_x));
  CHECK_FALSE(same(other->test_x.back(), told.test_x.back()));
  experiment::assign(fields, "net", "bcresnet-kws", "test");
  experiment::assign(fields, "tau", "0.5", "test");
  const auto keywords = table->trial({"rfn", "sd8", 3});
  CHECK(dynamic_cast<const RfnTrial<KeywordNet>*>(keywords.get()) != nullptr);
  CHECK(keywords->about().at("net") == "bcresnet-kws");
  experiment::assign(fields, "net", "pooled", "test");
  const auto pooled = table->trial({"rfn", "sd8", 3});
  CHECK(dynamic_cast<const RfnTrial<PooledNet>*>(pooled.get()) != nullptr);
}

TEST_CASE("a seed's fold of ESC-10 is what its trial is tested on") {
  const test::TempFolder at;
  test::make_up("esc10", at.name());
  const auto table = rfn_table("esc10");
  table->choose("esc10", "small");
  std::vector<experiment::Field> fields = table->fields();
  for (const auto& [key, value] :
       {std::pair{"seconds", "0.1"}, {"devices", "simulated"}, {"batch", "4"}, {"tau", "0.4"}})
    experiment::assign(fields, key, value, "test");
  table->data(at.name());
  experiment::FrontEnd front = experiment::front_end("esc10");
  front.samples = 1600;
  std::set<std::vector<double>> tested;
  for (uint64_t seed = 0; seed < 5; ++seed) {
    const experiment::Clips clips = experiment::load_clips("esc10", at.name(), front, {}, seed);
    const auto made = table->trial({"none", "simulated", seed});
    const auto* t = dynamic_cast<const RfnTrial<BcResnetAsc>*>(made.get());
    REQUIRE(t != nullptr);
    const Tensor& x = t->set().data().test_x[0];  // the flat device
    CHECK(amax(abs(squeeze(x, 1) - log_mel(clips.test_x, front.mel))).item() < 1e-4);
    tested.insert(x.to(DType::f64).to_vector());
  }
  CHECK(tested.size() == 5);
}
