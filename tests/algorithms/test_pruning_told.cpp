// Every pruning row against a literal loop of its update in plain doubles (told_pruning.h): loss,
// weights, masks, momentum, step size, running statistics, what is deployed and its logits.
#include <doctest/doctest.h>
#include <regrad/algorithms/pruning/experiment/rows.h>
#include <regrad/algorithms/pruning/rows.h>
#include <regrad/algorithms/pruning/second_path.h>
#include <regrad/layers/linear.h>
#include <regrad/layers/norm.h>

#include <cmath>
#include <functional>

#include "told_pruning.h"
#include "told_small_net.h"

using namespace regrad;
using namespace regrad::pruning;
using test::apart;
using test::inputs;
using test::labels;
using test::SmallNet;

namespace {

constexpr auto f64 = test::f64;

Settings settings_of(const told::Plan& p) {
  Settings s;
  s.epochs = p.epochs, s.refresh = p.refresh;
  s.target = p.target, s.exploit = p.exploit, s.distill = p.distill;
  s.lr = p.lr, s.warmup = p.warmup, s.warmup_from = p.from;
  s.milestones = p.milestones, s.gamma = p.gamma;
  s.momentum = p.momentum, s.weight_decay = p.decay;
  s.temperature = p.t, s.kd_floor = p.floor, s.z = p.z;
  s.rigl_period = p.period, s.warmup_unit = p.climb_by_epoch ? "epoch" : "step";
  s.rigl_share = p.share, s.str_initial = p.initial, s.str_decay = p.str_decay;
  s.schedule_unit = p.by_step ? "step" : "epoch";
  s.mask_rule = p.official ? "official" : "exact";
  return s;
}

told::Params told_of(const Tensors& p) {
  return {p[0].to_vector(), p[1].to_vector(), p[2].to_vector(),
          p[3].to_vector(), p[4].to_vector(), p[5].to_vector()};
}

// A row at work and its telling, side by side.
struct Pairs {
  told::Plan plan;
  Settings s;
  Learner learner;
  told::Row told;

  explicit Pairs(const told::Plan& of)
      : plan(of),
        s(settings_of(of)),
        learner(SmallNet(), row(of.row, s).method,
                schedule(row(of.row, s), s, of.sparsity, of.batches, 3)),
        told(of, told_of(parameters(learner.state.trained.net)), told_of(others())) {}

  // The net's parameters with the dense path's in their places.
  Tensors others() const {
    Tensors all = parameters(learner.state.trained.net);
    if (!plan.is("dcil")) return all;
    size_t k = 0;
    for (size_t place : {1, 2, 4, 5})
      if (!told::shared(plan, place)) all[place] = learner.state.trained.extra.at(k++);
    return all;
  }

  void step(int i) {
    const std::vector<int> y = labels(i);
    const double loss =
        learner
            .learn(tensor(inputs(i), {told::rows, told::inputs}, f64),
                   tensor(std::vector<int64_t>(y.begin(), y.end())), i, lr(learner.schedule, s, i))
            .item();
    if (plan.row == "rigl" && i == 0) take_masks();
    CHECK(loss == doctest::Approx(told.learn(inputs(i), y, i)).epsilon(1e-10));
    check();
    if ((i + 1) % plan.batches == 0) check_deployed();
  }
  // RigL's first masks are drawn.
  void take_masks() {
    for (size_t l = 0; l < 2; ++l) told.mask[l] = learner.state.masks[l].to_vector();
    for (size_t j = 0; j < told.p.w1.size(); ++j) told.p.w1[j] *= told.mask[0][j];
    for (size_t j = 0; j < told.p.w2.size(); ++j) told.p.w2[j] *= told.mask[1][j];
  }

  void check() {
    const State& st = learner.state;
    const Tensors p = parameters(st.trained.net), extra = st.trained.extra;
    const auto same = [](const Tensor& t, const told::V& v) {
      CHECK(apart(t.to_vector(), v) < 1e-10);
    };
    const bool moving = plan.momentum > 0;
    for (size_t k = 0; k < 6; ++k) {
      CAPTURE(k);
      same(p[k], *told.p.list()[k]);
      if (moving) same(st.sgd.velocity[k], *told.velocity.list()[k]);
    }
    for (size_t l = 0; l < 2; ++l) CHECK(st.masks[l].to_vector() == told.mask[l]);
    const Tensors running = buffers(st.trained.net);
    same(running[0], told.running.mean), same(running[1], told.running.var);
    CHECK(st.revived.item() == told.revived);
    CHECK(st.spread.item() == doctest::Approx(told.spread).epsilon(1e-9));
    if (plan.is("map")) {
      for (size_t l = 0; l < 2; ++l) same(st.memory[l], told.attention[l]);
    } else if (plan.is("dcil")) {
      size_t k = 0;
      for (size_t place : {1, 2, 4, 5}) {
        if (told::shared(plan, place)) continue;
        REQUIRE(k < extra.size());
        same(extra[k], *told.second.list()[place]);
        if (moving) same(st.sgd.velocity[6 + k], *told.second_velocity.list()[place]);
        ++k;
      }
      CHECK(extra.size() == k);
      CHECK(st.memory.size() == (told::shared(plan, 1) ? 0 : 2));
      if (!told::shared(plan, 1))
        same(st.memory[0], told.second_running.mean), same(st.memory[1], told.second_running.var);
    } else if (plan.row == "str") {
      for (size_t l = 0; l < 2; ++l) {
        same(extra[l], {told.c[l]});
        if (moving) same(st.sgd.velocity[6 + l], {told.c_velocity[l]});
      }
    } else {
      CHECK(extra.empty());
    }
  }

  void check_deployed() {
    const NamedNet net = learner.deployed();
    const told::Params e = told.effective(false);
    told::Params as_told = e;
    const Tensors p = parameters(net);
    for (size_t k = 0; k < 6; ++k) CHECK(apart(p[k].to_vector(), *as_told.list()[k]) < 1e-10);
    const Tensor x = tensor(inputs(99), {told::rows, told::inputs}, f64);
    CHECK(apart(net(x).to_vector(), told::logits(e, told.running, inputs(99))) < 1e-10);
    // the zeros are the mask's
    for (size_t l = 0; l < 2; ++l) {
      const told::V w = p[3 * l].to_vector();
      for (size_t j = 0; j < w.size(); ++j)
        if (told.mask[l][j] == 0) CHECK(w[j] == 0);
    }
  }

  void whole() {
    for (int i = 0; i < plan.steps(); ++i) {
      CAPTURE(i);
      step(i);
    }
  }
  int64_t pruned() const {
    int64_t n = 0;
    for (const told::V& m : told.mask) n += std::count(m.begin(), m.end(), 0.0);
    return n;
  }
};

}  // namespace

TEST_CASE(
    "every row of the table is the paper's update, step by step (MAP-3, MAP-6, DCIL-1, DCIL-7)") {
  for (const Row& r : rows(Settings())) {
    CAPTURE(std::string(r.name));
    told::Plan plan{.row = r.name};
    if (plan.ends("-filters")) plan.sparsity = 0.45;
    Pairs pair(plan);
    pair.whole();
    if (plan.row == "dense" || plan.row == "str") continue;
    CHECK(pair.pruned() >= 12);
    if (!plan.ends("-filters")) CHECK(pair.pruned() == 21);
  }
}

TEST_CASE("rows by other settings: the schedule by steps, DCIL's count, no momentum, no warm-up") {
  const std::vector<std::function<void(told::Plan&)>> changes{
      [](told::Plan& p) { p.by_step = true; },
      [](told::Plan& p) { p.official = true; },
      [](told::Plan& p) { p.momentum = 0; },
      [](told::Plan& p) { p.exploit = 2; },
      [](told::Plan& p) { p.floor = 0.02, p.climb_by_epoch = true, p.warmup = 0.25; },
      [](told::Plan& p) {
        p.warmup = 0, p.decay = 0, p.milestones = {}, p.refresh = 2, p.period = 2;
      }};
  for (const char* name : {"gmp", "dpf", "map", "map-soft", "dcil", "rigl", "str"})
    for (size_t c = 0; c < changes.size(); ++c) {
      CAPTURE(std::string(name));
      CAPTURE(c);
      told::Plan plan{.row = name};
      changes[c](plan);
      Pairs pair(plan);
      pair.whole();
      if (plan.row != "rigl" && plan.row != "str")
        CHECK(pair.pruned() == 21 + (plan.official ? 1 : 0));
    }
}

TEST_CASE("DCIL-1, DCIL-2 at the learner: masks of ones alone and of zeros alone") {
  for (double sparsity : {0.0, 1.0}) {
    CAPTURE(sparsity);
    Pairs pair({.row = "dcil", .sparsity = sparsity});
    pair.whole();
    CHECK(pair.pruned() == (sparsity > 0 ? 35 : 0));
  }
}

TEST_CASE("DCIL-4 at the learner: without one path's loss its weights move by decay alone") {
  for (bool of_dense : {false, true}) {
    CAPTURE(of_dense);
    Pairs pair({.row = "dcil", .distill = 2});
    for (int i = 0; i < pair.plan.steps(); ++i) {
      CAPTURE(i);
      // a classifier of zeros lets no gradient through
      State& s = pair.learner.state;
      Tensors p = parameters(s.trained.net);
      Tensor& classifier = of_dense ? s.trained.extra[2] : p[4];
      classifier = zeros_like(classifier).requires_grad_();
      (of_dense ? pair.told.second : pair.told.p).c.assign(12, 0.0);
      s.trained.net = at(s.trained.net, p);
      const Tensors before = weights(s), speed = s.sgd.velocity;
      pair.step(i);
      for (size_t l = 0; l < 2; ++l) {
        const told::V w = before[l].to_vector(), v = speed[3 * l].to_vector(),
                      now = weights(s)[l].to_vector(), m = s.masks[l].to_vector();
        for (size_t j = 0; j < w.size(); ++j) {
          if ((m[j] > 0) == of_dense) continue;
          const double d = pair.plan.decay * w[j], next = pair.plan.momentum * v[j] + d;
          const double there = w[j] - pair.plan.rate(i) * (d + pair.plan.momentum * next);
          CHECK(now[j] == doctest::Approx(there).epsilon(1e-12));
        }
      }
    }
  }
}

TEST_CASE("RigL's first masks: densities by Erdos-Renyi-Kernel, drawn by the seed") {
  for (double sparsity : {0.3, 0.7}) {
    told::Plan plan{.row = "rigl", .sparsity = sparsity};
    Pairs pair(plan);
    pair.step(0);
    // 35 weights; densities go as (5+3)/15 and (4+5)/20, so counts as 8 and 9
    const Tensors& m = pair.learner.state.masks;
    const bool sparse = sparsity == 0.7;
    CHECK(sum(m[0]).item() == (sparse ? 5 : 12));
    CHECK(sum(m[1]).item() == (sparse ? 6 : 13));
    Learner other(SmallNet(), row("rigl", pair.s).method,
                  schedule(row("rigl", pair.s), pair.s, sparsity, 2, 4));
    other.learn(tensor(inputs(0), {told::rows, told::inputs}, f64),
                tensor({0, 1, 2, 0, 1, 2}, DType::i64), 0, 0.1);
    CHECK(other.state.masks[0].to_vector() != m[0].to_vector());
  }
}

TEST_CASE("RigL's layers: what a density above 1 leaves over goes to the others") {
  const Tensors w = {ones({2, 2, 1, 1}, f64), ones({16, 16, 3, 3}, f64)};
  const auto kept = [&](double sparsity, size_t l) {
    return sum(random_masks(w, sparsity, Random(1))[l]).item();
  };
  // sums of sizes: 6 and 38; 24 of 2,308 weights are kept, then 231
  CHECK(kept(0.99, 0) == 3);
  CHECK(kept(0.99, 1) == 21);
  CHECK(kept(0.9, 0) == 4);
  CHECK(kept(0.9, 1) == 227);
}

TEST_CASE("DCIL's second classifier: a copy, or a draw of its own by the seed; norms begin alike") {
  const auto extra = [](const char* how, uint64_t seed) {
    Settings s;
    s.second_classifier = how;
    const Row r = row("dcil", s);
    return Learner(SmallNet(), r.method, schedule(r, s, 0.5, 2, seed)).state.trained.extra;
  };
  const SmallNet net;
  const Tensors copied = extra("copy", 1), drawn = extra("draw", 1), other = extra("draw", 2);
  CHECK(copied[2].to_vector() == net.last.weight.to_vector());
  CHECK(copied[3].to_vector() == net.last.bias.to_vector());
  for (size_t k : {2, 3}) {
    CHECK(drawn[k].to_vector() != copied[k].to_vector());
    CHECK(drawn[k].to_vector() != other[k].to_vector());
    CHECK(drawn[k].to_vector() == extra("draw", 1)[k].to_vector());
    CHECK(drawn[k].dtype() == f64);
    CHECK(drawn[k].requires_grad());
    CHECK(amax(abs(drawn[k])).item() <= 0.5);  // 1 / sqrt(4 inputs)
    CHECK(amax(abs(drawn[k])).item() > 0.1);
  }
  for (const Tensors* t : {&copied, &drawn}) {
    CHECK((*t)[0].to_vector() == told::V(5, 1.0));
    CHECK((*t)[1].to_vector() == told::V(5, 0.0));
  }
}
