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
#include <regrad/engine/io/serialize.h>
#include <regrad/layers/schedule.h>

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
    if (s_.weight_decay > 0)  // a step size would decay to none
      decays_ = factors(learned_, [](const std::string& name, const Tensor&) {
        return name.rfind("step_sizes", 0) != 0;
      });
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
    learned_ = update(adam(i), std::move(learned_), adam_, g);
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
      return last_step(rule, regrad::adapted(learner_of(rule, learned_), rule, loss_, x, y));
    });
  }
  // The same with psi' by the co-learner's support loss (eq. 9), theta and phi as they are.
  Net adapted_by_cohead(const Tensor& x, const Tensor& y) const {
    return with_rule(s_.steps, {}, [&]<class Inner>(const Rule<Inner>& rule) {
      const ByCoLearner<Inner> by{rule};
      return last_step(rule, regrad::adapted(body_learner_of(rule, learned_), by, loss_, x, y));
    });
  }

  // psi, theta, phi; of MAML++'s norms those of the first inner step.
  Net net() const {
    return with_rule(0, {}, [&](const auto& rule) { return rule.at_step(whole(learned_.net), 0); });
  }
  const std::vector<Tensor>& step_sizes() const { return learned_.step_sizes; }  // MAML++'s
  double gamma() const { return gamma_; }

  // What a method that reads this net so deploys, by name: psi, the head that predicts ("head.", or
  // phi: "cohead."), and MAML++'s step sizes. By the code's dagger, adapting psi takes theta too,
  // which is in the file of the method that trains.
  std::vector<NamedTensor> deployed(Reading reading) const {
    std::vector<NamedTensor> out;
    const std::string other = reading == Reading::head ? "cohead." : "head.";
    const Net all = whole(learned_.net);
    each(all, [&](const std::string& name, const Tensor& t, bool) {
      if (name.rfind(other, 0) != 0) out.emplace_back(name, t);
    });
    for (size_t i = 0; i < learned_.step_sizes.size(); ++i)
      out.emplace_back("rates." + std::to_string(i), learned_.step_sizes[i]);
    return out;
  }
  // This learner with another's phi.
  Learner with_cohead(const Learner& other) const {
    Learner out = *this;
    out.learned_.net.cohead = other.learned_.net.cohead, out.constant_ = other.constant_;
    return out;
  }

  // psi, theta, phi and the rates.
  using Part = std::function<void(const std::string&, Tensor&)>;
  void model(const Part& part) {
    each(learned_.net, [&](const std::string& name, Tensor& t, bool) { part(name, t); });
    each(constant_, [&](const std::string& name, Tensor& t, bool) { part("cohead." + name, t); });
    for (size_t i = 0; i < learned_.step_sizes.size(); ++i)
      part("rates." + std::to_string(i), learned_.step_sizes[i]);
  }
  // Everything that learn() changes, and phi where it is constant.
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
  int64_t epoch_of(int64_t i) const { return i * s_.plus_plus.epochs / s_.steps; }
  Adam adam(int64_t i) const {
    Adam out{.lr = s_.lr, .weight_decay = s_.weight_decay};
    out.factors.weight_decay = decays_;
    const PlusPlusSettings& s = s_.plus_plus;
    if (method_.family == Family::plus_plus && s.cosine)
      out.lr = CosineAnnealingLr{s_.lr, s.lr_min, s.epochs}(epoch_of(i));
    return out;
  }
  maml::PlusPlus plus_plus(int64_t i) const {
    const PlusPlusSettings& s = s_.plus_plus;
    const int64_t epoch = epoch_of(i);
    maml::PlusPlus rule{.alpha = s_.alpha, .steps = s.inner_steps};
    rule.step_norms = s.step_norms;
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
  // The same with the step sizes of psi alone, which come first.
  Learned body_learner_of(const Rule<maml::PlusPlus>& rule, const Learned& w) const {
    const std::vector<bool> psi = ByCoLearner<maml::PlusPlus>{rule}.inner_loop(w).adapted;
    const auto n = std::count(psi.begin(), psi.end(), true);
    return {whole(w.net), {w.step_sizes.begin(), w.step_sizes.begin() + n}};
  }
  Net body_learner_of(const auto&, const Learned& w) const { return whole(w.net); }
  Net last_step(const Rule<maml::PlusPlus>& rule, const Net& fast) const {
    return rule.at_step(fast, rule.inner.steps - 1);
  }
  Net last_step(const auto&, Net fast) const { return fast; }

  MetaSettings s_;
  Method method_;
  double gamma_;
  TaskLoss loss_;
  Random random_;
  Learned learned_;                      // without phi where the method does not train it
  decltype(Net::cohead) constant_ = {};  // which then is here
  Adam::State adam_ = {};
  std::vector<double> decays_ = {};  // which parameters decay; none: all
};

}  // namespace regrad::cml
