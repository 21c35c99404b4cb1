// The experiment behind regrad-rfn.
#pragma once

#include <regrad/algorithms/experiment/tasks.h>
#include <regrad/algorithms/rfn/experiment/settings.h>

namespace regrad::relaxed_norm {

class RfnExperiment : public experiment::Experiment {
 public:
  explicit RfnExperiment(const std::string& task) : sounds_(task) {}

  experiment::Card card() const override;
  void choose(const std::string& task, const std::string& preset) override;
  int seeds() const override { return seeds_; }
  std::vector<experiment::Field> fields() override { return experiment::fields(settings_); }
  void check() const override;
  std::vector<experiment::Need> needs(const experiment::Job&) const override {
    return sounds_.needs(settings_);
  }
  void data(const std::string& folder) override { sounds_.load(folder, settings_); }
  // "simulated", "microphones", "sd4", ..; tau: "recorded"
  std::vector<std::string> variants() const override { return settings_.devices; }
  bool has_row(const experiment::Job& job) const override;
  int64_t steps(const experiment::Job&) const override { return epoch() * settings_.epochs; }
  int64_t log_every() const override { return epoch() * settings_.log_every; }
  std::unique_ptr<experiment::Trial> trial(const experiment::Job& job) const override;
  std::vector<experiment::Claim> claims(const experiment::Result& result) const override;

 private:
  int64_t epoch() const { return sounds_.clips(settings_) / settings_.batch; }  // in steps

  experiment::Sounds sounds_;
  std::string preset_ = {};
  Settings settings_ = {};
  int seeds_ = 3;
};

// Tasks scenes (no data), digits, esc10, tau, folder.
experiment::TaskList rfn_tasks();

}  // namespace regrad::relaxed_norm
