// A trial of any method on any task: the method's learner, the task's batches, and what is logged
// and scored.
#pragma once

#include <regrad/algorithms/cml/experiment/few_shot.h>
#include <regrad/algorithms/cml/experiment/learner.h>
#include <regrad/algorithms/cml/experiment/mechanism.h>
#include <regrad/engine/conv.h>
#include <regrad/layers/serialize.h>

namespace regrad::cml {

enum class Held { validation, test };
inline const char* name(Held split) { return split == Held::test ? "test" : "validation"; }

// A task is a value with these functions.
template <class T>
concept Task = requires(const T& task, uint64_t seed, int64_t n, Held split, const Method& method,
                        const Learner<typename T::Net>& learner, experiment::Outcome& out) {
  { task.settings() } -> std::convertible_to<const MetaSettings&>;

  // A Model (cml.h) at its initial values. Each part has a stream of its own, so that phi takes no
  // numbers from psi, theta or the tasks.
  { task.initial(seed) } -> std::same_as<typename T::Net>;

  // training(seed, step): the settings().tasks tasks of an outer step. held_out(split, first,
  // count): tasks first, first + 1, .. of a split, the same for every seed and method, however many
  // are asked for at once.
  { task.training(seed, n) } -> std::same_as<TaskBatch>;
  { task.held_out(split, n, n) } -> std::same_as<TaskBatch>;

  // Of predictions and targets, [T]; and their names: "mse", "accuracy".
  { T::loss } -> std::convertible_to<TaskLoss>;
  { T::metric } -> std::convertible_to<TaskLoss>;
  { T::loss_name } -> std::convertible_to<std::string>;
  { T::metric_name } -> std::convertible_to<std::string>;

  // Adds figures and galleries of the trained net, if any.
  task.show(method, learner, out);
};

template <Task T>
class TaskTrial : public experiment::Trial {
 public:
  using Net = typename T::Net;

  TaskTrial(T task, const experiment::Job& job)
      : task_(std::move(task)),
        job_(job),
        method_(method(job.method)),
        dagger_(dagger_of(job.method)),
        learner_(task_.initial(job.seed), method_, task_.settings(), T::loss, job.seed) {
    if (points() > 0) last_ = zeros({readings(), points()}, DType::f64);
  }

  experiment::Moment step(int64_t i) override {
    const Bf16 precision(set().precision == "bf16");
    const TaskBatch batch = task_.training(job_.seed, i);
    const Objective o = learner_.learn(batch, i);
    if ((i + 1) % set().log_every != 0) return {};
    const std::string metric = T::metric_name, loss = T::loss_name;
    experiment::Moment moment = {
        {"validation " + metric,
         evaluate(Held::validation, set().validation_tasks, true, 1)[0].mean},
        {"query " + loss, o.meta.item()}};
    if (o.co.defined()) moment.emplace_back("co-learner's query " + loss, o.co.item());
    if (set().mechanism) mechanism(batch, moment);
    remember((i + 1) / set().log_every - 1);
    return moment;
  }

  experiment::Outcome finish() override {
    const Bf16 precision(set().precision == "bf16");
    experiment::Outcome out;
    const std::vector<Reading> after = evaluate(Held::test, set().test_tasks, true, readings());
    const std::vector<Reading> before = evaluate(Held::test, set().test_tasks, false, readings());
    const std::string metric = metric_at(T::metric_name, job_.variant);
    const Net& net = learner_.net();
    const int64_t sizes = parameter_count(learner_.step_sizes());
    for (size_t r = 0; r < after.size(); ++r) {
      const std::string name = r == 0 ? job_.method : dagger_->name;
      out.scores.push_back({name, metric, after[r].mean});
      out.scores.push_back({name, "unadapted " + metric, before[r].mean});
      if (set().test_tasks > 1)
        out.scores.push_back({name, "interval over tasks of " + metric,
                              experiment::mean_interval(after[r].scores).ci95});
      if (points() > 1)
        out.scores.push_back({name, "spread of " + metric,
                              experiment::sample_sd(last_[static_cast<int64_t>(r)].to_vector())});
      out.parameters.emplace_back(
          name, parameter_count(net.body) + sizes +
                    (r == 0 ? parameter_count(net.head) : parameter_count(net.cohead)));
    }
    if (method_.cohead != Method::frozen && method_.cohead != Method::adapted)  // no control
      task_.show(method_, learner_, out);
    return out;
  }

  void state(const std::function<void(const std::string&, Tensor&)>& part) override {
    learner_.state(part);
    if (last_.defined()) part("last", last_);
  }

  std::vector<NamedTensor> model() const override {
    std::vector<NamedTensor> out = named_tensors(learner_.net());
    for (size_t i = 0; i < learner_.step_sizes().size(); ++i)
      out.emplace_back("rates." + std::to_string(i), learner_.step_sizes()[i]);
    return out;
  }

 private:
  struct Reading {
    double mean = 0;
    std::vector<double> scores = {};  // by task
  };

  const MetaSettings& set() const { return task_.settings(); }
  int64_t readings() const { return dagger_ ? 2 : 1; }

  // Of `count` tasks, chunk by chunk: the metric by the meta-learner's head, and by the
  // co-learner's where `readings` is 2. Chunks may run side by side; sums are made in their order.
  std::vector<Reading> evaluate(Held split, int64_t count, bool adapts, int64_t readings) const {
    const int64_t chunk = set().test_chunk, chunks = (count + chunk - 1) / chunk;
    std::vector<std::vector<Tensor>> found(static_cast<size_t>(chunks));
    parallel_for(chunks, [&](int64_t c) {
      const TaskBatch tasks = task_.held_out(split, c * chunk, std::min(chunk, count - c * chunk));
      const Net net = adapts ? learner_.adapted(tasks.support_x, tasks.support_y)
                             : per_task(learner_.net(), tasks.tasks());
      const NoGrad quiet;
      const Tensor features = evaluated(net.body, tasks.query_x);
      std::vector<Tensor>& here = found[static_cast<size_t>(c)];
      here.push_back(T::metric(evaluated(net.head, features), tasks.query_y));
      if (readings == 2) here.push_back(T::metric(evaluated(net.cohead, features), tasks.query_y));
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
  int64_t points() const { return std::min<int64_t>(set().last, set().steps / set().log_every); }
  void remember(int64_t point) {
    const int64_t place = point - (set().steps / set().log_every - points());
    if (place < 0 || points() == 0) return;
    const std::vector<Reading> now =
        evaluate(Held::test, std::min(set().last_tasks, set().test_tasks), true, readings());
    std::vector<double> all = last_.to_vector();
    for (size_t r = 0; r < now.size(); ++r)
      all[r * static_cast<size_t>(points()) + static_cast<size_t>(place)] = now[r].mean;
    last_ = tensor(all, {readings(), points()}, DType::f64);
  }

  void mechanism(const TaskBatch& batch, experiment::Moment& moment) const {
    const Net fast = as_leaves(learner_.adapted(batch.support_x, batch.support_y));
    if (learner_.gamma() > 0)
      moment.emplace_back("cosine of the heads' gradients", cosine_of_heads(fast, T::loss, batch));
    log_support_gradient(fast, T::loss, batch, moment);
    const TaskBatch held = task_.held_out(Held::validation, 0, std::min(set().validation_tasks, 8));
    log_cka(learner_.net(), learner_.adapted(held.support_x, held.support_y), held.query_x, moment);
  }

  const T task_;
  const experiment::Job job_;
  const Method method_;
  const Method* const dagger_;
  Learner<Net> learner_;
  Tensor last_ = {};  // [readings, points] f64
};

template <Task T>
std::unique_ptr<experiment::Trial> trial_of(T task, const experiment::Job& job) {
  return std::make_unique<TaskTrial<T>>(std::move(task), job);
}

}  // namespace regrad::cml
