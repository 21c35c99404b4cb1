#include <regrad/algorithms/experiment/methods.h>
#include <regrad/algorithms/experiment/unused.h>
#include <regrad/algorithms/sdssl/experiment/table.h>
#include <regrad/algorithms/sdssl/experiment/trial.h>

#include <cmath>

namespace regrad::sdssl {
namespace {

using namespace experiment;

// small: the pilot's sizes (text-and-ssl.md 3.2). paper: its ViT and recipe as far as the code
// shows them, with ImageNet's sizes (2.1).
Settings preset_of(const std::string& task, const std::string& preset) {
  Settings s;
  const bool small_images = task == "fmnist" || task == "glyphs";
  s.patch = task == "fmnist" ? 7 : task == "glyphs" ? 4 : 8;
  s.train = 6000, s.test = 2000;
  if (task == "fmnist") s.lr = 1e-3;
  if (preset == "tiny") {
    s.steps = 150, s.log_every = 50, s.train = 2000, s.test = 1000, s.depth = 4, s.width = 32;
    s.probe_epochs = 20;
    if (task == "folder") s.batch = 16, s.k = 5;  // a person's own may be few
  } else if (preset == "long") {
    s.train = s.test = 100000, s.depth = 12, s.steps = 2000, s.log_every = 200;
    if (!small_images) s.patch = 4;
  } else if (preset == "paper") {
    s.train = s.test = 10000000, s.size = 224, s.patch = 16, s.width = 384, s.depth = 12;
    s.heads = 12, s.batch = 1024, s.steps = 375300, s.log_every = 1251, s.momentum = 0.996;
    s.lr = 6e-4, s.warmup = 40.0 / 300, s.hidden = s.predictor_hidden = 4096;
    s.lower_hidden = 2048, s.projection = 256, s.scale = 0.08, s.blur = true, s.by_target = true;
    s.probe_epochs = 100, s.probe_lr = 0.005;
  }
  return s;
}

class Table : public Experiment {
 public:
  explicit Table(std::string task) : task_(std::move(task)) {}

  Card card() const override {
    return {
        "sdssl",
        "SDSSL, self-distilled self-supervision (Jang et al. 2023) on SimCLR, BYOL and MoCo v3: "
        "test accuracy in % of k-NN and of a linear probe at each layer.",
        {task_},
        method_cards(rows()),
        "k-NN, layer " + std::to_string(s_.depth),
        Better::higher,
        "base",
        {},
        {"sd"}};
  }
  void choose(const std::string&, const std::string& preset) override {
    s_ = preset_of(task_, preset);
    seeds_ = preset == "tiny" ? 3 : preset == "small" ? 5 : 1;
  }
  int seeds() const override { return seeds_; }
  std::vector<Field> fields() override { return experiment::fields(s_); }
  void check() const override {
    options(rows()[0], s_), training(s_);
    need(s_.width % 4 == 0 && s_.width % s_.heads == 0,
         "width: " + std::to_string(s_.width) + " must be a multiple of 4 and of heads (" +
             std::to_string(s_.heads) + ")");
    if (!images_) return;
    need(images_->side() % s_.patch == 0, "patch: " + std::to_string(s_.patch) +
                                              " does not divide images of " +
                                              std::to_string(images_->side()) + " pixels a side");
    need(s_.batch <= examples(), "batch: " + std::to_string(s_.batch) + " images a step of " +
                                     std::to_string(examples()) + " training images");
    need(s_.k <= examples(), "k: " + std::to_string(s_.k) + " neighbours among " +
                                 std::to_string(examples()) + " training images");
  }
  std::string unused(const std::string& key,
                     const std::vector<std::string>& methods) const override {
    const auto none = [&](auto&& reads) {
      return !any_of(methods, [&](const std::string& m) { return reads(row(m)); });
    };
    const bool target = s_.base != "simclr",
               no_lower = none([](const Row&r) { return r.lower != Lower::none; });
    return reason(
        key,
        {{"size", task_ != "folder", "the images of " + task_ + " have a size of their own"},
         {"test_share", task_ != "folder", "the images of " + task_ + " have parts of their own"},
         {"momentum predictor_hidden by_target", !target, "simclr has no target net"},
         {"tau", s_.base == "byol", "byol has no temperature"},
         {"alpha lower_hidden", no_lower, "no row of the table has lower layers' heads"},
         {"steps batch lr weight_decay warmup optimizer hidden projection scale blur log_every",
          none([](const Row& r) { return r.trained; }), "no row of the table is trained"}});
  }
  void data(const std::string& folder) override {
    images_ = std::make_shared<const Images>(
        load_images(task_, folder, {.side = s_.size, .test_share = s_.test_share}));
    if (images_->about.count("input"))
      throw IOError(folder + ": holds sounds; regrad-sdssl takes pictures, PNG or JPEG");
    check();
  }
  std::vector<std::string> notes() const override {
    return images_ ? images_->notes : std::vector<std::string>();
  }
  bool has_row(const Job& job) const override {
    const Row& r = row(job.method);
    return r.predictors || s_.base != "simclr";
  }
  int64_t steps(const Job& job) const override { return steps_of(row(job.method), s_); }
  int64_t log_every() const override { return s_.log_every; }
  std::unique_ptr<Trial> trial(const Job& job) const override {
    need(images_ != nullptr, "--task " + task_ + ": no images were read");
    return std::make_unique<SdsslTrial>(job, s_, images_);
  }
  std::vector<Claim> claims(const Result& result) const override {
    return directions(result, s_.depth);
  }
  std::vector<Chart> figures(const Result& result) const override {
    return {by_layer(result, "k-NN"), by_layer(result, "linear")};
  }

 private:
  int64_t examples() const { return std::min<int64_t>(s_.train, images_->count(Split::train)); }
  Chart by_layer(const Result& result, const std::string& how) const {
    Chart out{how + " at each layer, mean over the seeds", "layer", "test accuracy, %"};
    for (const MethodResult& m : result.methods) {
      Series line{m.name, {}, {}};
      for (const auto& [metric, by_seed] : m.metrics)
        for (int l = 1; l <= s_.depth; ++l)
          if (metric == how + ", layer " + std::to_string(l))
            line.x.push_back(l), line.y.push_back(mean(by_seed));
      if (!line.x.empty()) out.series.push_back(std::move(line));
    }
    return out;
  }

  std::string task_;
  Settings s_ = {};
  int seeds_ = 5;
  std::shared_ptr<const Images> images_ = nullptr;
};

}  // namespace

TaskList sdssl_tasks() {
  TaskList out;
  for (const std::string& task : image_tasks())
    if (task != "imagenet") out.add(task, std::make_unique<Table>(task));
  return out;
}

}  // namespace regrad::sdssl
