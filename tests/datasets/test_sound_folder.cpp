// Folders of sounds by class, and the split of a set that has none.
#include <doctest/doctest.h>
#include <regrad/datasets/audio/sound_folder.h>
#include <regrad/datasets/split.h>
#include <regrad/engine/functional.h>

#include <filesystem>

#include "../temp_folder.h"

using namespace regrad;
using regrad::test::complaint;
using regrad::test::TempFolder;

namespace {

void put(const std::string& path, const std::string& bytes) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  write_file(path, bytes);
}
void record(const std::string& path) {
  put(path, to_wav({normal(Random(1), {1, 800}, 0, 0.1), 8000}));
}

}  // namespace

TEST_CASE("a split by names: the share of each class, the same whatever lies beside a file") {
  std::vector<std::string> names;
  std::vector<int64_t> labels;
  for (int64_t i = 0; i < 40; ++i)
    names.push_back("c/" + std::to_string(i)), labels.push_back(i % 4 == 3);
  const std::vector<bool> test = test_by_name(names, labels, "x");
  int64_t of[2] = {0, 0};
  for (size_t i = 0; i < test.size(); ++i) of[labels[i]] += test[i];
  CHECK(of[0] == 6);
  CHECK(of[1] == 2);
  CHECK(test_by_name(names, labels, "x") == test);
  CHECK(test_by_name(names, labels, "x", 0.2, 1) != test);
  std::vector<std::string> turned(names.rbegin(), names.rend());
  std::vector<int64_t> turned_labels(labels.rbegin(), labels.rend());
  const std::vector<bool> back = test_by_name(turned, turned_labels, "x");
  CHECK(std::vector<bool>(back.rbegin(), back.rend()) == test);
  for (const double share : {0.01, 0.99}) {  // one of two, whatever the share
    const std::vector<bool> two = test_by_name({"a", "b"}, {0, 0}, "x", share);
    CHECK(two[0] != two[1]);
  }
  CHECK(complaint<IOError>(
            [] {
              test_by_name({"a", "b", "c"}, {0, 0, 1}, "x");
            },
            "x: c is the only example of its class") == "");
  CHECK_THROWS_AS(test_by_name({"a"}, {0, 0}, "x"), ConfigError);
  CHECK_THROWS_AS(test_by_name({"a", "b"}, {0, 0}, "x", 1), ConfigError);
}

TEST_CASE("sounds by class: what is read, what is refused") {
  const TempFolder at;
  for (int i = 0; i < 5; ++i) {
    record(at / ("a/low/" + std::to_string(i) + ".wav"));
    record(at / ("a/high/deep/" + std::to_string(i) + ".WAV"));
  }
  put(at / "a/low/notes.txt", "x");
  const AudioSet own = load_sound_folder(at / "a");
  CHECK(own.classes == std::vector<std::string>{"high", "low"});
  CHECK(own.size() == 10);
  CHECK(own.in(Part::test).size() == 2);
  CHECK(own.sound(0).frames() == 800);
  CHECK(own.clips[0].name == "high/deep/0.WAV");
  CHECK(own.clips[9].label == 1);
  CHECK(load_sound_folder(at / "a", {.test_share = 0.4}).in(Part::test).size() == 4);
  record(at / "b/train/low/x.wav"), record(at / "b/test/low/y.wav");
  const AudioSet split = load_sound_folder(at / "b");
  CHECK(split.in(Part::train) == std::vector<int64_t>{0});
  CHECK(split.in(Part::test) == std::vector<int64_t>{1});
  record(at / "b/test/high/y.wav");
  CHECK(complaint<IOError>([&] { load_sound_folder(at / "b"); }, "different classes") == "");
  std::filesystem::create_directories(at / "a/silent");
  CHECK(complaint<IOError>([&] { load_sound_folder(at / "a"); }, "silent: a class without") == "");
  put(at / "c/low/x.mp3", "x");
  CHECK(complaint<IOError>([&] { load_sound_folder(at / "c"); }, "x.mp3: sounds are read as") ==
        "");
  CHECK_THROWS_AS(load_sound_folder(at / "none"), IOError);
}
