// A trial of any method on any task: the method's learner, the task's batches, and what is logged
// and scored.
#pragma once

#include <regrad/algorithms/cml/experiment/few_shot.h>
#include <regrad/algorithms/cml/experiment/learner.h>
#include <regrad/algorithms/cml/experiment/mechanism.h>
#include <regrad/engine/conv.h>

namespace regrad::cml {

enum class Split { training, validation, test };

// A task is a value made of functions, which several threads may call at once.
template <class Net>
struct Task {
  MetaSettings settings;
  Scoring scoring;
  // A Model (cml.h) at its initial values. Each part has a stream of its own, so that phi takes no
  // numbers from psi, theta or the tasks.
  std::function<Net(const Random&)> initial = {};
  // Tasks first, first + 1, .. of a split and a stream, the same however many are drawn at once.
  std::function<TaskBatch(Split, const Random&, int64_t first, int64_t count)> draw = {};
  // Adds figures and galleries of the trained net, if any.
  std::function<void(const Task&, const Method&, const Learner<Net>&, experiment::Outcome&)> show =
      [](const Task&, const Method&, const Learner<Net>&, experiment::Outcome&) {};

  Net at_seed(uint64_t seed) const { return initial(Random(seed) / "init"); }
  TaskBatch training(uint64_t seed, int64_t step) const {
    return draw(Split::training, Random(seed) / "tasks" / step, 0, settings.tasks);
  }
  // The same for every seed and method.
  TaskBatch held_out(Split split, int64_t first, int64_t count) const {
    return draw(split, Random(0) / (split == Split::test ? "test" : "validation"), first, count);
  }
};

template <class Net>
class TaskTrial : public experiment::Trial {
 public:
  TaskTrial(Task<Net> task, const experiment::Job& job)
      : task_(std::move(task)),
        job_(job),
        method_(method(job.method)),
        dagger_(dagger_of(job.method)),
        learner_(task_.at_seed(job.seed), method_, set_, task_.scoring.loss, job.seed) {
    if (points_ > 0) last_ = zeros({readings_, points_}, DType::f64);
  }

  experiment::Moment step(int64_t i) override {
    const Bf16 precision(set_.precision == "bf16");
    const TaskBatch batch = task_.training(job_.seed, i);
    const Objective o = learner_.learn(batch, i);
    if ((i + 1) % set_.log_every != 0) return {};
    const std::string metric = task_.scoring.metric_name, loss = task_.scoring.loss_name;
    experiment::Moment moment = {
        {"validation " + metric,
         evaluate(Split::validation, set_.validation_tasks, true, 1)[0].mean},
        {"query " + loss, o.meta.item()}};
    if (o.co.defined()) moment.emplace_back("co-learner's query " + loss, o.co.item());
    if (set_.mechanism) mechanism(batch, moment);
    remember((i + 1) / set_.log_every - 1);
    return moment;
  }

  experiment::Outcome finish() override {
    const Bf16 precision(set_.precision == "bf16");
    experiment::Outcome out;
    const std::vector<Reading> after = evaluate(Split::test, set_.test_tasks, true, readings_),
                               before = evaluate(Split::test, set_.test_tasks, false, readings_);
    const std::string metric = metric_at(task_.scoring.metric_name, job_.variant);
    const Net net = learner_.net();
    const int64_t shared = parameter_count(net.body) + parameter_count(learner_.step_sizes());
    for (size_t r = 0; r < after.size(); ++r) {
      const std::string name = r == 0 ? job_.method : dagger_->name;
      out.scores.push_back({name, metric, after[r].mean});
      out.scores.push_back({name, "unadapted " + metric, before[r].mean});
      if (set_.test_tasks > 1)
        out.scores.push_back({name, "interval over tasks of " + metric,
                              experiment::mean_interval(after[r].scores).ci95});
      if (points_ > 1)
        out.scores.push_back({name, "spread of " + metric,
                              experiment::sample_sd(last_[static_cast<int64_t>(r)].to_vector())});
      out.parameters.emplace_back(
          name, shared + (r == 0 ? parameter_count(net.head) : parameter_count(net.cohead)));
    }
    if (method_.cohead != CoLearner::frozen && method_.cohead != CoLearner::adapted)  // no control
      task_.show(task_, method_, learner_, out);
    return out;
  }

  void state(const std::function<void(const std::string&, Tensor&)>& part) override {
    learner_.state(part);
    if (last_.defined()) part("last", last_);
  }
  std::vector<NamedTensor> model() const override {
    std::vector<NamedTensor> out;
    Learner<Net>(learner_).model(
        [&](const std::string& name, const Tensor& t) { out.emplace_back(name, t); });
    return out;
  }

 private:
  struct Reading {
    double mean = 0;
    std::vector<double> scores = {};  // by task
  };

  // Of `count` tasks, chunk by chunk: the metric by the meta-learner's head, and by the
  // co-learner's where `readings` is 2. Chunks may run side by side; sums are made in their order.
  std::vector<Reading> evaluate(Split split, int64_t count, bool adapts, int64_t readings) const {
    const int64_t chunk = set_.test_chunk, chunks = (count + chunk - 1) / chunk;
    std::vector<std::array<Tensor, 2>> found(static_cast<size_t>(chunks));
    parallel_for(chunks, [&](int64_t c) {
      const TaskBatch tasks = task_.held_out(split, c * chunk, std::min(chunk, count - c * chunk));
      const Net net = adapts ? learner_.adapted(tasks.support_x, tasks.support_y)
                             : per_task(learner_.net(), tasks.tasks());
      const NoGrad quiet;
      const Tensor features = evaluated(net.body, tasks.query_x);
      auto& [head, cohead] = found[static_cast<size_t>(c)];
      head = task_.scoring.metric(evaluated(net.head, features), tasks.query_y);
      if (readings == 2)
        cohead = task_.scoring.metric(evaluated(net.cohead, features), tasks.query_y);
    });
    std::vector<Reading> out(static_cast<size_t>(readings));
    for (size_t r = 0; r < out.size(); ++r) {
      for (const auto& here : found) {
        out[r].mean += sum(here[r]).item();
        const std::vector<double> scores = here[r].to_vector();
        out[r].scores.insert(out[r].scores.end(), scores.begin(), scores.end());
      }
      out[r].mean /= static_cast<double>(count);
    }
    return out;
  }

  // The spread: test scores at the last few points of the learning curve. They are part of the
  // state, so that a resumed trial has them.
  void remember(int64_t point) {
    const int64_t place = point - (set_.steps / set_.log_every - points_);
    if (place < 0 || points_ == 0) return;
    const std::vector<Reading> now =
        evaluate(Split::test, std::min(set_.last_tasks, set_.test_tasks), true, readings_);
    std::vector<double> all = last_.to_vector();
    for (size_t r = 0; r < now.size(); ++r)
      all[r * static_cast<size_t>(points_) + static_cast<size_t>(place)] = now[r].mean;
    last_ = tensor(all, {readings_, points_}, DType::f64);
  }

  void mechanism(const TaskBatch& batch, experiment::Moment& moment) const {
    const TaskLoss loss = task_.scoring.loss;
    const Net fast = as_leaves(learner_.adapted(batch.support_x, batch.support_y));
    if (learner_.gamma() > 0)
      moment.emplace_back("cosine of the heads' gradients", cosine_of_heads(fast, loss, batch));
    log_support_gradient(fast, loss, batch, moment);
    const TaskBatch held = task_.held_out(Split::validation, 0, std::min(set_.validation_tasks, 8));
    log_cka(learner_.net(), learner_.adapted(held.support_x, held.support_y), held.query_x, moment);
  }

  const Task<Net> task_;
  const MetaSettings& set_ = task_.settings;
  const experiment::Job job_;
  const Method method_;
  const Method* const dagger_;
  const int64_t readings_ = dagger_ ? 2 : 1,
                points_ = std::min<int64_t>(set_.last, set_.steps / set_.log_every);
  Learner<Net> learner_;
  Tensor last_ = {};  // [readings, points] f64
};

template <class Net>
std::unique_ptr<experiment::Trial> trial_of(Task<Net> task, const experiment::Job& job) {
  return std::make_unique<TaskTrial<Net>>(std::move(task), job);
}

}  // namespace regrad::cml
