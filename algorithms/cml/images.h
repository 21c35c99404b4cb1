// The tasks of images (CML section 4.2): N-way K-shot classification, accuracy in % after adaptation, on any store of classes and any net of body,
// head and co-learner.
#pragma once

#include <regrad/algorithms/cml/settings.h>
#include <regrad/algorithms/experiment/trial.h>
#include <regrad/algorithms/shared/episodes.h>

#include <functional>
#include <memory>

namespace regrad::cml {

// Images by class.
struct ClassStore {
  Tensor images;                           // [n, c, h, w] f32 in [0, 1]
  std::vector<std::vector<int64_t>> rows;  // of each class
};
// Their classes are disjoint.
struct ClassSplits {
  ClassStore train, validation, test;
};

// One N-way episode a stream: `ways` classes, of each `shots` support and `query` query images, all different. Labels 0..ways-1 in the order drawn.
struct Episodes {
  int64_t ways = 5, shots = 1, query = 15;
  // x [T, ways shots, c, h, w] and [T, ways query, c, h, w] f32, y i64; task t of it is decided by streams[t]. ConfigError where the store has too
  // few classes, or one of them too few images.
  TaskBatch sample(const ClassStore& store, const std::vector<Random>& streams) const;
};

// % of each task's query points whose largest logit is their class's: input [T,N,classes], target i64 [T,N] -> [T].
Tensor accuracy_by_task(const Tensor& input, const Tensor& target);

struct ImageSettings : MetaSettings {
  int ways = 5, query = 5, test_query = 15;
  std::string net = "mlp";
  std::vector<int> hidden = {64, 64};
  int cohead_hidden = 64;

  static void parts(auto& self, auto&& part) {
    MetaSettings::parts(self, part);
    part("ways", self.ways, "classes of a task (N)");
    part("query", self.query, "query images a class in training");
    part("test_query", self.test_query, "query images a class at test");
    part("net", self.net, "mlp");
    part("hidden", self.hidden, "mlp: widths of the body's layers");
    part("cohead_hidden", self.cohead_hidden, "mlp: width of the co-learner's hidden layer");
  }
};

// The classes in a folder (--data; "" for none given). IOError where they are missing or broken.
using LoadClasses = std::function<ClassSplits(const std::string& folder)>;

class ImageExperiment : public experiment::Experiment {
 public:
  // reaches: what MAML at K = 1 is claimed to reach, in %; 0: nothing is claimed.
  ImageExperiment(std::string task, std::string about, LoadClasses load, double reaches)
      : task_(std::move(task)), about_(std::move(about)), load_(std::move(load)), reaches_(reaches) {}

  experiment::Card card() const override;
  void choose(const std::string& task, const std::string& preset) override;
  int seeds() const override { return 3; }
  std::vector<experiment::Field> fields() override { return experiment::fields(settings_); }
  void data(const std::string& folder) override { classes_ = std::make_shared<const ClassSplits>(load_(folder)); }
  void check() const override;
  std::vector<std::string> variants() const override;  // "K=1", ...
  int64_t steps(const experiment::Job&) const override { return settings_.steps; }
  std::unique_ptr<experiment::Trial> trial(const experiment::Job& job) const override;
  std::vector<experiment::Claim> claims(const experiment::Result& result) const override;

 private:
  std::string task_, about_;
  LoadClasses load_;
  double reaches_;
  ImageSettings settings_ = {};
  std::shared_ptr<const ClassSplits> classes_ = nullptr;  // after data()
};

}  // namespace regrad::cml
