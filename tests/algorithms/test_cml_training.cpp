// CML's exact facts about training and testing: those of the specification's list that test_cml.cpp
// leaves.
#include <doctest/doctest.h>

#include "cml_nets.h"

using namespace regrad;
using namespace regrad::test;
using Rule = cml::Rule<>;

namespace {

TaskBatch batch_at(int step) {
  return Sinusoids{}.sample(Random(31) / "train" / step, 4, 10, 10, DType::f64);
}

// Outer steps of Adam. frozen: phi gets no gradient, the "noise" control.
Net train(Net net, const Rule& rule, int steps, bool frozen = false) {
  const Adam adam{.lr = 1e-3};
  Adam::State state;
  for (int i = 0; i < steps; ++i) {
    Net g = grad(objective(net, rule, batch_at(i)).total, net);
    if (frozen) g.cohead = map(g.cohead, [](const Tensor& t) { return zeros_like(t); });
    net = update(adam, std::move(net), state, g);
  }
  return net;
}

// What stands in the co-learner's place once it is deleted: no parameter, and no way to call it.
struct Deleted {
  Tensor operator()(const Tensor&) const { throw Error("the deleted co-learner was called"); }
  static void parts(auto&, auto&&) {}
};
using DeployedModel = cml::Model<Mlp, Linear, Deleted>;
DeployedModel without_phi(const Net& net) { return {net.body, net.head, {}}; }

// Meta-test: adapts on the support set and predicts the query points. Mode "CML", and mode
// "dagger".
template <class Model>
Tensor predict(const Model& net, const Rule& rule, const TaskBatch& batch) {
  const Model fast = adapted(net, rule, mse_loss_by_task, batch.support_x, batch.support_y);
  return fast.head(fast.body(batch.query_x));
}
Tensor predict_dagger(const Net& net, const Rule& rule, const TaskBatch& batch) {
  const Net fast = adapted(net, rule, mse_loss_by_task, batch.support_x, batch.support_y);
  return fast.cohead(fast.body(batch.query_x));
}

}  // namespace

TEST_CASE(
    "fact 7: without phi every prediction of mode CML keeps its bits, and 1,761 scalars are left") {
  const Rule rule{.inner = {.alpha = 0.02, .steps = 3}, .gamma = 0.2};
  const Net net = train(sinusoid_net(30), rule, 20);
  const DeployedModel small = without_phi(net);
  CHECK(parameter_count(small) == 1761);
  for (uint64_t seed = 0; seed < 5; ++seed) {
    const TaskBatch batch = sinusoids(seed);
    const Tensor with = predict(net, rule, batch);
    CHECK(predict(small, rule, batch).to_vector() == with.to_vector());
    CHECK_FALSE(with.requires_grad());
    // The same numbers as adaptation inside a graph gives, and, for "dagger", as phi on psi' gives.
    const Net fast = adapted_on(net, rule, batch);
    CHECK(gap(with.to_vector(), fast.head(fast.body(batch.query_x)).to_vector()) <= 1e-13);
    for (int64_t t = 0; t < 4; ++t) {
      const Mlp psi = map(fast.body, [t](const Tensor& p) { return p[t]; });
      CHECK(gap(predict_dagger(net, rule, batch)[t].to_vector(),
                net.cohead(psi(batch.query_x[t])).to_vector()) <= 1e-13);
    }
  }
}

TEST_CASE(
    "fact 8: query labels do not reach the predictions, support labels do; support and query "
    "points are disjoint") {
  const Net net = sinusoid_net(32);
  const Rule rule{.inner = {.steps = 2}};
  TaskBatch batch = sinusoids(33);
  const auto plain = predict(net, rule, batch).to_vector(),
             plain_dagger = predict_dagger(net, rule, batch).to_vector();
  const Tensor order = randperm(Random(34), 10);
  batch.query_y = index_select(batch.query_y, 1, order);
  CHECK(predict(net, rule, batch).to_vector() == plain);
  CHECK(predict_dagger(net, rule, batch).to_vector() == plain_dagger);
  batch.support_y = index_select(batch.support_y, 1, order);
  CHECK(predict(net, rule, batch).to_vector() != plain);
  CHECK(predict_dagger(net, rule, batch).to_vector() != plain_dagger);

  const TaskBatch many = sinusoids(35, 100, 20);
  const Tensor same = eq(many.support_x, many.query_x.mT());  // [T,K,1] with [T,1,Q]
  CHECK(same.shape() == Shape{100, 20, 20});
  CHECK(largest(same.to_vector()) == 0);
}

TEST_CASE(
    "fact 10: with gamma = 0 Adam leaves phi, and psi and theta go MAML's way, bit for bit, "
    "for 100 steps") {
  const Net start = sinusoid_net(36);
  const Rule rule{.gamma = 0};
  const Net end = train(start, rule, 100);
  // MAML's own run: a net that never had a co-learner, from the same seed and the same tasks.
  const Random r(36);
  Deployed maml{Mlp(r / "body", {1, 40, 40}, false, Activation::relu, DType::f64),
                Linear(r / "head", 40, 1, true, DType::f64)};
  const Adam adam{.lr = 1e-3};
  Adam::State state;
  for (int i = 0; i < 100; ++i) {
    const Deployed g = grad(maml_loss(maml, rule.inner.alpha, 1, batch_at(i)), maml);
    maml = update(adam, std::move(maml), state, g);
  }
  CHECK(flat(end.cohead) == flat(start.cohead));
  CHECK(flat(deployed(end)) == flat(maml));
  CHECK(gap(flat(deployed(end)), flat(deployed(start))) > 1e-2);
}

TEST_CASE(
    "fact 14: frozen noise keeps phi and learns psi; CL adapts phi, and psi otherwise than "
    "CML") {
  const Net start = sinusoid_net(37);
  const Rule rule{.gamma = 0.2};
  const Net noise = train(start, rule, 20, true), cml = train(start, rule, 20),
            maml = train(start, {.gamma = 0}, 20);
  CHECK(flat(noise.cohead) == flat(start.cohead));
  CHECK(flat(cml.cohead) != flat(start.cohead));
  CHECK(gap(flat(noise.body), flat(maml.body)) > 1e-4);
  CHECK(gap(flat(noise.body), flat(cml.body)) > 1e-6);

  const TaskBatch batch = sinusoids(38);
  Rule cl = rule;
  cl.adapt_cohead = true;
  const Net fast = adapted_on(start, rule, batch), both = adapted_on(start, cl, batch);
  CHECK(flat(both.cohead) != flat(fast.cohead));
  // psi_cml - alpha gamma dL^c_S/dpsi, task by task; phi does not reach theta in one step.
  CHECK(flat(both.head) == flat(fast.head));
  for (int64_t t = 0; t < 4; ++t) {
    const auto task = [t](const Tensor& p) { return p[t]; };
    const std::vector<double> c = flat(grad(
        mse_loss(start.cohead(start.body(batch.support_x[t])), batch.support_y[t]), start.body));
    std::vector<double> expected = flat(map(fast.body, task));
    for (size_t i = 0; i < c.size(); ++i) expected[i] -= rule.inner.alpha * rule.gamma * c[i];
    CHECK(largest(c) > 1e-3);
    CHECK(gap(flat(map(both.body, task)), expected) <= 1e-13);
  }
  cl.gamma = 0;
  const Net silent = adapted_on(start, cl, batch);
  CHECK(gap(flat(silent.body), flat(fast.body)) <= 1e-14);
  CHECK(flat(silent.cohead) == flat(fast.cohead));
}

TEST_CASE("fact 15: BOIL's inner loop leaves theta and phi alone") {
  const Net net = sinusoid_net(39);
  const TaskBatch batch = sinusoids(40);
  for (const bool second : {true, false}) {
    const Rule rule{.inner = {.steps = 3, .second_order = second, .adapted = {"body"}}};
    const Net fast = adapted_on(net, rule, batch), start = per_task(net, 4);
    CHECK(flat(fast.head) == flat(start.head));
    CHECK(flat(fast.cohead) == flat(start.cohead));
    CHECK(flat(fast.body) != flat(start.body));
    // theta is still learned outside.
    CHECK(largest(flat(grad(objective(net, rule, batch).total, net).head)) > 0);
  }
}

namespace {

struct Direction {
  double inner = 0, along = 0;  // <G, Gbar>; <G, G + weight Gbar>
  // some small step along G + weight Gbar lowers the loss where along > 0, raises it where
  // along < 0
  bool as_derived = false;
};
// G, Gbar: gradients of both heads' query losses of task t with respect to psi, at the adapted
// point.
Direction direction(const Net& fast, const TaskBatch& batch, int64_t t, double weight) {
  const Mlp psi = as_leaves(fast.body);
  const auto loss = [&](const Mlp& body) {
    return mse_loss(fast.head(body(batch.query_x[t])), batch.query_y[t]);
  };
  const std::vector<Tensor> g = parameters(grad(loss(psi), psi));
  const std::vector<Tensor> c =
      parameters(grad(mse_loss(fast.cohead(psi(batch.query_x[t])), batch.query_y[t]), psi));
  Direction d;
  for (size_t i = 0; i < g.size(); ++i) {
    d.inner += sum(g[i] * c[i]).item();
    d.along += sum(g[i] * (g[i] + weight * c[i])).item();
  }
  const double before = loss(psi).item();
  for (double step = 1e-3; step > 1e-12 && !d.as_derived; step /= 10) {
    std::vector<Tensor> moved = parameters(fast.body);
    for (size_t i = 0; i < moved.size(); ++i) moved[i] = moved[i] - step * (g[i] + weight * c[i]);
    const double after = loss(at(fast.body, moved)).item();
    d.as_derived = d.along > 0 ? after < before : after > before;
  }
  return d;
}

}  // namespace

TEST_CASE(
    "fact 16: where the heads' gradients agree at psi', a small step along their sum lowers the "
    "meta-learner's query loss") {
  const Net net = sinusoid_net(41);
  const TaskBatch batch = sinusoids(42, 40);
  const Net all = adapted(net, Rule{}, mse_loss_by_task, batch.support_x, batch.support_y);
  int agree = 0, against = 0;
  for (int64_t t = 0; t < 40; ++t) {
    const Net fast = map(all, [t](const Tensor& p) { return p[t]; });
    for (const double weight : {1.0, 100.0}) {
      const Direction d = direction(fast, batch, t, weight);
      CHECK(d.as_derived);
      if (d.inner > 0) CHECK(d.along > 0);
      agree += d.inner > 0;
      against += d.along < 0;
    }
  }
  // Both kinds occur, so that neither check is empty.
  CHECK(agree > 5);
  CHECK(against > 5);
}
