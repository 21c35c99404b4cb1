// The experiment behind regrad-map and regrad-dcil: the same rows, each paper's own claims first.
#pragma once

#include <regrad/algorithms/experiment/claims.h>
#include <regrad/algorithms/experiment/tasks.h>
#include <regrad/algorithms/pruning/experiment/settings.h>

#include <memory>
#include <string>
#include <vector>

namespace regrad::pruning {

// What a table asks about one of its sparsities ("90%").
using Asks = void (*)(experiment::Claims&, const std::string& variant);

struct Paper {
  const char *name, *about;
  std::vector<Asks> claims;
};
// Tasks glyphs (no data), fmnist, cifar10 and a folder of pictures.
experiment::TaskList tasks(const Paper& paper);

// "a above b at 90%", "swing of a below swing of b at 90%".
void above(experiment::Claims& c, const std::string& a, const std::string& b,
           const std::string& variant);
void swings_less(experiment::Claims& c, const std::string& a, const std::string& b,
                 const std::string& variant);

class Table : public experiment::Experiment {
 public:
  Table(Paper paper, std::string task) : paper_(std::move(paper)), task_(std::move(task)) {}

  experiment::Card card() const override;
  void choose(const std::string& task, const std::string& preset) override;
  int seeds() const override { return seeds_; }
  std::vector<experiment::Field> fields() override { return experiment::fields(settings_); }
  void check() const override;
  std::vector<experiment::Need> needs(const experiment::Job& job) const override;
  void data(const std::string& folder) override;
  std::vector<std::string> variants() const override;  // "90%", ..
  int64_t steps(const experiment::Job& job) const override;
  int64_t log_every() const override { return batches() * settings_.log_every; }
  std::unique_ptr<experiment::Trial> trial(const experiment::Job& job) const override;
  std::vector<experiment::Claim> claims(const experiment::Result& result) const override;

 private:
  int64_t examples() const;  // of the training set, as far as it is known
  int64_t batches() const { return std::max<int64_t>(1, examples() / settings_.batch); }

  Paper paper_;
  std::string task_;
  Settings settings_ = {};
  int seeds_ = 3;
  std::shared_ptr<const experiment::Images> images_ = nullptr;  // after data()
};

}  // namespace regrad::pruning
