#include <regrad/algorithms/cml/experiment/tasks.h>
#include <regrad/algorithms/cml/experiment/trial.h>
#include <regrad/layers/nets/conv4.h>

#include <algorithm>
#include <numeric>

namespace regrad::cml {
namespace {

using experiment::Gallery;
using experiment::Picture;

struct ImageSettings : MetaSettings {
  int ways = 5, query = 5, test_query = 15;
  int size = 0;
  std::string net = "conv4";
  int channels = 32, cohead_convs = 2;
  std::vector<int> hidden = {64, 64};
  int cohead_hidden = 64;

  static void parts(auto& self, auto&& part) {
    MetaSettings::parts(self, part);
    part("ways", self.ways, "classes of a task (N)", at_least(2));
    part("query", self.query, "query images per class in training", at_least(1));
    part("test_query", self.test_query, "query images per class at test", at_least(1));
    part("size", self.size,
         "pixels per side; 0: 84 for pictures in a folder, 28 for what else there is",
         between(0, 4096));
    part("net", self.net, "conv4, or mlp on the pixels");
    part("channels", self.channels, "conv4: channels of each block", at_least(1));
    part("cohead_convs", self.cohead_convs, "conv4: blocks of the co-learner before its linear map",
         between(0, 100));
    part("hidden", self.hidden, "mlp: widths of the body's layers", at_least(1));
    part("cohead_hidden", self.cohead_hidden, "mlp: width of the co-learner's hidden layer",
         at_least(1));
  }
};

// An Mlp on the pixels of [..,c,h,w].
struct PixelMlp : Mlp {
  using Mlp::Mlp;
  Tensor operator()(const Tensor& x) const { return Mlp::operator()(flatten(x, -3)); }
  std::vector<Tensor> activations(const Tensor& x) const {
    return Mlp::activations(flatten(x, -3));
  }
};

struct MlpNets {
  using Net = Model<PixelMlp, Linear, Mlp>;
  static Net initial(const ImageSettings& s, const Shape& image, const Random& r) {
    return with_heads(PixelMlp(r / "body", widths(image.numel(), s.hidden), false), r,
                      s.hidden.back(), s.cohead_hidden, s.ways);
  }
};

struct Conv4Nets {
  using Net = Model<Conv4Body, Conv4Head, Conv4CoHead>;
  static Net initial(const ImageSettings& s, const Shape& image, const Random& r) {
    const Conv4Options o{.in_channels = image[0], .channels = s.channels, .size = image[1]};
    return {Conv4Body(r / "body", o), Conv4Head(r / "head", o, s.ways),
            Conv4CoHead(r / "cohead", o, s.ways, s.cohead_convs)};
  }
};

Picture picture_of(const Tensor& image, const std::string& caption, Picture::Mark mark) {
  const auto size = [&](int d) { return static_cast<int>(image.size(d)); };
  Picture p{size(2), size(1), size(0), "", caption, mark};
  for (double v : permute(image, {1, 2, 0}).to_vector())
    p.pixels += static_cast<char>(static_cast<unsigned char>(std::clamp(v, 0.0, 1.0) * 255 + 0.5));
  return p;
}

template <class Nets>
class ImageTask {
 public:
  using Net = typename Nets::Net;
  static constexpr const char *loss_name = "cross-entropy", *metric_name = "accuracy";
  static constexpr TaskLoss loss = cross_entropy_by_task, metric = accuracy_by_task;

  ImageTask(const ImageSettings& s, std::shared_ptr<const ClassSplits> classes,
            const std::string& variant)
      : s_(s), classes_(std::move(classes)), variant_(variant), k_(shots_of(variant)) {}

  const MetaSettings& settings() const { return s_; }
  Net initial(uint64_t seed) const {
    const Tensor& images = classes_->train.set.images;
    return Nets::initial(s_, {images.size(1), images.size(2), images.size(3)},
                         Random(seed) / "init");
  }
  TaskBatch training(uint64_t seed, int64_t step) const {
    return sample(classes_->train, Random(seed) / "tasks" / step, 0, s_.tasks, s_.query);
  }
  TaskBatch held_out(Held split, int64_t first, int64_t count) const {
    return sample(split == Held::test ? classes_->test : classes_->validation,
                  Random(0) / name(split), first, count, s_.test_query);
  }

  // The first test task: what it was adapted on, and the predictions for a few query images of
  // each class.
  void show(const Method& method, const Learner<Net>& learner, experiment::Outcome& out) const {
    const int64_t channels = classes_->test.set.images.size(1);
    if (channels != 1 && channels != 3) return;
    const TaskBatch task = held_out(Held::test, 0, 1);
    const Net net = learner.adapted(task.support_x, task.support_y);
    const NoGrad quiet;
    const Tensor features = evaluated(net.body, task.query_x);
    const std::string at = variant_ + ", test task 1, ";
    out.galleries.push_back(
        gallery(std::string(method.name) + ", " + at, task, evaluated(net.head, features)));
    if (const Method* dagger = dagger_of(method.name))
      out.galleries.push_back(
          gallery(std::string(dagger->name) + ", " + at, task, evaluated(net.cohead, features)));
  }

 private:
  TaskBatch sample(const ClassSet& from, const Random& r, int64_t first, int64_t count,
                   int64_t query) const {
    std::vector<Random> streams;
    for (int64_t t = first; t < first + count; ++t) streams.push_back(r / t);
    return from.tasks(streams, {s_.ways, k_, query});
  }

  Gallery gallery(const std::string& title, const TaskBatch& task, const Tensor& logits) const {
    constexpr int64_t most = 2;  // query images per class
    Gallery g{title + "one support image per class, then query images and their predictions"};
    for (int64_t c = 0; c < s_.ways; ++c)
      g.pictures.push_back(picture_of(task.support_x[0][c * k_],
                                      "support, class " + std::to_string(c), Picture::none));
    const std::vector<int64_t> predicted = argmax(logits[0], -1).template to_vector<int64_t>();
    for (int64_t c = 0; c < s_.ways; ++c) {
      for (int64_t i = 0; i < std::min<int64_t>(most, s_.test_query); ++i) {
        const int64_t at = c * s_.test_query + i, guess = predicted[static_cast<size_t>(at)];
        g.pictures.push_back(
            picture_of(task.query_x[0][at],
                       "class " + std::to_string(c) + ", predicted " + std::to_string(guess),
                       guess == c ? Picture::right : Picture::wrong));
      }
    }
    return g;
  }

  ImageSettings s_;
  std::shared_ptr<const ClassSplits> classes_;
  std::string variant_;
  int64_t k_;
};

class ImageExperiment : public FewShotExperiment<ImageSettings> {
 public:
  ImageExperiment(const std::string& task, const std::string& about, LoadClasses load, int reaches)
      : FewShotExperiment(task, about, "accuracy", experiment::Better::higher),
        load_(std::move(load)),
        reaches_(reaches) {}

  void choose(const std::string&, const std::string& preset) override {
    ImageSettings s;  // protocol B of the specification, with presets around it
    s.steps = 2000, s.shots = {1, 5}, s.alpha = 0.4, s.gamma = 1, s.chunk = 1;
    s.test_tasks = 600, s.test_chunk = 10, s.log_every = 100, s.validation_tasks = 40;
    if (preset == "tiny") {
      s.steps = 200, s.shots = {1}, s.test_tasks = 100, s.last_tasks = 50, s.validation_tasks = 20,
      s.log_every = 40;
    } else if (preset == "long") {
      s.steps = 20000, s.log_every = 500;
    } else if (preset == "paper") {  // section 4.2 and appendix A.1
      s.steps = 30000, s.channels = 64, s.alpha = 0.5, s.query = 15, s.test_tasks = 10000,
      s.validation_tasks = 100, s.log_every = 100;
    }
    settings_ = s;
  }
  void data(const std::string& folder) override {
    classes_ = std::make_shared<const ClassSplits>(load_(folder, settings_.size));
  }
  void check() const override {
    cml::check(settings_);
    need(settings_.net == "conv4" || settings_.net == "mlp",
         "net: '" + settings_.net + "' is not one of conv4, mlp");
    need(!settings_.hidden.empty(), "hidden: at least one width");
    need(task_ != "omniglot" || settings_.size <= 105,
         "size: Omniglot's drawings have 105 pixels per side");
    if (!classes_) return;
    const int most = *std::max_element(settings_.shots.begin(), settings_.shots.end());
    const auto room = [&](const ClassSet& part, int query, const char* split) {
      const auto classes = static_cast<int64_t>(part.sampler.classes().size());
      if (classes >= settings_.ways && part.least_rows() >= most + query) return;
      throw ConfigError("ways, shots and query ask for " + std::to_string(settings_.ways) +
                        " classes of " + std::to_string(most + query) + " images; there are " +
                        std::to_string(classes) + " " + split + " classes, the smallest of " +
                        std::to_string(part.least_rows()) + " images");
    };
    const Shape& sizes = classes_->train.set.images.shape();
    if (settings_.net == "conv4" && sizes[2] != sizes[3])
      throw ConfigError("net conv4 takes square images; these are " + str(sizes));
    room(classes_->train, settings_.query, "training");
    room(classes_->validation, settings_.test_query, "validation");
    room(classes_->test, settings_.test_query, "test");
  }
  // Before data are read, of what images have at least.
  std::vector<experiment::Need> needs(const experiment::Job& job) const override {
    const ImageSettings& s = settings_;
    const Shape image = classes_ ? Shape(classes_->train.set.images.shape().begin() + 1,
                                         classes_->train.set.images.shape().end())
                                 : Shape{1, s.size ? s.size : 28, s.size ? s.size : 28};
    const auto c = static_cast<double>(image[0]), pixels = static_cast<double>(image[1] * image[2]);
    const double w = s.channels, ways = s.ways, k = shots_of(job.variant);
    TaskSize t{0, ways * k, ways * s.query, ways * s.test_query, c * pixels, w * pixels};
    if (s.net == "conv4") {
      t.parameters = 9 * w * (c + w * (3 + s.cohead_convs)) + 2 * w * ways;
    } else {
      const std::vector<double> body = widths(c * pixels, s.hidden);
      t.parameters = mlp_parameters(body) + head_parameters(body.back(), s.cohead_hidden, ways);
      t.activations = std::accumulate(body.begin() + 1, body.end(), 0.0);
    }
    return needs_of(s, t);
  }
  std::unique_ptr<experiment::Trial> trial(const experiment::Job& job) const override {
    if (!classes_) throw ConfigError("--task " + task_ + ": no classes were read");
    if (settings_.net == "mlp")
      return trial_of(ImageTask<MlpNets>(settings_, classes_, job.variant), job);
    return trial_of(ImageTask<Conv4Nets>(settings_, classes_, job.variant), job);
  }

 private:
  void ask(const Asked& at) const override {
    if (reaches_ > 0 && at.variant == "K=1") at.reaches("maml", reaches_);
    at.claims.above(at.text("maml above itself without adaptation"), at.of("maml"),
                    at.unadapted("maml"));
    at.better("cml", "maml");
    at.better("cml-g0.5", "maml");
    at.better("dagger", "cml");
    at.better("cml", "noise", "frozen noise");
  }

  const LoadClasses load_;
  const int reaches_;
  std::shared_ptr<const ClassSplits> classes_ = nullptr;  // after data()
};

}  // namespace

std::unique_ptr<experiment::Experiment> image_experiment(const std::string& task,
                                                         const std::string& about, LoadClasses load,
                                                         int reaches) {
  return std::make_unique<ImageExperiment>(task, about, std::move(load), reaches);
}

}  // namespace regrad::cml
