// The experiment behind regrad-map and regrad-dcil: the same rows, each paper's own claims first.
#pragma once

#include <regrad/algorithms/experiment/data/images.h>
#include <regrad/algorithms/experiment/tasks.h>
#include <regrad/algorithms/pruning/settings.h>

#include <functional>
#include <memory>

namespace regrad::pruning {

using experiment::Images;

enum class Paper { map, dcil };

class PruningExperiment : public experiment::Experiment {
 public:
  PruningExperiment(Paper paper, std::string task) : paper_(paper), task_(std::move(task)) {}

  experiment::Card card() const override;
  void choose(const std::string& task, const std::string& preset) override;
  int seeds() const override { return seeds_; }
  std::vector<experiment::Field> fields() override { return experiment::fields(settings_); }
  void check() const override;
  std::vector<experiment::Need> needs(const experiment::Job& job) const override;
  void data(const std::string& folder) override;
  std::vector<std::string> variants() const override;  // "90%", ..
  int64_t steps(const experiment::Job& job) const override;
  int64_t log_every() const override;
  std::unique_ptr<experiment::Trial> trial(const experiment::Job& job) const override;
  std::vector<experiment::Claim> claims(const experiment::Result& result) const override;

 private:
  Paper paper_;
  std::string task_;
  Settings settings_ = {};
  int seeds_ = 3;
  std::shared_ptr<const Images> images_ = nullptr;  // after data()
};

// Tasks glyphs (no data), fmnist, cifar10.
experiment::TaskList pruning_tasks(Paper paper);

}  // namespace regrad::pruning
