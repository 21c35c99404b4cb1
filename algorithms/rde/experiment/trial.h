// One classifier with one seed: trained, then attacked text by text, then guarded by every
// detector.
#pragma once

#include <regrad/algorithms/experiment/trial.h>
#include <regrad/algorithms/rde/experiment/attacks.h>
#include <regrad/algorithms/rde/experiment/data.h>
#include <regrad/algorithms/rde/experiment/pretrained.h>
#include <regrad/algorithms/rde/experiment/victim.h>
#include <regrad/datasets/text/attack_log.h>
#include <regrad/layers/optim.h>

#include <optional>

namespace regrad::rde {

// What the seeds of a table share: texts, vocabulary, what attacks ask, the pretrained net.
struct Corpus {
  TextData data;
  std::shared_ptr<const Vocabulary> vocabulary;
  std::vector<std::vector<int64_t>> train_ids;        // whole texts
  Tensor vectors;                                     // undefined where no attack asks for them
  std::shared_ptr<const MaskedLm> masked_lm = {};     // the same
  std::shared_ptr<const Pretrained> pretrained = {};  // where it is one of the table's nets
};
// IOError as load_pretrained's. ConfigError: more tokens (most) than that net has positions.
std::shared_ptr<const Corpus> corpus_of(TextData data, const TableSettings& s);

// What is attacked: test texts, and behind them those by which detectors choose, where the data
// have them apart.
struct AttackedSet {
  TextSet texts;
  int64_t tests;  // the first so many
};
AttackedSet attacked_set(const TableSettings& s, const TextData& data);

// Attacks on a list of texts, one after the other: what a checkpoint holds of them.
class AttackRun {
 public:
  AttackRun(const AttackRow& row, Sources sources, const AttackedSet& set,
            const Classifier& classifier, const TableSettings& s);

  int64_t texts() const { return static_cast<int64_t>(patterns_.size()); }
  int64_t tests() const { return tests_; }
  void attack(int64_t i, const Classifier& classifier);
  // Texts that are not done count as attacked with success, by no word.
  void pretend();
  const std::vector<std::optional<AttackedText>>& done() const { return done_; }
  const Pattern& pattern(int64_t i) const { return patterns_[static_cast<size_t>(i)]; }
  int64_t label(int64_t i) const { return labels_[static_cast<size_t>(i)]; }
  const AttackRow& row() const { return row_; }
  // Of those that are done: attacks that stop at the flip, or those that go on.
  std::vector<Attacked> log(bool far) const;
  double success() const;  // % of the test texts attacked, at the flip

  // Tensors of fixed sizes, from what is done and back.
  void state_parts(const std::function<void(const std::string&, Tensor&)>& part);

 private:
  Tensor words_tensor(bool flip) const;
  Tensor numbers_tensor() const;
  Stand stand(size_t text, const Tensor& words) const;
  void restore(const Tensor& end, const Tensor& flip, const Tensor& numbers);

  AttackRow row_;
  std::shared_ptr<const Candidates> candidates_;
  double confident_;
  std::vector<Pattern> patterns_;
  std::vector<int64_t> labels_;
  int64_t most_, tests_;
  std::vector<std::optional<AttackedText>> done_;
};

class RdeTrial : public experiment::Trial {
 public:
  RdeTrial(const experiment::Job& job, const TableSettings& s,
           std::shared_ptr<const Corpus> corpus);
  experiment::Moment step(int64_t i) override;
  experiment::Outcome finish() override;
  void rehearse() override;
  void state(const std::function<void(const std::string&, Tensor&)>& part) override;
  std::vector<NamedTensor> model() const override;
  Metadata about() const override;

  const Classifier& classifier() const { return classifier_; }
  const std::vector<AttackRun>& runs() const { return runs_; }

 private:
  experiment::Moment train(int64_t i);
  double accuracy(const TextSet& set) const;
  Adam optimizer(int64_t i) const;  // of that step

  const experiment::Job job_;
  const TableSettings s_;
  const std::shared_ptr<const Corpus> corpus_;
  const Random random_;
  const int64_t batches_, training_;
  const bool pretrained_;
  Classifier classifier_;
  Adam::State adam_;
  std::vector<AttackRun> runs_;
};

// Steps of training, and of the whole trial; `net` as Job::variant.
int64_t training_steps(const TableSettings& s, const Corpus& corpus, const std::string& net = "");
int64_t trial_steps(const TableSettings& s, const Corpus& corpus, const std::string& net = "");

}  // namespace regrad::rde
