#include <doctest/doctest.h>

#include <regrad/algorithms/experiment/data/classify.h>
#include <regrad/algorithms/experiment/data/own.h>
#include <regrad/algorithms/experiment/data/scene_model.h>
#include <regrad/algorithms/experiment/data/words.h>
#include <regrad/algorithms/ppp/global.h>
#include <regrad/algorithms/pruning/experiment/table.h>
#include <regrad/algorithms/pruning/experiment/trial.h>
#include <regrad/datasets/audio/sound.h>
#include <regrad/engine/error.h>
#include <regrad/engine/functional.h>
#include <regrad/layers/serialize.h>

#include <cmath>

#include "../temp_folder.h"
#include "../unit.h"

using namespace regrad;
using namespace regrad::experiment;
using test::complaint;
using test::TempFolder;

namespace {

void put(const std::string& path, const std::string& bytes) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  write_file(path, bytes);
}

// f32 [3,8,8] of whole numbers from 0 to 255, and the same as PNG.
std::vector<double> pixels() {
  std::vector<double> out;
  for (uint32_t i = 0; i < 3 * 64; ++i) out.push_back(std::floor(256 * test::unit(7, i)));
  return out;
}
std::string png() {
  const std::vector<double> of = pixels();
  Picture p{8, 8, 3};
  for (size_t at = 0; at < 64; ++at)
    for (size_t c = 0; c < 3; ++c)
      p.pixels += static_cast<char>(static_cast<unsigned char>(of[c * 64 + at]));
  return to_png(p);
}

// What classify must give of that picture: the net at (pixel / 255 - mean) / deviation, by loops.
template <class Net>
std::vector<double> by_hand(const Net& net, const std::vector<double>& mean,
                            const std::vector<double>& deviation) {
  std::vector<double> x = pixels();
  for (size_t i = 0; i < x.size(); ++i) x[i] = (x[i] / 255 - mean[i / 64]) / deviation[i / 64];
  return net(tensor(x, {1, 3, 8, 8}, DType::f32)).to_vector();
}
double apart(const std::vector<double>& a, const std::vector<double>& b) {
  double most = a.size() == b.size() ? 0 : INFINITY;
  for (size_t i = 0; i < a.size() && most < INFINITY; ++i)
    most = std::max(most, std::fabs(a[i] - b[i]));
  return most;
}

const NamedNetOptions tiny{.name = "tiny", .in_channels = 3, .size = 8, .classes = 3};

Metadata of_pictures() {
  Metadata out = to_metadata(tiny);
  out["class_names"] = "cat\ndog\nowl";
  out["mean"] = "0.5,0.25,0.75", out["deviation"] = "0.5,0.125,0.25";
  return out;
}

}  // namespace

TEST_CASE("classify a picture: the net at normalized pixels, classes by name") {
  const TempFolder at;
  const NamedNet net(Random(3), tiny);
  save_safetensors(at / "m", named_tensors(net), of_pictures());
  put(at / "x.png", png());
  const Classifier c = load_classifier(at / "m");
  CHECK(c.classes == std::vector<std::string>{"cat", "dog", "owl"});
  const std::vector<double> found = c.logits(at / "x.png").to_vector();
  CHECK(apart(found, by_hand(net, {0.5, 0.25, 0.75}, {0.5, 0.125, 0.25})) < 1e-5);
  CHECK(apart(found, by_hand(net, {0, 0, 0}, {1, 1, 1})) > 1e-2);
  // the words
  CHECK(likeliest("f", tensor({0.0, std::log(3.0)}, {2}, DType::f64), {"cat", "dog"}) ==
        "f: dog 75.0%, cat 25.0%");
  // what is missing is named, with the run that writes it
  for (const char* key : {"mean", "class_names", "size"}) {
    Metadata less = of_pictures();
    less.erase(key);
    if (std::string(key) == "mean") less.erase("deviation");
    save_safetensors(at / "less", named_tensors(net), less);
    CHECK(complaint<IOError>([&] { load_classifier(at / "less"); }, key) == "");
  }
  save_safetensors(at / "less", named_tensors(net), {});
  CHECK(complaint<IOError>([&] { load_classifier(at / "less"); }, "do not name a net") == "");
  const std::pair<const char*, const char*> others[] = {{"vit", "regrad-sdssl embed"},
                                                        {"few-shot", "support set"},
                                                        {"pooled", "regrad-rfn classify"},
                                                        {"nothing", "'nothing'"}};
  for (const auto& [name, words] : others) {
    save_safetensors(at / "other", named_tensors(net), {{"net", name}});
    CHECK(complaint<IOError>([&] { load_classifier(at / "other"); }, words) == "");
  }
}

TEST_CASE("classify a picture by a net with gates, and by the same without") {
  const TempFolder at;
  put(at / "x.png", png());
  for (const GateKind gate : {GateKind::channel, GateKind::none}) {
    GatedOptions o{.in_channels = 3, .width = 4, .classes = 2, .gate = gate};
    const GatedNet net(Random(2), o);
    o.gate = GateKind::channel;  // as regrad-ppp's file of its row `full` has it
    Metadata about =
        ppp::to_metadata(o, {3, 8, 8, {"cat", "dog"}, {0.5f, 0.5f, 0.5f}, {0.25f, 0.25f, 0.25f}});
    about["input"] = "pictures";
    save_safetensors(at / "m", named_tensors(net), about);
    const Classifier c = load_classifier(at / "m");
    CHECK(c.classes == std::vector<std::string>{"cat", "dog"});
    CHECK(apart(c.logits(at / "x.png").to_vector(),
                by_hand(net, {0.5, 0.5, 0.5}, {0.25, 0.25, 0.25})) < 1e-5);
  }
}

TEST_CASE("classify a sound: at the model's rate, by its shift and scale") {
  const TempFolder at;
  std::vector<double> wave;
  for (uint32_t i = 0; i < 4000; ++i) wave.push_back(0.5 * test::unit(1, i) - 0.25);
  const Tensor x = tensor(wave, {1, 4000}, DType::f32);
  put(at / "low.wav", to_wav({x, 8000}, 32));
  const FrontEnd front = word_front("sounds", 32, 0.5);
  CHECK(front.samples == 8000);
  const NamedNetOptions o{.name = "tiny", .in_channels = 1, .size = 40, .width = 16, .classes = 2};
  const NamedNet net(Random(5), o);
  Metadata about = to_metadata(o);
  about.merge(to_metadata(Inputs{.sounds = true,
                                 .front = front,
                                 .words = true,
                                 .shift = -3,
                                 .scale = 2,
                                 .info = {1, 40, 16}}));
  about["class_names"] = "hum\nbuzz";
  save_safetensors(at / "m", named_tensors(net), about);
  const std::vector<double> found = load_classifier(at / "m").logits(at / "low.wav").to_vector();
  const auto wanted = [&](const Tensor& samples) {
    const Tensor mel = slice(log_mel(samples, front.mel), 2, 0, 16).contiguous();
    return net(unsqueeze((mel + 3.0) * 0.5, 0)).to_vector();
  };
  const Tensor high = resample({x, 8000}, 16000).samples;  // half a second in 8,000 samples
  CHECK(apart(found, wanted(high)) < 1e-4);
  CHECK(apart(found, wanted(cat({x, zeros({1, 4000})}, 1))) > 1e-2);
  put(at / "x.png", png());
  CHECK_THROWS_AS(load_classifier(at / "m").logits(at / "x.png"), IOError);
}

TEST_CASE("what was brought to one size is counted") {
  Brought was;
  CHECK(was.line("pictures", "a") == "");
  for (const char* size : {"a", "b", "b", "c"}) was.add(size);
  CHECK(was.line("pictures", "a") == "3 of 4 pictures brought to a: b (2), c (1)");
  for (const char* size : {"d", "e", "f", "f"}) was.add(size);
  CHECK(was.line("pictures", "a") ==
        "7 of 8 pictures brought to a: b (2), f (2), c (1), d (1), others (1)");
}

TEST_CASE("what no sparsity changes is trained once, and scored at each") {
  pruning::Settings s;
  s.net = "tiny", s.train = 40, s.test = 30, s.curve = 10, s.epochs = 2, s.batch = 10;
  const auto images = std::make_shared<const Images>(load_images("glyphs", ""));
  const auto outcome = [&](const Job& job, const std::vector<std::string>& at) {
    const auto trial = pruning::trial(job, s, images, at);
    for (int64_t i = 0; i < 8; ++i) trial->step(i);
    return trial->finish();
  };
  for (const char* name : {"dense", "str"}) {
    const Outcome both = outcome({name, "50%", 0}, {"50%", "80%"}),
                  low = outcome({name, "50%", 0}, {}), high = outcome({name, "80%", 0}, {});
    REQUIRE(both.scores.size() == low.scores.size() + high.scores.size());
    for (size_t i = 0; i < both.scores.size(); ++i) {
      const Score& wanted =
          i < low.scores.size() ? low.scores[i] : high.scores[i - low.scores.size()];
      CHECK(both.scores[i].metric == wanted.metric);
      CHECK(both.scores[i].value == wanted.value);
    }
    REQUIRE(both.items.size() == 2);
    CHECK(both.items[1].metric == "accuracy@80%");
    CHECK(both.items[1].values == high.items[0].values);
  }
  TaskList tasks = pruning::tasks({"map", "", {}});
  tasks.choose("fmnist", "small");
  const std::vector<std::string> variants = tasks.variants();
  REQUIRE(variants.size() == 2);
  CHECK(tasks.has_row({"dense", variants[0], 0}));
  CHECK_FALSE(tasks.has_row({"dense", variants[1], 0}));
  CHECK(tasks.has_score({"dense", variants[1], 0}));
  CHECK(tasks.has_row({"map", variants[1], 0}));
}
