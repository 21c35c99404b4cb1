// The experiment behind regrad-asc: acoustic scenes with residual normalization, device translation
// and the compression of the challenge's system.
#pragma once

#include <regrad/algorithms/asc/settings.h>
#include <regrad/algorithms/experiment/tasks.h>
#include <regrad/algorithms/scenes/recordings.h>

#include <memory>

namespace regrad::asc {

class AscExperiment : public experiment::Experiment {
 public:
  explicit AscExperiment(std::string task) : task_(std::move(task)) {}

  experiment::Card card() const override;
  void choose(const std::string& task, const std::string& preset) override;
  int seeds() const override { return seeds_; }
  std::vector<experiment::Field> fields() override { return experiment::fields(settings_); }
  void check() const override;
  std::vector<experiment::Need> needs(const experiment::Job& job) const override;
  void data(const std::string& folder) override;
  int64_t steps(const experiment::Job& job) const override;
  int64_t log_every() const override;
  int64_t usual_step(const experiment::Job& job) const override;
  std::unique_ptr<experiment::Trial> trial(const experiment::Job& job) const override;
  std::vector<experiment::Claim> claims(const experiment::Result& result) const override;

 private:
  void check_pairs(const experiment::Job& job) const;

  std::string task_;
  Settings settings_ = {};
  int seeds_ = 3;
  std::shared_ptr<const scenes::Recordings> data_ = nullptr;  // after data()
};

// Tasks scenes (no data), digits, esc10, tau.
experiment::TaskList asc_tasks();

}  // namespace regrad::asc
