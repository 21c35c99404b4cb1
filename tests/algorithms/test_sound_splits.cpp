// What training, validation and test are made of: no clip, location, recording or unseen device of
// one part is in another; every device's column holds what that device recorded.
#include <doctest/doctest.h>
#include <regrad/algorithms/experiment/data/device_scores.h>
#include <regrad/algorithms/experiment/data/sound_table.h>
#include <regrad/engine/error.h>
#include <regrad/engine/functional.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <set>

#include "../temp_folder.h"
#include "tau_folder.h"

using namespace regrad;
using namespace regrad::experiment;
using regrad::test::complaint;
using regrad::test::TempFolder;

namespace {

using Ids = std::vector<int64_t>;

// Clip i is the number i: x [n,1].
AllClips numbered(const AudioSet& set) {
  return {set, reshape(arange(0, static_cast<double>(set.size())).to(DType::f32), {set.size(), 1})};
}
Ids ids(const Tensor& x) { return x.to(DType::i64).to_vector<int64_t>(); }

// Five folds, ten classes, in each fold two recordings a class, each cut into two clips.
AudioSet folds() {
  AudioSet set;
  for (int i = 0; i < 10; ++i) set.classes.push_back(std::to_string(i));
  for (int64_t fold = 1; fold <= 5; ++fold)
    for (int64_t label = 0; label < 10; ++label)
      for (int64_t k = 0; k < 4; ++k) {
        Clip c;
        c.label = label, c.fold = fold;
        c.place = std::to_string(fold) + "/" + std::to_string(label) + "/" + std::to_string(k / 2);
        set.clips.push_back(c);
      }
  return set;
}

// Each clip of the set in exactly one part, labels its own.
void check_once(const AudioSet& set, const Clips& c) {
  std::set<int64_t> seen;
  for (const auto& [x, y] :
       {std::pair{c.train_x, c.train_y}, {c.validation_x, c.validation_y}, {c.test_x, c.test_y}}) {
    const Ids at = ids(x), labels = ids(y);
    REQUIRE(at.size() == labels.size());
    for (size_t i = 0; i < at.size(); ++i) {
      CHECK(seen.insert(at[i]).second);
      CHECK(set.clips[static_cast<size_t>(at[i])].label == labels[i]);
    }
  }
  CHECK(static_cast<int64_t>(seen.size()) == set.size());
}

}  // namespace

TEST_CASE("esc10: a seed tests one fold, validates on the next, trains on the other three") {
  const AudioSet set = folds();
  const AllClips all = numbered(set);
  std::map<int64_t, int64_t> tested;
  std::map<int64_t, std::string> source_of_group;
  for (uint64_t seed = 0; seed < 7; ++seed) {
    const Clips c = clips_of("esc10", all, seed);
    check_once(set, c);
    std::map<char, std::set<int64_t>> fold;
    std::map<char, std::set<std::string>> source;
    for (const auto& [part, x] :
         {std::pair{'t', c.train_x}, {'v', c.validation_x}, {'e', c.test_x}})
      for (const int64_t i : ids(x))
        fold[part].insert(set.clips[static_cast<size_t>(i)].fold),
            source[part].insert(set.clips[static_cast<size_t>(i)].place);
    const auto first = static_cast<int64_t>(seed) % 5 + 1;
    CHECK(fold['e'] == std::set<int64_t>{first});
    CHECK(fold['v'] == std::set<int64_t>{first % 5 + 1});
    CHECK(fold['t'].size() == 3);
    CHECK(fold['t'].count(first) + fold['t'].count(first % 5 + 1) == 0);
    for (const std::string& s : source['e'])
      CHECK(source['t'].count(s) + source['v'].count(s) == 0);
    if (seed < 5)
      for (const int64_t i : ids(c.test_x)) ++tested[i];
    // Clips of one recording are one group, of two recordings two, in every fold.
    const Ids at = ids(c.test_x);
    REQUIRE(c.test_group.size() == at.size());
    CHECK(std::set<int64_t>(c.test_group.begin(), c.test_group.end()).size() == 20);
    for (size_t i = 0; i < at.size(); ++i) {
      const std::string& of = set.clips[static_cast<size_t>(at[i])].place;
      CHECK(source_of_group.emplace(c.test_group[i], of).first->second == of);
    }
  }
  CHECK(static_cast<int64_t>(tested.size()) == set.size());
  for (const auto& [clip, times] : tested) CHECK(times == 1);
}

TEST_CASE("digits: takes 0 to 4 test, 5 and 6 validation; the set's test part stays its own") {
  AudioSet set;
  for (int64_t digit = 0; digit < 10; ++digit) {
    set.classes.push_back(std::to_string(digit));
    for (const char* speaker : {"ann", "ben"})
      for (int64_t take = 0; take < 9; ++take) {
        Clip c;
        c.label = digit, c.fold = take, c.place = speaker;
        c.part = take < 5 ? Part::test : Part::train;
        set.clips.push_back(c);
      }
  }
  const Clips c = clips_of("digits", numbered(set), 3);
  check_once(set, c);
  const auto takes = [&](const Tensor& x) {
    std::set<int64_t> out;
    for (const int64_t i : ids(x)) out.insert(set.clips[static_cast<size_t>(i)].fold);
    return out;
  };
  CHECK(takes(c.test_x) == std::set<int64_t>{0, 1, 2, 3, 4});
  CHECK(takes(c.validation_x) == std::set<int64_t>{5, 6});
  CHECK(takes(c.train_x) == std::set<int64_t>{7, 8});
  CHECK(c.test_group == ids(c.test_x));
  CHECK(ids(clips_of("digits", numbered(set), 4).train_x) == ids(c.train_x));
}

TEST_CASE("folder: a share of each class's training sounds, by their names, where there are five") {
  AudioSet set;
  set.classes = {"many", "few"};
  for (int64_t i = 0; i < 24; ++i) {
    Clip c;
    c.name = "x" + std::to_string(i), c.label = i >= 20;
    c.part = i % 5 == 4 ? Part::test : Part::train;  // of "many" 16 train, of "few" 4
    set.clips.push_back(c);
  }
  const Clips c = clips_of("folder", numbered(set), 0, 0.25);
  check_once(set, c);
  CHECK(c.validation_x.size(0) == 4);
  for (const int64_t i : ids(c.validation_x)) CHECK(i < 20);
  CHECK(c.test_x.size(0) == 4);
  for (const int64_t i : ids(c.test_x)) CHECK(i % 5 == 4);
  CHECK(clips_of("folder", numbered(set), 0, 0).validation_x.size(0) == 0);
}

TEST_CASE("scenes: validation clips are their own, the others as without them") {
  const FrontEnd front = front_end("scenes");
  const Generated some{.train = 2, .test = 1, .validation = 3};
  const Clips with = load_clips("scenes", "", front, some),
              without = load_clips("scenes", "", front, {.train = 2, .test = 1, .validation = 0});
  CHECK(with.validation_x.size(0) == 30);
  CHECK(without.validation_x.size(0) == 0);
  CHECK(amax(abs(with.train_x - without.train_x)).item() == 0);
  CHECK(amax(abs(with.test_x - without.test_x)).item() == 0);
  std::set<std::vector<double>> waves;
  for (const Tensor& x : {with.train_x, with.validation_x, with.test_x})
    for (int64_t i = 0; i < x.size(0); ++i) waves.insert(slice(x[i], 0, 0, 8).to_vector());
  CHECK(waves.size() == 60);
}

TEST_CASE("what a device recorded is in its column; the unseen ones record no training clip") {
  // Device k multiplies by e^k, which adds 2k to a log-mel cell. Unseen ones stand among the seen.
  std::vector<Recorder> devices;
  for (const int k : {3, 0, 4, 1, 2})
    devices.push_back({"k" + std::to_string(k), k < 3,
                       [k](const Tensor& x) { return x * std::exp(static_cast<double>(k)); }});
  const FrontEnd front{{.rate = 8000, .n_fft = 256, .hop = 80, .mels = 32}, 800};
  const auto waves = [&](const char* name, int64_t n) {
    return normal(Random(3) / name, {n, 800}, 0, 0.3);
  };
  const auto labels = [](int64_t n) { return arange(0, static_cast<double>(n)).to(DType::i64); };
  Clips c;
  c.train_x = waves("train", 20), c.validation_x = waves("validation", 3),
  c.test_x = waves("test", 4);
  c.train_y = labels(20), c.validation_y = labels(3), c.test_y = labels(4);
  c.test_group = {10, 10, 12, 13};
  const Recordings r = record(c, front, devices, {.source = 0.6}, Random(4));
  CHECK(r.devices == std::vector<std::string>{"k0", "k1", "k2", "k3", "k4"});
  CHECK(r.seen == 3);
  // By how much all cells of a clip lie above those of the wave itself, halved.
  const auto by = [&](const Tensor& x, const Tensor& wave) {
    const Tensor d = (x - unsqueeze(log_mel(wave, front.mel), 0)) / 2;
    CHECK(amax(d).item() - amin(d).item() < 0.05);
    return std::llround(mean(d).item());
  };
  const Ids of = ids(r.train_y), who = ids(r.train_device);
  std::map<int64_t, int64_t> count;
  std::set<int64_t> clips(of.begin(), of.end());
  CHECK(clips.size() == 20);
  for (size_t i = 0; i < of.size(); ++i) {
    const auto place = static_cast<int64_t>(i);
    ++count[who[i]];
    CHECK(by(r.train_x[place], slice(c.train_x, 0, of[i], of[i] + 1)[0]) == who[i]);
  }
  CHECK(count == std::map<int64_t, int64_t>{{0, 12}, {1, 4}, {2, 4}});
  const Ids pairs = ids(r.pair_of);
  CHECK(pairs.size() == 8);
  for (size_t k = 0; k < pairs.size(); ++k) {
    const int64_t clip = of[static_cast<size_t>(pairs[k])];
    CHECK(who[static_cast<size_t>(pairs[k])] > 0);
    CHECK(by(r.pair_x[static_cast<int64_t>(k)], slice(c.train_x, 0, clip, clip + 1)[0]) == 0);
  }
  REQUIRE(r.validation_x.size() == 3);
  REQUIRE(r.test_x.size() == 5);
  for (int64_t d = 0; d < 5; ++d) {
    const auto at = static_cast<size_t>(d);
    for (int64_t i = 0; i < 4; ++i) CHECK(by(r.test_x[at][i], c.test_x[i]) == d);
    CHECK(ids(r.test_y[at]) == ids(c.test_y));
    CHECK(r.test_group[at] == c.test_group);
    if (d >= 3) continue;
    for (int64_t i = 0; i < 3; ++i) CHECK(by(r.validation_x[at][i], c.validation_x[i]) == d);
    CHECK(ids(r.validation_y[at]) == ids(c.validation_y));
  }
  CHECK(groups_by_clip(r, 3, 5) == c.test_group);
}

TEST_CASE("noise: white, of its level, after the device, each device's and part's own") {
  const FrontEnd front{{.rate = 8000, .n_fft = 256, .hop = 80, .mels = 32}, 800};
  const std::vector<Recorder> mute = {{"a", true, [](const Tensor& x) { return x * 0; }},
                                      {"b", false, [](const Tensor& x) { return x * 0; }}};
  Clips c;
  c.train_x = c.validation_x = c.test_x = normal(Random(3), {3, 800});
  c.train_y = c.validation_y = c.test_y = zeros({3}, DType::i64);
  const Recordings r = record(c, front, mute, {.source = 1, .noise = -20}, Random(4));
  const auto told = [&](int64_t device, const char* part) {  // 20 dB below full scale: 0.1
    return unsqueeze(
        log_mel(normal(Random(4) / "noise" / device / part, {3, 800}, 0, 0.1), front.mel), 1);
  };
  CHECK(amax(abs(r.train_x - told(0, "train"))).item() < 1e-5);
  CHECK(amax(abs(r.validation_x[0] - told(0, "validation"))).item() < 1e-5);
  CHECK(amax(abs(r.test_x[0] - told(0, "test"))).item() < 1e-5);
  CHECK(amax(abs(r.test_x[1] - told(1, "test"))).item() < 1e-5);
  const Recordings silent = record(c, front, mute, {.source = 1}, Random(4));
  CHECK(amax(silent.train_x).item() == doctest::Approx(std::log(1e-6)).epsilon(1e-4));
}

namespace {

constexpr FrontEnd short_front() {
  return {{.rate = 16000, .n_fft = 1024, .window = 640, .hop = 320, .mels = 64}, 3200};
}
// The band in which a clip of a made-up folder is loudest, of those of devices or of scenes.
double loudest(const Tensor& x, bool of_scene) {
  const Tensor by_band = mean(x, {0, 2});
  const int64_t cut = 44;  // about 3.3 kHz: devices' tones lie below, scenes' above
  return of_scene ? argmax(slice(by_band, 0, cut, 64), 0).item() + cut
                  : argmax(slice(by_band, 0, 0, cut), 0).item();
}

}  // namespace

TEST_CASE("tau: devices, scenes, locations and moments of each part, from a folder") {
  const TempFolder folder;
  test::write_tau(folder / "TAU-urban-acoustic-scenes-2020-mobile-development");
  const FrontEnd front = short_front();
  CHECK(complaint<IOError>([&] { tau_recordings(folder.name(), front); }, "--partial") == "");
  const Recordings r = tau_recordings(folder.name(), front, {.partial = true, .held = 0.34});
  const AudioSet set = load_sounds("tau", folder.name());
  CHECK(r.seen == 6);
  CHECK_FALSE(r.paired);
  CHECK(r.test_x.size() == 9);
  CHECK(r.validation_x.size() <= 6);
  CHECK(r.clips() == 40);  // of each scene two locations of three
  // Bands rise with the device and with the scene.
  std::map<int64_t, std::set<double>> device_band, scene_band;
  const auto look = [&](const Tensor& x, int64_t device, int64_t scene) {
    device_band[device].insert(loudest(x, false));
    scene_band[scene].insert(loudest(x, true));
  };
  const Ids who = ids(r.train_device), label = ids(r.train_y);
  for (int64_t i = 0; i < r.clips(); ++i)
    look(r.train_x[i], who[static_cast<size_t>(i)], label[static_cast<size_t>(i)]);
  for (size_t d = 0; d < 9; ++d) {
    CHECK(r.test_x[d].size(0) == 10);
    for (int64_t i = 0; i < 10; ++i)
      look(r.test_x[d][i], static_cast<int64_t>(d), ids(r.test_y[d])[static_cast<size_t>(i)]);
  }
  for (size_t d = 0; d < r.validation_x.size(); ++d)
    for (int64_t i = 0; i < r.validation_x[d].size(0); ++i)
      scene_band[ids(r.validation_y[d])[static_cast<size_t>(i)]].insert(
          loudest(r.validation_x[d][i], true));
  CHECK(device_band.size() == 9);
  CHECK(scene_band.size() == 10);
  for (const auto* bands : {&device_band, &scene_band}) {
    double before = -1;
    for (const auto& [which, at] : *bands) {
      CHECK(at.size() == 1);
      CHECK(*at.begin() > before);
      before = *at.begin();
    }
  }
  // Pairs are of one scene, by the source.
  const Ids pairs = ids(r.pair_of);
  CHECK(pairs.size() == 20);
  for (size_t k = 0; k < pairs.size(); ++k) {
    CHECK(who[static_cast<size_t>(pairs[k])] > 0);
    const Tensor x = r.pair_x[static_cast<int64_t>(k)];
    CHECK(loudest(x, false) == *device_band[0].begin());
    CHECK(loudest(x, true) == *scene_band[label[static_cast<size_t>(pairs[k])]].begin());
  }
  // A moment that nine devices heard is one group, whatever the device.
  std::set<int64_t> groups;
  for (size_t d = 0; d < 9; ++d) {
    CHECK(r.test_group[d] == r.test_group[0]);
    groups.insert(r.test_group[d].begin(), r.test_group[d].end());
  }
  CHECK(groups.size() == 10);
  const Ids unseen = groups_by_clip(r, 6, 9);
  CHECK(unseen.size() == 30);
  CHECK(unseen[0] == unseen[10]);
  // All of it in training where nothing is held.
  CHECK(tau_recordings(folder.name(), front, {.partial = true, .held = 0}).clips() == 60);
  CHECK(tau_recordings(folder.name(), front, {.partial = true, .held = 0}).validation_x.empty());

  const std::vector<Part> parts = parts_for("tau", set, 0, 0.34);
  std::map<std::string, std::set<Part>> of_place;
  for (size_t i = 0; i < parts.size(); ++i) {
    of_place[std::to_string(set.clips[i].label) + set.clips[i].place].insert(parts[i]);
    CHECK((parts[i] == Part::test) == (set.clips[i].part == Part::test));
    if (set.clips[i].device >= "s4") CHECK(parts[i] == Part::test);
  }
  for (const auto& place : of_place) CHECK_MESSAGE(place.second.size() == 1, place.first);
  // A clip of neither list stays so, wherever it was recorded.
  AudioSet more = set;
  for (size_t i = 0; i < parts.size(); ++i)
    if (parts[i] == Part::validation) more.clips.push_back(set.clips[i]);
  CHECK(more.size() > set.size());
  for (size_t i = parts.size(); i < more.clips.size(); ++i) more.clips[i].part = Part::unused;
  CHECK(parts_for("tau", more, 0, 0.34).back() == Part::unused);
}

TEST_CASE("tau2022: clips of a second; pairs are of one second, groups of one recording") {
  const TempFolder folder;
  const std::string of = folder / "TAU-urban-acoustic-scenes-2022-mobile-development";
  test::write_tau(of, {.locations = 2, .seconds = {"-0", "-1"}});
  const FrontEnd front = short_front();
  CHECK(complaint<IOError>([&] { tau_recordings(folder.name(), front, {.task = "tau2022"}); },
                           "TAU 2022 Mobile: 80 train clips, the whole has 139620; --partial") ==
        "");
  CHECK(complaint<IOError>([&] { tau_recordings(folder.name(), front); }, "2020-mobile") == "");
  const Recordings r =
      tau_recordings(folder.name(), front, {.task = "tau2022", .partial = true, .held = 0});
  CHECK(r.clips() == 80);
  CHECK(ids(r.pair_of).size() == 40);
  std::set<int64_t> groups;
  for (size_t d = 0; d < 9; ++d) {
    CHECK(r.test_x[d].size(0) == 20);
    CHECK(r.test_group[d] == r.test_group[0]);
    groups.insert(r.test_group[d].begin(), r.test_group[d].end());
  }
  CHECK(groups.size() == 10);
  CHECK(front_end("tau2022").samples == 16000);
  CHECK(front_end("tau").samples == 160000);
}

TEST_CASE("a table on ESC-10: a fold a seed, the settings' devices, share and noise") {
  const TempFolder folder;
  std::filesystem::create_directories(folder / "ESC-50-master/meta");
  std::filesystem::create_directories(folder / "ESC-50-master/audio");
  std::string list = "filename,fold,target,category,esc10,src_file,take\n";
  for (int fold = 1; fold <= 5; ++fold)
    for (const int target : {0, 1, 10, 11, 12, 20, 21, 38, 40, 41}) {
      const std::string name = std::to_string(fold) + "-" + std::to_string(target) + ".wav",
                        number = std::to_string(100 * fold + target);
      list += name + "," + std::to_string(fold) + "," + std::to_string(target) + ",c" +
              std::to_string(target) + ",True," + number + ",A\n";
      write_file(folder / ("ESC-50-master/audio/" + name),
                 to_wav({normal(Random(fold) / target, {1, 400}, 0, 0.1), 16000}));
    }
  write_file(folder / "ESC-50-master/meta/esc50.csv", list);
  Sounds esc("esc10");
  SoundSettings s;
  s.seconds = 0.1, s.source = 0.5;
  esc.load(folder.name(), s);
  std::set<int64_t> tested;
  std::map<uint64_t, std::vector<double>> test;
  for (uint64_t seed = 0; seed < 6; ++seed) {
    CHECK(esc.clips(s, seed) == 30);
    const auto r = esc.recorded(s, "simulated", Random(7), seed);
    CHECK(r->clips() == 30);
    CHECK(r->front.samples == 1600);
    CHECK(r->validation_x[0].size(0) == 10);
    const Ids by = ids(r->train_device);
    CHECK(std::count(by.begin(), by.end(), 0) == 15);
    CHECK(r->pair_x.size(0) == 15);
    test[seed] = r->test_x[0].to_vector();
    if (seed < 5) tested.insert(r->test_group[0].begin(), r->test_group[0].end());
  }
  CHECK(tested.size() == 50);
  CHECK(test[0] != test[1]);
  CHECK(test[0] == test[5]);
  s.noise = -20;
  Sounds noisy("esc10");
  noisy.load(folder.name(), s);
  CHECK(noisy.recorded(s, "simulated", Random(7), 0)->test_x[0].to_vector() != test[0]);
}

TEST_CASE("settings of the split: without effect on a set that has its own") {
  const auto why = [](const char* task, const char* key) { return Sounds(task).unused(key); };
  for (const char* task : {"scenes", "digits", "esc10"}) {
    CHECK(why(task, "partial") != "");
    CHECK(why(task, "held") != "");
  }
  for (const char* task : {"tau", "tau2022"}) {
    CHECK(why(task, "partial") == "");
    CHECK(why(task, "held") == "");
    for (const char* key : {"devices", "source", "noise"}) CHECK(why(task, key) != "");
  }
  CHECK(why("folder", "held") == "");
  CHECK(why("folder", "partial") != "");
}

TEST_CASE("sounds of a table: another seed of esc10 has other recordings, the same seed the same") {
  Sounds scenes("scenes");
  SoundSettings s;
  s.generated = {.train = 3, .test = 2, .validation = 1};
  CHECK(scenes.clips(s, 0) == 30);
  scenes.load("", s);
  CHECK(scenes.clips(s, 0) == 30);
  const auto a = scenes.recorded(s, "sd0", Random(1), 0),
             again = scenes.recorded(s, "sd0", Random(1), 0);
  CHECK(a == again);
  CHECK(a->clips() == 30);
  CHECK(a->validation_x[0].size(0) == 10);
  CHECK(a != scenes.recorded(s, "sd0", Random(2), 0));
  s.generated.train = 4;  // what is read again is recorded again
  scenes.load("", s);
  CHECK(scenes.recorded(s, "sd0", Random(1), 0)->clips() == 40);

  // Microphones lie in the folder that was given to load(): three, so two are seen.
  const TempFolder folder;
  std::filesystem::create_directories(folder / "micirp");
  for (const char* name : {"x", "y", "z"})
    write_file(folder / ("micirp/" + std::string(name) + ".wav"),
               to_wav({tensor({1, 0.5, 0.25, 0}, {1, 4}, DType::f32), 8000}));
  s.devices = {"microphones"};
  scenes.load(folder.name(), s);
  const auto by_microphone = scenes.recorded(s, "microphones", Random(1), 0);
  CHECK(by_microphone->devices.size() == 4);
  CHECK(by_microphone->seen == 3);
  CHECK_THROWS_AS(scenes.load("", s), IOError);
}
