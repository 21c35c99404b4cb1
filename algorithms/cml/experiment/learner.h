// A method at work on a net: its outer step and its adaptation, whatever the task.
//
//   Learner learner(net, method("maml++-cml"), settings, cross_entropy_by_task, seed);
//   const Objective before = learner.learn(batch, step);
//   Net fast = learner.adapted(support_x, support_y);
#pragma once

#include <regrad/algorithms/cml/cml.h>
#include <regrad/algorithms/cml/experiment/methods.h>
#include <regrad/algorithms/cml/experiment/settings.h>
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
        gamma_(method.cohead == CoLearner::none ? 0
               : method.gamma < 0               ? settings.gamma
                                                : method.gamma),
        loss_(with),
        random_(Random(seed) / "pass"),
        learned_{std::move(net), {}} {
    if (method.family == Family::plus_plus)
      learned_ = rule_of(plus_plus(0), {}).initial(learned_.net);
    if (method.cohead == CoLearner::none || method.cohead == CoLearner::frozen)
      std::swap(constant_, learned_.net.cohead);
    adam_ = Adam{}.initial(parameters(learned_));
  }

  // The i-th outer step, by Adam. J and its parts before the step, without a graph. One Adam is as
  // good as the two of the authors' code, for the step of a parameter does not depend on the
  // others.
  Objective learn(const TaskBatch& batch, int64_t i) {
    const int64_t chunk = s_.chunk > 0 ? s_.chunk : batch.tasks();
    std::vector<Objective> parts(static_cast<size_t>((batch.tasks() + chunk - 1) / chunk));
    const auto gradient_at = [&](const Learned& at) {
      return gradient_by_chunks(
          at, batch, chunk, [&](const Learned& w, const TaskBatch& part, int64_t c) {
            const Context passes{.training = true, .random = random_ / i / c};
            const Objective o = with_rule(i, passes, [&](const auto& rule) {
              return objective(learner_of(rule, w), rule, loss_, part);
            });
            Objective& here = parts[static_cast<size_t>(c)];
            if (!here.total.defined())  // Sharp-MAML's second gradient is at another point
              here = {o.total.detach(), o.meta.detach(), o.co.defined() ? o.co.detach() : Tensor()};
            return o.total;
          });
    };
    Learned g = method_.family == Family::sharp
                    ? maml::sharp_gradient(learned_, s_.sharp.sharpness(), gradient_at).gradient
                    : gradient_at(learned_).gradient;
    if (!s_.plus_plus.learned_rates)  // from zero moments Adam's step is zero
      for (Tensor& size : g.step_sizes) size = zeros_like(size);
    learned_ = update(Adam{.lr = s_.lr}, std::move(learned_), adam_, g);
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
      return regrad::adapted(learner_of(rule, learned_), rule, loss_, x, y);
    });
  }

  Net net() const { return whole(learned_.net); }
  const std::vector<Tensor>& step_sizes() const { return learned_.step_sizes; }  // MAML++'s
  double gamma() const { return gamma_; }

  // What is trained, and everything that learn() changes: phi where it is constant too.
  using Part = std::function<void(const std::string&, Tensor&)>;
  void model(const Part& part) {
    each(learned_.net, [&](const std::string& name, Tensor& t, bool) { part(name, t); });
    each(constant_, [&](const std::string& name, Tensor& t, bool) { part("cohead." + name, t); });
    for (size_t i = 0; i < learned_.step_sizes.size(); ++i)
      part("rates." + std::to_string(i), learned_.step_sizes[i]);
  }
  void state(const Part& part) {
    model(part);
    each(adam_, [&](const std::string& name, Tensor& t, bool) { part("adam." + name, t); });
  }

 private:
  using Learned = WithStepSizes<Net>;

  template <class Inner>
  Rule<Inner> rule_of(const Inner& inner, const Context& context) const {
    return {inner, gamma_, method_.cohead == CoLearner::adapted, context};
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
    const SharpSettings& sharp = s_.sharp;
    switch (method_.family) {
      case Family::plus_plus: return f(rule_of(plus_plus(i), context));
      case Family::sharp:
        return f(rule_of(
            maml::SharpMaml{
                rule.alpha, sharp.inner_steps, rule.second_order, {}, sharp.sharpness()},
            context));
      case Family::boil: return f(rule_of(maml::boil(rule), context));
      default: return f(rule_of(rule, context));
    }
  }
  Net whole(Net net) const {
    if (parameter_count(constant_) > 0) net.cohead = constant_;
    return net;
  }
  Learned learner_of(const Rule<maml::PlusPlus>&, const Learned& w) const {
    return {whole(w.net), w.step_sizes};
  }
  Net learner_of(const auto&, const Learned& w) const { return whole(w.net); }

  MetaSettings s_;
  Method method_;
  double gamma_;
  TaskLoss loss_;
  Random random_;
  Learned learned_;                      // without phi where the method does not train it
  decltype(Net::cohead) constant_ = {};  // which then is here
  Adam::State adam_ = {};
};

}  // namespace regrad::cml
