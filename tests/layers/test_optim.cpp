// Optimizers, schedules, clipping and averages against PyTorch's numbers (golden/optim.txt, made by
// golden/make_optim.py), and their exact facts.
#include <doctest/doctest.h>

#include <regrad/regrad.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <map>
#include <sstream>

#include "../temp_folder.h"

using namespace regrad;

namespace {

// The lines of the golden file by name: one list of numbers per step.
using Golden = std::map<std::string, std::vector<std::vector<double>>>;
const Golden& golden() {
  static const Golden all = [] {
    std::ifstream file(REGRAD_GOLDEN_OPTIM);
    Golden out;
    for (std::string line; std::getline(file, line);) {
      std::istringstream in(line);
      std::string name;
      int step = 0;
      in >> name >> step;
      std::vector<double> v;
      for (double x; in >> x;) v.push_back(x);
      out[name].push_back(v);
    }
    return out;
  }();
  return all;
}

constexpr int steps = 14;

// The problem of make_optim.py.
struct Box {
  Tensor a, b, c;
  static void parts(auto& self, auto&& part) {
    part("a", self.a);
    part("b", self.b);
    part("c", self.c);
  }
};
Box start(DType t = DType::f64) {
  const auto piece = [t](int from, const Shape& s) {
    std::vector<double> v;
    for (int i = from; i < from + s.numel(); ++i) v.push_back(std::cos(i + 1));
    return tensor(v, s, t).requires_grad_();
  };
  return {piece(0, {3, 2}), piece(6, {3}), piece(9, {4})};
}
Box gradients(const Box& box, int step) {
  int i = 0;
  return map(box, [&](const Tensor& p) {
    std::vector<double> g = p.to_vector();
    for (double& x : g) {
      x = 0.7 * (x - std::sin(2 * i)) + 0.3 * std::sin(1.3 * i + 0.9 * step);
      ++i;
    }
    return tensor(g, p.shape(), p.dtype());
  });
}
std::vector<double> flat(const Box& box) {
  std::vector<double> out;
  for (const Tensor& t : parameters(box))
    for (double x : t.to_vector()) out.push_back(x);
  return out;
}

double difference(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size()) return INFINITY;
  double worst = 0;
  for (size_t i = 0; i < a.size(); ++i)
    worst = std::isfinite(a[i] - b[i]) ? std::max(worst, std::abs(a[i] - b[i])) : INFINITY;
  return worst;
}

const Factors some_factors{.lr = {1, 0.5, 2}, .weight_decay = {1, 0, 3}};

// Largest distance from the golden trajectory. Half-way, parameters and state go through files into
// fresh ones, as a checkpoint's do.
template <class Optimizer, class Rate>
double from_golden(const std::string& name, const Optimizer& optimizer, Rate&& rate) {
  const test::TempFolder folder;
  Box box = start();
  typename Optimizer::State state;
  double worst = 0;
  REQUIRE(golden().count(name) == 1);
  REQUIRE(golden().at(name).size() == steps);
  for (int step = 0; step < steps; ++step) {
    if (step == steps / 2) {
      save(box, folder / "box.safetensors");
      save(state, folder / "state.safetensors");
      box = load(start(), folder / "box.safetensors");
      state = load(optimizer.initial(parameters(box)), folder / "state.safetensors");
    }
    box = update(with_lr(optimizer, rate(step)), std::move(box), state, gradients(box, step));
    worst = std::max(worst, difference(flat(box), golden().at(name)[static_cast<size_t>(step)]));
  }
  return worst;
}
template <class Optimizer>
double from_golden(const std::string& name, const Optimizer& optimizer) {
  return from_golden(name, optimizer, [&](int) { return optimizer.lr; });
}

template <class Schedule>
double schedule_from_golden(const std::string& name, const Schedule& schedule) {
  const std::vector<double>& expected = golden().at(name).at(0);
  std::vector<double> found;
  for (size_t step = 0; step < expected.size(); ++step)
    found.push_back(schedule(static_cast<int64_t>(step)));
  CHECK(expected.size() == 40);
  return difference(found, expected);
}

}  // namespace

TEST_CASE("SGD follows PyTorch's trajectories") {
  CHECK(from_golden("sgd", Sgd{.lr = 0.1}) <= 1e-13);
  CHECK(from_golden("sgd_decay", Sgd{.lr = 0.1, .weight_decay = 0.05}) <= 1e-13);
  CHECK(from_golden("sgd_momentum", Sgd{.lr = 0.1, .momentum = 0.9}) <= 1e-12);
  CHECK(from_golden("sgd_dampening",
                    Sgd{.lr = 0.1, .momentum = 0.8, .dampening = 0.3, .weight_decay = 0.05}) <=
        1e-12);
  CHECK(from_golden("sgd_nesterov",
                    Sgd{.lr = 0.1, .momentum = 0.9, .weight_decay = 0.05, .nesterov = true}) <=
        1e-12);
  CHECK(
      from_golden("sgd_groups",
                  Sgd{.lr = 0.1, .momentum = 0.9, .weight_decay = 0.05, .factors = some_factors}) <=
      1e-12);
  CHECK(from_golden("sgd_cosine", Sgd{.momentum = 0.9}, [](int step) {
          return CosineAnnealingLr{.lr = 0.1, .eta_min = 0.01, .t_max = 10}(step);
        }) > 1e-4);  // after t_max PyTorch's rate climbs again; ours stays
  const auto as_torch = [](int step) {
    return CosineAnnealingLr{
        .lr = 0.1, .eta_min = 0.01, .t_max = 10}(step <= 10 ? step : 20 - step);
  };
  CHECK(from_golden("sgd_cosine", Sgd{.momentum = 0.9}, as_torch) <= 1e-12);
}

TEST_CASE("Adam and AdamW follow PyTorch's trajectories") {
  CHECK(from_golden("adam", Adam{.lr = 0.05}) <= 1e-12);
  CHECK(from_golden("adam_options", Adam{.lr = 0.05, .beta1 = 0.7, .beta2 = 0.95, .eps = 1e-3}) <=
        1e-12);
  CHECK(from_golden("adam_no_momentum", Adam{.lr = 0.05, .beta1 = 0}) <= 1e-12);
  CHECK(from_golden("adam_decay", Adam{.lr = 0.05, .weight_decay = 0.1}) <= 1e-12);
  CHECK(from_golden("adam_groups",
                    Adam{.lr = 0.05, .weight_decay = 0.1, .factors = some_factors}) <= 1e-12);
  const Adam adamw{.lr = 0.05, .weight_decay = 0.1, .decoupled_weight_decay = true};
  CHECK(from_golden("adamw", adamw) <= 1e-12);
  Adam grouped = adamw;
  grouped.factors = some_factors;
  CHECK(from_golden("adamw_groups", grouped) <= 1e-12);
  CHECK(from_golden("adam_decay", adamw) > 1e-3);  // the two decays differ
}

TEST_CASE("LARS follows its formula, with biases excluded or not") {
  const auto small = [](const std::string&, const Tensor& t) { return t.dim() < 2; };
  const Lars all{.lr = 0.5, .weight_decay = 0.05, .trust_coefficient = 0.02};
  Lars lars = all;
  lars.exclude = flags(start(), small);
  CHECK(lars.exclude == std::vector<bool>{false, true, true});
  CHECK(from_golden("lars", lars) <= 1e-12);
  CHECK(from_golden("lars_all", all) <= 1e-12);
  Lars nesterov = lars, paper = lars;
  nesterov.nesterov = true;
  CHECK(from_golden("lars_nesterov", nesterov) <= 1e-12);
  paper.sum_of_norms = true;
  CHECK(from_golden("lars_paper", paper) <= 1e-12);
  CHECK(from_golden("lars", paper) > 1e-6);
}

TEST_CASE(
    "LARS: the step's length is lr trust |p|, whatever the gradient's scale; zeros step like SGD") {
  const Lars lars{.lr = 0.5, .momentum = 0, .trust_coefficient = 0.02};
  const Box box = start(), g = gradients(box, 0);
  for (double scale : {1e-6, 1.0, 1e6}) {
    Lars::State state;
    const Box moved =
        update(lars, box, state, map(g, [scale](const Tensor& t) { return scale * t; }));
    for (size_t i = 0; i < 3; ++i) {
      const Tensor p = parameters(box)[i];
      CHECK(global_norm({parameters(moved)[i] - p}) ==
            doctest::Approx(0.5 * 0.02 * global_norm({p})).epsilon(1e-12));
    }
  }
  const Box zero = map(box, [](const Tensor& t) { return zeros_like(t).requires_grad_(); });
  Lars::State state;
  const Box from_zero = update(lars, zero, state, g);
  CHECK(difference(flat(from_zero), flat(map(g, [](const Tensor& t) { return -0.5 * t; }))) == 0);
  Lars::State other;
  CHECK(flat(update(lars, box, other, map(g, zeros_like))) == flat(box));
}

TEST_CASE("factors come from names and shapes") {
  const Box box = start();
  CHECK(factors(box, matrices) == std::vector<double>{1, 0, 0});
  CHECK(factors(box, [](const std::string& name, const Tensor&) {
          return name == "b" ? 0.1 : 1.0;
        }) == std::vector<double>{1, 0.1, 1});
  Adam::State state;
  const Adam only_b{.lr = 0.1, .factors = {.lr = {0, 1, 0}}};
  const Box moved = update(only_b, box, state, gradients(box, 0));
  CHECK(moved.a.to_vector() == box.a.to_vector());
  CHECK(moved.b.to_vector() != box.b.to_vector());
  CHECK(moved.c.to_vector() == box.c.to_vector());
}

TEST_CASE("states list their parts, and count their steps") {
  const auto names = [](const auto& state) {
    std::string out;
    each(state, [&](const std::string& name, const Tensor&, bool) { out += name + " "; });
    return out;
  };
  const std::vector<Tensor> p = parameters(start());
  CHECK(names(Sgd{}.initial(p)).empty());
  CHECK(names(Sgd{.momentum = 0.9}.initial(p)) == "velocity.0 velocity.1 velocity.2 t ");
  CHECK(names(Adam{}.initial(p)) == "m.0 m.1 m.2 v.0 v.1 v.2 t ");
  CHECK(names(Lars{}.initial(p)) == "velocity.0 velocity.1 velocity.2 ");
  Adam::State state;
  Box box = start();
  for (int i = 0; i < 3; ++i) box = update(Adam{}, box, state, gradients(box, i));
  CHECK(state.t.item() == 3);
  CHECK(state.t.dtype() == DType::i64);
  CHECK_FALSE(state.m[0].requires_grad());
}

TEST_CASE(
    "a step through which the outer gradient goes: momentum and Adam are recorded where gradients "
    "are on") {
  // Two steps of each on the loss p^2; d p'' / d p against central differences.
  const auto two_steps = [](const auto& optimizer, const Tensor& p) {
    std::vector<Tensor> w = {p};
    typename std::decay_t<decltype(optimizer)>::State state;
    for (int i = 0; i < 2; ++i) optimizer.step(w, state, {2.0 * w[0]});
    return sum(square(w[0]));
  };
  const auto check = [&](const auto& optimizer) {
    const std::vector<double> at = {0.7, -1.3};
    const Tensor p = tensor(at, {2}, DType::f64).requires_grad_();
    const std::vector<double> g = grad(two_steps(optimizer, p), p).to_vector();
    for (size_t i = 0; i < 2; ++i) {
      std::vector<double> up = at, down = at;
      up[i] += 1e-6;
      down[i] -= 1e-6;
      const double slope = (two_steps(optimizer, tensor(up, {2}, DType::f64)).item() -
                            two_steps(optimizer, tensor(down, {2}, DType::f64)).item()) /
                           2e-6;
      CHECK(g[i] == doctest::Approx(slope).epsilon(1e-7));
    }
  };
  check(Sgd{.lr = 0.1, .momentum = 0.9, .weight_decay = 0.05, .nesterov = true});
  check(Adam{.lr = 0.1, .weight_decay = 0.2});
  check(Adam{.lr = 0.1, .weight_decay = 0.2, .decoupled_weight_decay = true});
  check(Lars{.lr = 0.1, .weight_decay = 0.2, .trust_coefficient = 0.5});
}

TEST_CASE("optimizers refuse what does not fit") {
  const Box box = start(), g = gradients(box, 0);
  Sgd::State s;
  Adam::State a;
  Lars::State l;
  CHECK_THROWS_AS(update(Sgd{.nesterov = true}, box, s, g), ConfigError);
  CHECK_THROWS_AS(update(Sgd{.momentum = 0.9, .dampening = 0.1, .nesterov = true}, box, s, g),
                  ConfigError);
  CHECK_THROWS_WITH_AS(update(Sgd{.factors = {.lr = {1, 2}}}, box, s, g),
                       "Sgd: 2 factors of lr for 3 parameters", ShapeError);
  CHECK_THROWS_AS(update(Adam{.factors = {.weight_decay = {1}}}, box, a, g), ShapeError);
  CHECK_THROWS_WITH_AS(update(Lars{.exclude = {true}}, box, l, g),
                       "Lars: 1 flags of exclude for 3 parameters", ShapeError);
  Box wrong = g;
  wrong.b = ones({1}, DType::f64);  // would broadcast
  CHECK_THROWS_WITH_AS(update(Sgd{}, box, s, wrong),
                       "Sgd: the gradient of parameter 1 is [1], the parameter [3]", ShapeError);
  std::vector<Tensor> missing = parameters(g);
  missing[2] = {};
  CHECK_THROWS_AS(update(Sgd{}, box, s, missing), Error);
  CHECK_THROWS_AS(update(Sgd{}, box, s, std::vector<Tensor>(2, g.a)), ShapeError);
  Box small = start();
  small.b = ones({2}, DType::f64).requires_grad_();
  const Sgd momentum{.momentum = 0.9};
  update(momentum, box, s, g);
  update(Adam{}, box, a, g);
  update(Lars{}, box, l, g);
  CHECK_THROWS_AS(update(momentum, small, s, gradients(small, 0)), ShapeError);
  CHECK_THROWS_AS(update(Adam{}, small, a, gradients(small, 0)), ShapeError);
  CHECK_THROWS_AS(update(Lars{}, small, l, gradients(small, 0)), ShapeError);
}

TEST_CASE("schedules have PyTorch's values") {
  CHECK(schedule_from_golden("step_lr", StepLr{.lr = 0.4, .step_size = 7, .gamma = 0.3}) <= 1e-14);
  CHECK(schedule_from_golden("multi_step_lr",
                             MultiStepLr{.lr = 0.4, .milestones = {5, 11, 11, 30}, .gamma = 0.5}) <=
        1e-14);
  CHECK(schedule_from_golden("cosine_lr",
                             CosineAnnealingLr{.lr = 0.4, .eta_min = 0.02, .t_max = 39}) <= 1e-12);
  CHECK(schedule_from_golden("polynomial_lr",
                             PolynomialLr{.lr = 0.4, .total_iters = 25, .power = 2.5}) <= 1e-13);
  CHECK(schedule_from_golden(
            "linear_lr",
            LinearLr{.lr = 0.4, .start_factor = 0.25, .end_factor = 0.8, .total_iters = 12}) <=
        1e-13);
  const Warmup<CosineAnnealingLr> cosine{
      .steps = 8, .after = {.lr = 0.4, .eta_min = 0.02, .t_max = 31}, .start_factor = 0.1};
  CHECK(schedule_from_golden("warmup_cosine", cosine) <= 1e-12);
  const Warmup<MultiStepLr> multi{
      .steps = 6, .after = {.lr = 0.4, .milestones = {20, 4}, .gamma = 0.1}, .start_factor = 0.5};
  CHECK(schedule_from_golden("warmup_multi_step", multi) <= 1e-13);
  OneCycleLr one{.max_lr = 0.4, .total_steps = 41};
  CHECK(schedule_from_golden("one_cycle", one) <= 1e-13);
  one.three_phase = true;
  CHECK(schedule_from_golden("one_cycle_three_phase", one) <= 1e-13);
  const OneCycleLr line{.max_lr = 0.4,
                        .total_steps = 41,
                        .pct_start = 0.4,
                        .div_factor = 10,
                        .final_div_factor = 100,
                        .linear = true};
  CHECK(schedule_from_golden("one_cycle_linear", line) <= 1e-13);
}

TEST_CASE("schedules: ends, floors and errors") {
  const CosineAnnealingLr cosine{.lr = 0.4, .eta_min = 0.02, .t_max = 10};
  CHECK(cosine(0) == doctest::Approx(0.4).epsilon(1e-15));
  CHECK(cosine(5) == doctest::Approx(0.21).epsilon(1e-14));
  CHECK(cosine(10) == 0.02);
  CHECK(cosine(1000) == 0.02);
  CHECK(PolynomialLr{.lr = 0.4, .total_iters = 10}(15) == 0);
  const OneCycleLr one{.max_lr = 0.4, .total_steps = 10};
  CHECK(one(9) == doctest::Approx(0.4 / 25 / 1e4).epsilon(1e-12));
  CHECK(one(50) == one(9));
  const Warmup<StepLr> from_zero{.steps = 4, .after = {.lr = 0.8, .step_size = 2, .gamma = 0.5}};
  CHECK(from_zero(0) == 0);
  CHECK(from_zero(1) == doctest::Approx(0.2));
  CHECK(from_zero(4) == 0.8);
  CHECK(from_zero(6) == doctest::Approx(0.4));
  CHECK(Warmup<StepLr>{.after = {.lr = 0.8}}(0) == 0.8);

  const auto both = cosine_with_warmup(0.4, 100, 0.2);
  CHECK(both(0) == 0);
  CHECK(both(10) == doctest::Approx(0.2));
  CHECK(both(20) == 0.4);
  CHECK(both(60) == doctest::Approx(0.2));
  CHECK(both(100) == doctest::Approx(0));
  CHECK(cosine_with_warmup(0.4, 100, 0)(0) == 0.4);
  CHECK(cosine_with_warmup(0.4, 100, 1)(99) == doctest::Approx(0.396));
  CHECK_THROWS_AS(cosine_with_warmup(0.4, 100, 1.1), ConfigError);
  const auto straight = linear_with_warmup(0.4, 100, 0.2);
  CHECK(straight(0) == 0);
  CHECK(straight(10) == doctest::Approx(0.2));
  CHECK(straight(20) == 0.4);
  CHECK(straight(80) == doctest::Approx(0.1));
  CHECK(straight(100) == 0);
  CHECK(linear_with_warmup(0.4, 100, 0)(25) == doctest::Approx(0.3));
  CHECK(linear_with_warmup(0.4, 100, 1)(99) == doctest::Approx(0.396));
  CHECK_THROWS_AS(linear_with_warmup(0.4, 100, -0.1), ConfigError);
  CHECK_THROWS_WITH_AS(cosine(-1), "CosineAnnealingLr: step -1 is below 0", ConfigError);
  CHECK_THROWS_WITH_AS((StepLr{.step_size = 0}(1)), "StepLr: step_size is 0; it must be at least 1",
                       ConfigError);
  CHECK_THROWS_AS((PolynomialLr{.total_iters = 0}(1)), ConfigError);
  CHECK_THROWS_AS((LinearLr{.total_iters = -2}(1)), ConfigError);
  CHECK_THROWS_AS((OneCycleLr{.total_steps = 0}(1)), ConfigError);
  CHECK_THROWS_AS(MultiStepLr{}(-1), ConfigError);
  CHECK_THROWS_AS(from_zero(-1), ConfigError);
}

TEST_CASE("clipping has PyTorch's values, and leaves what is within the bound alone") {
  const Box g = gradients(start(), 3);
  const auto [clipped, norm] = clip_grad_norm(g, 1.0);
  std::vector<double> expected = golden().at("clip_norm")[0];
  CHECK(norm == doctest::Approx(expected.back()).epsilon(1e-14));
  CHECK(norm > 1);
  expected.pop_back();
  CHECK(difference(flat(clipped), expected) <= 1e-14);
  CHECK(global_norm(parameters(clipped)) == doctest::Approx(1).epsilon(1e-5));

  const auto [same, same_norm] = clip_grad_norm(g, 100.0);
  CHECK(same_norm == norm);
  CHECK(flat(same) == flat(g));
  CHECK(difference(flat(clip_grad_value(g, 0.4)), golden().at("clip_value")[0]) == 0);

  const std::vector<Tensor> with_hole = {g.a, {}, g.c};
  CHECK(global_norm(with_hole) < norm);
  CHECK_FALSE(clip_grad_norm(with_hole, 0.1).first[1].defined());
  CHECK_FALSE(clip_grad_value(with_hole, 0.1)[1].defined());
  CHECK(clip_grad_norm(std::vector<Tensor>{}, 1.0).second == 0);

  Box broken = g;
  broken.b = full({3}, std::numeric_limits<double>::quiet_NaN(), DType::f64);
  CHECK(std::isnan(flat(clip_grad_norm(broken, 1.0).first)[0]));
  CHECK_THROWS_AS(clip_grad_norm(g, -1.0), ConfigError);
  CHECK_THROWS_AS(clip_grad_norm(g, std::nan("")), ConfigError);
  CHECK_THROWS_AS(clip_grad_value(g, -1.0), ConfigError);
}

namespace {
struct WithBuffer {
  Tensor weight, running;
  static void parts(auto& self, auto&& part) {
    part("weight", self.weight);
    part("running", self.running, buffer);
  }
};
}  // namespace

TEST_CASE("moving averages: PyTorch's trajectory, buffers, values outside") {
  Box net = start(), average = as_leaves(net, false);
  Sgd::State state;
  for (int step = 0; step < steps; ++step) {
    net = update(Sgd{.lr = 0.1}, std::move(net), state, gradients(net, step));
    const Box before = average;
    const std::vector<double> was = flat(before);
    average = moving_average(std::move(average), net, 0.9);
    CHECK(difference(flat(average), golden().at("ema")[static_cast<size_t>(step)]) <= 1e-14);
    CHECK(flat(before) == was);
  }
  CHECK_FALSE(average.a.requires_grad());
  CHECK(flat(moving_average(average, net, 1)) == flat(average));
  CHECK(flat(moving_average(average, net, 0)) == flat(net));

  const WithBuffer mine{ones({2}), zeros({2})}, theirs{zeros({2}), full({2}, 7)};
  CHECK(moving_average(mine, theirs, 0.75).weight.to_vector() == std::vector<double>{0.75, 0.75});
  CHECK(moving_average(mine, theirs, 0.75).running.to_vector() == std::vector<double>{0, 0});
  CHECK(moving_average(mine, theirs, 0.75, true).running.to_vector() == std::vector<double>{7, 7});

  CHECK_THROWS_AS(moving_average(average, net, 1.5), ConfigError);
  CHECK_THROWS_AS(moving_average(mine, WithBuffer{zeros({3}), zeros({2})}, 0.5), ShapeError);
  CHECK_THROWS_AS(moving_average(mine, WithBuffer{{}, zeros({2})}, 0.5), ShapeError);
  CHECK_THROWS_AS(moving_average(mine, WithBuffer{zeros({2}), {}}, 0.5, true), ShapeError);
}

TEST_CASE("Adam's step in pieces has the bits of its ops, and changes nothing that others hold") {
  // Of a transposed view the ops run over the whole tensor.
  for (const DType t : {DType::f32, DType::f64}) {
    for (const auto& [decay, decoupled] :
         {std::pair{0.0, false}, std::pair{0.1, false}, std::pair{0.1, true}}) {
      const Adam adam{.lr = 0.01, .weight_decay = decay, .decoupled_weight_decay = decoupled};
      const auto drawn = [&](int i) { return normal(Random(7) / i, {70, 1001}, 0, 1, t); };
      std::vector<Tensor> whole{drawn(0)}, turned{drawn(0).mT().contiguous().mT()};
      REQUIRE(!turned[0].is_contiguous());
      const Tensor held = whole[0];
      const std::vector<double> before = held.to_vector();
      Adam::State a, b;
      const NoGrad quiet;
      for (int step = 0; step < 3; ++step) {
        const std::vector<Tensor> g{drawn(1 + step)};
        const Tensor m = step ? a.m[0] : Tensor();
        const std::vector<double> m_before = step ? m.to_vector() : std::vector<double>();
        adam.step(whole, a, g);
        adam.step(turned, b, g);
        if (step) CHECK(m.to_vector() == m_before);
      }
      CHECK(whole[0].to_vector() == turned[0].to_vector());
      CHECK(a.m[0].to_vector() == b.m[0].to_vector());
      CHECK(a.v[0].to_vector() == b.v[0].to_vector());
      CHECK(held.to_vector() == before);
      // another tensor over the same memory
      std::vector<Tensor> shared{held.detach()};
      Adam::State c;
      adam.step(shared, c, {drawn(1)});
      CHECK(held.to_vector() == before);
      CHECK(shared[0].to_vector() != before);
    }
  }
}

TEST_CASE("the momentum of BYOL and MoCo v3 goes from its base to 1") {
  CHECK(cosine_momentum(0.996, 0, 100) == doctest::Approx(0.996).epsilon(1e-15));
  CHECK(cosine_momentum(0.996, 50, 100) == doctest::Approx(0.998).epsilon(1e-15));
  CHECK(cosine_momentum(0.996, 100, 100) == 1);
  CHECK(cosine_momentum(0.996, 200, 100) == 1);
  for (int k = 0; k <= 10; ++k)
    CHECK(
        cosine_momentum(0.99, k, 10) ==
        doctest::Approx(1 - 0.01 * (std::cos(3.141592653589793 * k / 10) + 1) / 2).epsilon(1e-15));
  CHECK_THROWS_AS(cosine_momentum(0.99, -1, 10), ConfigError);
}
