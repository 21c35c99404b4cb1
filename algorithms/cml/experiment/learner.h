// A method at work on a net: its outer step and its adaptation, whatever the task.
//
//   Learner learner(net, method("maml++-cml"), settings, cross_entropy_by_task, seed);
//   const Objective before = learner.learn(batch, step);
//   Net fast = learner.adapted(support_x, support_y);
#pragma once

#include <regrad/algorithms/cml/family.h>
#include <regrad/algorithms/cml/experiment/methods.h>
#include <regrad/algorithms/cml/experiment/settings.h>

namespace regrad::cml {

template <class Net>
class Learner {
 public:
  // net: psi, theta, phi at their initial values, without a task dimension. seed: of the random
  // streams that passes may use (Context).
  Learner(Net net, const Method& method, const MetaSettings& settings, Loss with, uint64_t seed)
      : s_(settings),
        method_(method),
        loss_(with),
        random_(Random(seed) / "pass"),
        net_(std::move(net)) {
    if (method.family == Family::plus_plus) rates_ = plus_plus(net_, rule(0)).rates;
    adam_ = Adam{}.initial(parameters(trained()));
  }

  // The i-th outer step, by Adam. J and its parts before the step, without a graph. One Adam is as
  // good as the two of the authors' code, for the step of a parameter does not depend on the
  // others.
  Objective learn(const TaskBatch& batch, int64_t i) {
    const int64_t chunk = s_.chunk > 0 ? s_.chunk : batch.tasks();
    std::vector<Objective> parts(static_cast<size_t>((batch.tasks() + chunk - 1) / chunk));
    const auto gradient_at = [&](const Rated<Net>& at, std::vector<Objective>* seen) {
      return gradient_by_chunks(
          at, batch, chunk, [&](const Rated<Net>& w, const TaskBatch& part, int64_t c) {
            const Objective o = objective_of(w, part, i, c);
            if (seen)
              (*seen)[static_cast<size_t>(c)] = {o.total.detach(), o.meta.detach(),
                                                 o.co.defined() ? o.co.detach() : Tensor()};
            return o.total;
          });
    };
    Rated<Net> mine = trained();
    MetaGradient<Rated<Net>> g = gradient_at(mine, &parts);
    if (method_.family == Family::sharp && sharp().up)
      g = gradient_at(uphill(mine, g.gradient), nullptr);
    step(std::move(mine), std::move(g.gradient));
    return joined(parts, batch.tasks(), chunk);
  }

  // The net at psi', theta' (CL: phi') of each task, [T, ...]: plain values.
  Net adapted(const Tensor& x, const Tensor& y) const {
    if (method_.family == Family::plus_plus)
      return cml::adapted(Rated<Net>{net_, rates_}, rule(s_.steps), loss_, x, y);
    if (method_.family == Family::sharp)
      return cml::adapted(net_, rule(s_.steps), sharp(), loss_, x, y);
    return cml::adapted(net_, rule(s_.steps), loss_, x, y);
  }

  const Net& net() const { return net_; }
  const std::vector<Tensor>& rates() const { return rates_; }  // MAML++'s; else none
  Loss loss() const { return loss_; }

  // The inner loop's rule at outer step i.
  Rule rule(int64_t i) const {
    Rule r;
    r.alpha = s_.alpha;
    r.gamma = method_.cohead == Method::none ? 0 : method_.gamma < 0 ? s_.gamma : method_.gamma;
    r.steps = s_.inner_steps;
    r.second_order = !s_.first_order;
    r.adapt_cohead = method_.cohead == Method::adapted;
    r.adapt_head = method_.family != Family::boil;
    if (method_.family == Family::sharp) r.steps = s_.sharp.inner_steps;
    if (method_.family == Family::plus_plus) {
      r.steps = s_.plus_plus.inner_steps;
      r.second_order = r.second_order && epoch(i) >= s_.plus_plus.first_order_epochs;
    }
    return r;
  }

  // Everything that learn() changes.
  void state(const std::function<void(const std::string&, Tensor&)>& part) {
    each(net_, [&](const std::string& name, Tensor& t, bool) { part(name, t); });
    for (size_t i = 0; i < rates_.size(); ++i) part("rates." + std::to_string(i), rates_[i]);
    each(adam_, [&](const std::string& name, Tensor& t, bool) { part("adam." + name, t); });
  }

 private:
  Sharpness sharp() const { return s_.sharp.rule(); }
  bool moves_phi() const {
    return method_.cohead == Method::trained || method_.cohead == Method::adapted;
  }
  int64_t epoch(int64_t i) const { return i * s_.plus_plus.epochs / s_.steps; }
  std::vector<double> weights(int64_t i) const {
    const int64_t epochs = s_.plus_plus.multi_step_epochs;
    return epochs == 0 ? std::vector<double>()
                       : step_weights(s_.plus_plus.inner_steps, epoch(i), epochs);
  }

  // What the outer loop moves: without phi where the method does not train it.
  Rated<Net> trained() const {
    if (moves_phi()) return {net_, rates_};
    return {{net_.body, net_.head, {}}, rates_};
  }

  Objective objective_of(const Rated<Net>& w, const TaskBatch& part, int64_t i,
                         int64_t chunk) const {
    Rule r = rule(i);
    r.context = {.training = true, .random = random_ / i / chunk};
    const Net whole = moves_phi() ? w.net : Net{w.net.body, w.net.head, net_.cohead};
    if (method_.family == Family::plus_plus)
      return objective(Rated<Net>{whole, w.rates}, r, weights(i), loss_, part);
    if (method_.family == Family::sharp) return objective(whole, r, sharp(), loss_, part);
    return objective(whole, r, loss_, part);
  }

  // w + alpha_up g / |g|, as sharp_gradient has it.
  Rated<Net> uphill(const Rated<Net>& w, const Rated<Net>& g) const {
    const NoGrad quiet;
    return at(w, shifted(parameters(w), ascent(parameters(g), sharp().alpha_up, false)));
  }

  void step(Rated<Net> mine, Rated<Net> g) {
    if (!s_.plus_plus.learned_rates) {
      // from zero moments Adam's step is zero
      for (Tensor& rate : g.rates) rate = zeros_like(rate);
    }
    // so that `mine` alone holds what the step changes
    net_.body = {}, net_.head = {}, rates_.clear();
    if (moves_phi()) net_.cohead = {};
    mine = update(Adam{.lr = s_.lr}, std::move(mine), adam_, g);
    net_.body = std::move(mine.net.body), net_.head = std::move(mine.net.head),
    rates_ = std::move(mine.rates);
    if (moves_phi()) net_.cohead = std::move(mine.net.cohead);
  }

  // Means over the batch from means over its chunks.
  static Objective joined(const std::vector<Objective>& parts, int64_t tasks, int64_t chunk) {
    if (parts.size() == 1) return parts[0];
    Objective o;
    for (size_t c = 0; c < parts.size(); ++c) {
      const int64_t first = static_cast<int64_t>(c) * chunk;
      const double share =
          static_cast<double>(std::min(tasks, first + chunk) - first) / static_cast<double>(tasks);
      accumulate(o.total, share, parts[c].total);
      accumulate(o.meta, share, parts[c].meta);
      if (parts[c].co.defined()) accumulate(o.co, share, parts[c].co);
    }
    return o;
  }

  MetaSettings s_;
  Method method_;
  Loss loss_;
  Random random_;
  Net net_;
  std::vector<Tensor> rates_ = {};
  Adam::State adam_ = {};
};

}  // namespace regrad::cml
