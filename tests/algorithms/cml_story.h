// The net of cml_told.h as the library has it, tasks and settings for it, and a method's story: the
// told outer steps of any row, which a learner or a trial is held against.
#pragma once

#include <regrad/algorithms/cml/experiment/trial.h>

#include "cml_nets.h"
#include "cml_told.h"

namespace regrad::test::story {

using namespace cml;
using told::Numbers;
using told::Places;

constexpr double near = 1e-10;  // relative

// The net of cml_told.h.
struct Norm {  // x [..,1], weight and bias [1] or [T,1]
  Tensor weight, bias;
  Tensor operator()(const Tensor& x) const {
    return weight.dim() == 1 ? x * weight + bias : x * unsqueeze(weight, 1) + unsqueeze(bias, 1);
  }
  static void parts(auto& self, auto&& part) {
    part("weight", self.weight);
    part("bias", self.bias);
  }
};
struct Body {
  Norm norm;
  Linear map;
  Tensor operator()(const Tensor& x) const { return activations(x).back(); }
  std::vector<Tensor> activations(const Tensor& x) const {
    const Tensor u = norm(x);
    return {u, map(u)};
  }
  static void parts(auto& self, auto&& part) {
    part("norm", self.norm);
    part("map", self.map);
  }
};
using TinyNet = Model<Body, Linear, Linear>;
inline const Numbers start{0.8, -0.3, 0.7, -0.5, 0.2, 0.4, 0.6, -0.9, 0.1, -0.4, 0.5, 0.3};
inline Tensor leaf(const Numbers& v, const Shape& shape) {
  return tensor(v, shape, DType::f64).requires_grad_();
}
inline Linear map_of(const Numbers& weight, const Numbers& bias) {
  const auto out = static_cast<int64_t>(bias.size());
  Linear l;
  l.weight = leaf(weight, {out, static_cast<int64_t>(weight.size()) / out});
  l.bias = leaf(bias, {out});
  return l;
}
inline TinyNet tiny_net() {
  const Numbers& w = start;
  return {{{leaf({w[0]}, {1}), leaf({w[1]}, {1})}, map_of({w[2], w[3]}, {w[4], w[5]})},
          map_of({w[6], w[7]}, {w[8]}),
          map_of({w[9], w[10]}, {w[11]})};
}

// Each split has points of its own: another offset, and another number of query points at test.
constexpr int64_t support_points = 3;
inline TaskBatch drawn(Split split, const Random& r, int64_t first, int64_t count) {
  const int64_t query = split == Split::training ? 4 : 5, n = support_points + query;
  Numbers x[2], y[2];
  for (int64_t t = first; t < first + count; ++t) {
    const Random task = r / t;
    const double slope = 2 * task.uniform(0) - 1, offset = 0.3 * static_cast<double>(split);
    for (int64_t k = 0; k < n; ++k) {
      const double at = 2 * task.uniform(static_cast<uint64_t>(1 + k)) - 1;
      const size_t part = k < support_points ? 0 : 1;
      x[part].push_back(at), y[part].push_back(slope * at + offset);
    }
  }
  const auto as = [&](const Numbers& v, int64_t k) { return tensor(v, {count, k, 1}, DType::f64); };
  return {as(x[0], support_points), as(y[0], support_points), as(x[1], query), as(y[1], query)};
}
inline std::vector<told::Episode> episodes(const TaskBatch& b) {
  std::vector<told::Episode> out;
  for (int64_t t = 0; t < b.tasks(); ++t)
    out.push_back({{b.support_x[t].to_vector(), b.support_y[t].to_vector()},
                   {b.query_x[t].to_vector(), b.query_y[t].to_vector()}});
  return out;
}
inline std::vector<told::Episode> training(uint64_t seed, int64_t step) {
  return episodes(drawn(Split::training, Random(seed) / "tasks" / step, 0, 3));
}
inline std::vector<told::Episode> held_out(const char* name, Split split, int64_t count) {
  return episodes(drawn(split, Random(0) / name, 0, count));
}

// Settings that no two of which agree, so that one read for another shows.
inline MetaSettings settings() {
  MetaSettings s;
  s.steps = 20, s.tasks = 3, s.inner_steps = 2, s.alpha = 0.07, s.gamma = 0.3, s.lr = 0.013;
  s.log_every = 5, s.validation_tasks = 4, s.test_tasks = 5, s.test_chunk = 2;
  s.last = 2, s.last_tasks = 3;
  s.plus_plus.inner_steps = 3, s.plus_plus.epochs = 10, s.plus_plus.multi_step_epochs = 6;
  s.plus_plus.first_order_epochs = 2;
  s.sharp.inner_steps = 2, s.sharp.alpha_low = 0.04, s.sharp.alpha_up = 0.09;
  return s;
}

inline const Places psi_theta = told::join(told::psi_places, told::theta_places),
                    everything = told::join(psi_theta, told::phi_places);

// A method, told.
struct Story {
  MetaSettings s;
  Family family;
  CoLearner cohead;
  double gamma;
  told::Rule rule = {};
  Places learned = psi_theta;
  Numbers w = start, rates = {}, norms = {};
  told::Adam adam = {};

  Story(const MetaSettings& settings, const Method& m)
      : s(settings), family(m.family), cohead(m.cohead), gamma(m.gamma < 0 ? s.gamma : m.gamma) {
    if (cohead == CoLearner::none) gamma = 0;
    if (cohead == CoLearner::trained || cohead == CoLearner::adapted) learned = everything;
    rule.alpha = s.alpha, rule.gamma = gamma, rule.steps = s.inner_steps;
    rule.second_order = !s.first_order;
    if (family == Family::boil) rule.adapted = told::psi_places;
    if (cohead == CoLearner::adapted)
      rule.adapted = told::join(rule.adapted, told::phi_places), rule.co_inside = gamma;
    if (family == Family::sharp) {
      rule.steps = s.sharp.inner_steps, rule.sharp_low = s.sharp.levels != "up";
      rule.radius_low = s.sharp.alpha_low, rule.through = s.sharp.through;
    }
    if (family == Family::plus_plus) begin_plus_plus();
  }
  void begin_plus_plus() {
    rule.steps = s.plus_plus.inner_steps, rule.rates = told::Rates::per_tensor_and_step;
    const auto m = static_cast<size_t>(rule.steps);
    size_t tensors = cohead == CoLearner::adapted ? 8 : 6;
    if (s.plus_plus.step_norms) {
      rule.adapted.erase(rule.adapted.begin(), rule.adapted.begin() + 2);
      learned.erase(learned.begin(), learned.begin() + 2);
      norms = Numbers(m, start[0]), norms.insert(norms.end(), m, start[1]), tensors -= 2;
    }
    rates = Numbers(tensors * m, s.alpha);
  }
  int64_t epoch(int64_t step) const { return step * s.plus_plus.epochs / s.steps; }
  // MAML++'s weights and order.
  void at_epoch(int64_t now) {
    if (family != Family::plus_plus) return;
    const int64_t until = s.plus_plus.multi_step_epochs;
    const double m = rule.steps;
    rule.second_order = !s.first_order && now >= s.plus_plus.first_order_epochs;
    double v = 0;
    if (now < until)
      v = std::max((1 - static_cast<double>(now) / static_cast<double>(until)) / m, 0.03 / m);
    rule.weights = Numbers(static_cast<size_t>(rule.steps), v);
    rule.weights.back() = 1 - (m - 1) * v;
  }
  double lr(int64_t now) const {
    if (family != Family::plus_plus || !s.plus_plus.cosine) return s.lr;
    const double done = static_cast<double>(now) / s.plus_plus.epochs;
    return s.plus_plus.lr_min +
           (s.lr - s.plus_plus.lr_min) * (1 + std::cos(3.14159265358979323846 * done)) / 2;
  }
  // The norms of the steps, what else is learned of w, the rates: as Adam has them.
  Numbers in_order(const Numbers& of_norms, const Numbers& of_w, const Numbers& of_rates) const {
    Numbers out = of_norms;
    for (const size_t i : learned) out.push_back(of_w[i]);
    out.insert(out.end(), of_rates.begin(), of_rates.end());
    return out;
  }
  told::Outer step(const std::vector<told::Episode>& batch, int64_t i) {
    at_epoch(epoch(i));
    return learn(batch, lr(epoch(i)));
  }
  // MAML++ with these weights, at second order.
  void step_with(const std::vector<told::Episode>& batch, const Numbers& weights) {
    rule.weights = weights, rule.second_order = true;
    learn(batch, s.lr);
  }
  told::Outer learn(const std::vector<told::Episode>& batch, double rate) {
    const told::Outer here = told::outer(rule, w, rates, norms, batch);
    told::Outer g = here;
    if (family == Family::sharp && s.sharp.levels != "low")
      g = told::outer(rule, told::uphill(w, learned, here, s.sharp.alpha_up), rates, norms, batch);
    if (!s.plus_plus.learned_rates) g.rates.assign(rates.size(), 0);
    std::vector<double*> p;
    for (double& v : norms) p.push_back(&v);
    for (const size_t k : learned) p.push_back(&w[k]);
    Numbers decay(p.size(), s.weight_decay);
    for (double& v : rates) p.push_back(&v), decay.push_back(0);
    adam.step(p, in_order(g.norms, g.g, g.rates), rate, decay);
    return here;
  }
  // Of each task: the error of a reading after adaptation, or before it.
  Numbers errors(const std::vector<told::Episode>& tasks, bool adapts, Reading reading) const {
    Numbers out;
    for (const told::Episode& t : tasks) {
      told::Rule inside = rule;
      if (reading == Reading::dagger && s.dagger_by == "phi") {  // eq. 9
        inside.adapted = told::psi_places, inside.meta_inside = 0, inside.co_inside = 1;
        if (!norms.empty())
          inside.adapted.erase(inside.adapted.begin(), inside.adapted.begin() + 2);
      }
      Numbers fast =
          adapts ? told::adapted(inside, w, rates, norms, t.support) : told::at_step(w, norms, 0);
      if (reading == Reading::dagger)
        for (const size_t k : told::phi_places) fast[k] = w[k];
      out.push_back(told::error(fast, reading == Reading::head ? told::theta : told::phi, t.query));
    }
    return out;
  }
  // Norms or a and b, the rest of w, the rates, and Adam's averages, in the order of a state.
  std::vector<Numbers> held() const {
    Numbers numbers = norms;
    numbers.insert(numbers.end(), w.begin() + (norms.empty() ? 0 : 2), w.end());
    numbers.insert(numbers.end(), rates.begin(), rates.end());
    return {numbers, adam.m, adam.v};
  }
};

inline double mean_of(const Numbers& v) {
  double sum = 0;
  for (const double x : v) sum += x / static_cast<double>(v.size());
  return sum;
}
inline double deviation_of(const Numbers& v) {
  double squares = 0;
  for (const double x : v) squares += (x - mean_of(v)) * (x - mean_of(v));
  return std::sqrt(squares / static_cast<double>(v.size() - 1));
}

// The same of a learner or of a trial.
template <class Of>
std::vector<Numbers> held(Of& of) {
  std::vector<Numbers> out(3);
  of.state([&](const std::string& name, Tensor& t) {
    if (name == "adam.t" || name == "last" || name == "watched" || name.rfind("best", 0) == 0)
      return;
    const size_t list = name.rfind("adam.m", 0) == 0 ? 1 : name.rfind("adam.v", 0) == 0 ? 2 : 0;
    for (const double v : t.to_vector()) out[list].push_back(v);
  });
  return out;
}
inline double gap_of(const std::vector<Numbers>& a, const std::vector<Numbers>& b) {
  double most = 0;
  for (size_t i = 0; i < a.size(); ++i) most = std::max(most, gap(a[i], b[i]));
  return most;
}

template <class Change>
MetaSettings with(Change&& change) {
  MetaSettings s = settings();
  change(s);
  return s;
}

}  // namespace regrad::test::story
