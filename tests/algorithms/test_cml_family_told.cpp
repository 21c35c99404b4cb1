// The learner of every family with every kind of co-learner, and the members of the family that
// have no row, against their second telling (cml_told.h): 20 outer steps to 1e-10.
#include <doctest/doctest.h>
#include <regrad/algorithms/maml/meta_sgd.h>
#include <regrad/algorithms/maml/reptile.h>

#include "cml_story.h"

using namespace regrad;
using namespace regrad::cml;
using namespace regrad::test::story;
using regrad::test::flat;
using regrad::test::gap;
namespace told = regrad::test::told;

namespace {

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

}  // namespace

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
  for (const Method& m : {cml, plus})
    CHECK(gap_over_steps(with([](auto& s) { s.weight_decay = 0.05; }), m) <= near);
  CHECK(gap_over_steps(with([](auto& s) { s.plus_plus.cosine = true; }), plus) <= near);
  CHECK(gap_over_steps(with([](auto& s) { s.plus_plus.cosine = true; }), cml) <= near);
  for (const CoLearner co :
       {CoLearner::none, CoLearner::frozen, CoLearner::trained, CoLearner::adapted})
    CHECK(gap_over_steps(with([](auto& s) { s.plus_plus.step_norms = true; }),
                         {"any", Family::plus_plus, co, ""}) <= near);
}

namespace {

// 20 steps of Adam along J by a rule of the library, from a net (with rates), and by its telling.
template <class Learned, class Inner>
double gap_of_rule(Learned at, const cml::Rule<Inner>& rule, told::Rule plain, size_t rates) {
  Adam::State state;
  told::Adam adam;
  Numbers w = start, learned(rates, plain.alpha);
  plain.gamma = rule.gamma, plain.co_inside = rule.adapt_cohead ? rule.gamma : 0;
  if (rule.adapt_cohead) plain.adapted = told::join(plain.adapted, told::phi_places);
  double most = 0;
  for (int64_t i = 0; i < 20; ++i) {
    const TaskBatch batch = drawn(Split::training, Random(6) / i, 0, 3);
    const Learned g = grad(objective(at, rule, mse_loss_by_task, batch).total, at);
    at = update(Adam{.lr = 0.02}, std::move(at), state, g);
    const told::Outer o = told::outer(plain, w, learned, {}, episodes(batch));
    std::vector<double*> p;
    Numbers along = o.g;
    for (double& v : w) p.push_back(&v);
    for (double& v : learned) p.push_back(&v);
    along.insert(along.end(), o.rates.begin(), o.rates.end());
    adam.step(p, along, 0.02);
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

TEST_CASE("MAML++ by itself, norms by inner step or not: the same telling") {
  for (const bool by_step : {false, true}) {
    maml::PlusPlus rule{.alpha = 0.07, .steps = 3, .weights = {0.2, 0.3, 0.5}};
    rule.step_norms = by_step;
    auto at = rule.initial(maml::Model<Body, Linear>{tiny_net().body, tiny_net().head});
    MetaSettings s = settings();
    s.plus_plus.step_norms = by_step;
    Story story(s, method("maml++"));
    Adam::State state;
    for (int64_t i = 0; i < 20; ++i) {
      const TaskBatch batch = drawn(Split::training, Random(7) / i, 0, 3);
      const auto g = grad(objective(at, rule, mse_loss_by_task, batch), at);
      at = update(Adam{.lr = s.lr}, std::move(at), state, g);
      story.step_with(episodes(batch), rule.weights);
    }
    Numbers told = story.held()[0];  // without phi
    const auto phi = told.end() - static_cast<std::ptrdiff_t>(story.rates.size()) - 3;
    told.erase(phi, phi + 3);
    CHECK(gap(flat(at), told) <= near);
    CHECK(gap(flat(state.v), story.adam.v) <= near);
    // Adapted, it predicts with the last step's norms.
    const TaskBatch batch = drawn(Split::test, Random(9), 0, 4);
    const auto fast = adapted(at, rule, mse_loss_by_task, batch.support_x, batch.support_y);
    const Tensor found = mse_loss_by_task(rule.at_step(fast, 2)(batch.query_x), batch.query_y);
    CHECK(gap(found.to_vector(), story.errors(episodes(batch), true, Reading::head)) <= near);
  }
}

namespace {

// Reptile told: M steps of an optimizer, anew for each task, on runs of `rows` support points; then
// a step of eps towards the tasks' mean.
struct InnerSgd {
  double lr;
  void operator()(Numbers& w, const Numbers& g, Numbers&, int) const {
    for (const size_t i : psi_theta) w[i] -= lr * g[i];
  }
};
struct InnerAdam {  // beta1 = 0
  double lr;
  void operator()(Numbers& w, const Numbers& g, Numbers& v, int t) const {
    for (const size_t i : psi_theta) {
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
  maml::Model<Body, Linear> net{tiny_net().body, tiny_net().head};
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
