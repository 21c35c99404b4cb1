// The experiment behind regrad-rfn.
#pragma once

#include <regrad/algorithms/experiment/tasks.h>
#include <regrad/algorithms/rfn/settings.h>
#include <regrad/algorithms/scenes/recordings.h>

#include <map>
#include <mutex>

namespace regrad::relaxed_norm {

class RfnExperiment : public experiment::Experiment {
 public:
  explicit RfnExperiment(std::string task) : task_(std::move(task)) {}

  experiment::Card card() const override;
  void choose(const std::string& task, const std::string& preset) override;
  int seeds() const override { return seeds_; }
  std::vector<experiment::Field> fields() override { return experiment::fields(settings_); }
  void check() const override;
  void data(const std::string& folder) override;
  // "simulated", "microphones", "sd4", ..; tau: "recorded"
  std::vector<std::string> variants() const override;
  bool has_row(const experiment::Job& job) const override;
  int64_t steps(const experiment::Job& job) const override;
  std::unique_ptr<experiment::Trial> trial(const experiment::Job& job) const override;
  std::vector<experiment::Claim> claims(const experiment::Result& result) const override;

 private:
  scenes::Ear ear() const;  // the task's, with the settings' bands
  std::shared_ptr<const scenes::Recordings> recordings(const experiment::Job& job) const;

  std::string task_, preset_, folder_;
  Settings settings_ = {};
  int seeds_ = 3;
  scenes::Generated generated_ = {};
  std::shared_ptr<const scenes::Clips> clips_ = nullptr;          // after data()
  std::shared_ptr<const scenes::Recordings> recorded_ = nullptr;  // tau's, after data()
  // Seeds hear the clips by other devices; arms with one seed share what they hear, while one of
  // them lives and until another seed is heard.
  mutable std::mutex mutex_{};
  mutable std::map<std::string, std::weak_ptr<const scenes::Recordings>> heard_{};
  mutable std::shared_ptr<const scenes::Recordings> recent_ = nullptr;
};

// Tasks scenes (no data), digits, esc10, tau.
experiment::TaskList rfn_tasks();

}  // namespace regrad::relaxed_norm
