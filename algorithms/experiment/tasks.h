// One binary for several tasks: an experiment for each task, of which --task picks one.
//
//   TaskList all;  all.add("sinusoid", std::make_unique<SinusoidExperiment>());
//   all.add("omniglot", ...);  return main(all, argc, argv);
#pragma once

#include <regrad/algorithms/experiment/trial.h>
#include <regrad/engine/error.h>

namespace regrad::experiment {

class TaskList : public Experiment {
 public:
  // The first one is the default. ConfigError for a name that is there.
  void add(const std::string& name, std::unique_ptr<Experiment> task) {
    need(!find(name), "TaskList: task '" + name + "' is there twice");
    tasks_.emplace_back(name, std::move(task));
    if (tasks_.size() == 1) chosen_ = tasks_[0].second.get();
  }

  // The chosen task's, with every task's name.
  Card card() const override {
    Card card = chosen().card();
    card.tasks.clear();
    for (const auto& [name, task] : tasks_) card.tasks.push_back(name);
    for (const std::string& note : chosen().notes())  // after data(): for the report
      if (!note.empty()) card.about += " " + note + ".";
    return card;
  }
  void choose(const std::string& task, const std::string& preset) override {
    need(find(task), "no task '" + task + "'");
    chosen_ = find(task);
    chosen_->choose(task, preset);
  }
  int seeds() const override { return chosen().seeds(); }
  std::vector<Field> fields() override { return chosen().fields(); }
  void check() const override { chosen().check(); }
  std::string unused(const std::string& key,
                     const std::vector<std::string>& methods) const override {
    return chosen().unused(key, methods);
  }
  std::vector<Need> needs(const Job& job) const override { return chosen().needs(job); }
  void data(const std::string& folder) override { chosen().data(folder); }
  std::vector<std::string> notes() const override { return chosen().notes(); }
  std::vector<std::string> variants() const override { return chosen().variants(); }
  bool has_row(const Job& job) const override { return chosen().has_row(job); }
  bool has_score(const Job& job) const override { return chosen().has_score(job); }
  std::vector<int64_t> parts_of(uint64_t seed) const override { return chosen().parts_of(seed); }
  int64_t steps(const Job& job) const override { return chosen().steps(job); }
  int64_t log_every() const override { return chosen().log_every(); }
  int64_t epoch(const Job& job) const override { return chosen().epoch(job); }
  std::vector<Phase> phases(const Job& job) const override { return chosen().phases(job); }
  std::unique_ptr<Trial> trial(const Job& job) const override { return chosen().trial(job); }
  std::vector<Claim> claims(const Result& result) const override { return chosen().claims(result); }
  std::vector<Chart> figures(const Result& result) const override {
    return chosen().figures(result);
  }

 private:
  Experiment& chosen() const {
    if (!chosen_) throw Error("TaskList: no task was added");
    return *chosen_;
  }
  Experiment* find(const std::string& task) const {
    for (const auto& [name, experiment] : tasks_)
      if (name == task) return experiment.get();
    return nullptr;
  }

  std::vector<std::pair<std::string, std::unique_ptr<Experiment>>> tasks_ = {};
  Experiment* chosen_ = nullptr;
};

}  // namespace regrad::experiment
