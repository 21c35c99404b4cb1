// A person's own data: pictures by class, tables on pictures and on sounds, what decides a run on
// sounds.
#include <doctest/doctest.h>
#include <regrad/algorithms/asc/experiment/table.h>
#include <regrad/algorithms/experiment/data/images.h>
#include <regrad/algorithms/experiment/experiment.h>
#include <regrad/algorithms/experiment/picture.h>
#include <regrad/algorithms/pruning/experiment/table.h>
#include <regrad/algorithms/pruning/experiment/trial.h>
#include <regrad/algorithms/rfn/experiment/table.h>
#include <regrad/datasets/audio/sound.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/io/files.h>

#include <filesystem>
#include <set>

#include "../temp_folder.h"

using namespace regrad;
using namespace regrad::experiment;
using regrad::test::complaint;
using regrad::test::TempFolder;

namespace {

void put(const std::string& path, const std::string& bytes) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  write_file(path, bytes);
}
// A picture of one colour.
void paint(const std::string& path, int red, int green) {
  Picture p{6, 6, 3};
  for (int i = 0; i < 36; ++i)
    p.pixels += static_cast<char>(red), p.pixels += static_cast<char>(green), p.pixels += '\0';
  put(path, to_png(p));
}
void record(const std::string& path, double tone, int64_t seed) {
  const Tensor t = arange(0, 8000).to(DType::f32) * (tone / 8000);
  put(path, to_wav({reshape(sin(t * 6.2831853) * 0.3, {1, 8000}) +
                        normal(Random(seed), {1, 8000}, 0, 0.05),
                    8000}));
}

int run(TaskList tasks, std::vector<const char*> words) {
  words.insert(words.begin(), "regrad-x");
  words.push_back("--quiet");
  return experiment::main(tasks, static_cast<int>(words.size()), words.data());
}

}  // namespace

TEST_CASE("--task cifar100: the published files or parts of them, fine labels of 100 classes") {
  const TempFolder at;
  const auto record = [](int coarse, int fine, char colour) {
    return std::string{static_cast<char>(coarse), static_cast<char>(fine)} +
           std::string(3072, colour);
  };
  put(at / "whole/train.bin", record(19, 99, 'a') + record(0, 7, 'b') + record(3, 0, 'c'));
  put(at / "whole/test.bin", record(5, 42, 'd'));
  const Images whole = load_images("cifar100", at / "whole");
  CHECK(whole.train.images.shape() == Shape{3, 3, 32, 32});
  CHECK(whole.train.labels.to_vector<int64_t>() == std::vector<int64_t>{99, 7, 0});
  CHECK(whole.train.images[1][2][31][31].item() == 'b');
  CHECK(whole.test.labels.to_vector<int64_t>() == std::vector<int64_t>{42});
  CHECK(whole.test.images[0][0][0][0].item() == 'd');
  CHECK(whole.train.classes.size() == 100);
  CHECK(whole.train.classes[42] == "leopard");
  CHECK(whole.mean == std::vector<double>{0.4914, 0.4822, 0.4465});  // DCIL's code, for both sets
  CHECK(whole.deviation == std::vector<double>{0.2023, 0.1994, 0.2010});
  put(at / "parts/cifar100_train_a.bin", record(1, 1, 'e'));
  put(at / "parts/cifar100_train_b.bin", record(1, 2, 'f'));
  put(at / "parts/cifar100_test.bin", record(1, 3, 'g'));
  const Images parts = load_images("cifar100", at / "parts");
  CHECK(parts.train.labels.to_vector<int64_t>() == std::vector<int64_t>{1, 2});
  CHECK(parts.test.labels.to_vector<int64_t>() == std::vector<int64_t>{3});
  CHECK(complaint<IOError>([] { load_images("cifar100", ""); }, "cifar-100-binary.tar.gz") == "");
  put(at / "cut/train.bin", record(1, 1, 'e').substr(1));
  CHECK_THROWS_AS(load_images("cifar100", at / "cut"), IOError);

  std::string train, test;
  for (int i = 0; i < 12; ++i) train += record(i % 20, i % 3, static_cast<char>(60 * (i % 3)));
  for (int i = 0; i < 6; ++i) test += record(i % 20, i % 3, static_cast<char>(60 * (i % 3) + 1));
  put(at / "table/train.bin", train), put(at / "table/test.bin", test);
  const std::string data = at / "table";
  CHECK(run(pruning::tasks({"map", "", {}}),
            {"--task",    "cifar100", "--preset", "paper", "--data",       data.c_str(),
             "--methods", "dcil",     "--net",    "tiny",  "--sparsities", "0.9",
             "--epochs",  "6",        "--batch",  "5",     "--refresh",    "2",
             "--target",  "0.5",      "--seeds",  "1"}) == 0);
}

TEST_CASE(
    "--task folder of pictures: train/ and test/, or a fifth of each class; mean, deviation") {
  const TempFolder at;
  for (int i = 0; i < 3; ++i) {
    paint(at / ("a/train/dark/" + std::to_string(i) + ".png"), 0, 51);
    paint(at / ("a/train/light/" + std::to_string(i) + ".png"), 255, 51);
    paint(at / ("a/test/dark/" + std::to_string(i) + ".png"), 10, 0);
  }
  paint(at / "a/test/light/x.png", 200, 0);
  const Images split = load_images("folder", at / "a", {.side = 8});
  CHECK(split.train.images.shape() == Shape{6, 3, 8, 8});
  CHECK(split.test.images.shape() == Shape{4, 3, 8, 8});
  CHECK(split.train.classes == std::vector<std::string>{"dark", "light"});
  // in turn, so that the first so many hold every class
  CHECK(split.train.labels.to_vector<int64_t>() == std::vector<int64_t>{0, 1, 0, 1, 0, 1});
  CHECK(split.mean[0] == doctest::Approx(0.5));
  CHECK(split.deviation[0] == doctest::Approx(0.5));
  CHECK(split.mean[1] == doctest::Approx(0.2));
  CHECK(split.deviation[1] == 1.0 / 255);  // a channel that does not vary
  paint(at / "a/test/other/x.png", 0, 0);
  CHECK(complaint<IOError>([&] { load_images("folder", at / "a"); }, "different classes") == "");

  for (int i = 0; i < 10; ++i)
    for (const char* name : {"dark", "light", "red"})
      paint(at / (std::string("b/") + name + "/" + std::to_string(i) + ".png"), 20 * i, 9);
  const Images own = load_images("folder", at / "b", {.side = 4});
  CHECK(own.train.size() + own.test.size() == 30);
  CHECK(own.train.classes == std::vector<std::string>{"dark", "light", "red"});
  CHECK(own.test.classes == own.train.classes);
  const std::vector<int64_t> first = own.test.labels.to_vector<int64_t>();
  CHECK(std::vector<int64_t>(first.begin(), first.begin() + 3) == std::vector<int64_t>{0, 1, 2});
  for (const double share : {0.01, 0.99}) {  // each class has one on each side
    const Images edge = load_images("folder", at / "b", {.side = 4, .test_share = share});
    CHECK((share < 0.5 ? edge.test : edge.train).labels.to_vector<int64_t>() ==
          std::vector<int64_t>{0, 1, 2});
  }
  std::set<int64_t> seen;
  for (const Images* of : {&own})
    for (const ImageSet* set : {&of->train, &of->test})
      for (int64_t i = 0; i < set->size(); ++i)
        if (set->labels.to_vector<int64_t>()[static_cast<size_t>(i)] == 0)
          seen.insert(static_cast<int64_t>(set->images[i][0][0][0].item()));
  CHECK(seen.size() == 10);  // each picture in one part
  paint(at / "c/train/1.png", 0, 0), paint(at / "c/train/2.png", 0, 0);
  CHECK(complaint<IOError>([&] { load_images("folder", at / "c"); }, "holds one class, train") ==
        "");
  CHECK_THROWS_AS(load_images("folder", ""), IOError);
  CHECK_THROWS_AS(load_images("folder", at / "none"), IOError);
  CHECK_THROWS_AS(load_images("mnist", ""), ConfigError);
}

TEST_CASE(
    "--task imagenet: train/ and val/ stay on disk; random crops to train, the middle to test") {
  const TempFolder at;
  for (int i = 0; i < 6; ++i)
    for (const char* name : {"dark", "light"}) {
      const int red = (name[0] == 'd' ? 10 : 200) + i;
      paint(at / (std::string("a/train/") + name + "/" + std::to_string(i) + ".png"), red, 51);
      if (i < 2)
        paint(at / (std::string("a/val/") + name + "/" + std::to_string(i) + ".png"), red, 0);
    }
  const auto images =
      std::make_shared<const Images>(load_images("imagenet", at / "a", {.side = 16}));
  REQUIRE(images->disk);
  CHECK(images->count(Split::train) == 12);
  CHECK(images->count(Split::test) == 4);
  CHECK(images->side() == 16);
  CHECK(images->classes() == std::vector<std::string>{"dark", "light"});
  CHECK(images->mean == std::vector<double>{0.485, 0.456, 0.406});  // torchvision's
  CHECK(images->deviation == std::vector<double>{0.229, 0.224, 0.225});
  // in turn, so that the first so many hold every class
  const Loader test = loader_of(*images, Split::test, 3, Random(0), {.batch = 9, .shuffle = false});
  const Batch all = test.at(0, 0);
  CHECK(all.y.to_vector<int64_t>() == std::vector<int64_t>{0, 1, 0});
  CHECK(all.x[1][0][8][8].item() == doctest::Approx((200 / 255. - 0.485) / 0.229).epsilon(1e-6));
  CHECK(all.x[1][1][8][8].item() == doctest::Approx((0 - 0.456) / 0.224).epsilon(1e-6));
  CHECK(
      loader_of(*images, Split::train, 3, Random(0), {.batch = 9}).at(0, 0).x[1][1][8][8].item() ==
      doctest::Approx((51 / 255. - 0.456) / 0.224).epsilon(1e-6));

  TrainSettings t;
  t.batch = 4;
  ImageSettings s;
  s.train = 8, s.flip = true;
  const ImageBatches set(images, t, s, Random(5));
  const Loader same = loader_of(*images, Split::train, 8, Random(5),
                                {.batch = 4, .augment = {.flip = true}, .ahead = 0});
  CHECK(set.batches() == 2);
  for (int64_t i : {0, 1, 2, 1, 4, 5}) {  // in turn, and from another place
    const Batch a = set.batch(i), b = same.at(i / 2, i % 2);
    CHECK(a.x.to_vector() == b.x.to_vector());
    CHECK(a.y.to_vector() == b.y.to_vector());
    for (double row : a.index.to_vector()) CHECK(row < 8);
  }
  // a crop of its own in each epoch to train, the same one to test
  for (const char* name : {"train/dark/", "train/light/", "val/dark/", "val/light/"}) {
    Picture slope{32, 32, 3};
    for (int p = 0; p < 3 * 32 * 32; ++p) slope.pixels += static_cast<char>(p / 3 % 32 * 8);
    put(at / (std::string("b/") + name + "0.png"), to_png(slope));
  }
  const Images slopes = load_images("imagenet", at / "b", {.side = 14});
  const auto row_of = [&](Split part, int64_t epoch) {
    const Loader loader = loader_of(slopes, part, 1, Random(0), {.batch = 1, .shuffle = false});
    return (loader.at(epoch, 0).x[0][0][0] * 0.229 + 0.485).to_vector();
  };
  CHECK(row_of(Split::train, 0) != row_of(Split::train, 1));
  CHECK(row_of(Split::test, 0) == row_of(Split::test, 1));
  // 32 pixels to 16, of which 14: the second new pixel is made of the columns around 2 and 3
  CHECK(row_of(Split::test, 0)[0] == doctest::Approx(20 / 255.).epsilon(0.06));
  CHECK(complaint<IOError>([] { load_images("imagenet", ""); }, "train/ and val/") == "");
  std::filesystem::remove_all(at / "a/val/light");
  CHECK(complaint<IOError>([&] { load_images("imagenet", at / "a"); }, "different classes") == "");
  std::filesystem::remove_all(at / "a/val");
  CHECK(complaint<IOError>([&] { load_images("imagenet", at / "a"); }, "val: is no folder") == "");
}

TEST_CASE("ResNet-50 takes a step on pictures from disk; a table is made of them") {
  const TempFolder at;
  for (int i = 0; i < 8; ++i)
    for (const char* part : {"train/", "val/"}) {
      paint(at / (std::string(part) + "dark/" + std::to_string(i) + ".png"), 10 + i, 40);
      paint(at / (std::string(part) + "light/" + std::to_string(i) + ".png"), 200 + i, 40);
    }
  pruning::Settings s;
  s.net = "resnet50", s.batch = 2, s.size = 32;
  const auto images = std::make_shared<const Images>(load_images("imagenet", at.name(), s.own()));
  const auto trial = pruning::trial({"dense", "90%", 0}, s, images);
  const auto first = [&] { return trial->model()[0].second.to_vector(); };
  const std::vector<double> before = first();
  CHECK(before.size() == 64 * 3 * 7 * 7);
  trial->step(0);
  CHECK(before != first());

  const std::string data = at.name();
  CHECK(run(pruning::tasks({"map", "", {}}),
            {"--task", "imagenet", "--data", data.c_str(), "--methods", "gmp", "--net", "tiny",
             "--size", "16", "--train", "12", "--batch", "4", "--refresh", "2", "--seeds", "1"}) ==
        0);
}

TEST_CASE("tables of one's own pictures and sounds, from folder to result") {
  const TempFolder at;
  for (int i = 0; i < 10; ++i) {
    paint(at / ("pictures/dark/" + std::to_string(i) + ".png"), 20 + i, 3 * i);
    paint(at / ("pictures/light/" + std::to_string(i) + ".png"), 200 + i, 7 * i);
    paint(at / ("pictures/green/" + std::to_string(i) + ".png"), 20 + i, 200 + i);
    record(at / ("sounds/low/" + std::to_string(i) + ".wav"), 200 + i, i);
    record(at / ("sounds/high/" + std::to_string(i) + ".wav"), 1500 + 10 * i, i);
  }
  const std::string pictures = at / "pictures", sounds = at / "sounds", out = at / "out";
  const auto result = [&](const char* name) {
    return read_file(out + "/" + name + "/result.json");
  };
  const std::string map_out = out + "/map", asc_out = out + "/asc", rfn_out = out + "/rfn";
  CHECK(run(pruning::tasks({"map", "", {}}),
            {"--task",    "folder",    "--data",    pictures.c_str(),
             "--size",    "16",        "--net",     "tiny",
             "--methods", "dense,gmp", "--epochs",  "4",
             "--batch",   "8",         "--refresh", "2",
             "--seeds",   "1",         "--out",     map_out.c_str()}) == 0);
  CHECK(result("map").find("\"task\": \"folder\"") != std::string::npos);
  CHECK(run(asc::asc_tasks(), {"--task",    "folder",
                               "--data",    sounds.c_str(),
                               "--preset",  "tiny",
                               "--seconds", "0.5",
                               "--devices", "simulated,sd0",
                               "--methods", "baseline,resnorm",
                               "--epochs",  "2",
                               "--batch",   "8",
                               "--seeds",   "1",
                               "--source",  "0.5",
                               "--out",     asc_out.c_str()}) == 0);
  const std::string of_asc = result("asc");
  for (const char* words : {"\"accuracy@simulated\"", "\"unseen@sd0\"",
                            "resnorm above baseline on unseen devices, sd0"})
    CHECK_MESSAGE(of_asc.find(words) != std::string::npos, words);
  CHECK(run(relaxed_norm::rfn_tasks(),
            {"--task", "folder", "--data", sounds.c_str(), "--seconds", "0.5", "--methods",
             "none,rfn", "--epochs", "2", "--batch", "8", "--seeds", "1", "--no-information",
             "--source", "0.5", "--out", rfn_out.c_str()}) == 0);
  CHECK(result("rfn").find("\"unseen@simulated\"") != std::string::npos);
  const std::string one = sounds + "/low";
  std::filesystem::create_directories(one + "/inside");
  std::filesystem::rename(one + "/0.wav", one + "/inside/0.wav");
  std::filesystem::rename(one + "/1.wav", one + "/inside/1.wav");
  CHECK(run(asc::asc_tasks(), {"--task", "folder", "--data", one.c_str()}) == 3);
  CHECK(run(asc::asc_tasks(), {"--task", "folder"}) == 3);
  CHECK(run(asc::asc_tasks(), {"--task", "folder", "--data", sounds.c_str(), "--preset", "tiny",
                               "--batch", "17"}) == 2);  // 16 clips of 20 are for training
}

TEST_CASE("settings of sounds: seconds of a clip and of a roll, bands, whatever the table") {
  const Sounds digits("digits"), esc("esc10");
  SoundSettings s;
  CHECK(digits.front(s).samples == 8000);
  s.seconds = 0.25, s.mels = 32;
  CHECK(digits.front(s).samples == 2000);
  CHECK(digits.front(s).mel.mels == 32);
  TrainSettings training;
  CHECK_NOTHROW(digits.check(s, training));
  s.seconds = 0.01;
  CHECK(complaint<ConfigError>([&] { digits.check(s, training); }, "seconds: 80 samples") == "");
  s.seconds = 0, s.devices = {};
  CHECK(complaint<ConfigError>([&] { esc.check(s, training); }, "devices: at least one") == "");
  const Tensor x = normal(Random(1), {3, 1, 4, 50}, 0, 1);
  const LogMel mel{.rate = 8000, .hop = 80};
  const auto moved = [&](double seconds) {  // by how many frames clips were turned, at most
    const Tensor y = rolled(x, mel, seconds, Random(2));
    int64_t most = 0;
    for (int64_t i = 0; i < 3; ++i)
      for (int64_t k = -24; k < 25; ++k)
        if (amax(abs(y[i][0] - cat({slice(x[i][0], 1, (50 - k) % 50, 50),
                                    slice(x[i][0], 1, 0, (50 - k) % 50)},
                                   1)))
                .item() == 0)
          most = std::max(most, std::abs(k));
    return most;
  };
  CHECK(moved(0) == 0);
  CHECK(moved(0.1) > 0);
  CHECK(moved(0.1) <= 10);
}

TEST_CASE("Fashion-MNIST's parts are those of their files, under both sets of names") {
  const auto big = [](int64_t v) {
    std::string out;
    for (int s = 24; s >= 0; s -= 8) out += static_cast<char>(v >> s & 255);
    return out;
  };
  const auto part = [&](const std::string& begin, int64_t n, char pixel) {
    put(begin + "-images-idx3-ubyte",
        big(0x803) + big(n) + big(28) + big(28) + std::string(static_cast<size_t>(n * 784), pixel));
    put(begin + "-labels-idx1-ubyte",
        big(0x801) + big(n) + std::string(static_cast<size_t>(n), static_cast<char>(n)));
  };
  for (const auto& [train, test] :
       {std::pair{"train", "t10k"}, {"fashion-train20k", "fashion-t10k"}}) {
    const TempFolder at;
    part(at / train, 3, 7), part(at / test, 2, 9);
    const Images images = load_images("fmnist", at.name());
    CHECK(images.train.size() == 3);
    CHECK(images.test.size() == 2);
    CHECK(amax(images.train.images.to(DType::f64)).item() == 7);
    CHECK(amin(images.test.images.to(DType::f64)).item() == 9);
    CHECK(images.train.labels.to_vector<int64_t>() == std::vector<int64_t>{3, 3, 3});
    CHECK(images.test.labels.to_vector<int64_t>() == std::vector<int64_t>{2, 2});
    CHECK(images.mean[0] == 0.2860);  // as published
  }
}

TEST_CASE("drawn glyphs: ten classes in turn, 2,000 to train and 1,000 to test, none in both") {
  const Images glyphs = load_images("glyphs", "");
  CHECK(glyphs.classes().size() == 10);
  for (const auto& [set, n] : {std::pair{&glyphs.train, 2000}, {&glyphs.test, 1000}}) {
    REQUIRE(set->images.shape() == Shape{n, 1, 16, 16});
    const std::vector<int64_t> y = set->labels.to_vector<int64_t>();
    for (size_t i = 0; i < y.size(); ++i) CHECK(y[i] == static_cast<int64_t>(i % 10));
  }
  std::set<std::vector<double>> seen;
  for (int64_t i = 0; i < 200; ++i) {
    seen.insert(glyphs.train.images[i].to_vector());
    seen.insert(glyphs.test.images[i].to_vector());
  }
  CHECK(seen.size() == 400);
  // pictures of one class are nearer to each other than to those of the others
  double own = 0, other = 0;
  for (int64_t i = 0; i < 100; ++i) {
    const Tensor x = glyphs.test.images[i];
    own += mean(square(x - glyphs.train.images[i + 10])).item();
    other += mean(square(x - glyphs.train.images[i + 11])).item();
  }
  CHECK(own < other);
}
