// Folders of sounds by class, and the split of a set that has none.
#include <doctest/doctest.h>
#include <regrad/datasets/audio/sound_folder.h>
#include <regrad/datasets/folder_kind.h>
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

TEST_CASE("a split by names: about the share of each class, the same whatever lies beside a file") {
  std::vector<std::string> names;
  std::vector<int64_t> labels;
  for (int64_t i = 0; i < 400; ++i)
    names.push_back("c/" + std::to_string(i)), labels.push_back(i % 4 == 3);
  const std::vector<bool> test = test_by_name(names, labels, "x");
  int64_t of[2] = {0, 0};
  for (size_t i = 0; i < test.size(); ++i) of[labels[i]] += test[i];
  CHECK(std::abs(of[0] - 60) < 15);  // the sd is 7
  CHECK(std::abs(of[1] - 20) < 9);   // 4
  CHECK(test_by_name(names, labels, "x") == test);
  CHECK(test_by_name(names, labels, "x", 0.2, 1) != test);
  // A file keeps its side when others come, and when the share grows what was for test stays so.
  for (const size_t fewer : {40, 100, 200}) {
    const std::vector<bool> some =
        test_by_name({names.begin(), names.begin() + static_cast<std::ptrdiff_t>(fewer)},
                     {labels.begin(), labels.begin() + static_cast<std::ptrdiff_t>(fewer)}, "x");
    CHECK(some ==
          std::vector<bool>(test.begin(), test.begin() + static_cast<std::ptrdiff_t>(fewer)));
  }
  const std::vector<bool> more = test_by_name(names, labels, "x", 0.5);
  for (size_t i = 0; i < test.size(); ++i) CHECK((more[i] || !test[i]));
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
  for (const auto& [share, part] : {std::pair{0.01, Part::test}, {0.99, Part::train}})
    CHECK(load_sound_folder(at / "a", {.test_share = share}).in(part).size() == 2);  // one a class
  CHECK(own.sound(0).frames() == 800);
  CHECK(own.clips[0].name == "high/deep/0.WAV");
  CHECK(own.clips[9].label == 1);
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

TEST_CASE("what lies in a folder: pictures or sounds, train and test, how deep") {
  const TempFolder at;
  put(at / "a/owl/x.PNG", "x"), put(at / "a/owl/notes.txt", "x"), put(at / "a/hoot.wav", "x");
  CHECK(folder_kind(at / "a").kind == FolderKind::pictures);
  CHECK(folder_kind(at / "a").flat);
  CHECK_FALSE(folder_kind(at / "a").parts);
  put(at / "b/ann/owl/x.Flac", "x");
  CHECK(folder_kind(at / "b").kind == FolderKind::sounds);
  CHECK_FALSE(folder_kind(at / "b").flat);
  put(at / "c/train/owl/x.jpg", "x"), put(at / "c/test/owl/x.jpeg", "x");
  CHECK(folder_kind(at / "c").parts);
  put(at / "a/owl/x.ogg", "x");
  CHECK(complaint<IOError>([&] { folder_kind(at / "a"); },
                           "pictures (owl/x.PNG) and sounds (owl/x.ogg)") == "");
  put(at / "d/owl/x.txt", "x");
  CHECK(complaint<IOError>([&] { folder_kind(at / "d"); }, "holds no pictures") == "");
  CHECK_THROWS_AS(folder_kind(at / "none"), IOError);
}
