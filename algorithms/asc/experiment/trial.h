// One row with one seed: [translation,] training of the scene net, accuracy by device[, and the
// chain of compression].
#pragma once

#include <regrad/algorithms/asc/experiment/batches.h>
#include <regrad/algorithms/asc/experiment/methods.h>
#include <regrad/algorithms/asc/experiment/scores.h>
#include <regrad/layers/nets/bcresnet.h>

#include <array>
#include <memory>

namespace regrad::asc {

// Steps by phase, one after the other; of an ensemble those of all its nets.
struct Phases {
  // the last two: fine-tuning without and with distillation
  int64_t translation = 0, training = 0, without = 0, with = 0;
  int64_t batches = 0;  // an epoch
  int64_t steps() const { return translation + training + without + with; }
};
// Every so many-th row of x [n,..], so that there are at most `most`, spread over all of them: the
// clips that a deployed net is held against and that ranges are taken over.
Tensor spread(const Tensor& x, int64_t most);
Phases phases(const Settings& settings, const std::string& method, int64_t clips);

// All that steps change.
struct Chain {
  BcResnetAsc net;
  Sgd::State sgd;
  TranslationNet translation;
  Adam::State adam;
  std::vector<Tensor> masks;            // ones until the net is trained
  std::array<BcResnetAsc, 2> students;  // fine-tuned without and with distillation
  std::array<Sgd::State, 2> student_sgd;
  static void parts(auto& self, auto&& part) {
    part("net", self.net);
    part("sgd", self.sgd);
    part("translation", self.translation);
    part("adam", self.adam);
    part("masks", self.masks);
    part("without", self.students[0]);
    part("without_sgd", self.student_sgd[0]);
    part("with", self.students[1]);
    part("with_sgd", self.student_sgd[1]);
  }
};

// A chain of phases, each with a curve of its own: it shares the frame's settings, batches and
// scores (experiment/training), not its trial.
class AscTrial : public experiment::Trial {
 public:
  // member: which net of an ensemble; the first has the random numbers of a row of one net.
  AscTrial(const Job& job, const Settings& settings, std::shared_ptr<const Recordings> data,
           int member = 0);

  Moment step(int64_t i) override;
  Outcome finish() override;
  void state(const std::function<void(const std::string&, Tensor&)>& part) override;
  std::vector<NamedTensor> model() const override;
  Metadata about() const override;

  const Chain& now() const { return now_; }

 private:
  SceneBatch batch(int64_t i, const Random& r) const;
  Moment translate(int64_t i);
  Moment train(int64_t i);
  Moment squeeze(int64_t i, bool distilled);
  Moment curve(const std::string& of, const BcResnetAsc& net, const Tensor& loss) const;
  Deployed to_deploy() const;
  void finish_compression(const Hits& before, Outcome& out) const;
  bool logged() const;  // whether the step under way is

  const Job job_;
  const Method method_;
  const Settings s_;
  const std::shared_ptr<const Recordings> data_;
  const Random random_;
  const SceneBatches batches_;
  const Phases phases_;
  const BcResnetAscOptions options_;
  int64_t step_ = 0;  // under way
  Chain now_;
};

}  // namespace regrad::asc
