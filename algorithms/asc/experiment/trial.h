// One row with one seed: [translation,] training of the scene net, accuracy by device[, and the
// chain of compression].
#pragma once

#include <regrad/algorithms/asc/settings.h>
#include <regrad/algorithms/asc/translate.h>
#include <regrad/algorithms/experiment/trial.h>
#include <regrad/algorithms/scenes/recordings.h>
#include <regrad/layers/nets/bcresnet.h>

#include <memory>

namespace regrad::asc {

struct Row {
  const char *name, *help;
  FreqNorm norm;
  bool translation;
  bool by_default = true;
};
const std::vector<Row>& rows();
const Row& row(const std::string& name);  // ConfigError where there is none of that name

// Steps by phase, one after the other.
struct Plan {
  // the last two: fine-tuning without and with distillation
  int64_t translation = 0, training = 0, without = 0, with = 0;
  int64_t batches = 0;  // an epoch
  int64_t steps() const { return translation + training + without + with; }
};
Plan plan(const Settings& settings, const std::string& method, int64_t clips);

class AscTrial : public experiment::Trial {
 public:
  AscTrial(const experiment::Job& job, const Settings& settings,
           std::shared_ptr<const scenes::Recordings> data);

  experiment::Moment step(int64_t i) override;
  experiment::Outcome finish() override;
  void state(const std::function<void(const std::string&, Tensor&)>& part) override;
  std::vector<NamedTensor> model() const override;
  Metadata about() const override;

  const BcResnetAsc& net() const { return net_; }
  const std::vector<Tensor>& masks() const { return masks_; }
  const BcResnetAsc& student(bool distilled) const { return students_[distilled]; }
  const TranslationNet& translation() const { return translation_; }

 private:
  struct Batch {
    Tensor x, y;  // [N,1,F,T], soft labels [N,K]
  };
  Batch batch(int64_t i, const Random& r) const;
  double lr(int64_t i, int64_t of, double peak) const;
  experiment::Moment translate(int64_t i);
  experiment::Moment train(int64_t i);
  experiment::Moment squeeze(int64_t i, bool distilled);
  bool logged() const;  // whether the step under way is

  const experiment::Job job_;
  const Row row_;
  const Settings s_;
  const std::shared_ptr<const scenes::Recordings> data_;
  const Random random_;
  const Plan plan_;
  const BcResnetAscOptions options_;
  int64_t now_ = 0;  // the step under way
  TranslationNet translation_;
  Adam::State adam_;
  BcResnetAsc net_;
  Sgd::State sgd_;
  std::vector<Tensor> masks_;            // ones until the net is trained
  std::array<BcResnetAsc, 2> students_;  // fine-tuned without and with distillation
  std::array<Sgd::State, 2> student_sgd_;
};

}  // namespace regrad::asc
