// A trial of any method on any task: the method's learner, the task's batches, and what is logged
// and scored.
#pragma once

#include <regrad/algorithms/cml/experiment/few_shot.h>
#include <regrad/algorithms/cml/experiment/learner.h>
#include <regrad/algorithms/cml/experiment/mechanism.h>
#include <regrad/engine/conv.h>

#include <cmath>

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
  Metadata about = {};  // of the model's file (about_net)
  // All seeds are tested on the same tasks: verdicts carry the spread of these beside the seeds'.
  bool same_tests = true;

  Net at_seed(uint64_t seed) const { return initial(Random(seed) / "init"); }
  TaskBatch training(uint64_t seed, int64_t step) const {
    return draw(Split::training, Random(seed) / "tasks" / step, 0, settings.tasks);
  }
  // The same for every seed and method.
  TaskBatch held_out(Split split, int64_t first, int64_t count) const {
    return draw(split, Random(0) / (split == Split::test ? "test" : "validation"), first, count);
  }
};

// For a model's file: "net" is few-shot, "encoder" what the net is, "shots" those of its training
// tasks; and every setting, by which the net is made again and adapted.
template <class Settings>
Metadata about_net(Settings s, const std::string& encoder, int shots) {
  Metadata out;
  for (const experiment::Field& field : experiment::fields(s))
    out[field.name] = experiment::text(field);
  out["net"] = "few-shot", out["encoder"] = encoder, out["shots"] = std::to_string(shots);
  return out;
}

template <class Net>
class TaskTrial : public experiment::Trial {
 public:
  TaskTrial(Task<Net> task, const experiment::Job& job)
      : task_(std::move(task)),
        job_(job),
        method_(method(job.method)),
        learner_(task_.at_seed(job.seed), method_, set_, task_.scoring.loss, job.seed) {
    if (points_ > 0) last_ = zeros({readings_, points_}, DType::f64);
    if (selects_) best_.assign(rows_.size(), learner_);
    if (selects_ || set_.patience > 0) {
      const bool lower = task_.scoring.better == experiment::Better::lower;
      std::vector<double> worst(rows_.size(), lower ? INFINITY : -INFINITY);
      worst.push_back(0);
      watched_ = tensor(worst, {readings_ + 1}, DType::f64);
    }
  }

  experiment::Moment step(int64_t i) override {
    if (stopped()) return {};
    const Bf16 precision(set_.precision == "bf16");
    const TaskBatch batch = task_.training(job_.seed, i);
    const Objective o = learner_.learn(batch, i);
    if ((i + 1) % set_.log_every != 0) return {};
    const std::string metric = task_.scoring.metric_name, loss = task_.scoring.loss_name;
    const std::vector<Read> now = evaluate(learner_, Split::validation, set_.validation_tasks, true,
                                           selects_ ? rows_ : Rows{rows_[0]});
    experiment::Moment moment = {{"validation " + metric, now[0].mean},
                                 {"query " + loss, o.meta.item()}};
    if (o.co.defined()) moment.emplace_back("co-learner's query " + loss, o.co.item());
    for (size_t r = 1; r < now.size(); ++r)
      moment.emplace_back("validation " + metric + ", " + rows_[r]->name, now[r].mean);
    if (set_.mechanism) mechanism(batch, moment);
    watch(now);
    if (watched_.defined())
      moment.emplace_back("points since the best", watched_[readings_].item());
    remember((i + 1) / set_.log_every - 1);
    return moment;
  }

  experiment::Outcome finish() override {
    const Bf16 precision(set_.precision == "bf16");
    experiment::Outcome out;
    const std::vector<Read> after = tested(true), before = tested(false);
    const std::string metric = metric_at(task_.scoring.metric_name, job_.variant);
    for (size_t r = 0; r < after.size(); ++r) {
      const std::string name = rows_[r]->name;
      out.scores.push_back({name, metric, after[r].mean});
      out.scores.push_back({name, "unadapted " + metric, before[r].mean});
      if (task_.same_tests) {
        out.items.push_back({name, metric, after[r].scores});
        out.items.push_back({name, "unadapted " + metric, before[r].scores});
      }
      if (set_.test_tasks > 1)
        out.scores.push_back({name, "interval over tasks of " + metric,
                              experiment::mean_interval(after[r].scores).ci95});
      if (points_ > 1)
        out.scores.push_back({name, "spread of " + metric,
                              experiment::sample_sd(last_[static_cast<int64_t>(r)].to_vector())});
      int64_t scalars = 0;
      for (const auto& named : model_of(name)) scalars += named.second.numel();
      out.parameters.emplace_back(name, scalars);
    }
    if (method_.cohead != CoLearner::frozen && method_.cohead != CoLearner::adapted)  // no control
      task_.show(task_, method_, chosen(0), out);
    return out;
  }

  void state(const std::function<void(const std::string&, Tensor&)>& part) override {
    learner_.state(part);
    if (last_.defined()) part("last", last_);
    if (watched_.defined()) part("watched", watched_);
    for (size_t r = 0; r < best_.size(); ++r)
      best_[r].model([&](const std::string& name, Tensor& t) {
        part("best." + std::to_string(r) + "." + name, t);
      });
  }
  Metadata about() const override { return task_.about; }
  std::vector<NamedTensor> model() const override { return model_of(job_.method); }
  std::vector<NamedTensor> model_of(const std::string& name) const override {
    for (size_t r = 0; r < rows_.size(); ++r)
      if (name == rows_[r]->name) return chosen(r).deployed(rows_[r]->reading);
    return {};
  }

 private:
  using Rows = std::vector<const Method*>;
  struct Read {
    double mean = 0;
    std::vector<double> scores = {};  // by task
  };

  // Of `count` tasks, chunk by chunk: the metric by each of these readings. Chunks may run side by
  // side; sums are made in their order.
  std::vector<Read> evaluate(const Learner<Net>& learner, Split split, int64_t count, bool adapts,
                             const Rows& rows) const {
    const int64_t chunk = set_.test_chunk, chunks = (count + chunk - 1) / chunk;
    std::vector<std::vector<Tensor>> found(static_cast<size_t>(chunks));
    parallel_for(chunks, [&](int64_t c) {
      const TaskBatch tasks = task_.held_out(split, c * chunk, std::min(chunk, count - c * chunk));
      const Net start = per_task(learner.net(), tasks.tasks()),
                net = adapts ? learner.adapted(tasks.support_x, tasks.support_y) : start;
      const Tensor features = [&] {
        const NoGrad quiet;
        return evaluated(net.body, tasks.query_x);
      }();
      for (const Method* row : rows) {
        const bool own = adapts && row->reading == Reading::dagger && set_.dagger_by == "phi";
        const Net by_phi =
            own ? learner.adapted_by_cohead(tasks.support_x, tasks.support_y) : Net();
        const NoGrad quiet;
        const Tensor at = own ? evaluated(by_phi.body, tasks.query_x) : features;
        const Tensor logits = row->reading == Reading::head     ? evaluated(net.head, at)
                              : row->reading == Reading::dagger ? evaluated(start.cohead, at)
                                                                : evaluated(net.cohead, at);
        found[static_cast<size_t>(c)].push_back(task_.scoring.metric(logits, tasks.query_y));
      }
    });
    std::vector<Read> out(rows.size());
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
  // Every reading of the net that is tested, on the test tasks.
  std::vector<Read> tested(bool adapts) const {
    if (!selects_) return evaluate(learner_, Split::test, set_.test_tasks, adapts, rows_);
    std::vector<Read> out;
    for (size_t r = 0; r < rows_.size(); ++r)
      out.push_back(evaluate(chosen(r), Split::test, set_.test_tasks, adapts, {rows_[r]})[0]);
    return out;
  }

  // The learner whose net reading r is tested with. Of the best: dagger has psi and theta of the
  // head's best point and phi of its own, as in the authors' code.
  Learner<Net> chosen(size_t r) const {
    if (!selects_) return learner_;
    return rows_[r]->reading == Reading::dagger ? best_[0].with_cohead(best_[r]) : best_[r];
  }
  // A point of the curve: keeps each reading's best net, and counts the points since the head's.
  void watch(const std::vector<Read>& now) {
    if (!watched_.defined()) return;
    std::vector<double> all = watched_.to_vector();
    const bool lower = task_.scoring.better == experiment::Better::lower;
    all.back() += 1;
    for (size_t r = 0; r < now.size(); ++r) {
      if (!(lower ? now[r].mean < all[r] : now[r].mean > all[r])) continue;
      all[r] = now[r].mean;
      if (r == 0) all.back() = 0;
      if (selects_) best_[r] = learner_;
    }
    watched_ = tensor(all, {readings_ + 1}, DType::f64);
  }
  bool stopped() const { return set_.patience > 0 && watched_[readings_].item() >= set_.patience; }

  // The spread: test scores at the last few points of the learning curve. They are part of the
  // state, so that a resumed trial has them.
  void remember(int64_t point) {
    const int64_t place = point - (set_.steps / set_.log_every - points_);
    if (place < 0 || points_ == 0) return;
    const std::vector<Read> now =
        evaluate(learner_, Split::test, std::min(set_.last_tasks, set_.test_tasks), true, rows_);
    std::vector<double> all = last_.to_vector();
    for (size_t r = 0; r < now.size(); ++r)
      all[r * static_cast<size_t>(points_) + static_cast<size_t>(place)] = now[r].mean;
    last_ = tensor(all, {readings_, points_}, DType::f64);
  }

  void mechanism(const TaskBatch& batch, experiment::Moment& moment) const {
    const TaskLoss loss = task_.scoring.loss;
    const Net fast = as_leaves(learner_.adapted(batch.support_x, batch.support_y));
    if (learner_.gamma() > 0) log_cosine_of_heads(fast, loss, batch, moment);
    log_support_gradient(fast, loss, batch, moment);
    const TaskBatch held = task_.held_out(Split::validation, 0, std::min(set_.validation_tasks, 8));
    log_cka(learner_.net(), learner_.adapted(held.support_x, held.support_y), held.query_x, moment);
  }

  const Task<Net> task_;
  const MetaSettings& set_ = task_.settings;
  const experiment::Job job_;
  const Method method_;
  const Rows rows_ = readings_of(job_.method);
  const bool selects_ = set_.select == "best";
  const int64_t readings_ = static_cast<int64_t>(rows_.size()),
                points_ = set_.patience > 0
                              ? 0
                              : std::min<int64_t>(set_.last, set_.steps / set_.log_every);
  Learner<Net> learner_;
  Tensor last_ = {};                     // [readings, points] f64
  std::vector<Learner<Net>> best_ = {};  // by reading, where the best is selected
  Tensor watched_ = {};  // [readings + 1] f64: best validation scores, points since the head's best
};

template <class Net>
std::unique_ptr<experiment::Trial> trial_of(Task<Net> task, const experiment::Job& job) {
  return std::make_unique<TaskTrial<Net>>(std::move(task), job);
}

}  // namespace regrad::cml
