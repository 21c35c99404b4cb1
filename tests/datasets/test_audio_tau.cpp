// TAU 2020 Mobile on a made-up layout (check 25), broken lists; generated scenes; the cache.
#include <doctest/doctest.h>

#include <regrad/datasets/audio/cache.h>
#include <regrad/datasets/audio/scenes.h>
#include <regrad/datasets/audio/tau.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/parallel.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>

#include "../temp_folder.h"

using namespace regrad;
using namespace regrad::test;

namespace {

struct Lists {
  std::string meta = "filename\tscene_label\tidentifier\tsource_label\n",
              train = "filename\tscene_label\n", test = "filename\n",
              evaluate = "filename\tscene_label\n";
  AudioSet parse() const { return parse_tau({meta, train, test, evaluate}, "f"); }
  std::string bad(const std::string& words) const {
    return complaint<IOError>([&] { parse(); }, words);
  }
};
std::string file_of(const std::string& scene, const std::string& place, int segment,
                    const std::string& device) {
  return "audio/" + scene + "-" + place + "-" + std::to_string(segment) + "-" + device + ".wav";
}
void add(Lists& l, const std::string& scene, const std::string& place, int segment,
         const std::string& device, Part part) {
  const std::string file = file_of(scene, place, segment, device);
  l.meta += file + "\t" + scene + "\t" + place + "\t" + device + "\n";
  if (part == Part::train) l.train += file + "\t" + scene + "\n";
  if (part == Part::test) l.test += file + "\n", l.evaluate += file + "\t" + scene + "\n";
}
// Every scene: a place to train in with the seen devices, one to test in with all, and clips of
// neither list.
Lists small() {
  Lists l;
  for (const std::string& scene : tau_scenes()) {
    for (const std::string& d : tau_devices()) {
      if (d < "s4") add(l, scene, "lisbon-100", 1, d, Part::train);
      add(l, scene, "lyon-200", 2, d, Part::test);
    }
    add(l, scene, "lyon-200", 3, "a", Part::unused);
  }
  return l;
}
// Counts as the whole set has them: 13,962 and 2,968.
Lists whole() {
  Lists l;
  const auto fill = [&](int n, const std::string& device, Part part) {
    for (int i = 0; i < n; ++i)
      add(l, tau_scenes()[static_cast<size_t>(i % 10)], part == Part::train ? "oslo-1" : "rome-2",
          i, device, part);
  };
  fill(10215, "a", Part::train);
  for (const auto& [device, n] :
       {std::pair{"b", 750}, {"c", 749}, {"s1", 750}, {"s2", 749}, {"s3", 749}})
    fill(n, device, Part::train);
  for (const std::string& device : tau_devices())
    fill(device == "s1" || device == "c" ? 329 : 330, device, Part::test);
  return l;
}
std::string replaced(std::string text, const std::string& what, const std::string& by) {
  return text.replace(text.find(what), what.size(), by);
}

}  // namespace

TEST_CASE(
    "TAU: devices of each part, labels of the test list from meta.csv, no location in both (check "
    "25)") {
  const AudioSet set = small().parse();
  CHECK(set.size() == 10 * (6 + 9 + 1));
  CHECK(set.classes.size() == 10);
  CHECK(set.in(Part::unused).size() == 10);
  std::string train, test;
  for (const auto& [device, n] : tau_counts(set, Part::train)) {
    train += device + " ";
    CHECK(n == 10);
  }
  for (const auto& [device, n] : tau_counts(set, Part::test)) {
    test += device + " ";
    CHECK(n == 10);
  }
  CHECK(train == "a b c s1 s2 s3 ");
  CHECK(test == "a b c s1 s2 s3 s4 s5 s6 ");
  std::set<std::string> places[2];
  for (const Clip& c : set.clips) {
    CHECK(c.name.find("/" + set.classes[static_cast<size_t>(c.label)] + "-") != std::string::npos);
    if (c.part != Part::unused) places[c.part == Part::test].insert(c.place);
  }
  CHECK(places[0] == std::set<std::string>{"lisbon-100"});
  CHECK(places[1] == std::set<std::string>{"lyon-200"});
  Lists without = small();
  without.evaluate.clear();
  CHECK(without.parse().size() == set.size());
}

TEST_CASE("TAU: the whole set's counts (check 25)") {
  const AudioSet set = whole().parse();
  CHECK(set.in(Part::train).size() == 13962);
  CHECK(set.in(Part::test).size() == 2968);
  check_whole_tau(set);
  CHECK(complaint<IOError>([] { check_whole_tau(small().parse()); },
                           "60 train clips, the whole has 13962") == "");
  CHECK(complaint<IOError>([&] { check_whole_tau(set, TauYear::y2022); },
                           "TAU 2022 Mobile: 13962 train clips, the whole has 139620") == "");
  AudioSet seconds = set;  // ten clips of a second where there was one of ten
  for (int k = 1; k < 10; ++k)
    seconds.clips.insert(seconds.clips.end(), set.clips.begin(), set.clips.end());
  check_whole_tau(seconds, TauYear::y2022);
  CHECK(complaint<IOError>([&] { check_whole_tau(seconds); }, "139620 train clips") == "");
  AudioSet moved = set;
  for (Clip& c : moved.clips)
    if (c.part == Part::train && c.device == "b") c.device = "s4";
  CHECK(complaint<IOError>([&] { check_whole_tau(moved); }, "device b is not in the train part") ==
        "");
}

TEST_CASE("TAU: from a folder") {
  const TempFolder folder;
  std::filesystem::create_directories(folder / "evaluation_setup");
  std::filesystem::create_directories(folder / "audio");
  const Lists l = small();
  write_file(folder / "meta.csv", l.meta),
      write_file(folder / "evaluation_setup/fold1_train.csv", l.train);
  write_file(folder / "evaluation_setup/fold1_test.csv", l.test);
  CHECK(load_tau(folder.name(), {.audio_there = false}).size() == 160);
  CHECK(complaint<IOError>([&] { load_tau(folder.name()); },
                           "audio/airport-lisbon-100-1-a.wav: is not there, and " +
                               (folder / "evaluation_setup")) == "");
  const std::string wav = to_wav({full({1, 8}, 0.5), 44100}, 24);
  const AudioSet lists = load_tau(folder.name(), {.audio_there = false});
  for (const Clip& c : lists.clips) write_file(c.path, wav);
  const AudioSet set = load_tau(folder.name());
  CHECK(set.sound(5).samples.to_vector() == std::vector<double>(8, 0.5));
  std::filesystem::remove(folder / "meta.csv");
  CHECK(complaint<IOError>([&] { load_tau(folder.name()); }, "meta.csv") == "");
}

TEST_CASE("TAU: lists as a spreadsheet writes them") {
  const auto written = [](std::string text, char between) {
    std::string out = "\xef\xbb\xbf";
    for (const char c : text)
      out += c == '\n'   ? std::string("\"\r\n\"")
             : c == '\t' ? std::string("\"") + between + "\""
                         : std::string(1, c);
    return out.insert(3, "\"").substr(0, out.size() - 1);
  };
  const Lists plain = small();
  for (const char between : {'\t', ',', ';'}) {
    const Lists l{written(plain.meta, between), written(plain.train, between),
                  written(plain.test, between), written(plain.evaluate, between)};
    const AudioSet set = l.parse(), wanted = plain.parse();
    REQUIRE(set.size() == wanted.size());
    for (size_t i = 0; i < set.clips.size(); ++i) {
      CHECK(set.clips[i].name == wanted.clips[i].name);
      CHECK(set.clips[i].part == wanted.clips[i].part);
    }
  }
}

TEST_CASE("TAU: broken lists are refused by file and line") {
  const std::string first = file_of("airport", "lisbon-100", 1, "a");
  const auto meta = [](const std::string& what, const std::string& by) {
    Lists l = small();
    l.meta = replaced(l.meta, what, by);
    return l;
  };
  CHECK(meta("\tairport\t", "\tharbour\t")
            .bad("f/meta.csv: line 2: scene 'harbour' is none of the ten") == "");
  CHECK(meta("\ta\n", "\td\n").bad("f/meta.csv: line 2: device 'd' is none of the nine") == "");
  CHECK(meta("\ta\n", "\tb\n").bad("line 2: '" + first + "' is not audio/") == "");
  CHECK(meta("lisbon-100-1-a.wav", "lisbon-100-1/../a-a.wav").bad("line 2: '") == "");
  CHECK(meta("source_label", "device").bad("line 1: there is no column 'source_label'") == "");
  CHECK(meta("\tlisbon-100\ta\n", "\ta\n").bad("line 2: 3 fields where the header has 4") == "");
  CHECK(meta(first + "\tairport\tlisbon-100\ta\n", "")
            .bad("f/evaluation_setup/fold1_train.csv: line 2: '" + first +
                 "' is not in meta.csv") == "");
  Lists l = small();
  l.meta += first + "\tairport\tlisbon-100\ta\n";
  CHECK(l.bad("f/meta.csv: line 162: '" + first + "' stands there twice") == "");
  l = small(), l.train = replaced(l.train, "\tairport", "\tbus");
  CHECK(l.bad("fold1_train.csv: line 2: '" + first + "' is 'bus' here and airport in meta.csv") ==
        "");
  l = small(), l.test += first + "\n";
  CHECK(l.bad("fold1_test.csv: line 92: '" + first + "' stands already in the train list") == "");
  l = small(), l.evaluate += first + "\tairport\n";
  CHECK(l.bad("fold1_evaluate.csv: line 92: '" + first + "' is not in fold1_test.csv") == "");
  l = small(), l.evaluate = replaced(l.evaluate, "\tairport", "\tbus");
  CHECK(l.bad("has another label than in meta.csv") == "");
  l = small(), add(l, "bus", "lisbon-100", 9, "a", Part::test);
  CHECK(l.bad("f/meta.csv: location bus-lisbon-100 lies in both parts") == "");
  l = small(), l.test = "filename\n";
  CHECK(l.bad("fold1_test.csv: line 1: a table of no rows") == "");
}

TEST_CASE("scenes: addressed by class and number, any number of threads") {
  const Scenes scenes{.seconds = 0.5};
  const int before = num_threads();
  set_num_threads(1);
  const AudioSet set = scenes.sample(Random(1), 2, 1);
  set_num_threads(4);
  const AudioSet again = scenes.sample(Random(1), 2, 1);
  set_num_threads(before);
  REQUIRE(set.size() == 30);
  CHECK(set.classes.size() == 10);
  CHECK(set.in(Part::test).size() == 10);
  for (int64_t i = 0; i < 30; ++i) {
    const Tensor x = set.sound(i).samples;
    CHECK(x.shape() == Shape{1, 4000});
    CHECK(x.to_vector<float>() == again.sound(i).samples.to_vector<float>());
    CHECK(std::sqrt(mean(x * x).item()) == doctest::Approx(0.1).epsilon(1e-5));
  }
  CHECK(max(abs(set.sound(0).samples - set.sound(1).samples)).item() > 0.01);
  CHECK(complaint<ConfigError>([] { Scenes{.rate = 3999}.sample(Random(1), 1, 1); }, "rate") == "");
  CHECK(complaint<ConfigError>([] { Scenes().sample(Random(1), 0, 0); }, "not both 0") == "");
  CHECK(complaint<ConfigError>([&] { scenes.draw(Random(1), 10); }, "class 10") == "");
}

TEST_CASE("scenes: neither spectrum nor rhythm alone separates the classes, both do") {
  // Nearest class mean of features of 12 train and 12 test clips a class.
  const AudioSet set = Scenes().sample(Random(7), 12, 12);
  const LogMel front{.rate = 8000, .n_fft = 256, .hop = 80, .mels = 32};
  const auto spectrum_of = [&](const Tensor& s) { return mean(s, {1}).to_vector(); };
  // The magnitudes of the loudness's slow changes: 0.5 Hz steps, 1 to 8 Hz.
  const auto rhythm_of = [&](const Tensor& s) {
    const std::vector<double> e = mean(exp(s * 0.5), {0}).to_vector();
    double level = 0;
    for (const double v : e) level += v / static_cast<double>(e.size());
    std::vector<double> out;
    for (int k = 2; k <= 16; ++k) {
      double re = 0, im = 0;
      for (size_t i = 0; i < e.size(); ++i) {
        const double turn = 2 * 3.14159265358979 * 0.5 * k * static_cast<double>(i) / 100;
        re += (e[i] / level - 1) * std::cos(turn), im += (e[i] / level - 1) * std::sin(turn);
      }
      out.push_back(std::hypot(re, im) / 4);
    }
    return out;
  };
  std::vector<std::vector<double>> spectra, rhythms, both;
  for (int64_t i = 0; i < set.size(); ++i) {
    const Tensor s = log_mel(set.sound(i).samples[0], front);
    spectra.push_back(spectrum_of(s)), rhythms.push_back(rhythm_of(s)), both.emplace_back();
  }
  // Each kind of feature with the same spread around its mean.
  for (const auto* features : {&spectra, &rhythms}) {
    const size_t n = features->size(), width = features->front().size();
    std::vector<double> middle(width, 0);
    double spread = 0;
    for (const auto& f : *features)
      for (size_t k = 0; k < width; ++k) middle[k] += f[k] / static_cast<double>(n);
    for (const auto& f : *features)
      for (size_t k = 0; k < width; ++k)
        spread += (f[k] - middle[k]) * (f[k] - middle[k]) / static_cast<double>(n);
    for (size_t i = 0; i < n; ++i)
      for (size_t k = 0; k < width; ++k)
        both[i].push_back(((*features)[i][k] - middle[k]) / std::sqrt(spread));
  }
  const auto accuracy = [&](const std::vector<std::vector<double>>& features) {
    std::vector<std::vector<double>> means(10, std::vector<double>(features[0].size(), 0));
    for (const int64_t i : set.in(Part::train))
      for (size_t k = 0; k < features[0].size(); ++k)
        means[static_cast<size_t>(set.clips[static_cast<size_t>(i)].label)][k] +=
            features[static_cast<size_t>(i)][k] / 12;
    int right = 0;
    for (const int64_t i : set.in(Part::test)) {
      std::vector<double> far;
      for (const auto& m : means) {
        double d = 0;
        for (size_t k = 0; k < m.size(); ++k)
          d += (m[k] - features[static_cast<size_t>(i)][k]) *
               (m[k] - features[static_cast<size_t>(i)][k]);
        far.push_back(d);
      }
      right += std::min_element(far.begin(), far.end()) - far.begin() ==
               set.clips[static_cast<size_t>(i)].label;
    }
    return right / 120.0;
  };
  const double spectrum = accuracy(spectra), rhythm = accuracy(rhythms), together = accuracy(both);
  MESSAGE("nearest mean by spectrum " << spectrum << ", rhythm " << rhythm << ", both "
                                      << together);
  CHECK(spectrum < 0.7);
  CHECK(spectrum > 0.3);
  CHECK(rhythm < 0.35);
  CHECK(together > spectrum + 0.15);
}

TEST_CASE("cache: the same bits, by content and settings, damaged files made anew") {
  const TempFolder folder;
  const LogMel front{.rate = 8000, .n_fft = 256, .hop = 80, .mels = 32};
  const LogMelCache cache(folder / "c/d", front), none("", front);
  const Tensor x = normal(Random(1), {4000}, 0, 0.1);
  const std::vector<float> wanted = log_mel(x, front).to_vector<float>();
  const std::string path = cache.path_of(x);
  CHECK(none(x).to_vector<float>() == wanted);
  CHECK(none.path_of(x).empty());
  CHECK(!std::filesystem::exists(path));
  CHECK(cache(x).to_vector<float>() == wanted);
  const std::string bytes = read_file(path);
  CHECK(cache(x).to_vector<float>() == wanted);
  // It is the file that is read: another file's spectrogram in its place is believed.
  CHECK(cache(x * 2).to_vector<float>() != wanted);
  write_file(path, read_file(cache.path_of(x * 2)));
  CHECK(cache(x).to_vector<float>() == log_mel(x * 2, front).to_vector<float>());
  for (const std::string& damaged :
       {std::string(), bytes.substr(0, 100), bytes.substr(0, bytes.size() - 1), bytes + "x",
        std::string(bytes).replace(bytes.size() - 9, 1, 1,
                                   static_cast<char>(bytes[bytes.size() - 9] ^ 1))}) {
    write_file(path, damaged);
    CHECK(cache(x).to_vector<float>() == wanted);
    CHECK(read_file(path) == bytes);
  }
  LogMel other = front;
  other.offset = 1e-5;
  CHECK(LogMelCache(folder / "c/d", other).path_of(x) != path);
  CHECK(cache.path_of(x.reshape({1, 4000})) != path);
  CHECK(cache.path_of(x + 1e-7) != path);
  CHECK(cache(x.reshape({2, 2000})).shape() == Shape{2, 32, 26});
  for (const auto& entry : std::filesystem::directory_iterator(folder / "c/d"))
    CHECK(entry.path().extension() == ".safetensors");
  write_file(folder / "file", "x");
  CHECK(complaint<DiskError>([&] { LogMelCache(folder / "file", front); },
                             "cannot make the folder") == "");
}
