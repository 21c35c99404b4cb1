// The methods of regrad-cml at work: each outer step against the family's functions, chunks,
// schedules, passes.
#include <doctest/doctest.h>
#include <regrad/algorithms/cml/experiment/learner.h>
#include <regrad/engine/parallel.h>

#include <mutex>
#include <optional>
#include <set>

#include "cml_nets.h"

using namespace regrad;
using namespace regrad::test;
using cml::Learner;
using cml::MetaSettings;
using cml::method;
using Rule = cml::Rule<>;

namespace {

TaskBatch batch_at(int step) {
  return Sinusoids{}.sample(Random(61) / "train" / step, 5, 6, 7, DType::f64);
}

MetaSettings settings(int steps = 20) {
  MetaSettings s;
  s.steps = steps;
  s.plus_plus.inner_steps = 3;
  s.plus_plus.epochs = 10;
  s.plus_plus.multi_step_epochs = 4;
  s.sharp.inner_steps = 2;
  return s;
}

// What the learner holds after `steps` outer steps: psi, theta, phi and the rates.
std::vector<double> learned(const char* name, const MetaSettings& s, int steps) {
  Learner<Net> learner(sinusoid_net(60, 12), method(name), s, mse_loss_by_task, 7);
  for (int i = 0; i < steps; ++i) learner.learn(batch_at(i), i);
  return flat(WithStepSizes<Net>{learner.net(), learner.step_sizes()});
}

// The same by hand: Adam on the gradient that `gradient_at(learner, step)` gives.
template <class GradientAt>
std::vector<double> by_hand(WithStepSizes<Net> at, int steps, GradientAt&& gradient_at) {
  Adam::State state;
  for (int i = 0; i < steps; ++i) {
    const WithStepSizes<Net> g = gradient_at(at, i);
    at = update(Adam{.lr = 1e-3}, std::move(at), state, g);
  }
  return flat(at);
}
std::vector<double> by_rule(const Rule& rule, int steps) {
  return by_hand({sinusoid_net(60, 12), {}}, steps, [&](const WithStepSizes<Net>& at, int i) {
    return WithStepSizes<Net>{grad(objective(at.net, rule, batch_at(i)).total, at.net), {}};
  });
}

struct Threads {
  int before = num_threads();
  explicit Threads(int n) { set_num_threads(n); }
  ~Threads() { set_num_threads(before); }
};

}  // namespace

TEST_CASE("learner: MAML, CML, CL, other gammas and BOIL take Adam's steps along J") {
  const MetaSettings s = settings();
  CHECK(learned("maml", s, 5) == by_rule({.gamma = 0}, 5));
  CHECK(learned("cml", s, 5) == by_rule({.gamma = 0.2}, 5));
  CHECK(learned("cml-g1", s, 5) == by_rule({.gamma = 1}, 5));
  CHECK(learned("cml-g0.5", s, 5) == by_rule({.gamma = 0.5}, 5));
  CHECK(learned("cl", s, 5) == by_rule({.gamma = 0.2, .adapt_cohead = true}, 5));
  CHECK(learned("boil", s, 5) == by_rule({.inner = maml::boil(), .gamma = 0}, 5));
  CHECK(learned("boil-cml", s, 5) == by_rule({.inner = maml::boil(), .gamma = 0.2}, 5));
  CHECK(learned("boil", s, 5) != learned("maml", s, 5));
}

TEST_CASE("learner: frozen noise keeps phi and learns another psi than MAML and CML") {
  const MetaSettings s = settings();
  Learner<Net> noise(sinusoid_net(60, 12), method("noise"), s, mse_loss_by_task, 7);
  for (int i = 0; i < 5; ++i) noise.learn(batch_at(i), i);
  CHECK(flat(noise.net().cohead) == flat(sinusoid_net(60, 12).cohead));
  const std::vector<double> all = flat(noise.net());
  CHECK(all != learned("maml", s, 5));
  CHECK(all != learned("cml", s, 5));
}

TEST_CASE("learner: MAML++ learns its rates, weighs the steps by epoch and starts at first order") {
  MetaSettings s = settings();
  s.plus_plus.first_order_epochs = 2;
  const auto expected = [&](double gamma) {
    const cml::Rule<maml::PlusPlus> start{.inner = {.steps = 3}, .gamma = gamma};
    return by_hand(start.initial(sinusoid_net(60, 12)), 12,
                   [&](const WithStepSizes<Net>& at, int i) {
                     cml::Rule<maml::PlusPlus> rule = start;
                     rule.inner.second_order = i / 2 >= 2;  // 20 steps are 10 epochs
                     rule.inner.weights = maml::step_weights(3, i / 2, 4);
                     return grad(objective(at, rule, mse_loss_by_task, batch_at(i)).total, at);
                   });
  };
  CHECK(learned("maml++", s, 12) == expected(0));
  CHECK(learned("maml++-cml", s, 12) == expected(0.2));
  // 6 tensors of psi, theta
  const auto rates = [](const std::vector<double>& all) {
    return std::vector<double>(all.end() - 18, all.end());
  };
  CHECK(rates(learned("maml++", s, 12)) != std::vector<double>(18, 0.01));
  s.plus_plus.learned_rates = false;
  CHECK(rates(learned("maml++", s, 12)) == std::vector<double>(18, 0.01));
  MetaSettings last = s;
  last.plus_plus.multi_step_epochs = 0;
  CHECK(learned("maml++", last, 1) != learned("maml++", s, 1));
}

TEST_CASE("learner: Sharp-MAML's levels are those of sharp_gradient and SharpMaml") {
  for (const std::string levels : {"low", "up", "both"}) {
    MetaSettings s = settings();
    s.sharp.levels = levels;
    s.sharp.alpha_low = 0.03;
    for (const char* name : {"sharp", "sharp-cml"}) {
      const maml::Sharpness sharp{levels != "up", levels != "low", 0.03, 0.05, true};
      const cml::Rule<maml::SharpMaml> rule{.inner = {.steps = 2, .sharpness = sharp},
                                            .gamma = name == std::string("sharp") ? 0 : 0.2};
      const std::vector<double> expected =
          by_hand({sinusoid_net(60, 12), {}}, 4, [&](const WithStepSizes<Net>& at, int i) {
            const auto gradient_at = [&](const Net& net) {
              return plain_gradient(net, [&](const Net& w) {
                return objective(w, rule, mse_loss_by_task, batch_at(i)).total;
              });
            };
            return WithStepSizes<Net>{maml::sharp_gradient(at.net, sharp, gradient_at).gradient,
                                      {}};
          });
      CHECK_MESSAGE(gap(learned(name, s, 4), expected) <= 1e-12, levels, " ", name);
      // what is logged is J at the net, not at the point of the outer gradient
      const Net start = sinusoid_net(60, 12);
      Learner<Net> learner(start, method(name), s, mse_loss_by_task, 7);
      const double j = learner.learn(batch_at(0), 0).total.item();
      CHECK(j == objective(start, rule, mse_loss_by_task, batch_at(0)).total.item());
    }
    if (levels != "both")
      CHECK(gap(learned("sharp", s, 4), learned("sharp", settings(), 4)) > 1e-6);
  }
}

TEST_CASE("learner: chunks change rounding only, and the threads nothing") {
  for (const char* name : {"cml", "noise", "maml++-cml", "sharp-cml"}) {
    MetaSettings s = settings();
    const std::vector<double> whole = learned(name, s, 3);
    for (const int chunk : {1, 2, 5, 100}) {
      s.chunk = chunk;
      std::vector<double> one;
      {
        const Threads t(1);
        one = learned(name, s, 3);
      }
      const Threads t(2);
      CHECK(learned(name, s, 3) == one);
      CHECK(gap(one, whole) <= 1e-11);
    }
    // J and its parts are the batch's, too.
    const auto losses = [&](int chunk) {
      s.chunk = chunk;
      const cml::Objective o =
          Learner<Net>(sinusoid_net(60, 12), method(name), s, mse_loss_by_task, 7)
              .learn(batch_at(0), 0);
      return std::vector<double>{o.total.item(), o.meta.item(), o.co.item()};
    };
    CHECK(gap(losses(2), losses(0)) <= 1e-13);
  }
}

namespace {

struct Pass {
  bool training;
  std::optional<uint64_t> key;
};
std::mutex passes_mutex;
std::vector<Pass> passes;

// A body that drops half of its features in training, and notes the context of each pass.
struct DroppingBody {
  Mlp net;
  Tensor operator()(const Tensor& x, Context& ctx) const {
    {
      const std::lock_guard lock(passes_mutex);
      passes.push_back(
          {ctx.training, ctx.random ? std::optional(ctx.random->key()) : std::nullopt});
    }
    const Tensor h = net(x);
    return ctx.training && ctx.random ? dropout(h, 0.5, *ctx.random) : h;
  }
  static void parts(auto& self, auto&& part) { part("net", self.net); }
};
using DroppingNet = cml::Model<DroppingBody, Linear, Mlp>;
DroppingNet dropping_net() {
  const Net net = sinusoid_net(60, 12);
  return {{net.body}, net.head, net.cohead};
}

}  // namespace

TEST_CASE(
    "learner: support passes of training get a stream for each step, query passes none; at test "
    "no pass trains") {
  MetaSettings s = settings();
  s.inner_steps = 3;
  Learner<DroppingNet> a(dropping_net(), method("cml"), s, mse_loss_by_task, 7),
      b(dropping_net(), method("cml"), s, mse_loss_by_task, 7);
  Learner<DroppingNet> other(dropping_net(), method("cml"), s, mse_loss_by_task, 8);
  passes.clear();
  for (int i = 0; i < 2; ++i) a.learn(batch_at(i), i);
  std::set<uint64_t> keys;
  for (const Pass& t : passes) {
    CHECK(t.training);
    if (t.key) keys.insert(*t.key);
  }
  CHECK(keys.size() == 6);    // 2 outer steps of 3
  CHECK(passes.size() == 8);  // and a query pass each, which drops nothing
  for (int i = 0; i < 2; ++i) b.learn(batch_at(i), i), other.learn(batch_at(i), i);
  CHECK(flat(a.net()) == flat(b.net()));
  CHECK(flat(a.net()) != flat(other.net()));
  CHECK(flat(a.net()) != learned("cml", s, 2));  // dropout does something
  passes.clear();
  a.adapted(batch_at(9).support_x, batch_at(9).support_y);
  CHECK(passes.size() == 3);
  for (const Pass& t : passes) {
    CHECK_FALSE(t.training);
    CHECK_FALSE(t.key.has_value());
  }
}

TEST_CASE("methods: names are known, dagger reads another's net") {
  CHECK(cml::methods().size() == 18);
  const auto names = [](const char* trained) {
    std::string out;
    for (const cml::Method* m : cml::readings_of(trained)) out += std::string(m->name) + " ";
    return out;
  };
  CHECK(names("cml") == "cml dagger ");
  CHECK(names("maml++-cml") == "maml++-cml maml++-dagger ");
  CHECK(names("cl") == "cl cl-co cl-dagger ");
  CHECK(names("maml") == "maml ");
  CHECK_THROWS_AS(method("mamll"), ConfigError);
  int usual = 0;
  for (const auto& card : experiment::method_cards(cml::methods())) usual += card.by_default;
  CHECK(usual == 5);
  MetaSettings s;
  s.sharp.levels = "lower";
  CHECK_THROWS_WITH_AS(cml::check(s), "sharp.levels must be low, up or both", ConfigError);
  s = {};
  s.plus_plus.inner_steps = 0;
  CHECK_THROWS_WITH_AS(cml::check(s), "plus_plus.inner_steps must lie in [1, 10000], not 0",
                       ConfigError);
}
