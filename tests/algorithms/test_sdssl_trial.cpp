// The table of layers: training on the views that the recipe gives, k-NN by plain loops, probes,
// what is resumed, what a model's file holds, and the claims.
#include <doctest/doctest.h>
#include <regrad/algorithms/experiment/methods.h>
#include <regrad/algorithms/sdssl/evaluation.h>
#include <regrad/algorithms/sdssl/experiment/command.h>
#include <regrad/algorithms/sdssl/experiment/measure.h>
#include <regrad/algorithms/sdssl/experiment/model.h>
#include <regrad/algorithms/sdssl/experiment/table.h>
#include <regrad/algorithms/sdssl/experiment/trial.h>
#include <regrad/engine/error.h>
#include <regrad/engine/io/files.h>
#include <regrad/engine/io/npy.h>
#include <regrad/layers/serialize.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <set>

#include "../datasets/forge.h"
#include "../temp_folder.h"

using namespace regrad;
using namespace regrad::sdssl;
using test::complaint;
using test::TempFolder;

namespace {

using experiment::Images;

Settings settings(const std::string& base = "mocov3") {
  Settings s;
  s.base = base, s.train = 40, s.test = 12, s.patch = 4, s.width = 8, s.depth = 3, s.heads = 2;
  s.steps = 5, s.batch = 8, s.log_every = 2, s.lr = 0.01, s.k = 4, s.probe_epochs = 2;
  s.hidden = s.lower_hidden = s.predictor_hidden = 8, s.projection = 6;
  return s;
}
const std::shared_ptr<const Images>& images() {
  static const auto made = std::make_shared<const Images>(experiment::load_images("glyphs", ""));
  return made;
}
SdsslTrial trial_of(const std::string& method, const Settings& s) {
  return SdsslTrial({method, "", 4}, s, images());
}
std::map<std::string, std::vector<double>> state_of(SdsslTrial& t) {
  std::map<std::string, std::vector<double>> out;
  t.state([&](const std::string& name, Tensor& x) { out[name] = x.to(DType::f64).to_vector(); });
  return out;
}
std::map<std::string, double> scores(const experiment::Outcome& out) {
  std::map<std::string, double> by_metric;
  for (const auto& s : out.scores) by_metric[s.metric] = s.value;
  return by_metric;
}

}  // namespace

TEST_CASE("a trial trains on pairs of views of training images, by its seed's streams") {
  for (const char* base : {"simclr", "byol", "mocov3"}) {
    const Settings s = settings(base);
    SdsslTrial trial = trial_of("sd", s);
    for (int64_t i = 0; i < s.steps; ++i) trial.step(i);
    // again: the first 40 images, crops of a fifth at least, normalized behind the changes
    ViewRecipe view;
    view.crop.scale_low = 0.2, view.blur = 0, view.solarize = 0;
    const ImageSet some = experiment::first_of(images()->train, 40);
    const Loader loader(some, Random(4) / "loader",
                        {.batch = 8,
                         .drop_last = true,
                         .views = {view, view},
                         .mean = images()->mean,
                         .deviation = images()->deviation});
    Options o{.lower = Lower::mean,
              .tau = 0.2,
              .momentum = 0.99,
              .hidden = 8,
              .lower_hidden = 8,
              .out = 6,
              .predictor_hidden = 8};
    o.base = base == std::string("byol")     ? Base::byol
             : base == std::string("simclr") ? Base::simclr
                                             : Base::mocov3;
    o.alpha_end = o.base == Base::mocov3 ? 1 : 0.8;
    Learner told(Random(4) / "learner", o,
                 {.image = 16, .patch = 4, .channels = 1, .width = 8, .layers = 3, .heads = 2}, 5,
                 {.lr = 0.01, .weight_decay = 0.1, .warmup = 0.1});
    for (int64_t i = 0; i < s.steps; ++i) {
      const Batch b = loader.at(i / 5, i % 5);
      told.learn(b.views[0], b.views[1], i);
    }
    const std::vector<Tensor> a = parameters(trial.learner().student), b = parameters(told.student);
    REQUIRE(a.size() == b.size());
    for (size_t i = 0; i < a.size(); ++i) CHECK(a[i].to_vector() == b[i].to_vector());
  }
}

TEST_CASE("what each layer is worth: k-NN by plain loops, the lower layers' mean, items") {
  const Settings s = settings();
  SdsslTrial trial = trial_of("sd", s);
  for (int64_t i = 0; i < s.steps; ++i) trial.step(i);
  const experiment::Outcome out = trial.finish();
  const std::map<std::string, double> got = scores(out);
  const auto part = [&](const ImageSet& set, int64_t n) {
    const Tensor x = slice(set.images, 0, 0, n).to(DType::f32);
    const double scale = set.images.dtype() == DType::u8 ? 255 : 1;
    return (x / scale - images()->mean[0]) / images()->deviation[0];
  };
  Context ctx;
  const Vit& net = trial.judged();
  const std::vector<Tensor> bank = net.features(part(images()->train, 40), ctx),
                            asked = net.features(part(images()->test, 12), ctx);
  const std::vector<int64_t> y = images()->train.labels.to_vector<int64_t>(),
                             truth = images()->test.labels.to_vector<int64_t>();
  double lower = 0;
  for (size_t l = 0; l < 3; ++l) {
    double right = 0;
    for (int64_t q = 0; q < 12; ++q) {
      std::vector<std::pair<double, int64_t>> near;
      const std::vector<double> a = asked[l][q].to_vector();
      for (int64_t i = 0; i < 40; ++i) {
        const std::vector<double> b = bank[l][i].to_vector();
        double ab = 0, aa = 0, bb = 0;
        for (size_t d = 0; d < a.size(); ++d)
          ab += a[d] * b[d], aa += a[d] * a[d], bb += b[d] * b[d];
        near.emplace_back(-ab / std::sqrt(aa * bb), i);
      }
      std::sort(near.begin(), near.end());
      std::vector<double> votes(10, 0.0);
      for (size_t k = 0; k < 4; ++k)
        votes[static_cast<size_t>(y[static_cast<size_t>(near[k].second)])] +=
            std::exp(-near[k].first / 0.07);
      right += std::max_element(votes.begin(), votes.end()) - votes.begin() ==
               truth[static_cast<size_t>(q)];
    }
    CHECK(got.at("k-NN, layer " + std::to_string(l + 1)) == doctest::Approx(100 * right / 12));
    if (l < 2) lower += 100 * right / 12 / 2;
  }
  CHECK(got.at("k-NN, lower layers") == doctest::Approx(lower));
  const Tensor train = stack(bank, 1).detach(), test = stack(asked, 1).detach();
  const LinearProbe probe =
      linear_probe(train, slice(images()->train.labels, 0, 0, 40), 10,
                   {.epochs = 2, .batch = 40, .lr = 0.5, .random = Random(4) / "probe"});
  const std::vector<double> share =
      probe_accuracy(probe, test, slice(images()->test.labels, 0, 0, 12));
  for (size_t l = 0; l < 3; ++l)
    CHECK(got.at("linear, layer " + std::to_string(l + 1)) == doctest::Approx(100 * share[l]));
  for (const experiment::Items& i : out.items) {
    CHECK(i.values.size() == 12);
    CHECK(experiment::mean(i.values) == doctest::Approx(got.at(i.metric)));
  }
  CHECK(got.at("effective rank of keys") == doctest::Approx(effective_rank(trial.learner().keys)));
  // two charts of the first seed: alignments and a map
  REQUIRE(out.figures.size() == 2);
  CHECK(out.figures[0].series.size() == 4);
  CHECK(out.figures[1].series.size() == 10);
  CHECK(got.at("negative / positive, layer 2") ==
        doctest::Approx(out.figures[0].series[1].y[1] / out.figures[0].series[0].y[1]));
  // two views of each test image, jittered less often than in training
  const ViewRecipe seldom{.crop = {.scale_low = 0.2}, .jitter = 0.3, .blur = 0};
  const std::vector<Tensor> two =
      image_views(images()->test.images, arange(0, 12), {seldom, seldom}, Random(4) / "alignment");
  Tensor views[2];
  for (size_t v = 0; v < 2; ++v)
    views[v] =
        stack(net.features((two[v] - images()->mean[0]) / images()->deviation[0], ctx), 1).detach();
  const Alignment apart = alignment(views[0], views[1]), raw = alignment(views[0], views[1], false);
  for (size_t l = 0; l < 3; ++l) {
    CHECK(got.at("negative / positive, layer " + std::to_string(l + 1)) ==
          doctest::Approx(apart.ratio[l]).epsilon(1e-3));
    CHECK(out.figures[0].series[3].y[l] == doctest::Approx(raw.ratio[l]).epsilon(1e-3));
  }
  CHECK(got.at("effective rank of the last layer") ==
        doctest::Approx(effective_rank(asked[2].detach())).epsilon(1e-3));
}

TEST_CASE("the papers' views with blur, and what each preset is") {
  Settings s = settings();
  s.blur = true, s.scale = 0.3;
  const std::vector<ViewRecipe> papers = recipes(s);
  REQUIRE(papers.size() == 2);
  for (const ViewRecipe& r : papers) {
    CHECK(r.size == 0);
    CHECK(r.crop.scale_low == 0.3);
  }
  CHECK(std::vector{papers[0].blur, papers[0].solarize} == std::vector{1.0, 0.0});
  CHECK(std::vector{papers[1].blur, papers[1].solarize} == std::vector{0.1, 0.2});

  experiment::TaskList tasks = sdssl_tasks();
  const auto is = [&](const char* task, const char* preset, int seeds,
                      const std::map<std::string, double>& expected) {
    tasks.choose(task, preset);
    std::vector<experiment::Field> fields = tasks.fields();
    CHECK(tasks.seeds() == seeds);
    for (const auto& [key, value] : expected) {
      CAPTURE(task);
      CAPTURE(preset);
      CAPTURE(key);
      CHECK(std::stod(experiment::text(*experiment::find(fields, key))) == doctest::Approx(value));
    }
  };
  // the pilot's (text-and-ssl.md 3.2)
  std::map<std::string, double> pilot = {
      {"train", 6000}, {"test", 2000},        {"patch", 8},      {"width", 64},
      {"depth", 6},    {"heads", 4},          {"batch", 64},     {"steps", 600},
      {"lr", 0.003},   {"weight_decay", 0.1}, {"warmup", 0.1},   {"scale", 0.2},
      {"tau", 0.2},    {"momentum", 0.99},    {"k", 20},         {"temperature", 0.07},
      {"hidden", 256}, {"lower_hidden", 128}, {"projection", 64}};
  is("cifar10", "small", 5, pilot);
  pilot["patch"] = 7, pilot["lr"] = 0.001;
  is("fmnist", "small", 5, pilot);
  is("cifar10", "long", 1, {{"patch", 4}, {"depth", 12}, {"width", 64}, {"lr", 0.003}});
  is("fmnist", "long", 1, {{"patch", 7}, {"depth", 12}, {"lr", 0.001}});
  // 2.1, 2.3: 300 epochs of 1,251 steps, 40 of them climbing; lr 1.5e-4 batch / 256
  is("folder", "paper", 1,
     {{"size", 224},
      {"patch", 16},
      {"width", 384},
      {"depth", 12},
      {"heads", 12},
      {"batch", 1024},
      {"steps", 300 * 1251},
      {"warmup", 40.0 / 300},
      {"lr", 1.5e-4 * 4},
      {"weight_decay", 0.1},
      {"momentum", 0.996},
      {"tau", 0.2},
      {"hidden", 4096},
      {"lower_hidden", 2048},
      {"predictor_hidden", 4096},
      {"projection", 256},
      {"scale", 0.08},
      {"probe_epochs", 100},
      {"probe_lr", 0.005}});
}

TEST_CASE("rows: no training, pixels, the target net, and which base has which") {
  const Settings s = settings();
  SdsslTrial random = trial_of("random", s);
  CHECK(steps_of(row("random"), s) == 1);
  CHECK(steps_of(row("sd"), s) == 5);
  const std::vector<double> before =
      random.learner().student.net.layers[0].linear1.weight.to_vector();
  random.step(0);
  CHECK(random.learner().student.net.layers[0].linear1.weight.to_vector() == before);
  // the same initial net as the base's
  CHECK(trial_of("base", s).learner().student.net.layers[0].linear1.weight.to_vector() == before);
  SdsslTrial pixels = trial_of("pixels", s);
  CHECK(pixels.model().empty());
  const auto raw = scores(pixels.finish());
  CHECK(raw.count("k-NN, cosine of pixels") == 1);
  CHECK(raw.count("k-NN, standardized pixels") == 1);
  CHECK(raw.count("linear, pixels") == 1);
  CHECK(raw.size() == 3);
  const Tensor x = pixel_features(experiment::first_of(images()->train, 40).images),
               q = pixel_features(experiment::first_of(images()->test, 12).images);
  const double cosine =
      knn_accuracy(x, slice(images()->train.labels, 0, 0, 40), 10, q,
                   slice(images()->test.labels, 0, 0, 12), {.k = 4, .temperature = 0.07})[0];
  CHECK(raw.at("k-NN, cosine of pixels") == doctest::Approx(100 * cosine));
  Settings target = s;
  target.by_target = true;
  CHECK(&trial_of("base", s).judged() != nullptr);
  SdsslTrial by_target = trial_of("base", target);
  for (int64_t i = 0; i < 3; ++i) by_target.step(i);
  CHECK(by_target.judged().cls.to_vector() == by_target.learner().teacher.net.cls.to_vector());
  CHECK(by_target.judged().cls.to_vector() != by_target.learner().student.net.cls.to_vector());
  CHECK(options(row("sd-sum"), s).lower == Lower::sum);
  CHECK(options(row("base"), s).lower == Lower::none);
  CHECK(!options(row("sd-no-pred"), s).predictors);
  CHECK(options(row("sd"), settings("simclr")).alpha_end == 0.8);
  CHECK(options(row("sd"), s).alpha_end == 1);
  CHECK_THROWS_AS(options(row("sd"), settings("dino")), ConfigError);
  for (const experiment::Field& f : experiment::fields(target))
    if (f.name == "scale") CHECK(!f.range.holds(0));
  CHECK_THROWS_AS(row("sdd"), ConfigError);
  experiment::TaskList tasks = sdssl_tasks();
  tasks.choose("glyphs", "tiny");
  CHECK(!tasks.has_row({"sd-no-pred", "", 0}));  // of simclr
}

TEST_CASE("half a trial, taken up by another, ends as the whole does") {
  for (const char* base : {"simclr", "mocov3"}) {
    const Settings s = settings(base);
    SdsslTrial whole = trial_of("sd", s), first = trial_of("sd", s), second = trial_of("sd", s);
    for (int64_t i = 0; i < 5; ++i) whole.step(i);
    for (int64_t i = 0; i < 3; ++i) first.step(i);
    std::map<std::string, Tensor> kept;
    first.state([&](const std::string& name, Tensor& t) { kept[name] = t; });
    second.state([&](const std::string& name, Tensor& t) {
      CHECK(t.shape() == kept.at(name).shape());
      t = kept.at(name);
    });
    for (int64_t i = 3; i < 5; ++i) second.step(i);
    CHECK(state_of(second) == state_of(whole));
    CHECK(state_of(first) != state_of(whole));
  }
}

TEST_CASE("a model's file holds what embeds pictures; broken ones are told") {
  const TempFolder at;
  SdsslTrial trial = trial_of("sd", settings());
  for (int64_t i = 0; i < 3; ++i) trial.step(i);
  const std::string path = at / "sd.safetensors";
  save_safetensors(path, trial.model(), trial.about());
  const Model model = load_model(path);
  CHECK(model.mean.size() == 1);
  // grey pictures of the net's size come back as they are
  std::filesystem::create_directories(at / "pictures/b");
  std::vector<uint8_t> grey;
  for (int i = 0; i < 256; ++i) grey.push_back(static_cast<uint8_t>(i * 7));
  std::vector<std::string> rows;
  for (int y = 0; y < 16; ++y) rows.emplace_back(grey.begin() + 16 * y, grey.begin() + 16 * y + 16);
  write_file(at / "pictures/b/two.PNG", test::png(16, 16, 8, 0, rows));
  write_file(at / "pictures/one.png", test::png(16, 16, 8, 0, rows));
  write_file(at / "pictures/notes.txt", "no picture");
  const std::vector<std::string> names = pictures(at / "pictures");
  REQUIRE(names.size() == 2);
  CHECK(names[0] == at / "pictures/b/two.PNG");
  const Tensor x = (tensor(std::vector<double>(grey.begin(), grey.end()), {1, 1, 16, 16}) / 255.0 -
                    model.mean[0]) /
                   model.deviation[0];
  Context ctx;
  const NoGrad quiet;
  const Tensor f = trial.judged().features(x, ctx)[1], got = embed(model, names, 2);
  CHECK(got.shape() == Shape{2, 8});
  for (int64_t n = 0; n < 2; ++n)
    for (int64_t d = 0; d < 8; ++d)
      CHECK(got[n][d].item() == doctest::Approx(f[0][d].item()).epsilon(1e-4));
  CHECK_THROWS_AS(embed(model, names, 4), ConfigError);
  // the command: features and names
  std::string said;
  const auto print = [&](const std::string& text) { said += text; };
  const std::string folder = at / "pictures", features = at / "f.npy";
  const char* argv[] = {"regrad-sdssl", "embed",          folder.c_str(), "--model", path.c_str(),
                        "--out",        features.c_str(), "--layer",      "2"};
  CHECK(run_command(9, argv, print));
  CHECK(load_npy(features).to_vector() == got.to_vector());
  CHECK(read_file(at / "f.txt") == "b/two.PNG\none.png\n");
  // a link is called by its own name, wherever it leads; a name must fit into a line
  std::filesystem::create_directories(at / "linked");
  std::filesystem::create_symlink(at / "pictures/one.png", at / "linked/other.png");
  const std::string linked = std::string(at / "linked") + "/";
  argv[2] = linked.c_str();
  CHECK(run_command(9, argv, print));
  CHECK(read_file(at / "f.txt") == "other.png\n");
  write_file(at / "linked/two\nlines.png", "");
  CHECK(complaint<IOError>([&] { run_command(9, argv, print); }, "a name with a line break") == "");
  const char* table[] = {"regrad-sdssl", "--help"};
  CHECK(!run_command(2, table, print));
  // files that do not fit
  const auto wrong = [&](const std::string& key, const std::string& value, const char* words) {
    Metadata about = trial.about();
    about[key] = value;
    save_safetensors(at / "wrong.safetensors", trial.model(), about);
    return complaint<IOError>([&] { load_model(at / "wrong.safetensors"); }, words);
  };
  CHECK(wrong("net", "resnet", "it is no ViT") == "");
  CHECK(wrong("width", "16", "are not those of the net that its metadata name") == "");
  CHECK(wrong("image", "20", "are not those of the net that its metadata name") == "");
  CHECK(wrong("layers", "1000000", "layers.999999.linear1.weight") == "");
  CHECK(wrong("layers", "2", "layers.2") == "");
  CHECK(wrong("heads", "3", "heads must divide it") == "");
  CHECK(wrong("patch", "two", "no size 'patch'") == "");
  CHECK(wrong("pixel_mean", "0.1,0.2", "must be a number for each of 1 channels") == "");
  CHECK(wrong("pixel_mean", "x", "no list of numbers") == "");
  CHECK(wrong("pixel_deviation", "0", "'pixel_deviation' must be above 0") == "");
  CHECK_THROWS_AS(pictures(at / "nowhere"), IOError);
  std::filesystem::create_directories(at / "empty");
  CHECK_THROWS_AS(pictures(at / "empty"), IOError);
}

TEST_CASE("SDSSL's claims: lower layers, the last one, random weights and pixels") {
  using experiment::Verdict;
  experiment::Result r;
  r.experiment = "sdssl", r.metric = "k-NN, layer 2", r.baseline = "base", r.seeds = {0, 1, 2};
  const auto row_of = [&](const std::string& name, std::map<std::string, double> values) {
    experiment::MethodResult m{name, {}, 1};
    const int spread = static_cast<int>(r.methods.size()) + 1;
    for (const auto& [metric, v] : values) {
      m.metrics.push_back({metric, {v, v + 1, v - 1}});
      std::vector<experiment::ByItem> items;
      for (const double seed : {0.0, 1.0, -1.0}) {
        std::vector<double> of;
        for (int i = 0; i < 40; ++i)
          of.push_back(v + seed + 0.3 * ((i * spread) % 5 - 2) + 0.1 * spread * seed);
        items.push_back({of, {}});
      }
      m.items.push_back({metric, items});
    }
    r.methods.push_back(m);
  };
  row_of("base", {{"k-NN, lower layers", 50},
                  {"k-NN, layer 2", 60},
                  {"linear, lower layers", 50},
                  {"linear, layer 2", 60}});
  row_of("sd", {{"k-NN, lower layers", 60},
                {"k-NN, layer 2", 50},
                {"linear, lower layers", 40},
                {"linear, layer 2", 70}});
  row_of("random", {{"k-NN, lower layers", 30}, {"k-NN, layer 2", 30}});
  row_of("pixels", {{"k-NN, standardized pixels", 55}});
  std::map<std::string, Verdict> got;
  for (const experiment::Claim& c : directions(r, 2)) got[c.text] = c.verdict;
  CHECK(got.size() == 8);
  CHECK(got.at("linear, lower layers: sd above base") == Verdict::refuted);
  CHECK(got.at("linear, layer 2: sd above base") == Verdict::shown);
  CHECK(got.at("k-NN, lower layers: sd above base") == Verdict::shown);
  CHECK(got.at("k-NN, layer 2: sd above base") == Verdict::refuted);
  CHECK(got.at("k-NN, layer 2: base above random weights") == Verdict::shown);
  CHECK(got.at("k-NN, layer 2: sd above random weights") == Verdict::shown);
  CHECK(got.at("k-NN, layer 2: base above raw pixels, standardized") == Verdict::shown);
  CHECK(got.at("k-NN, layer 2: sd above raw pixels, standardized") == Verdict::refuted);
}
