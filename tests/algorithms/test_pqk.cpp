// PQK: the exact facts of pruning.md section 4.5, and each row against a literal loop of its update
// in plain doubles (told_pqk.h).
#include <doctest/doctest.h>
#include <regrad/algorithms/pqk/experiment/rows.h>
#include <regrad/algorithms/pqk/pqk.h>
#include <regrad/algorithms/pruning/second_path.h>
#include <regrad/layers/linear.h>
#include <regrad/layers/nets/resnet.h>
#include <regrad/layers/norm.h>

#include <cmath>
#include <set>

#include "told_pqk.h"
#include "told_small_net.h"

using namespace regrad;
using namespace regrad::pqk;
using pruning::Learner;
using pruning::Schedule;
using pruning::State;
using pruning::Tensors;
using test::apart;
using test::inputs;
using test::labels;
using test::SmallNet;

namespace {

constexpr auto f64 = test::f64;

Tensor batch_x(int i) { return tensor(inputs(i), {told::rows, told::inputs}, f64); }
Tensor batch_y(int i) {
  const std::vector<int> y = labels(i);
  return tensor(std::vector<int64_t>(y.begin(), y.end()));
}
// A teacher that was there before.
Tensor given(const Tensor& x) { return sin(x * 2.0) + x; }

Schedule schedule_of(const told::PqkPlan& p) {
  return {.sparsity = p.prune ? p.sparsity : 0,
          .epochs = p.epochs,
          .batches = p.batches,
          .target = p.target,
          .refresh = p.refresh,
          .sgd = {.momentum = p.momentum, .weight_decay = p.decay, .nesterov = true}};
}
Options options_of(const told::PqkPlan& p) {
  Options o;
  o.few = {.bits = p.bits, .edge_bits = p.edge_bits, .momentum = p.range_momentum};
  o.quantize = p.quantize, o.prune = p.prune, o.second = p.second;
  o.teacher = p.within ? Teacher::within : p.given ? Teacher::given : Teacher::none;
  o.temperature = p.t, o.mutual = p.mutual, o.shared = p.shared;
  if (p.given) o.given = given;
  o.given_share = p.share, o.given_temperature = p.given_t;
  return o;
}
double rate(int i) { return 0.3 / (1 + 0.1 * i); }

void same(const Tensor& t, const told::V& v) { CHECK(apart(t.to_vector(), v) < 1e-10); }

struct AtWork {
  told::PqkPlan plan;
  Options options;
  Learner learner;
  explicit AtWork(const told::PqkPlan& p)
      : plan(p), options(options_of(p)), learner(SmallNet(), method(options), schedule_of(p)) {}
  double step(int i) { return learner.learn(batch_x(i), batch_y(i), i, rate(i)).item(); }
  void until(int steps) {
    for (int i = 0; i < steps; ++i) step(i);
  }
  const State& state() const { return learner.state; }
  Tensors net() const { return parameters(learner.state.trained.net); }
};

void whole(const told::PqkPlan& plan) {
  AtWork at(plan);
  const Tensors start = at.net();
  told::Pqk told(plan, {start[0].to_vector(), start[1].to_vector(), start[2].to_vector(),
                        start[3].to_vector(), start[4].to_vector(), start[5].to_vector()});
  for (int i = 0; i < plan.steps(); ++i) {
    CAPTURE(i);
    const double loss = at.step(i);
    const told::V from = plan.given ? given(batch_x(i)).to_vector() : told::V();
    CHECK(loss ==
          doctest::Approx(told.learn(inputs(i), labels(i), i, rate(i), from)).epsilon(1e-10));
    const State& s = at.state();
    const Tensors p = at.net(), running = pruning::buffers(s.trained.net);
    for (size_t k = 0; k < 6; ++k) {
      CAPTURE(k);
      same(p[k], *told.p.list()[k]);
      same(s.sgd.velocity[k], *told.velocity.list()[k]);
    }
    for (size_t l = 0; l < 2; ++l) CHECK(s.masks[l].to_vector() == told.mask[l]);
    same(running[0], told.running.mean), same(running[1], told.running.var);
    for (int64_t l = 0; plan.quantize && l < 3; ++l)
      CHECK(s.memory[0][l][0].item() ==
            doctest::Approx(told.high[static_cast<size_t>(l)]).epsilon(1e-10));
    if (plan.within && i >= plan.change()) {
      size_t k = 0;
      for (size_t place : {1, 2, 4, 5}) {
        same(s.trained.extra[k], *told.second.list()[place]);
        same(s.sgd.velocity[6 + k++], *told.second_velocity.list()[place]);
      }
      const size_t b = plan.quantize ? 1 : 0;
      same(s.memory[b], told.second_running.mean), same(s.memory[b + 1], told.second_running.var);
    }
    same(deployed(at.learner, at.options)(batch_x(99)), told.deployed(inputs(99)));
  }
  int pruned = 0;
  for (const told::V& m : told.mask)
    pruned += static_cast<int>(std::count(m.begin(), m.end(), 0.0));
  CHECK(pruned == (plan.prune ? 21 : 0));  // of 35 weights
}

// w x, w [1,2].
struct One {
  Linear map;
  One() { map.weight = tensor(std::vector<double>{1, -0.5}, {1, 2}, f64); }
  Tensor operator()(const Tensor& x, Context& ctx) const { return map(x, ctx); }
  static void parts(auto& self, auto&& part) { part("map", self.map); }
};

}  // namespace

TEST_CASE("every row of the table makes the steps that the equations make, to 1e-10") {
  told::PqkPlan p;
  SUBCASE("dense") { p.quantize = p.prune = false; }
  SUBCASE("qat") { p.prune = false; }
  SUBCASE("prune") { p.quantize = false; }
  SUBCASE("pq") {}
  SUBCASE("pq-kd") { p.given = true; }
  SUBCASE("pqk") { p.within = true; }
  SUBCASE("pqk-mutual") { p.within = p.mutual = true; }
  SUBCASE("pqk-shared") { p.within = p.shared = true; }
  SUBCASE("pqk in float") { p.within = true, p.quantize = false; }
  SUBCASE("pqk at three bits, edges too") { p.within = true, p.bits = p.edge_bits = 3; }
  whole(p);
}

TEST_CASE("the table's rows are these options") {
  const Settings s = [] {
    Settings of;
    of.second = 0.4, of.target = 0.6, of.epochs = 20, of.temperature = 3, of.hinton_share = 0.8;
    of.hinton_temperature = 5, of.edge_bits = 7, of.range_momentum = 0.2, of.refresh = 5;
    return of;
  }();
  struct Expected {
    const char* row;
    bool prune, quantize;
    Teacher teacher;
    bool mutual, shared;
  };
  for (const Expected& e : {Expected{"dense", false, false, Teacher::none, false, false},
                            {"qat", false, true, Teacher::none, false, false},
                            {"prune", true, false, Teacher::none, false, false},
                            {"pq", true, true, Teacher::none, false, false},
                            {"pq-kd", true, true, Teacher::given, false, false},
                            {"pqk", true, true, Teacher::within, false, false},
                            {"pqk-mutual", true, true, Teacher::within, true, false},
                            {"pqk-shared", true, true, Teacher::within, false, true}}) {
    CAPTURE(std::string(e.row));
    const Options o = options(row(e.row), s, {0.9, 4});
    CHECK(o.prune == e.prune);
    CHECK(o.quantize == e.quantize);
    CHECK(o.teacher == e.teacher);
    CHECK(o.mutual == e.mutual);
    CHECK(o.shared == e.shared);
    CHECK(o.few.bits == 4);
    CHECK(o.few.edge_bits == 7);
    CHECK(o.few.momentum == 0.2);
    CHECK(o.second == 0.4);
    CHECK(o.temperature == 3);
    CHECK(o.given_share == 0.8);
    CHECK(o.given_temperature == 5);
    const Schedule t = schedule(row(e.row), s, {0.9, 4}, 10, 1);
    CHECK(t.sparsity == (e.prune ? 0.9 : 0));
    CHECK(t.epochs == 20);
    CHECK(t.target == doctest::Approx(0.24));
    CHECK(t.refresh == 5);
    CHECK(steps(row(e.row), s, 10) == (e.teacher == Teacher::given ? 400 : 200));
    CHECK(training_cost(row(e.row), s) == doctest::Approx(e.teacher == Teacher::given    ? 2.2
                                                          : e.teacher == Teacher::within ? 1.6
                                                                                         : 1));
  }
}

TEST_CASE("lr: milestones of phase 1, a restart, one milestone of phase 2") {
  Settings s;
  s.lr = 0.4, s.epochs = 16, s.second = 0.5, s.milestones = {0.5, 0.75}, s.gamma = 0.1;
  s.restart = 0.2, s.restart_milestone = 0.5, s.warmup = 1.0 / 16;
  const Schedule t = schedule(row("pqk"), s, {0.9, 4}, 10, 1);
  const auto at = [&](int64_t epoch, int64_t batch = 0) { return lr(t, s, 10 * epoch + batch); };
  CHECK(at(0, 5) == doctest::Approx(0.2));
  CHECK(at(1) == 0.4);
  CHECK(at(3, 9) == 0.4);
  CHECK(at(4) == doctest::Approx(0.04));
  CHECK(at(6) == doctest::Approx(0.004));
  CHECK(at(7, 9) == doctest::Approx(0.004));
  CHECK(at(8) == doctest::Approx(0.08));
  CHECK(at(11, 9) == doctest::Approx(0.08));
  CHECK(at(12) == doctest::Approx(0.008));
  CHECK(at(15, 9) == doctest::Approx(0.008));
}

TEST_CASE(
    "points: each sparsity with each number of bits, and the corner; rows once where it is "
    "all one") {
  Settings s;
  std::vector<std::string> names;
  for (const Point& p : points(s)) names.push_back(name(p));
  CHECK(names == std::vector<std::string>{"90% 8 bits", "90% 4 bits", "90% 3 bits", "95% 8 bits",
                                          "95% 4 bits", "95% 3 bits", "98% 3 bits"});
  const auto has = [&](const char* of) {
    std::string out;
    for (const Point& p : points(s)) out += has_point(row(of), p, s) ? '1' : '0';
    return out;
  };
  CHECK(has("dense") == "1000000");
  CHECK(has("qat") == "1110000");
  CHECK(has("prune") == "1001001");
  CHECK(has("pqk") == "1111111");
  CHECK(point("95% 3 bits", s).bits == 3);
  CHECK(point("95% 3 bits", s).sparsity == 0.95);
  CHECK_THROWS_AS(point("95%", s), ConfigError);
}

TEST_CASE("PQK-1: teacher and student read the same weights") {
  AtWork at({.within = true});
  at.until(at.plan.change() + 2);
  State s = at.state();
  const auto of_teacher = [&] { return parameters(teacher(s, at.options)); };
  const auto of_student = [&] { return pruning::masked(s, at.learner.schedule, 0); };
  for (size_t l = 0; l < 2; ++l) {
    const Tensor more = of_teacher()[s.at[l]] - of_student()[l];
    CHECK(more.to_vector() == ((1 - s.masks[l]) * at.net()[s.at[l]]).to_vector());
  }
  // a kept weight moves in both
  const told::V mask = s.masks[0].to_vector();
  const auto kept = static_cast<size_t>(std::find(mask.begin(), mask.end(), 1.0) - mask.begin());
  Tensors all = parameters(s.trained.net);
  told::V w = all[0].to_vector();
  w[kept] += 1;
  const double before_t = of_teacher()[0].to_vector()[kept],
               before_s = of_student()[0].to_vector()[kept];
  all[0] = tensor(w, all[0].shape(), f64).requires_grad_();
  s.trained.net = regrad::at(s.trained.net, all);
  CHECK(of_teacher()[0].to_vector()[kept] == before_t + 1);
  CHECK(of_student()[0].to_vector()[kept] == before_s + 1);
}

TEST_CASE("PQK-2, 3: masks are nested, then fixed; pruned weights wait until phase 2") {
  AtWork at({.within = true});
  std::vector<told::V> mask = {told::V(15, 1.0), told::V(20, 1.0)}, held(2);
  bool moved = false;
  for (int i = 0; i < at.plan.steps(); ++i) {
    CAPTURE(i);
    at.step(i);
    const bool late = i >= at.plan.change();
    for (size_t l = 0; l < 2; ++l) {
      const told::V now = at.state().masks[l].to_vector(), w = at.net()[3 * l].to_vector();
      if (late) CHECK(now == mask[l]);
      for (size_t j = 0; j < now.size(); ++j) {
        CHECK(now[j] <= mask[l][j]);
        if (!held[l].empty() && mask[l][j] == 0 && !late) CHECK(w[j] == held[l][j]);
        if (!held[l].empty() && mask[l][j] == 0 && late) moved = moved || w[j] != held[l][j];
      }
      mask[l] = now, held[l] = w;
    }
  }
  CHECK(moved);
}

TEST_CASE("PQK-4: 0 is a level, few levels, half a step at most, and twice is once") {
  const Tensor mask = gt(uniform(Random(3), {6, 40}, 0, 1, f64), full({6, 40}, 0.6, f64)).to(f64);
  for (const int bits : {2, 3, 4, 8}) {
    const Tensor w = normal(Random(bits), {6, 40}, 0, 1, f64) * mask,
                 q = fake_quantize(w, {.bits = bits});
    const told::V v = q.to_vector(), from = w.to_vector();
    const std::set<double> levels(v.begin(), v.end());
    CHECK(levels.size() <= static_cast<size_t>(std::pow(2, bits)) - 1);
    const double step = amax(abs(w)).item() / (std::pow(2, bits - 1) - 1);
    for (size_t i = 0; i < v.size(); ++i) {
      if (from[i] == 0) CHECK(v[i] == 0);
      CHECK(std::abs(v[i] - from[i]) <= step / 2 * (1 + 1e-12));
    }
    CHECK(apart(fake_quantize(q, {.bits = bits}).to_vector(), v) < 1e-12);
  }
}

TEST_CASE("PQK-5: each loss moves its own weights alone") {
  // of two batches that differ in what one path alone gets
  AtWork a({.within = true}), b({.within = true, .t = 7});
  // another T: KD differs, which is the student's alone, so pruned weights move alike
  const int change = a.plan.change();
  a.until(change), b.until(change);
  for (size_t k = 0; k < 6; ++k) CHECK(a.net()[k].to_vector() == b.net()[k].to_vector());
  a.step(change), b.step(change);
  for (size_t l = 0; l < 2; ++l) {
    const told::V x = a.net()[3 * l].to_vector(), y = b.net()[3 * l].to_vector(),
                  m = a.state().masks[l].to_vector();
    int kept_apart = 0;
    for (size_t j = 0; j < x.size(); ++j) {
      if (m[j] == 0) CHECK(x[j] == y[j]);
      kept_apart += m[j] == 1 && x[j] != y[j];
    }
    CHECK(kept_apart > 0);
  }
}

TEST_CASE("PQK-6: what stands at pruned weights changes no logit of the student") {
  AtWork at({.within = true});
  at.until(at.plan.steps());
  const told::V before = deployed(at.learner, at.options)(batch_x(5)).to_vector();
  State& s = at.learner.state;
  Tensors all = parameters(s.trained.net);
  for (size_t l = 0; l < 2; ++l)
    all[3 * l] =
        (all[3 * l].detach() + (1 - s.masks[l]) * normal(Random(l), s.masks[l].shape(), 0, 50, f64))
            .requires_grad_();
  s.trained.net = regrad::at(s.trained.net, all);
  CHECK(deployed(at.learner, at.options)(batch_x(5)).to_vector() == before);
}

TEST_CASE("PQK-7: as phase 2 begins the teacher is the student, but for pruned weights and Q") {
  AtWork at({.quantize = false, .within = true});
  const int change = at.plan.change();
  at.until(change);
  // in that step the net does not move: lr 0
  at.learner.learn(batch_x(change), batch_y(change), change, 0);
  State s = at.state();
  Tensors all = parameters(s.trained.net);
  for (size_t l = 0; l < 2; ++l) all[3 * l] = (all[3 * l] * s.masks[l]).detach().requires_grad_();
  s.trained.net = regrad::at(s.trained.net, all);
  Context training{.training = true}, training_too{.training = true};
  CHECK(teacher(s, at.options)(batch_x(4), training).to_vector() ==
        at.learner.deployed()(batch_x(4), training_too).to_vector());
}

TEST_CASE("PQK-8: straight through where the range holds, 0 beyond it") {
  const FewBits few{.bits = 4, .edge_bits = 4};
  const One net;
  Tensor ranges = few.begin(net);
  Context seen{.training = true, .evaluate = few.training(ranges)};
  net(tensor(std::vector<double>{1, 2}, {1, 2}, f64), seen);
  CHECK(ranges.to_vector() == told::V{2, 0, 1});  // unsigned: 15 steps to 2
  const Tensor x = tensor(std::vector<double>{1.9, 2.5, 0.1, -0.4}, {2, 2}, f64).requires_grad_();
  Context ctx{.evaluate = few.frozen(ranges)};
  const Tensor y = net(x, ctx), g = grad(sum(y), x);
  const double step = 2.0 / 15, half = std::nearbyint(0.5 * 7) / 7;
  CHECK(apart(y.to_vector(), {std::nearbyint(1.9 / step) * step - half * 2,
                              std::nearbyint(0.1 / step) * step}) < 1e-12);
  CHECK(g.to_vector() == told::V{1, 0, 1, 0});
}

TEST_CASE("layers' bits: the first and the last keep eight where others have fewer") {
  const FewBits few{.bits = 3}, eight{.bits = 8}, low{.bits = 3, .edge_bits = 2};
  std::string bits;
  for (int64_t l = 0; l < 4; ++l) bits += std::to_string(few.bits_of(l, 4));
  CHECK(bits == "8338");
  CHECK(eight.bits_of(1, 4) == 8);
  CHECK(low.bits_of(0, 4) == 3);
  const Tensor ranges = tensor(std::vector<double>{2, 1, 5, 3, 0, 5, 4, 0, 5}, {3, 3}, f64);
  const std::vector<LayerQuantization> l = few.layers(ranges);
  REQUIRE(l.size() == 3);
  CHECK(l[0].weights.bits == 8);
  CHECK(l[1].inputs.bits == 3);
  CHECK(l[0].input.at(0, 1).low == -2);
  CHECK(l[1].input.at(0, 1).low == 0);
  CHECK(l[1].input.at(0, 1).high == 3);
}

TEST_CASE("a pass through more layers than were counted, or before any batch, is refused") {
  const FewBits few;
  const SmallNet net;
  Tensor ranges = few.begin(net);
  CHECK(ranges.shape() == Shape{3, 3});
  Context none{.evaluate = few.frozen(ranges)};
  CHECK_THROWS_WITH_AS(net(batch_x(0), none), doctest::Contains("has seen no batch"), ConfigError);
  Context twice{.training = true, .evaluate = few.training(ranges)};
  net(batch_x(0), twice);
  CHECK_THROWS_WITH_AS(net(batch_x(0), twice), doctest::Contains("serves one pass"), ConfigError);
  CHECK_THROWS_AS(method({.teacher = Teacher::given}), ConfigError);
}

TEST_CASE("bytes: a bitmap and the kept weights' bits, or all of them, scales and biases") {
  AtWork at({});
  at.until(at.plan.steps());
  const FewBitNet net = deployed(at.learner, at.options);
  const Size s = size_of(net, slice(batch_x(0), 0, 0, 1));
  // 6 bits a weight of 15, with a bitmap of 2 bytes where that is less; 4 bits of 20; 6 of 12
  int64_t kept[2] = {0, 0};
  for (size_t l = 0; l < 2; ++l)
    for (double m : at.state().masks[l].to_vector()) kept[l] += m == 1;
  const auto bytes = [](int64_t bits) { return (bits + 7) / 8; };
  const int64_t one = std::min(bytes(15 * 6), 2 + bytes(kept[0] * 6)),
                two = std::min(bytes(20 * 4), 3 + bytes(kept[1] * 4));
  CHECK(s.bitmap + s.weights == one + two + bytes(12 * 6));
  CHECK(s.scales == 8 * (5 + 4 + 3));
  CHECK(s.total() == s.bitmap + s.weights + s.scales);
}
