#include <regrad/algorithms/experiment/tasks.h>
#include <regrad/engine/error.h>

namespace regrad::experiment {

void TaskList::add(const std::string& name, std::unique_ptr<Experiment> task) {
  for (const auto& [known, experiment] : tasks_)
    if (known == name) throw ConfigError("TaskList: task '" + name + "' is there twice");
  tasks_.emplace_back(name, std::move(task));
}

Experiment& TaskList::chosen() const {
  if (tasks_.empty()) throw Error("TaskList: no task was added");
  return *tasks_[at_].second;
}

Card TaskList::card() const {
  Card card = chosen().card();
  card.tasks.clear();
  for (const auto& [name, experiment] : tasks_) card.tasks.push_back(name);
  return card;
}

void TaskList::choose(const std::string& task, const std::string& preset) {
  for (size_t i = 0; i < tasks_.size(); ++i) {
    if (tasks_[i].first != task) continue;
    at_ = i;
    return chosen().choose(task, preset);
  }
  throw ConfigError("no task '" + task + "'");
}

}  // namespace regrad::experiment
