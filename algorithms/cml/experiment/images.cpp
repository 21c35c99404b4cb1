#include <regrad/algorithms/cml/experiment/image_nets.h>
#include <regrad/algorithms/cml/experiment/tasks.h>
#include <regrad/algorithms/cml/experiment/trial.h>
#include <regrad/algorithms/experiment/unused.h>

#include <algorithm>

namespace regrad::cml {
namespace {

using experiment::Gallery;
using experiment::Picture;

struct ImageSettings : MetaSettings {
  int ways = 5, query = 5, test_query = 15;
  int size = 0;
  bool lazy = false;
  std::string net = "conv4";
  int channels = 32, head_convs = 0, cohead_convs = 2;
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
    part("lazy", self.lazy,
         "pictures of --task folder stay on disk until a task has them, for sets that no memory "
         "holds");
    part("net", self.net, "conv4, resnet12, or mlp on the pixels");
    part(
        "channels", self.channels,
        "conv4: channels of each block; resnet12: of the first, each further one has twice as many",
        at_least(1));
    part(
        "head_convs", self.head_convs,
        "conv4, resnet12: conv blocks of the meta-learner's head before its linear map; as many as "
        "cohead_convs: equal heads",
        between(0, 100));
    part("cohead_convs", self.cohead_convs, "the same of the co-learner", between(0, 100));
    part("hidden", self.hidden, "mlp: widths of the body's layers", at_least(1));
    part("cohead_hidden", self.cohead_hidden, "mlp: width of the co-learner's hidden layer",
         at_least(1));
  }
};

Picture picture_of(const Tensor& image, const std::string& caption, Picture::Mark mark) {
  const auto size = [&](int d) { return static_cast<int>(image.size(d)); };
  Picture p{size(2), size(1), size(0), "", caption, mark};
  for (double v : permute(image, {1, 2, 0}).to_vector())
    p.pixels += static_cast<char>(static_cast<unsigned char>(std::clamp(v, 0.0, 1.0) * 255 + 0.5));
  return p;
}

Gallery gallery(const std::string& title, const ImageSettings& s, const TaskBatch& task,
                const Tensor& logits) {
  constexpr int64_t most = 2;  // query images per class
  Gallery g{title + "one support image per class, then query images and their predictions"};
  const int64_t shots = task.support_x.size(1) / s.ways;
  for (int64_t c = 0; c < s.ways; ++c)
    g.pictures.push_back(picture_of(task.support_x[0][c * shots],
                                    "support, class " + std::to_string(c), Picture::none));
  const std::vector<int64_t> predicted = argmax(logits[0], -1).to_vector<int64_t>();
  for (int64_t c = 0; c < s.ways; ++c) {
    for (int64_t i = 0; i < std::min<int64_t>(most, s.test_query); ++i) {
      const int64_t at = c * s.test_query + i, guess = predicted[static_cast<size_t>(at)];
      g.pictures.push_back(
          picture_of(task.query_x[0][at],
                     "class " + std::to_string(c) + ", predicted " + std::to_string(guess),
                     guess == c ? Picture::right : Picture::wrong));
    }
  }
  return g;
}

// The first test task: what it was adapted on, and the predictions for a few query images of each
// class.
template <class Net>
void show(const ImageSettings& s, const std::string& variant, const Task<Net>& of,
          const Method& method, const Learner<Net>& learner, experiment::Outcome& out) {
  const TaskBatch task = of.held_out(Split::test, 0, 1);
  const int64_t channels = task.query_x.size(2);
  if (channels != 1 && channels != 3) return;
  const Net net = learner.adapted(task.support_x, task.support_y);
  const NoGrad quiet;
  const Tensor features = evaluated(net.body, task.query_x);
  const auto add = [&](const std::string& name, const Tensor& logits) {
    out.galleries.push_back(gallery(name + ", " + variant + ", test task 1, ", s, task, logits));
  };
  add(method.name, evaluated(net.head, features));
  for (const Method* m : readings_of(method.name))
    if (m->reading == Reading::dagger) add(m->name, evaluated(net.cohead, features));
}

constexpr const char* halved =
    "size: net resnet12 halves the pixels four times; at least 16 per side";

class ImageExperiment : public FewShotExperiment<ImageSettings> {
 public:
  ImageExperiment(const std::string& task, const std::string& about, LoadClasses load, int reaches,
                  LoadClasses lazily)
      : FewShotExperiment(task, about, classification),
        load_(std::move(load)),
        lazily_(std::move(lazily)),
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
      s.validation_tasks = 100, s.log_every = 100, s.select = "best";
      s.plus_plus.step_norms = s.plus_plus.cosine = true;  // as MAML++'s authors have it
    }
    settings_ = s;
  }
  void data(const std::string& folder) override {
    classes_ = std::make_shared<const ClassSplits>(
        (settings_.lazy && lazily_ ? lazily_ : load_)(folder, settings_.size));
  }
  void check() const override {
    cml::check(settings_);
    check_net();
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
    const Shape sizes = classes_->train.image_shape();
    need(settings_.net == "mlp" || sizes[1] == sizes[2],
         "net " + settings_.net + " takes square images; these are " + str(sizes));
    need(settings_.net != "resnet12" || sizes[1] >= 16, halved);
    room(classes_->train, settings_.query, "training");
    room(classes_->validation, settings_.test_query, "validation");
    room(classes_->test, settings_.test_query, "test");
  }
  std::string unused(const std::string& key,
                     const std::vector<std::string>& methods) const override {
    const bool mlp = settings_.net == "mlp";
    const std::string why = experiment::reason(
        key, {{"channels head_convs cohead_convs", mlp, "net mlp has no convolutions"},
              {"lazy", !lazily_, "only --task folder has pictures on disk"},
              {"hidden cohead_hidden", !mlp, "they are mlp's (net)"}});
    return why.empty() ? why_unused(key, settings_, methods, {!mlp, !mlp}) : why;
  }
  std::vector<experiment::Need> needs(const experiment::Job& job) const override {
    const ImageSettings& s = settings_;
    const Shape image = image_shape();
    const double c = static_cast<double>(image[0]), pixels = static_cast<double>(image.numel()) / c,
                 w = s.channels, ways = s.ways;
    const double heads = s.head_convs + s.cohead_convs;
    NetSize net{9 * w * (c + w * (3 + heads)) + 2 * w * ways, c * pixels, w * pixels};
    if (s.net == "mlp") net = mlp_size(c * pixels, s.hidden, s.cohead_hidden, ways);
    // Blocks of w, 2 w, 4 w and 8 w channels: three 3x3 and a 1x1 convolution each.
    if (s.net == "resnet12")
      net.parameters = 10 * c * w + w * w * (18 + 92 * (1 + 4 + 16) + 9 * 64 * heads);
    return needs_of(s, net, ways * shots_of(job.variant), ways * s.query, ways * s.test_query);
  }
  std::unique_ptr<experiment::Trial> trial(const experiment::Job& job) const override {
    if (!classes_) throw ConfigError("--task " + task_ + ": no classes were read");
    const ImageSettings s = settings_;
    const Shape image = image_shape();
    if (s.net == "mlp")
      return trial_of(job, [s, image](const Random& r) {
        return mlp_net<PixelMlp>(r, image.numel(), s.hidden, s.cohead_hidden, s.ways);
      });
    if (s.net == "resnet12")
      return trial_of(job, [s, image](const Random& r) {
        const int64_t features = 8 * int64_t{s.channels};
        return Model<Resnet12Body, PooledHead, PooledHead>{
            Resnet12Body(r / "body", image[0], s.channels),
            PooledHead(r / "head", features, s.ways, s.head_convs),
            PooledHead(r / "cohead", features, s.ways, s.cohead_convs)};
      });
    const Conv4Options o{.in_channels = image[0], .channels = s.channels, .size = image[1]};
    const auto conv4 = [s, o](const Random& r, auto head) {
      return Model<Conv4Body, decltype(head), Conv4CoHead>{
          Conv4Body(r / "body", o), std::move(head),
          Conv4CoHead(r / "cohead", o, s.ways, s.cohead_convs)};
    };
    if (s.head_convs > 0)
      return trial_of(job, [s, o, conv4](const Random& r) {
        return conv4(r, Conv4CoHead(r / "head", o, s.ways, s.head_convs));
      });
    return trial_of(
        job, [s, o, conv4](const Random& r) { return conv4(r, Conv4Head(r / "head", o, s.ways)); });
  }

 private:
  void check_net() const {
    const ImageSettings& s = settings_;
    need(s.net == "mlp" || s.net == "conv4" || s.net == "resnet12",
         "net: '" + s.net + "' is not one of conv4, resnet12, mlp");
    need(!s.hidden.empty(), "hidden: at least one width");
    need(s.net != "resnet12" || s.size == 0 || s.size >= 16, halved);
  }
  // [c,h,w]; before data are read, what images have at least.
  Shape image_shape() const {
    if (!classes_)
      return {1, settings_.size ? settings_.size : 28, settings_.size ? settings_.size : 28};
    return classes_->train.image_shape();
  }
  template <class Initial>
  std::unique_ptr<experiment::Trial> trial_of(const experiment::Job& job, Initial initial) const {
    using Net = decltype(initial(Random(0)));
    const ImageSettings s = settings_;
    Task<Net> task{s, scoring_, initial};
    const Shape image = image_shape();
    task.about = about_net(s, s.net, shots_of(job.variant));
    task.about["image"] = std::to_string(image[0]) + "," + std::to_string(image[1]) + "," +
                          std::to_string(image[2]);  // channels, height, width
    task.about["pixels"] = "from 0 to 1";            // pixel / 255
    task.draw = [s, classes = classes_, k = shots_of(job.variant)](Split split, const Random& r,
                                                                   int64_t first, int64_t count) {
      const ClassSet& from = split == Split::training ? classes->train
                             : split == Split::test   ? classes->test
                                                      : classes->validation;
      return from.tasks(task_streams(r, first, count),
                        {s.ways, k, split == Split::training ? s.query : s.test_query});
    };
    task.show = [s, v = job.variant](auto&... of) { show(s, v, of...); };
    return cml::trial_of(std::move(task), job);
  }
  void ask(const Asked& at) const override {
    if (reaches_ > 0 && at.variant == "K=1") at.reaches("maml", reaches_);
    at.claims.above(at.text("maml above itself without adaptation"), at.of("maml"),
                    at.unadapted("maml"));
    at.better("cml", "maml");
    at.better("cml-g0.5", "maml");
    at.better("dagger", "cml");
    at.better("cml", "noise", "frozen noise");
  }

  const LoadClasses load_, lazily_;
  const int reaches_;
  std::shared_ptr<const ClassSplits> classes_ = nullptr;  // after data()
};

}  // namespace

std::unique_ptr<experiment::Experiment> image_experiment(const std::string& task,
                                                         const std::string& about, LoadClasses load,
                                                         int reaches, LoadClasses lazily) {
  return std::make_unique<ImageExperiment>(task, about, std::move(load), reaches,
                                           std::move(lazily));
}

}  // namespace regrad::cml
