// A method at work on a net: its outer step and its adaptation, whatever the task.
//
//   Learner learner(net, method("maml++-cml"), settings, cross_entropy_by_task, seed);
//   const Objective before = learner.learn(batch, step);
//   Net fast = learner.adapted(support_x, support_y);
#pragma once

#include <regrad/algorithms/cml/cml.h>
#include <regrad/algorithms/cml/experiment/methods.h>
#include <regrad/algorithms/cml/experiment/settings.h>
#include <regrad/algorithms/maml/anil_boil.h>
#include <regrad/algorithms/maml/plus_plus.h>

namespace regrad::cml {

template <class Net>
class Learner {
 public:
  // net: psi, theta, phi at their initial values, without a task dimension. seed: of the random
  // streams that passes may use (Context).
  Learner(Net net, const Method& method, const MetaSettings& settings, TaskLoss with, uint64_t seed)
      : s_(settings),
        method_(method),
        loss_(with),
        random_(Random(seed) / "pass"),
        net_(std::move(net)) {
    if (method.family == Family::plus_plus)
      step_sizes_ = rule_of(plus_plus(0), {}).initial(net_).step_sizes;
    adam_ = Adam{}.initial(parameters(trained()));
  }

  // The i-th outer step, by Adam. J and its parts before the step, without a graph. One Adam is as
  // good as the two of the authors' code, for the step of a parameter does not depend on the
  // others.
  Objective learn(const TaskBatch& batch, int64_t i) {
    const int64_t chunk = s_.chunk > 0 ? s_.chunk : batch.tasks();
    std::vector<Objective> parts(static_cast<size_t>((batch.tasks() + chunk - 1) / chunk));
    const auto gradient_at = [&](const Trained& at) {
      return gradient_by_chunks(
          at, batch, chunk, [&](const Trained& w, const TaskBatch& part, int64_t c) {
            const Objective o = objective_of(w, part, i, c);
            Objective& here = parts[static_cast<size_t>(c)];
            if (!here.total.defined())  // Sharp-MAML's second gradient is at another point
              here = {o.total.detach(), o.meta.detach(), o.co.defined() ? o.co.detach() : Tensor()};
            return o.total;
          });
    };
    Trained w = trained();
    MetaGradient<Trained> g = method_.family == Family::sharp
                                  ? maml::sharp_gradient(w, s_.sharp.sharpness(), gradient_at)
                                  : gradient_at(w);
    step(std::move(w), std::move(g.gradient));
    Objective o;  // means over the batch from means over its chunks
    for (size_t c = 0; c < parts.size(); ++c) {
      const int64_t left = batch.tasks() - static_cast<int64_t>(c) * chunk;
      accumulate(o, static_cast<double>(std::min(chunk, left)) / static_cast<double>(batch.tasks()),
                 parts[c]);
    }
    return o;
  }

  // The net at psi', theta' (CL: phi') of each task, [T, ...]: plain values.
  Net adapted(const Tensor& x, const Tensor& y) const {
    return with_rule(s_.steps, {}, [&](const auto& rule) {
      return regrad::adapted(learner_of(rule, {net_, step_sizes_}), rule, loss_, x, y);
    });
  }

  const Net& net() const { return net_; }
  const std::vector<Tensor>& step_sizes() const { return step_sizes_; }  // MAML++'s; else none
  double gamma() const {
    return method_.cohead == Method::none ? 0 : method_.gamma < 0 ? s_.gamma : method_.gamma;
  }

  // Everything that learn() changes.
  void state(const std::function<void(const std::string&, Tensor&)>& part) {
    each(net_, [&](const std::string& name, Tensor& t, bool) { part(name, t); });
    for (size_t i = 0; i < step_sizes_.size(); ++i)
      part("rates." + std::to_string(i), step_sizes_[i]);
    each(adam_, [&](const std::string& name, Tensor& t, bool) { part("adam." + name, t); });
  }

 private:
  using Trained = WithStepSizes<Net>;

  template <class Inner>
  Rule<Inner> rule_of(const Inner& inner, const Context& context) const {
    return {inner, gamma(), method_.cohead == Method::adapted, context};
  }
  maml::PlusPlus plus_plus(int64_t i) const {
    const PlusPlusSettings& s = s_.plus_plus;
    const int64_t epoch = i * s.epochs / s_.steps;
    maml::PlusPlus rule{.alpha = s_.alpha, .steps = s.inner_steps};
    rule.second_order = !s_.first_order && epoch >= s.first_order_epochs;
    if (s.multi_step_epochs > 0)
      rule.weights = maml::step_weights(s.inner_steps, epoch, s.multi_step_epochs);
    return rule;
  }
  // f of the rule at outer step i.
  template <class F>
  auto with_rule(int64_t i, const Context& context, F&& f) const {
    const maml::Rule rule{s_.alpha, s_.inner_steps, !s_.first_order};
    switch (method_.family) {
      case Family::plus_plus: return f(rule_of(plus_plus(i), context));
      case Family::sharp:
        return f(rule_of(
            maml::SharpMaml{
                s_.alpha, s_.sharp.inner_steps, !s_.first_order, {}, s_.sharp.sharpness()},
            context));
      case Family::boil: return f(rule_of(maml::boil(rule), context));
      default: return f(rule_of(rule, context));
    }
  }
  static const Trained& learner_of(const Rule<maml::PlusPlus>&, const Trained& w) { return w; }
  static const Net& learner_of(const auto&, const Trained& w) { return w.net; }

  bool trains_phi() const {
    return method_.cohead == Method::trained || method_.cohead == Method::adapted;
  }
  // What the outer loop learns: without phi where the method does not train it.
  Trained trained() const {
    if (trains_phi()) return {net_, step_sizes_};
    return {{net_.body, net_.head, {}}, step_sizes_};
  }

  Objective objective_of(Trained w, const TaskBatch& part, int64_t i, int64_t chunk) const {
    if (!trains_phi()) w.net.cohead = net_.cohead;
    return with_rule(i, {.training = true, .random = random_ / i / chunk}, [&](const auto& rule) {
      return objective(learner_of(rule, w), rule, loss_, part);
    });
  }

  void step(Trained mine, Trained g) {
    if (!s_.plus_plus.learned_rates) {
      // from zero moments Adam's step is zero
      for (Tensor& size : g.step_sizes) size = zeros_like(size);
    }
    // so that `mine` alone holds what the step changes
    net_.body = {}, net_.head = {}, step_sizes_.clear();
    if (trains_phi()) net_.cohead = {};
    mine = update(Adam{.lr = s_.lr}, std::move(mine), adam_, g);
    net_.body = std::move(mine.net.body), net_.head = std::move(mine.net.head);
    step_sizes_ = std::move(mine.step_sizes);
    if (trains_phi()) net_.cohead = std::move(mine.net.cohead);
  }

  MetaSettings s_;
  Method method_;
  TaskLoss loss_;
  Random random_;
  Net net_;
  std::vector<Tensor> step_sizes_ = {};
  Adam::State adam_ = {};
};

}  // namespace regrad::cml
