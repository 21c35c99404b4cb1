// Spoken words as pictures: the front end, the parts, and who hangs together.
#include <doctest/doctest.h>
#include <regrad/algorithms/experiment/data/inputs.h>
#include <regrad/algorithms/experiment/data/words.h>
#include <regrad/engine/error.h>
#include <regrad/engine/functional.h>

#include <algorithm>
#include <set>

#include "../experiment/made_up.h"
#include "../temp_folder.h"

using namespace regrad;
using namespace regrad::experiment;
using regrad::test::TempFolder;

namespace {

using Rows = std::multiset<std::vector<double>>;
Rows rows_of(const Tensor& images) {
  Rows out;
  for (int64_t i = 0; i < images.size(0); ++i) out.insert(images[i].to_vector());
  return out;
}

// Pictures of those clips of a set for which `has` holds.
template <class F>
Rows pictures(const AudioSet& set, const FrontEnd& front, int64_t frames, F&& has) {
  Rows out;
  for (int64_t i = 0; i < set.size(); ++i)
    if (has(set.clips[static_cast<size_t>(i)]))
      out.insert(word_picture(set.sound(i), front, frames).to_vector());
  return out;
}

}  // namespace

TEST_CASE("a word's front end: 40 bands, frames by the second, zeros after a short clip") {
  const FrontEnd digits = word_front("digits"), others = word_front("commands", 25);
  CHECK(digits.mel.rate == 8000);
  CHECK(digits.mel.hop == 250);
  CHECK(digits.mel.window == 500);
  CHECK(digits.mel.n_fft == 512);
  CHECK(digits.mel.mels == 40);
  CHECK(digits.samples == 8000);
  CHECK(others.mel.rate == 16000);
  CHECK(others.mel.hop == 640);
  CHECK(others.mel.n_fft == 2048);
  CHECK_THROWS_AS(word_front("digits", 3), ConfigError);
  CHECK_THROWS_AS(word_front("digits", 0), ConfigError);

  const Tensor wave = normal(Random(1), {1, 12000}, 0, 0.1);
  const auto picture = [&](int64_t from, int64_t to) {
    return word_picture({slice(wave, 1, from, to).contiguous(), 8000}, digits, 32);
  };
  CHECK(picture(0, 12000).shape() == Shape{1, 40, 32});
  // the first second alone
  CHECK(picture(0, 12000).to_vector() == picture(0, 8000).to_vector());
  const Tensor padded = cat({slice(wave, 1, 0, 3000), zeros({1, 5000})}, 1).contiguous();
  CHECK(picture(0, 3000).to_vector() == word_picture({padded, 8000}, digits, 32).to_vector());
  const Tensor whole = log_mel(padded, digits.mel);
  CHECK(picture(0, 3000).to_vector() == slice(whole, 2, 0, 32).to_vector());
}

TEST_CASE("digits: takes 0 to 4 test, 5 and 6 are the curve's, the rest trains and normalizes") {
  const TempFolder at;
  test::make_up("digits", at.name());
  const Images words = load_words("digits", at.name());
  const AudioSet set = load_sounds("digits", at.name());
  const auto of = [&](auto&& has) { return pictures(set, word_front("digits"), 32, has); };
  CHECK(rows_of(words.train.images) == of([](const Clip& c) { return c.fold > 6; }));
  CHECK(rows_of(words.validation.images) ==
        of([](const Clip& c) { return c.fold == 5 || c.fold == 6; }));
  CHECK(rows_of(words.test.images) == of([](const Clip& c) { return c.fold < 5; }));
  CHECK(words.test_group.empty());
  // classes in turn
  const std::vector<int64_t> y = words.train.labels.to_vector<int64_t>();
  const std::set<int64_t> first(y.begin(), y.begin() + 10);
  CHECK(first.size() == 10);
  const Tensor x = normalized(words, words.train.images).to(DType::f64);
  CHECK(mean(x).item() == doctest::Approx(0).epsilon(1e-4));
  CHECK(mean(square(x)).item() == doctest::Approx(1).epsilon(1e-4));
  // a model's file, and a small one made of it, make the same of a sound
  InferenceInfo info{1, 40, 32};
  info.about =
      ImageBatches(std::make_shared<const Images>(words), {.batch = 4}, {}, Random(1)).about();
  const Inputs in = inputs_of(info, "m");
  CHECK(in.sounds);
  const Tensor seen = in.of_sound(set.sound(3));
  CHECK(seen.shape() == Shape{1, 40, 32});
  const Tensor same = normalized(words, word_picture(set.sound(3), word_front("digits"), 32));
  CHECK(amax(abs(seen - same.reshape({1, 40, 32}))).item() < 1e-6);
  info.width = 33;
  CHECK_THROWS_AS(inputs_of(info, "m"), IOError);
  // the curve reads the validation part, the score the test part
  const ImageBatches batches(std::make_shared<const Images>(words), {.batch = 4}, {}, Random(1));
  struct Asked {
    std::vector<int64_t>* sizes;
    Tensor operator()(const Tensor& in) const {
      sizes->push_back(in.size(0));
      return zeros({in.size(0), 10});
    }
  };
  std::vector<int64_t> sizes;
  CHECK(batches.curve(Asked{&sizes})[0].first == "validation accuracy");
  int64_t all = 0;
  for (const int64_t n : sizes) all += n;
  CHECK(all == words.validation.size());
}

TEST_CASE("commands: parts by its lists, test clips in clusters by speaker") {
  const TempFolder at;
  test::make_up("commands", at.name());
  const Images words = load_words("commands", at.name(), 16);
  const AudioSet set = load_commands(at.name());
  for (const auto& [part, images] : {std::pair{Part::train, words.train.images},
                                     {Part::validation, words.validation.images},
                                     {Part::test, words.test.images}}) {
    const Part wanted = part;
    CHECK(rows_of(images) == pictures(set, word_front("commands", 16), 16,
                                      [&](const Clip& c) { return c.part == wanted; }));
  }
  std::set<std::string> speakers;
  int64_t alone = 0;
  for (const Clip& c : set.clips) {
    if (c.part != Part::test) continue;
    c.place.empty() ? ++alone : static_cast<int64_t>(speakers.insert(c.place).second);
  }
  const std::set<int64_t> clusters(words.test_group.begin(), words.test_group.end());
  CHECK(words.test_group.size() == static_cast<size_t>(words.test.size()));
  CHECK(clusters.size() == speakers.size() + static_cast<size_t>(alone));
}

TEST_CASE("a folder of sounds, and what is not there") {
  const TempFolder at, empty;
  test::make_up("sounds", at.name());
  const Images words = load_words("sounds", at.name());
  CHECK(words.classes() == std::vector<std::string>{"class0", "class1"});
  CHECK(words.train.size() + (words.validation.labels.defined() ? words.validation.size() : 0) ==
        16);
  CHECK(words.test.size() == 6);
  for (const char* task : {"digits", "commands", "sounds"})
    CHECK_THROWS_AS(load_words(task, empty.name()), IOError);
  CHECK_THROWS_AS(load_words("tau", at.name()), ConfigError);
}
