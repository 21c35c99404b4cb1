// Readers of sets of clips: spoken digits, ESC, Speech Commands; made-up ones, broken ones, and the
// real files.
#include <doctest/doctest.h>

#include <regrad/datasets/audio/esc.h>
#include <regrad/datasets/audio/fsdd.h>
#include <regrad/datasets/audio/speech_commands.h>
#include <regrad/engine/ops.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "../temp_folder.h"
#include "golden_audio.h"
#include "pack.h"
#include "shared_data.h"

using namespace regrad;
using namespace regrad::test;

namespace {

std::string wav(double v = 0.25, int64_t frames = 4, int rate = 8000) {
  return to_wav({full({1, frames}, v), rate});
}
std::string tar(const PackedFiles& files) { return pack("tar", Pack::none, files); }
std::map<int64_t, int64_t> by_label(const AudioSet& set, Part p) {
  std::map<int64_t, int64_t> n;
  for (const int64_t i : set.in(p)) ++n[set.clips[static_cast<size_t>(i)].label];
  return n;
}
void put(const TempFolder& folder, const std::string& name, const std::string& bytes) {
  std::filesystem::create_directories(std::filesystem::path(folder / name).parent_path());
  write_file(folder / name, bytes);
}

const std::string esc_header = "filename,fold,target,category,src_file,take\n";
std::string esc_tar(const std::string& rows, const std::string& header = esc_header) {
  return tar({{"e/meta.csv", header + rows}, {"e/a.wav", wav(.1)}, {"e/b.wav", wav(.2)}});
}
const std::string good_rows = "a.wav,1,0,dog,77,A\nb.wav,5,3,baby,78,A\n";
std::string bad_esc(const std::string& rows, const std::string& words,
                    const std::string& header = esc_header) {
  return complaint<IOError>([&] { parse_esc10(esc_tar(rows, header), 5, "f"); }, words);
}

}  // namespace

TEST_CASE("spoken digits: an archive and a folder, order and parts") {
  const PackedFiles files{{"r/9_ann_12.wav", wav(.3)},
                          {"r/0_bob_4.wav", wav(.1)},
                          {"r/0_bob_10.wav", wav(.2)},
                          {"r/README.md", "x"}};
  const AudioSet set = parse_fsdd(pack("tar", Pack::xz, files));
  REQUIRE(set.size() == 3);
  CHECK(set.classes.size() == 10);
  CHECK(set.clips[0].name == "0_bob_4");
  CHECK(set.clips[1].name == "0_bob_10");
  CHECK(set.clips[2].label == 9);
  CHECK(set.clips[2].place == "ann");
  CHECK(set.clips[2].fold == 12);
  CHECK(set.in(Part::test) == std::vector<int64_t>{0});
  CHECK(set.in(Part::train) == std::vector<int64_t>{1, 2});
  CHECK(set.sound(0).rate == 8000);
  CHECK(set.sound(2).samples.to_vector()[0] == doctest::Approx(0.3).epsilon(1e-3));
  const TempFolder folder;
  for (const auto& [name, bytes] : files) put(folder, name, bytes);
  const AudioSet lazy = load_fsdd(folder.name());
  CHECK(lazy.clips[2].path == folder / "r/9_ann_12.wav");
  CHECK(lazy.sound(2).samples.to_vector() == set.sound(2).samples.to_vector());
  CHECK(complaint<ShapeError>([&] { set.sound(3); }, "there are 3") == "");
  // a name in capitals is no other file
  CHECK(parse_fsdd(tar({{"r/9_ann_12.WAV", wav(.3)}})).size() == 1);
}

TEST_CASE("spoken digits: broken ones are named") {
  const auto bad = [](const PackedFiles& files, const std::string& words) {
    return complaint<IOError>([&] { parse_fsdd(tar(files), "f"); }, words);
  };
  for (const char* name : {"x_bob_1", "10_bob_1", "0_bob", "0__1", "0_bob_", "0_bob_x", "0",
                           "_bob_1", "0_bob_1234567"})
    CHECK(bad({{std::string(name) + ".wav", wav()}}, std::string("f(") + name + ".wav): '") == "");
  CHECK(bad({{"a/0_bob_1.wav", wav()}, {"b/0_bob_1.wav", wav()}},
            "f(b/0_bob_1.wav): stands there twice, also as f(a/0_bob_1.wav)") == "");
  CHECK(bad({{"a/0_bob_01.wav", wav()}, {"a/0_bob_1.wav", wav()}}, "twice") == "");
  CHECK(bad({{"a.txt", "x"}}, "f: holds no <digit>") == "");
  CHECK(bad({{"0_bob_1.wav", wav()}, {"1_bob_1.wav", wav().substr(0, 47)}},
            "f(1_bob_1.wav): byte 40: the WAV's data claim") == "");
  CHECK(complaint<IOError>(
            [] {
              parse_fsdd(tar({{"0_bob_1.wav", wav()}}).substr(0, 530), "f");
            },
            "f") == "");
  CHECK(complaint<IOError>([] { parse_fsdd("no archive", "f"); }, "f: byte 0") == "");
  CHECK(complaint<IOError>([] { load_fsdd("no such folder"); }, "no such folder") == "");
}

TEST_CASE("spoken digits: the real archive" * doctest::test_suite("shared data")) {
  if (!has_shared_data("fsdd_takes00-24.tar.xz")) return;
  const AudioSet set = load_fsdd(shared_data("fsdd_takes00-24.tar.xz"));
  CHECK(set.in(Part::train).size() == 1200);
  CHECK(set.in(Part::test).size() == 300);
  double seconds = 0;
  int64_t shortest = 1 << 20, longest = 0;
  std::set<std::string> speakers;
  for (int64_t i = 0; i < set.size(); ++i) {
    const Sound s = set.sound(i);
    CHECK(s.rate == 8000);
    CHECK(s.channels() == 1);
    seconds += s.seconds(), shortest = std::min(shortest, s.frames()),
                            longest = std::max(longest, s.frames());
    speakers.insert(set.clips[static_cast<size_t>(i)].place);
  }
  CHECK(speakers.size() == 6);
  CHECK(shortest == 1148);
  CHECK(longest == 18262);
  CHECK(seconds == doctest::Approx(656).epsilon(0.001));
  for (const auto& [label, n] : by_label(set, Part::test)) CHECK(n == 30);
}

TEST_CASE("ESC-10: list, folds, parts") {
  const AudioSet set = parse_esc10(esc_tar(good_rows));
  REQUIRE(set.size() == 2);
  CHECK(set.clips[1].part == Part::test);
  CHECK(set.clips[1].fold == 5);
  CHECK(set.clips[1].place == "78");
  CHECK(set.classes[3] == "baby");
  CHECK(set.classes[4] == "4");
  CHECK(set.sound(1).samples.to_vector()[0] == doctest::Approx(0.2).epsilon(1e-3));
  CHECK(parse_esc10(esc_tar(good_rows), 1).clips[0].part == Part::test);
  CHECK(complaint<ConfigError>([&] { parse_esc10("", 6); }, "is 6") == "");
}

TEST_CASE("ESC-10: broken lists are refused by file and line") {
  CHECK(bad_esc("a.wav,0,0,dog,77,A\nb.wav,5,3,baby,78,A\n",
                "f(e/meta.csv): line 2: fold is '0', must be a whole number from 1 to 5") == "");
  CHECK(bad_esc("a.wav,1,0,dog,77,A\nb.wav,5,10,baby,78,A\n", "line 3: target is '10'") == "");
  CHECK(bad_esc("a.wav,1,0,dog,77,A\nb.wav,5,0,cat,78,A\n",
                "line 3: target 0 is 'cat' here and 'dog' before") == "");
  CHECK(bad_esc("a.wav,1,0,dog,77,A\nb.wav,5,3,baby,77,A\n",
                "line 3: source '77' lies in folds 1 and 5") == "");
  CHECK(bad_esc("a.wav,1,0,dog,77,A\na.wav,1,0,dog,77,A\n",
                "line 3: clip 'a.wav' stands there twice") == "");
  CHECK(bad_esc("a.wav,1,0,dog,77,A\nc.wav,5,3,baby,78,A\n", "line 3: 'c.wav' is not there") == "");
  CHECK(bad_esc("a.wav,1,0,dog,77,A\n", "f(e/b.wav): is not in f(e/meta.csv)") == "");
  CHECK(bad_esc("../a.wav,1,0,dog,77,A\n", "line 2: filename '../a.wav' is no file's name") == "");
  CHECK(bad_esc("a.wav,1,0,dog,77\n", "line 2: 5 fields where the header has 6") == "");
  CHECK(bad_esc("a.wav,1,0,,77,A\nb.wav,5,3,baby,78,A\n", "line 2: a category without a name") ==
        "");
  CHECK(bad_esc("", "a table of no rows") == "");
  CHECK(bad_esc(good_rows, "line 1: there is no column 'fold'",
                "filename,flod,target,category,src_file,take\n") == "");
  CHECK(bad_esc(good_rows, "line 1: column 'fold' stands there twice",
                "filename,fold,target,category,src_file,fold\n") == "");
  CHECK(complaint<IOError>(
            [] {
              parse_esc10(tar({{"a.wav", wav()}}), 5, "f");
            },
            "f: holds no meta.csv") == "");
  CHECK(complaint<IOError>(
            [] {
              parse_esc10(tar({{"a/meta.csv", "x"}, {"meta.csv", "x"}}), 5, "f");
            },
            "f(meta.csv): a second meta.csv") == "");
}

TEST_CASE("ESC-10: a list as a spreadsheet writes it") {
  const std::string
      mark = "\xef\xbb\xbf",
      rows = "\"a.wav\",1,0,\"dog\",77,A\r\nb.wav,5,3,\"baby, \"\"crying\"\"\",78,A\r\n,,,,,\r\n";
  const AudioSet set =
      parse_esc10(esc_tar(rows, mark + "\"filename\",fold,target,category,src_file,take\r\n"));
  REQUIRE(set.size() == 2);
  CHECK(set.classes[0] == "dog");
  CHECK(set.classes[3] == "baby, \"crying\"");
  CHECK(set.clips[0].name == "a.wav");
  const AudioSet other =
      parse_esc10(esc_tar("a.wav;1;0;dog;77;A\rb.wav;5;3;baby;78;A\r",
                          mark + "filename;fold;target;category;src_file;take\r"));
  CHECK(other.classes[3] == "baby");
  CHECK(bad_esc("\"a.wav,1,0,dog,77,A\n", "line 2: a field begins with a quote and has no end") ==
        "");
  // a line end in a field
  CHECK(bad_esc("a.wav,1,0,\"d\nog\",77,A\nb.wav,9,3,baby,78,A\n", "line 4: fold is '9'") == "");
  CHECK(bad_esc(good_rows,
                "line 1: there is no column 'filename'; the first line must name the columns, and "
                "is 'a.wav,1,0,dog,77,A'",
                "") == "");
  CHECK(parse_esc10(tar({{"e/meta.csv", esc_header + "A.WAV,1,0,dog,77,A\n"}, {"e/A.WAV", wav()}}))
            .size() == 1);
}

TEST_CASE("ESC-50: the published folder, and its ten") {
  const TempFolder folder;
  const std::string header = "filename,fold,target,category,esc10,src_file,take\n";
  put(folder, "audio/x.wav", wav(.1)), put(folder, "audio/y.wav", wav(.2)),
      put(folder, "audio/z.wav", wav(.3));
  const auto load = [&](const std::string& rows, const EscOptions& o = {}) {
    put(folder, "meta/esc50.csv", header + rows);
    return load_esc50(folder.name(), o);
  };
  const std::string rows =
      "x.wav,1,0,dog,True,7,A\r\ny.wav,2,49,hand_saw,False,8,A\r\nz.wav,5,38,clock_tick,True,9,"
      "B\r\n";
  // a spreadsheet's
  CHECK(load("x.wav,1,0,dog,TRUE,7,A\r\ny.wav,2,49,hand_saw,FALSE,8,A\r\n", {.only_esc10 = true})
            .size() == 1);
  const AudioSet all = load(rows), ten = load(rows, {.only_esc10 = true, .test_fold = 1});
  CHECK(all.classes.size() == 50);
  CHECK(all.classes[49] == "hand_saw");
  CHECK(all.clips[2].part == Part::test);
  CHECK(all.sound(1).samples.to_vector()[0] == doctest::Approx(0.2).epsilon(1e-3));
  REQUIRE(ten.size() == 2);
  CHECK(ten.clips[1].label == 4);  // clock tick's place in ESC-10
  CHECK(ten.classes[4] == "clock_tick");
  CHECK(ten.clips[0].part == Part::test);
  CHECK(complaint<IOError>(
            [&] { load("w.wav,1,0,dog,True,7,A\n"); },
            "audio/w.wav: is not there, and " + (folder / "meta/esc50.csv") + " names it") == "");
  CHECK(complaint<IOError>([&] { load("x.wav,1,0,dog,False,7,A\n"); },
                           "line 2: target 0 with esc10 'False'") == "");
  CHECK(complaint<IOError>([&] { load("y.wav,2,49,hand_saw,False,8,A\n", {.only_esc10 = true}); },
                           "no clip is marked esc10") == "");
}

TEST_CASE("ESC-10: the real archive" * doctest::test_suite("shared data")) {
  if (!has_shared_data("esc10_16k_ogg.tar")) return;
  const AudioSet set = load_esc10(shared_data("esc10_16k_ogg.tar"));
  REQUIRE(set.size() == 400);
  CHECK(set.in(Part::test).size() == 80);
  for (const auto& [label, n] : by_label(set, Part::test)) CHECK(n == 8);
  for (const auto& [label, n] : by_label(set, Part::train)) CHECK(n == 32);
  CHECK(set.classes[0] == "dog_bark");
  double seconds = 0;
  for (int64_t i = 0; i < set.size(); ++i) {
    const Sound s = set.sound(i);
    CHECK(s.rate == 16000);
    seconds += s.seconds();
  }
  CHECK(seconds == doctest::Approx(2003).epsilon(0.001));
}

TEST_CASE("Speech Commands: the published split by hash") {
  const auto cases = golden_audio("hash");
  REQUIRE(cases.size() == 60);
  std::set<Part> seen;
  for (const GoldenAudio& g : cases) {
    const Part p = speech_commands_part("any/" + g.settings.at("file"));
    CHECK(p == std::vector<Part>{Part::validation, Part::test,
                                 Part::train}[static_cast<size_t>(g.values[0])]);
    seen.insert(p);
  }
  CHECK(seen.size() == 3);
  // Takes of one speaker stay together.
  CHECK(speech_commands_part("ab12_nohash_0.wav") == speech_commands_part("ab12_nohash_4.wav"));
}

TEST_CASE("Speech Commands: words, unknown and silence by their rules, the same for one stream") {
  const TempFolder folder;
  for (const char* word : {"yes", "no", "bed"})
    for (int i = 0; i < 40; ++i)
      put(folder, std::string(word) + "/" + std::to_string(i * 7919) + "_nohash_0.wav",
          wav(.1, 20, 20));
  put(folder, "_background_noise_/hum.wav",
      to_wav({arange(0, 1, 0.01, DType::f32).reshape({1, 100}), 20}));
  put(folder, "testing_list.txt", "x");
  const SpeechCommandsOptions two{.words = {"no", "yes"}};
  const AudioSet set = load_speech_commands(folder.name(), Random(1), two);
  CHECK(set.classes == std::vector<std::string>{"no", "yes", "unknown", "silence"});
  for (const Part p : {Part::train, Part::validation, Part::test}) {
    auto n = by_label(set, p);
    CHECK(n[0] == n[1]);
    CHECK(n[2] == (2 * n[0] + 9) / 10);
    CHECK(n[3] == (2 * n[0] + 9) / 10);
    for (const int64_t i : set.in(p)) {
      const Clip& c = set.clips[static_cast<size_t>(i)];
      if (c.label < 3) CHECK(speech_commands_part(c.name) == p);
      if (c.label == 2) CHECK(c.name.substr(0, 4) == "bed/");
      if (c.label == 3) CHECK(set.sound(i).frames() == 20);
    }
  }
  const AudioSet again = load_speech_commands(folder.name(), Random(1), two),
                 other = load_speech_commands(folder.name(), Random(2), two);
  const auto names = [](const AudioSet& s) {
    std::string all;
    for (const Clip& c : s.clips) all += c.name + " ";
    return all;
  };
  CHECK(names(again) == names(set));
  CHECK(names(other) != names(set));
  CHECK(load_speech_commands(folder.name(), Random(1),
                             {.words = {"bed"}, .unknown_percent = 0, .silence_percent = 0})
            .size() == 40);
  const auto bad = [&](const SpeechCommandsOptions& o, const std::string& words) {
    return complaint<IOError>([&] { load_speech_commands(folder.name(), Random(1), o); }, words);
  };
  CHECK(bad({.words = {"cat"}}, "holds no clips of 'cat'") == "");
  put(folder, "_background_noise_/short.wav", wav(.1, 19, 20));
  CHECK(bad(two, "short.wav: background noise of less than a second") == "");
  std::filesystem::remove_all(folder / "_background_noise_");
  CHECK(bad(two, "holds no _background_noise_") == "");
  put(folder, "yes/named otherwise.wav", wav());
  CHECK(bad(two,
            "yes/named otherwise.wav: 'named otherwise.wav' is not <speaker>_nohash_<take>.wav") ==
        "");
  CHECK(complaint<IOError>([] { load_speech_commands("no such folder", Random(1)); },
                           "is no folder") == "");
  CHECK(complaint<ConfigError>([] { load_speech_commands("x", Random(1), {.words = {}}); },
                               "no words") == "");
}

TEST_CASE("Speech Commands: the published lists decide where the folder holds both") {
  const TempFolder folder;
  for (const char* word : {"yes", "no"})
    for (const char* who : {"ann", "ben", "cat", "dan"})
      put(folder, std::string(word) + "/" + who + "_nohash_0.wav", wav(.1, 20, 20));
  const SpeechCommandsOptions o{.words = {"yes", "no"}, .unknown_percent = 0, .silence_percent = 0};
  // Not as the names' hashes would have it: every clip of ann is test, ben's yes validation.
  put(folder, "testing_list.txt", "yes/ann_nohash_0.wav\r\nno/ann_nohash_0.wav\n\n");
  const auto train = [&] {
    return load_speech_commands(folder.name(), Random(1), o).in(Part::train).size();
  };
  const size_t by_hash = train();
  put(folder, "validation_list.txt", "yes/ben_nohash_0.wav\nbed/eve_nohash_0.wav\n");
  const AudioSet set = load_speech_commands(folder.name(), Random(1), o);
  std::map<std::string, Part> part;
  for (const Clip& c : set.clips) part[c.name] = c.part;
  CHECK(part.size() == 8);
  for (const auto& clip : part)
    CHECK_MESSAGE(clip.second == (clip.first.find("ann") != std::string::npos ? Part::test
                                  : clip.first == "yes/ben_nohash_0.wav"      ? Part::validation
                                                                              : Part::train),
                  clip.first);
  CHECK(by_hash != 5);
  put(folder, "validation_list.txt", "yes/ben_nohash_0.wav\nyes/ann_nohash_0.wav\n");
  CHECK(complaint<IOError>([&] { train(); },
                           "testing_list.txt: line 1: 'yes/ann_nohash_0.wav' is in both") == "");
  put(folder, "validation_list.txt", "ben_nohash_0.wav\n");
  CHECK(complaint<IOError>([&] { train(); }, "line 1: 'ben_nohash_0.wav' is not <word>/") == "");
}
