// The experiment behind regrad-asc: acoustic scenes with residual normalization, device translation
// and the compression of the challenge's system.
#pragma once

#include <regrad/algorithms/asc/experiment/settings.h>
#include <regrad/algorithms/experiment/tasks.h>

namespace regrad::asc {

class AscExperiment : public experiment::Experiment {
 public:
  explicit AscExperiment(const std::string& task) : sounds_(task) {}

  experiment::Card card() const override;
  void choose(const std::string& task, const std::string& preset) override;
  int seeds() const override { return seeds_; }
  std::vector<experiment::Field> fields() override { return experiment::fields(settings_); }
  void check() const override;
  std::vector<experiment::Need> needs(const experiment::Job& job) const override;
  void data(const std::string& folder) override;
  // One kind of devices is the table; several are columns, "simulated", "sd4", ..
  std::vector<std::string> variants() const override;
  int64_t steps(const experiment::Job& job) const override;
  int64_t log_every() const override;
  int64_t usual_step(const experiment::Job& job) const override;
  std::unique_ptr<experiment::Trial> trial(const experiment::Job& job) const override;
  std::vector<experiment::Claim> claims(const experiment::Result& result) const override;

 private:
  std::shared_ptr<const experiment::Recordings> recordings(const experiment::Job& job) const;
  void check_pairs(const experiment::Job& job) const;

  experiment::Sounds sounds_;
  Settings settings_ = {};
  int seeds_ = 3;
  // by variant, after data()
  std::map<std::string, std::shared_ptr<const experiment::Recordings>> data_ = {};
};

// Tasks scenes (no data), digits, esc10, tau, folder.
experiment::TaskList asc_tasks();

}  // namespace regrad::asc
