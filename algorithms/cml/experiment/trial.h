// A trial of any method on any task: the method's learner, the task's batches, and what is logged
// and scored. A task is a value:
//
//   struct SinusoidTask {
//     using Net = Model<Mlp, Linear, Mlp>;
//     const MetaSettings& settings() const;
//     Net initial(uint64_t seed) const;
//         // a stream a part: phi takes no numbers from psi, theta or the
//     tasks TaskBatch training(uint64_t seed, int64_t step) const;
//         // settings().tasks of them TaskBatch held_out(Held split,
//     int64_t first, int64_t count) const;
//         // tasks first, first + 1, ...: the same for every seed and method static Loss loss(); //
//         // of
//     training, and its name in the log static Tensor metric(const Tensor& prediction, const
//         Tensor& target);
//         // [T] static constexpr const char
//     *loss_name, *metric_name;
//         // "mse", "accuracy" std::string shots() const; // of this variant: "10" in "mse@10" void
//     show(const Method& method, const Learner<Net>& learner, experiment::Outcome& out) const;
//         // figures and galleries
//   };
#pragma once

#include <regrad/algorithms/cml/experiment/learner.h>
#include <regrad/algorithms/cml/experiment/mechanism.h>
#include <regrad/engine/conv.h>
#include <regrad/layers/serialize.h>

namespace regrad::cml {

enum class Held { validation, test };
inline const char* name(Held split) { return split == Held::test ? "test" : "validation"; }

// The metric of each of a split's first tasks.
using Scores = std::vector<double>;

template <class Task>
class TaskTrial : public experiment::Trial {
 public:
  using Net = typename Task::Net;

  TaskTrial(Task task, const experiment::Job& job)
      : task_(std::move(task)),
        job_(job),
        method_(method(job.method)),
        dagger_(dagger_of(job.method)),
        learner_(task_.initial(job.seed), method_, task_.settings(), Task::loss(), job.seed) {
    if (points() > 0) last_ = zeros({readings(), points()}, DType::f64);
  }

  experiment::Moment step(int64_t i) override {
    const Bf16 precision(set().precision == "bf16");
    const TaskBatch batch = task_.training(job_.seed, i);
    const Objective o = learner_.learn(batch, i);
    if ((i + 1) % set().log_every != 0) return {};
    const std::string metric = Task::metric_name, loss = Task::loss_name;
    experiment::Moment moment = {
        {"validation " + metric,
         evaluate(Held::validation, set().validation_tasks, true, 1)[0].mean},
        {"query " + loss, o.meta.item()}};
    if (o.co.defined()) moment.emplace_back("co-learner's query " + loss, o.co.item());
    if (set().mechanism) mechanism(batch, i, moment);
    remember((i + 1) / set().log_every - 1);
    return moment;
  }

  experiment::Outcome finish() override {
    const Bf16 precision(set().precision == "bf16");
    experiment::Outcome out;
    const std::vector<Reading> after = evaluate(Held::test, set().test_tasks, true, readings());
    const std::vector<Reading> before = evaluate(Held::test, set().test_tasks, false, readings());
    const std::string metric = std::string(Task::metric_name) + "@" + task_.shots();
    const Net& net = learner_.net();
    int64_t rates = 0;
    for (const Tensor& t : learner_.rates()) rates += t.numel();
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
          name, parameter_count(net.body) + rates +
                    (r == 0 ? parameter_count(net.head) : parameter_count(net.cohead)));
    }
    task_.show(method_, learner_, out);
    return out;
  }

  void state(const std::function<void(const std::string&, Tensor&)>& part) override {
    learner_.state(part);
    if (last_.defined()) part("last", last_);
  }

  std::vector<NamedTensor> model() const override {
    std::vector<NamedTensor> out = named_tensors(learner_.net());
    for (size_t i = 0; i < learner_.rates().size(); ++i)
      out.emplace_back("rates." + std::to_string(i), learner_.rates()[i]);
    return out;
  }

 private:
  struct Reading {
    double mean = 0;
    Scores scores = {};  // by task
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
      here.push_back(Task::metric(evaluated(net.head, features), tasks.query_y));
      if (readings == 2)
        here.push_back(Task::metric(evaluated(net.cohead, features), tasks.query_y));
    });
    std::vector<Reading> out(static_cast<size_t>(readings));
    for (size_t r = 0; r < out.size(); ++r) {
      for (const auto& here : found) {
        out[r].mean += sum(here[r]).item();
        const Scores scores = here[r].to_vector();
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

  void mechanism(const TaskBatch& batch, int64_t i, experiment::Moment& moment) const {
    const Net fast = as_leaves(learner_.adapted(batch.support_x, batch.support_y));
    if (learner_.rule(i).gamma > 0)
      moment.emplace_back("cosine of the heads' gradients",
                          cosine_of_heads(fast, Task::loss(), batch));
    log_support_gradient(fast, Task::loss(), batch, moment);
    const TaskBatch held = task_.held_out(Held::validation, 0, std::min(set().validation_tasks, 8));
    log_cka(learner_.net(), learner_.adapted(held.support_x, held.support_y), held.query_x, moment);
  }

  const Task task_;
  const experiment::Job job_;
  const Method method_;
  const Method* const dagger_;
  Learner<Net> learner_;
  Tensor last_ = {};  // [readings, points] f64
};

}  // namespace regrad::cml
