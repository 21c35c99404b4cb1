// The trial of every method of regrad-cml, and the family's other members, against a second telling
// (cml_told.h): 20 outer steps to 1e-10, what is held after each, and what is logged and scored.
#include <doctest/doctest.h>
#include <regrad/algorithms/cml/experiment/trial.h>
#include <regrad/algorithms/maml/meta_sgd.h>
#include <regrad/algorithms/maml/reptile.h>

#include <map>

#include "cml_nets.h"
#include "cml_told.h"

using namespace regrad;
using namespace regrad::cml;
using regrad::test::flat;
using regrad::test::gap;
namespace told = regrad::test::told;
using told::Numbers;
using told::Places;

namespace {

constexpr double near = 1e-10;  // relative

// The net of cml_told.h: linear maps 1-1-2, and two heads 2-1.
struct Chain {
  std::vector<Linear> layers;
  Tensor operator()(const Tensor& x) const { return activations(x).back(); }
  std::vector<Tensor> activations(const Tensor& x) const {
    const Tensor u = layers[0](x);
    return {u, layers[1](u)};
  }
  static void parts(auto& self, auto&& part) { part("layers", self.layers); }
};
using TinyNet = Model<Chain, Linear, Linear>;
const Numbers start{0.8, -0.3, 0.7, -0.5, 0.2, 0.4, 0.6, -0.9, 0.1, -0.4, 0.5, 0.3};
Tensor leaf(const Numbers& v, const Shape& shape) {
  return tensor(v, shape, DType::f64).requires_grad_();
}
Linear map_of(const Numbers& weight, const Numbers& bias) {
  const auto out = static_cast<int64_t>(bias.size());
  Linear l;
  l.weight = leaf(weight, {out, static_cast<int64_t>(weight.size()) / out});
  l.bias = leaf(bias, {out});
  return l;
}
TinyNet tiny_net() {
  const Numbers& w = start;
  return {{{map_of({w[0]}, {w[1]}), map_of({w[2], w[3]}, {w[4], w[5]})}},
          map_of({w[6], w[7]}, {w[8]}),
          map_of({w[9], w[10]}, {w[11]})};
}

// Each split has points of its own: another offset, and another number of query points at test.
constexpr int64_t support_points = 3;
TaskBatch drawn(Split split, const Random& r, int64_t first, int64_t count) {
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
std::vector<told::Episode> episodes(const TaskBatch& b) {
  std::vector<told::Episode> out;
  for (int64_t t = 0; t < b.tasks(); ++t)
    out.push_back({{b.support_x[t].to_vector(), b.support_y[t].to_vector()},
                   {b.query_x[t].to_vector(), b.query_y[t].to_vector()}});
  return out;
}
std::vector<told::Episode> training(uint64_t seed, int64_t step) {
  return episodes(drawn(Split::training, Random(seed) / "tasks" / step, 0, 3));
}
std::vector<told::Episode> held_out(const char* name, Split split, int64_t count) {
  return episodes(drawn(split, Random(0) / name, 0, count));
}

// Settings that no two of which agree, so that one read for another shows.
MetaSettings settings() {
  MetaSettings s;
  s.steps = 20, s.tasks = 3, s.inner_steps = 2, s.alpha = 0.07, s.gamma = 0.3, s.lr = 0.013;
  s.log_every = 5, s.validation_tasks = 4, s.test_tasks = 5, s.test_chunk = 2;
  s.last = 2, s.last_tasks = 3;
  s.plus_plus.inner_steps = 3, s.plus_plus.epochs = 10, s.plus_plus.multi_step_epochs = 6;
  s.plus_plus.first_order_epochs = 2;
  s.sharp.inner_steps = 2, s.sharp.alpha_low = 0.04, s.sharp.alpha_up = 0.09;
  return s;
}

// A method, told.
struct Story {
  MetaSettings s;
  Family family;
  CoLearner cohead;
  double gamma;
  told::Rule rule = {};
  Places learned = told::join(told::psi_places, told::theta_places);
  Numbers w = start, rates = {};
  told::Adam adam = {};

  Story(const MetaSettings& settings, const Method& m)
      : s(settings), family(m.family), cohead(m.cohead), gamma(m.gamma < 0 ? s.gamma : m.gamma) {
    if (cohead == CoLearner::none) gamma = 0;
    if (cohead == CoLearner::trained || cohead == CoLearner::adapted)
      learned = told::join(learned, told::phi_places);
    rule.alpha = s.alpha, rule.gamma = gamma, rule.steps = s.inner_steps;
    rule.second_order = !s.first_order;
    if (family == Family::boil) rule.adapted = told::psi_places;
    if (cohead == CoLearner::adapted)
      rule.adapted = told::join(rule.adapted, told::phi_places), rule.co_inside = true;
    if (family == Family::sharp) {
      rule.steps = s.sharp.inner_steps, rule.sharp_low = s.sharp.levels != "up";
      rule.radius_low = s.sharp.alpha_low, rule.through = s.sharp.through;
    }
    if (family == Family::plus_plus) {
      rule.steps = s.plus_plus.inner_steps, rule.rates = told::Rates::per_tensor_and_step;
      rates = Numbers((cohead == CoLearner::adapted ? 8 : 6) * static_cast<size_t>(rule.steps),
                      s.alpha);
    }
  }
  // MAML++'s epoch: its weights and its order.
  void at_epoch(int64_t step) {
    if (family != Family::plus_plus) return;
    const int64_t epoch = step * s.plus_plus.epochs / s.steps,
                  until = s.plus_plus.multi_step_epochs;
    const double m = rule.steps;
    rule.second_order = !s.first_order && epoch >= s.plus_plus.first_order_epochs;
    double v = 0;
    if (epoch < until)
      v = std::max((1 - static_cast<double>(epoch) / static_cast<double>(until)) / m, 0.03 / m);
    rule.weights = Numbers(static_cast<size_t>(rule.steps), v);
    rule.weights.back() = 1 - (m - 1) * v;
  }
  told::Outer step(const std::vector<told::Episode>& batch, int64_t i) {
    at_epoch(i);
    const told::Outer here = told::outer(rule, w, rates, batch);
    told::Outer g = here;
    if (family == Family::sharp && s.sharp.levels != "low")
      g = told::outer(rule, told::uphill(w, learned, here, s.sharp.alpha_up), rates, batch);
    if (!s.plus_plus.learned_rates) g.rates.assign(rates.size(), 0);
    adam.step(w, rates, learned, g, s.lr);
    return here;
  }
  // Of each task: the error of a head after adaptation, or before it.
  Numbers errors(const std::vector<told::Episode>& tasks, bool adapts, bool dagger) const {
    Numbers out;
    for (const told::Episode& t : tasks) {
      const Numbers fast = adapts ? told::adapted(rule, w, rates, t.support) : w;
      out.push_back(told::error(fast, dagger ? told::phi : told::theta, t.query));
    }
    return out;
  }
  // psi, theta, phi, the rates, and Adam's averages, in the order of a trial's state.
  std::vector<Numbers> held() const {
    Numbers numbers = w;
    numbers.insert(numbers.end(), rates.begin(), rates.end());
    return {numbers, adam.m, adam.v};
  }
};

double mean_of(const Numbers& v) {
  double sum = 0;
  for (const double x : v) sum += x / static_cast<double>(v.size());
  return sum;
}
double deviation_of(const Numbers& v) {
  double squares = 0;
  for (const double x : v) squares += (x - mean_of(v)) * (x - mean_of(v));
  return std::sqrt(squares / static_cast<double>(v.size() - 1));
}

// The same of a learner or of a trial.
template <class Of>
std::vector<Numbers> held(Of& of) {
  std::vector<Numbers> out(3);
  of.state([&](const std::string& name, Tensor& t) {
    if (name == "adam.t" || name == "last") return;
    const size_t list = name.rfind("adam.m", 0) == 0 ? 1 : name.rfind("adam.v", 0) == 0 ? 2 : 0;
    for (const double v : t.to_vector()) out[list].push_back(v);
  });
  return out;
}
double gap_of(const std::vector<Numbers>& a, const std::vector<Numbers>& b) {
  double most = 0;
  for (size_t i = 0; i < a.size(); ++i) most = std::max(most, gap(a[i], b[i]));
  return most;
}

Learner<TinyNet> learner_of(const MetaSettings& s, const Method& m) {
  return {tiny_net(), m, s, mse_loss_by_task, 5};
}
// 20 steps of a learner and of its story, the gap after each.
double gap_over_steps(const MetaSettings& s, const Method& m) {
  Learner<TinyNet> learner = learner_of(s, m);
  Story story(s, m);
  double most = 0;
  for (int64_t i = 0; i < s.steps; ++i) {
    const TaskBatch batch = drawn(Split::training, Random(5) / "tasks" / i, 0, s.tasks);
    const Objective o = learner.learn(batch, i);
    const told::Outer j = story.step(episodes(batch), i);
    most = std::max({most, gap_of(held(learner), story.held()), gap({o.meta.item()}, {j.meta}),
                     gap({o.total.item()}, {j.meta + story.gamma * j.co})});
  }
  return most;
}

Task<TinyNet> tiny_task(const MetaSettings& s) {
  return {s, regression, [](const Random&) { return tiny_net(); }, drawn};
}
double score(const experiment::Outcome& o, const std::string& method, const std::string& metric) {
  double found = std::nan("");
  for (const auto& s : o.scores)
    if (s.method == method && s.metric == metric) found = s.value;
  return found;
}
double logged(const experiment::Moment& m, const std::string& name) {
  double found = std::nan("");
  for (const auto& [key, v] : m)
    if (key == name) found = v;
  return found;
}

}  // namespace

TEST_CASE(
    "a trial of every row is its second telling for 20 steps: weights, rates, Adam's averages, "
    "curve, readings") {
  const MetaSettings s = settings();
  for (const Method& m : methods()) {
    if (*m.trained_by) continue;
    CAPTURE(m.name);
    TaskTrial<TinyNet> trial(tiny_task(s), {m.name, "K=3", 5});
    Story story(s, m);
    std::vector<Numbers> last(2);  // test errors at the last two points, by head
    for (int64_t i = 0; i < s.steps; ++i) {
      const experiment::Moment moment = trial.step(i);
      const told::Outer j = story.step(training(5, i), i);
      CHECK(gap_of(held(trial), story.held()) <= near);
      CHECK(moment.empty() == ((i + 1) % 5 != 0));
      if (moment.empty()) continue;
      const Numbers validation =
          story.errors(held_out("validation", Split::validation, 4), true, 0);
      CHECK(gap({moment[0].second, logged(moment, "query mse")}, {mean_of(validation), j.meta}) <=
            near);
      CHECK(moment[0].first == "validation mse");
      const double co = logged(moment, "co-learner's query mse");
      CHECK(std::isnan(co) == (story.gamma == 0));
      if (story.gamma > 0) CHECK(gap({co}, {j.co}) <= near);
      for (const bool dagger : {false, true})
        if (i >= 10)
          last[dagger].push_back(
              mean_of(story.errors(held_out("test", Split::test, 3), true, dagger)));
    }
    const experiment::Outcome o = trial.finish();
    const auto reads = [&](const std::string& name, bool dagger) {
      CAPTURE(name);
      const Numbers after = story.errors(held_out("test", Split::test, 5), true, dagger),
                    before = story.errors(held_out("test", Split::test, 5), false, dagger);
      CHECK(gap({score(o, name, "mse@3"), score(o, name, "unadapted mse@3"),
                 score(o, name, "interval over tasks of mse@3"), score(o, name, "spread of mse@3")},
                {mean_of(after), mean_of(before),
                 2.7764451051977987 * deviation_of(after) / std::sqrt(5),
                 deviation_of(last[dagger])}) <= near);
    };
    reads(m.name, false);
    const Method* dagger = dagger_of(m.name);
    CHECK((dagger != nullptr) == (m.cohead == CoLearner::trained && m.gamma < 0));
    if (dagger) reads(dagger->name, true);
    CHECK(o.scores.size() == (dagger ? 8 : 4));
    const auto scalars = static_cast<int64_t>(6 + 3 + story.rates.size());
    for (const auto& [name, n] : o.parameters) CHECK_MESSAGE(n == scalars, name);
  }
}

TEST_CASE("every family with every kind of co-learner is its second telling for 20 steps") {
  for (const Family family : {Family::maml, Family::plus_plus, Family::boil, Family::sharp})
    for (const CoLearner co :
         {CoLearner::none, CoLearner::frozen, CoLearner::trained, CoLearner::adapted}) {
      CAPTURE(static_cast<int>(family));
      CAPTURE(static_cast<int>(co));
      CHECK(gap_over_steps(settings(), {"any", family, co, ""}) <= near);
    }
}

TEST_CASE("each setting of a method is in its second telling") {
  const Method cml = method("cml"), plus = method("maml++-cml"), sharp = method("sharp-cml");
  const auto with = [](auto&& change) {
    MetaSettings s = settings();
    change(s);
    return s;
  };
  for (const char* name : {"cml", "cl", "boil-cml", "maml++-cml", "sharp-cml"})
    CHECK(gap_over_steps(with([](auto& s) { s.first_order = true; }), method(name)) <= near);
  for (const int steps : {0, 1, 4})
    CHECK(gap_over_steps(with([&](auto& s) { s.inner_steps = steps; }), cml) <= near);
  for (const int chunk : {1, 2})
    CHECK(gap_over_steps(with([&](auto& s) { s.chunk = chunk; }), sharp) <= near);
  for (const char* levels : {"low", "up"})
    CHECK(gap_over_steps(with([&](auto& s) { s.sharp.levels = levels; }), sharp) <= near);
  CHECK(gap_over_steps(with([](auto& s) { s.sharp.through = false; }), sharp) <= near);
  CHECK(gap_over_steps(with([](auto& s) { s.plus_plus.learned_rates = false; }), plus) <= near);
  CHECK(gap_over_steps(with([](auto& s) { s.plus_plus.multi_step_epochs = 0; }), plus) <= near);
  CHECK(gap_over_steps(with([](auto& s) { s.gamma = 0; }), cml) <= near);
}

namespace {

// 20 steps of Adam along J by a rule of the library, from a net (with rates), and by its telling.
template <class Learned, class Inner>
double gap_of_rule(Learned at, const cml::Rule<Inner>& rule, told::Rule plain, size_t rates) {
  Adam::State state;
  told::Adam adam;
  Numbers w = start, learned(rates, plain.alpha);
  plain.gamma = rule.gamma, plain.co_inside = rule.adapt_cohead;
  if (plain.co_inside) plain.adapted = told::join(plain.adapted, told::phi_places);
  double most = 0;
  for (int64_t i = 0; i < 20; ++i) {
    const TaskBatch batch = drawn(Split::training, Random(6) / i, 0, 3);
    const Learned g = grad(objective(at, rule, mse_loss_by_task, batch).total, at);
    at = update(Adam{.lr = 0.02}, std::move(at), state, g);
    adam.step(w, learned,
              told::join(told::join(told::psi_places, told::theta_places), told::phi_places),
              told::outer(plain, w, learned, episodes(batch)), 0.02);
    Numbers now = w;
    now.insert(now.end(), learned.begin(), learned.end());
    most = std::max(
        {most, gap(flat(at), now), gap(flat(state.m), adam.m), gap(flat(state.v), adam.v)});
  }
  return most;
}

}  // namespace

TEST_CASE("ANIL and Meta-SGD, which have no row, with and without CML: the same telling") {
  for (const double gamma : {0.0, 0.4}) {
    for (const bool inside : {false, true}) {
      for (const bool second : {true, false}) {
        CAPTURE(gamma);
        CAPTURE(inside);
        CAPTURE(second);
        told::Rule anil{.alpha = 0.07, .steps = 2, .second_order = second};
        anil.adapted = told::theta_places;
        const cml::Rule<> of_head{maml::anil({0.07, 2, second}), gamma, inside};
        CHECK(gap_of_rule(tiny_net(), of_head, anil, 0) <= near);
        told::Rule each{.alpha = 0.07, .steps = 2, .second_order = second};
        each.rates = told::Rates::per_element;
        const cml::Rule<maml::MetaSgd> learned{{0.07, 2, second}, gamma, inside};
        CHECK(gap_of_rule(learned.initial(tiny_net()), learned, each, inside ? 12 : 9) <= near);
      }
    }
  }
}

namespace {

// Reptile told: M steps of an optimizer, anew for each task, on runs of `rows` support points; then
// a step of eps towards the tasks' mean.
struct InnerSgd {
  double lr;
  void operator()(Numbers& w, const Numbers& g, Numbers&, int) const {
    for (const size_t i : told::join(told::psi_places, told::theta_places)) w[i] -= lr * g[i];
  }
};
struct InnerAdam {  // beta1 = 0
  double lr;
  void operator()(Numbers& w, const Numbers& g, Numbers& v, int t) const {
    for (const size_t i : told::join(told::psi_places, told::theta_places)) {
      v[i] = 0.999 * v[i] + 0.001 * g[i] * g[i];
      w[i] -= lr * g[i] / (std::sqrt(v[i] / (1 - std::pow(0.999, t))) + 1e-8);
    }
  }
};
template <class Step>
void reptile_step(Numbers& w, const std::vector<told::Episode>& tasks, const Step& step, int steps,
                  size_t rows, double eps) {
  Numbers mean(told::all);
  for (const told::Episode& task : tasks) {
    Numbers fast = w, v(told::all);
    for (int j = 0; j < steps; ++j) {
      told::Points here;
      for (size_t k = 0; k < rows; ++k) {
        const size_t at = (static_cast<size_t>(j) * rows + k) % task.support.x.size();
        here.x.push_back(task.support.x[at]), here.y.push_back(task.support.y[at]);
      }
      step(fast, told::loss(fast, told::theta, here).g, v, j + 1);
    }
    for (size_t i = 0; i < told::all; ++i) mean[i] += fast[i] / static_cast<double>(tasks.size());
  }
  for (size_t i = 0; i < told::all; ++i) w[i] += eps * (mean[i] - w[i]);
}
template <class Optimizer, class Step>
double gap_of_reptile(const maml::Reptile<Optimizer>& rule, const Step& step, size_t rows) {
  maml::Model<Chain, Linear> net{tiny_net().body, tiny_net().head};
  Sgd::State state;
  Numbers w = start;
  double most = 0;
  for (int64_t i = 0; i < 20; ++i) {
    const TaskBatch batch = drawn(Split::training, Random(8) / i, 0, 3);
    net = update(
        Sgd{.lr = 0.3}, std::move(net), state,
        maml::reptile_gradient(net, rule, mse_loss_by_task, batch.support_x, batch.support_y));
    reptile_step(w, episodes(batch), step, rule.steps, rows, 0.3);
    most = std::max(most, gap(flat(net), Numbers(w.begin(), w.begin() + 9)));
  }
  return most;
}

}  // namespace

TEST_CASE("Reptile, on whole support sets and on single points in turn: the same telling") {
  CHECK(gap_of_reptile(maml::Reptile<Sgd>{{.lr = 0.05}, 4}, InnerSgd{0.05}, 3) <= near);
  CHECK(gap_of_reptile(maml::Reptile<Sgd>{{.lr = 0.05}, 4, 1}, InnerSgd{0.05}, 1) <= near);
  CHECK(gap_of_reptile(maml::Reptile<Adam>{{.lr = 0.01, .beta1 = 0}, 5}, InnerAdam{0.01}, 3) <=
        near);
}
