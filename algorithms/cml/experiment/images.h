// The tasks of images (CML section 4.2): N-way K-shot classification, accuracy in % after
// adaptation, on any store of classes and any net of body, head and co-learner.
#pragma once

#include <regrad/algorithms/cml/experiment/classes.h>
#include <regrad/algorithms/cml/experiment/few_shot.h>

#include <functional>
#include <memory>

namespace regrad::cml {

// % of each task's query points whose largest logit is their class's: input [T,N,classes], target
// i64 [T,N] -> [T].
Tensor accuracy_by_task(const Tensor& input, const Tensor& target);

struct ImageSettings : MetaSettings {
  int ways = 5, query = 5, test_query = 15;
  int size = 0;
  std::string net = "conv4";
  int channels = 32, cohead_convs = 2;
  std::vector<int> hidden = {64, 64};
  int cohead_hidden = 64;

  static void parts(auto& self, auto&& part) {
    MetaSettings::parts(self, part);
    part("ways", self.ways, "classes of a task (N)", experiment::at_least(2));
    part("query", self.query, "query images a class in training", experiment::at_least(1));
    part("test_query", self.test_query, "query images a class at test", experiment::at_least(1));
    part("size", self.size,
         "pixels a side; 0: 84 for pictures in a folder, 28 for what else there is",
         experiment::between(0, 4096));
    part("net", self.net, "conv4, or mlp on the pixels");
    part("channels", self.channels, "conv4: channels of each block", experiment::at_least(1));
    part("cohead_convs", self.cohead_convs, "conv4: blocks of the co-learner before its linear map",
         experiment::between(0, 100));
    part("hidden", self.hidden, "mlp: widths of the body's layers", experiment::at_least(1));
    part("cohead_hidden", self.cohead_hidden, "mlp: width of the co-learner's hidden layer",
         experiment::at_least(1));
  }
};

// The classes in a folder (--data; "" for none given), images of `size` pixels a side (0: as they come
// best). IOError where they are missing or broken.
using LoadClasses = std::function<ClassSplits(const std::string& folder, int64_t size)>;

// --task omniglot and --task images: Omniglot, and pictures in a folder or, without one, drawn
// glyphs.
std::unique_ptr<experiment::Experiment> omniglot_experiment();
std::unique_ptr<experiment::Experiment> images_experiment();

class ImageExperiment : public FewShotExperiment<ImageSettings> {
 public:
  // reaches: what MAML at K = 1 is claimed to reach, in %; 0: nothing is claimed.
  ImageExperiment(std::string task, std::string about, LoadClasses load, int reaches)
      : FewShotExperiment(std::move(task), "accuracy"),
        about_(std::move(about)),
        load_(std::move(load)),
        reaches_(reaches) {}

  experiment::Card card() const override;
  void choose(const std::string& task, const std::string& preset) override;
  int seeds() const override { return 3; }
  void data(const std::string& folder) override {
    classes_ = std::make_shared<const ClassSplits>(load_(folder, settings_.size));
  }
  void check() const override;
  std::vector<experiment::Need> needs(const experiment::Job& job) const override;
  std::unique_ptr<experiment::Trial> trial(const experiment::Job& job) const override;

 private:
  void ask(const Asked& at) const override;
  const std::string about_;
  const LoadClasses load_;
  const int reaches_;
  std::shared_ptr<const ClassSplits> classes_ = nullptr;  // after data()
};

}  // namespace regrad::cml
