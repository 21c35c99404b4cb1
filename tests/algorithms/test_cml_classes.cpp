// Where few-shot classes come from: glyphs, Omniglot whole and small, folders and lists of
// pictures.
#include <doctest/doctest.h>
#include <regrad/algorithms/cml/experiment/classes.h>
#include <regrad/algorithms/experiment/picture.h>
#include <regrad/engine/error.h>
#include <regrad/engine/io/files.h>

#include <cmath>
#include <filesystem>
#include <set>

#include "../datasets/shared_data.h"
#include "../temp_folder.h"

using namespace regrad;
using namespace regrad::cml;
using regrad::test::complaint;
using regrad::test::TempFolder;

namespace {

// A picture of one colour (or grey), as a PNG file.
void picture(const std::string& path, int size, int channels, int value) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  write_file(path, experiment::to_png({size, size, channels,
                                       std::string(static_cast<size_t>(size * size * channels),
                                                   static_cast<char>(value))}));
}

std::string number(int64_t i, int digits) {
  const std::string s = std::to_string(i);
  return std::string(static_cast<size_t>(digits) - s.size(), '0') + s;
}

// `alphabets` alphabets of one character, two drawings each.
void fake_omniglot(const std::string& folder, const std::string& prefix, int64_t alphabets) {
  for (int64_t a = 0; a < alphabets; ++a)
    for (int64_t d = 1; d <= 2; ++d)
      picture(folder + "/" + prefix + number(a, 2) + "/character01/" + number(a + 1, 4) + "_" +
                  number(d, 2) + ".png",
              105, 1, static_cast<int>(40 * a % 250));
}

std::set<std::string> names(const ClassSet& part) {
  std::set<std::string> out;
  for (int64_t c : part.sampler.classes()) out.insert(part.set.classes[static_cast<size_t>(c)]);
  return out;
}

}  // namespace

TEST_CASE("glyphs: three sets of classes that differ, the same each time") {
  const ClassSplits a = glyph_classes(14), b = glyph_classes(14);
  CHECK(a.train.set.images.shape() == Shape{4000, 1, 14, 14});
  CHECK(a.validation.set.images.shape() == Shape{1000, 1, 14, 14});
  CHECK(a.test.sampler.classes().size() == 100);
  CHECK(a.test.least_rows() == 20);
  CHECK(a.train.set.images[0].to_vector() != a.test.set.images[0].to_vector());
  CHECK(a.validation.set.images.to_vector() == b.validation.set.images.to_vector());
}

TEST_CASE(
    "the whole Omniglot: rotations in training alone, five background alphabets kept for "
    "validation") {
  const TempFolder at;
  fake_omniglot(at / "images_background", "A", 7);
  fake_omniglot(at / "images_evaluation", "B", 3);
  const ClassSplits s = omniglot_classes(at.name(), 10);
  CHECK(s.train.sampler.classes().size() == 8);  // two alphabets, four ways up
  CHECK(names(s.train).count("A00/character01") == 1);
  CHECK(names(s.train).count("A01/character01/270") == 1);
  CHECK(names(s.train).count("A02/character01") == 0);
  CHECK(names(s.validation) == std::set<std::string>{"A02/character01", "A03/character01",
                                                     "A04/character01", "A05/character01",
                                                     "A06/character01"});
  CHECK(names(s.test) ==
        std::set<std::string>{"B00/character01", "B01/character01", "B02/character01"});
  CHECK(s.test.set.images.shape() == Shape{6, 1, 10, 10});
  CHECK(complaint<IOError>([] { omniglot_classes("", 28); }, "--task omniglot: give --data DIR") ==
        "");
  CHECK(complaint<IOError>([&] { omniglot_classes(at / "nowhere", 28); }, "holds neither") == "");
}

TEST_CASE("the small Omniglot: 544 training, 17 validation and 89 test classes of 20 drawings" *
          doctest::test_suite("shared data")) {
  if (!test::has_shared_data("omniglot_images_background_small1.zip")) return;
  const ClassSplits s = omniglot_classes(test::shared_data(""), 28);
  CHECK(s.train.sampler.classes().size() == 544);
  CHECK(s.validation.sampler.classes().size() == 17);
  CHECK(s.test.sampler.classes().size() == 89);
  CHECK(s.test.least_rows() == 20);
}

TEST_CASE(
    "folders and lists of pictures, in colour, at the size asked for; a class in two parts is "
    "refused") {
  const TempFolder at;
  for (const auto& [part, name] : {std::pair<const char*, const char*>{"train", "cat"},
                                   {"train", "dog"},
                                   {"val", "emu"},
                                   {"test", "fox"}})
    for (int i = 0; i < 3; ++i)
      picture(at / (std::string(part) + "/" + name + "/" + std::to_string(i) + ".png"), 9, 3,
              50 * i);
  const ClassSplits s = folder_classes(at.name(), 6);
  CHECK(names(s.train) == std::set<std::string>{"cat", "dog"});
  CHECK(names(s.validation) == std::set<std::string>{"emu"});
  CHECK(names(s.test) == std::set<std::string>{"fox"});
  CHECK(s.train.set.images.shape() == Shape{6, 3, 6, 6});
  const TaskBatch batch = s.train.tasks({Random(1)}, {2, 1, 2});
  CHECK(batch.query_x.shape() == Shape{1, 4, 3, 6, 6});
  for (double v : batch.query_x.to_vector())
    CHECK((v == 0 || std::abs(v - 50 / 255.) < 1e-6 || std::abs(v - 100 / 255.) < 1e-6));
  CHECK(complaint<IOError>([] { folder_classes("", 6); }, "--task folder: give --data DIR") == "");
  picture(at / "test/dog/0.png", 9, 3, 1);
  CHECK(complaint<IOError>([&] { folder_classes(at.name(), 6); },
                           "class 'dog' is in two of train, validation and test") == "");

  const TempFolder lists;
  std::string csv[3];
  for (int i = 0; i < 6; ++i) {
    picture(lists / ("images/p" + std::to_string(i) + ".png"), 5, 3, i);
    csv[i / 2] += "p" + std::to_string(i) + ".png,n" + std::to_string(i / 2) + "\n";
  }
  int part = 0;
  for (const char* name : {"train.csv", "val.csv", "test.csv"})
    write_file(lists / name, "filename,label\n" + csv[part++]);
  const ClassSplits l = folder_classes(lists.name(), 5);
  CHECK(names(l.validation) == std::set<std::string>{"n1"});
  CHECK(l.test.set.images[1].to_vector()[0] == 5);  // u8
  CHECK(complaint<IOError>([&] { lazy_folder_classes(lists.name(), 5); }, "are read whole") == "");
  CHECK(complaint<IOError>([&] { folder_classes(lists / "images", 5); },
                           "expected train, val and test") == "");
}

namespace {

// The same tasks of both, bit for bit.
void same_tasks(const ClassSplits& a, const ClassSplits& b) {
  for (const auto& [x, y] :
       {std::pair{&a.train, &b.train}, {&a.validation, &b.validation}, {&a.test, &b.test}}) {
    const auto ways = static_cast<int64_t>(x->sampler.classes().size());
    const std::vector<Random> streams{Random(4) / 0, Random(4) / 1};
    const TaskBatch one = x->tasks(streams, {ways, 1, 2}), two = y->tasks(streams, {ways, 1, 2});
    CHECK(one.support_x.to_vector() == two.support_x.to_vector());
    CHECK(one.query_x.to_vector() == two.query_x.to_vector());
    CHECK(one.query_x.shape() == two.query_x.shape());
    CHECK(one.query_y.to_vector() == two.query_y.to_vector());
    CHECK(x->image_shape() == y->image_shape());
    CHECK(x->least_rows() == y->least_rows());
    CHECK(names(*x) == names(*y));
  }
}

}  // namespace

TEST_CASE("pictures that stay on disk: the tasks of those that are read whole; read when needed") {
  const TempFolder at;
  int value = 0;
  for (const auto& [part, name] : {std::pair<const char*, const char*>{"train", "cat"},
                                   {"train", "dog"},
                                   {"validation", "emu"},
                                   {"validation", "elk"},
                                   {"test", "fox"}})
    for (int i = 0; i < 3; ++i)
      picture(at / (std::string(part) + "/" + name + "/" + std::to_string(i) + ".png"), 9 + i, 3,
              10 * ++value);
  const ClassSplits whole = folder_classes(at.name(), 6), lazy = lazy_folder_classes(at.name(), 6);
  CHECK_FALSE(lazy.train.set.images.defined());
  same_tasks(whole, lazy);
  CHECK(lazy.test.image_shape() == Shape{3, 6, 6});
  // What is gone, or broken, shows when it is asked for, with its name.
  std::filesystem::remove(at / "test/fox/1.png");
  write_file(at / "train/cat/2.png", "no picture");
  CHECK(complaint<IOError>([&] { lazy.test.tasks({Random(1)}, {1, 1, 2}); }, "fox/1.png") == "");
  CHECK(complaint<IOError>([&] { lazy.train.tasks({Random(1)}, {2, 1, 2}); }, "cat/2.png") == "");
  CHECK(lazy.validation.tasks({Random(1)}, {2, 1, 2}).query_x.shape() == Shape{1, 4, 3, 6, 6});
  picture(at / "test/dog/0.png", 9, 3, 1);
  CHECK(complaint<IOError>([&] { lazy_folder_classes(at.name(), 6); }, "class 'dog' is in two") ==
        "");
  CHECK(complaint<IOError>([] { lazy_folder_classes("", 6); }, "give --data DIR") == "");
}

TEST_CASE("lists of classes beside folders of them, as CIFAR-FS has: whole and from disk") {
  for (const std::string lists : {"", "splits/bertinetto/"}) {
    const TempFolder at;
    int value = 0;
    for (const char* name : {"ant", "bee", "cow", "duck", "eel"})
      for (int i = 0; i < 4; ++i)
        picture(at / ("data/" + std::string(name) + "/" + std::to_string(i) + ".png"), 8, 3,
                10 * ++value);
    std::filesystem::create_directories(at / lists);
    write_file(at / (lists + "train.txt"), "bee\r\nduck\r\n");
    write_file(at / (lists + "val.txt"), "ant\n\n");
    write_file(at / (lists + "test.txt"), "eel\ncow");
    const ClassSplits whole = folder_classes(at.name(), 8),
                      lazy = lazy_folder_classes(at.name(), 8);
    CHECK(names(whole.train) == std::set<std::string>{"bee", "duck"});
    CHECK(names(whole.validation) == std::set<std::string>{"ant"});
    CHECK(names(whole.test) == std::set<std::string>{"cow", "eel"});
    CHECK(whole.train.least_rows() == 4);
    same_tasks(whole, lazy);
    write_file(at / (lists + "val.txt"), "ant\ngnu\n");
    CHECK(complaint<IOError>([&] { folder_classes(at.name(), 8); },
                             "val.txt: line 2: no class 'gnu'") == "");
    write_file(at / (lists + "val.txt"), "ant\nbee\n");
    CHECK(complaint<IOError>([&] { lazy_folder_classes(at.name(), 8); },
                             "class 'bee' is in two of train") == "");
    write_file(at / (lists + "val.txt"), "\n");
    CHECK(complaint<IOError>([&] { folder_classes(at.name(), 8); }, "names no classes") == "");
  }
}
