// The frame for training a net on a labelled set: claims, methods by name, a trial's curve, score
// and state.
#include <doctest/doctest.h>
#include <regrad/algorithms/experiment/claims.h>
#include <regrad/algorithms/experiment/data/images.h>
#include <regrad/algorithms/experiment/methods.h>
#include <regrad/algorithms/experiment/training/accuracy.h>
#include <regrad/algorithms/experiment/training/trial.h>
#include <regrad/engine/functional.h>
#include <regrad/layers/linear.h>
#include <regrad/layers/optim.h>

#include "../temp_folder.h"

using namespace regrad;
using namespace regrad::experiment;
using regrad::test::complaint;

namespace {

Result made_up() {
  Result r;
  r.seeds = {0, 1, 2};
  r.methods = {{"a", {{"accuracy", {90, 91, 92}}}, 0, {{"accuracy", {{{100, 100}}, {{100, 0}}}}}},
               {"b", {{"accuracy", {80, 81.5, 82}}}, 0, {{"accuracy", {{{0, 100}}, {{0, 0}}}}}}};
  return r;
}

// Two classes that differ in their mean, n of each in turn.
ImageSet two_classes(const char* name, int64_t n) {
  const Tensor y = reshape(tensor({0, 1}, DType::i64).expand({n, 2}), {2 * n});
  const Tensor x = uniform(Random(3) / name, {2 * n, 1, 4, 4}, 0, 0.5) +
                   reshape(y.to(DType::f32) * 0.4, {2 * n, 1, 1, 1});
  return {x, y, {"dark", "light"}};
}
std::shared_ptr<const Images> images() {
  return std::make_shared<const Images>(
      Images{two_classes("train", 20), two_classes("test", 6), {0.45}, {0.25}});
}

struct OnPixels {
  Linear map;
  Tensor operator()(const Tensor& x) const { return map(flatten(x, 1)); }
  static void parts(auto& self, auto&& part) { part("map", self.map); }
};
struct Toy {
  OnPixels net{Linear(Random(4), 16, 2)};
  Sgd::State sgd = Sgd{.momentum = 0.9}.initial(parameters(net));
  Tensor logs = scalar(0, DType::f64);
  Tensor learn(const Batch& b, int64_t i) {
    const Tensor loss = cross_entropy(net(b.x), b.y);
    const OnPixels g = grad(loss, net);
    net = update(Sgd{.lr = i < 4 ? 0.1 : 0.05, .momentum = 0.9}, std::move(net), sgd, g);
    return loss.detach();
  }
  OnPixels deployed() const { return net; }
  void logged(Moment& m) {
    logs = (logs + 1).detach();
    m.emplace_back("points before", logs.item() - 1);
  }
  void report(const Job& job, const ImageBatches& set, Outcome& out) const {
    out.scores.push_back({job.method, "batch", static_cast<double>(set.batch(0).x.size(0))});
  }
  Metadata about() const { return {{"net", "toy"}}; }
  static void parts(auto& self, auto&& part) {
    part("net", self.net);
    part("sgd", self.sgd);
    part("logs", self.logs);
  }
};

// Members that a TrainTrial could not call: it must know them all the same, or leave them out in
// silence.
struct Misfit {
  void logged(int);
  void logged(double);

 private:
  void report();
};
static_assert(experiment::detail::has_logged<Misfit> && experiment::detail::has_report<Misfit>);
static_assert(!experiment::detail::has_about<Misfit> && experiment::detail::has_about<Toy>);

using ToyTrial = TrainTrial<Toy, ImageBatches>;
ToyTrial toy() {
  TrainSettings s;
  s.batch = 16, s.log_every = 2;
  ImageSettings sizes;
  sizes.curve = 8;
  return {{"toy", "90%", 1}, Toy{}, ImageBatches(images(), s, sizes, Random(1) / "loader"), 2};
}

std::vector<std::pair<std::string, std::vector<double>>> state_of(Trial& t) {
  std::vector<std::pair<std::string, std::vector<double>>> out;
  t.state([&](const std::string& name, Tensor& x) {
    out.emplace_back(name, x.to(DType::f64).to_vector());
  });
  return out;
}

}  // namespace

TEST_CASE("claims are judged by seeds or by items, and left out where a side is missing") {
  const Result r = made_up();
  Claims c(r);
  c.above("a above b", c.seeds("a", "accuracy"), c.seeds("b", "accuracy"));
  c.below("a below b", c.seeds("a", "accuracy"), c.seeds("b", "accuracy"));
  c.within("near", c.seeds("a", "accuracy"), c.seeds("b", "accuracy"), 20);
  c.above("by items", c.items("a", "accuracy"), c.items("b", "accuracy"));
  c.above("nothing", c.seeds("a", "accuracy"), c.seeds("c", "accuracy"));
  c.above("nothing", c.items("c", "accuracy"), c.items("a", "accuracy"));
  c.above("a bound", c.seeds("a", "accuracy"), {{{95, 95, 95}}});
  REQUIRE(c.list.size() == 5);
  const Interval d = paired_difference({90, 91, 92}, {80, 81.5, 82});
  CHECK(c.list[0].verdict == Verdict::shown);
  CHECK(c.list[0].difference == d.mean);
  CHECK(c.list[0].ci95 == d.ci95);
  CHECK(c.list[1].verdict == Verdict::refuted);
  CHECK(c.list[2].verdict == Verdict::shown);
  const Interval over = clustered_interval({{{100, 0}}, {{100, 0}}});
  CHECK(c.list[3].difference == 50);
  CHECK(c.list[3].ci95 == over.ci95);
  CHECK(c.list[3].by == "3 seeds and 2 items");
  const Sample pairs{{{100, 0, 100, 0}, {100, 0, 0, 0}}, true, {{1, 1, 2, 2}, {1, 1, 2, 2}}},
      none{{{0, 0, 0, 0}, {0, 0, 0, 0}}, true, pairs.groups};
  Claims grouped(r);
  grouped.above("by pairs", pairs, none);
  CHECK(grouped.list[0].by == "3 seeds and 2 groups of items");
  CHECK(c.list[4].difference == doctest::Approx(-4));
  CHECK(c.list[4].verdict == Verdict::refuted);
  CHECK(c.seeds("a", "accurcay").missing == "a has no accurcay");
  CHECK_THROWS_AS(c.above("", c.seeds("a", "accuracy"), c.items("b", "accuracy")), ConfigError);
}

TEST_CASE("claims about differences: value by value, of what is paired") {
  const Result r = made_up();
  Claims c(r);
  const Sample less = c.items("a", "accuracy") - c.items("b", "accuracy");
  CHECK(less.by_items);
  CHECK(less.values == std::vector<std::vector<double>>{{100, 0}, {100, 0}});
  CHECK_FALSE(c.seeds("a", "accuracy") - c.seeds("none", "accuracy"));
  const Sample two{{{1, 2}}};
  CHECK_THROWS_AS(c.seeds("a", "accuracy") - two, ConfigError);
  CHECK_THROWS_AS(c.seeds("a", "accuracy") - c.items("a", "accuracy"), ConfigError);
  Sample moved = c.items("a", "accuracy");
  moved.groups = {{1, 0}, {1, 0}};  // other items
  CHECK_THROWS_AS(c.items("a", "accuracy") - moved, ConfigError);
  const Sample one_seed{{{1, 2}}, true}, two_seeds{{{1, 2}, {3, 4}}, true};
  CHECK_THROWS_AS(two_seeds - one_seed, ConfigError);
  CHECK(on("unseen", "sd4") == "unseen@sd4");
  CHECK(on("unseen", "") == "unseen");
}

TEST_CASE("what rounding leaves of items is no spread and no verdict") {
  const Result r = made_up();
  const double near = 100 * (1 + 1e-15), nearer = 100 * (1 + 3e-16);
  REQUIRE(near > nearer);
  REQUIRE(nearer > 100);
  const std::vector<std::vector<int64_t>> same{{0, 1}, {0, 1}}, folds{{0, 1}, {2, 3}};
  for (const auto& groups : {same, folds}) {
    Claims c(r);
    const Sample a{{{near, near}, {near, nearer}}, true, groups},
        b{{{100, 100}, {100, 100}}, true, groups};
    c.above("a above b", a, b);
    c.within("a within 1 of b", a, b, 1);
    for (const Claim& claim : c.list) {
      CHECK(claim.ci95 == 0);
      CHECK(claim.verdict == Verdict::not_testable);
    }
  }
}

TEST_CASE("a method is found by its name, and a slip has the nearest one") {
  struct Method {
    const char *name, *help;
    bool by_default;
    const char* trained_by;
  };
  const std::vector<Method> all = {{"dense", "no masks", true, ""},
                                   {"read", "dense", false, "dense"}};
  CHECK(find_method(all, "read").help == std::string("dense"));
  CHECK(complaint<ConfigError>([&] { find_method(all, "desne"); },
                               "'desne'; did you mean dense?") == "");
  const std::vector<MethodCard> cards = method_cards(all);
  CHECK(cards[0].by_default);
  CHECK(cards[1].trained_by == "dense");
  CHECK(complaint<ConfigError>([] { need(false, "epochs: too few"); }, "epochs: too few") == "");
  TrainSettings s;
  s.batch = 4;
  check_batch(s, 4, "clips");
  CHECK(complaint<ConfigError>([&] { check_batch(s, 3, "clips"); },
                               "batch: 4 clips a step of 3 training clips") == "");
}

TEST_CASE("hits: 100 where the largest logit is the class's, whatever the batches") {
  const Tensor x = tensor({3, 1, 0, 2, 5, 4, 1, 7, 8, 0}, {5, 2}),
               y = tensor({0, 0, 1, 1, 0}, DType::i64);
  const std::vector<double> expected{100, 0, 0, 100, 100};
  CHECK(hits_of(x, y) == expected);
  const auto same = [](const Tensor& t) { return t; };
  CHECK(hits_of(same, x, y, 2) == expected);
}

TEST_CASE("a trial: a point of the curve every so many epochs, scores, what the learner adds") {
  ToyTrial t = toy();
  CHECK(t.set().batches() == 2);  // 40 images, the last 8 of an epoch left out
  std::vector<Moment> moments;
  for (int64_t i = 0; i < 12; ++i) moments.push_back(t.step(i));
  for (size_t i = 0; i < 12; ++i) CHECK(moments[i].empty() == ((i + 1) % 4 != 0));
  CHECK(moments[3][0].first == "test accuracy");
  CHECK(moments[3][1].first == "training loss");
  CHECK(moments[11][1].second < moments[3][1].second);
  CHECK(moments[11][2] == std::pair<std::string, double>("points before", 2));
  const Outcome out = t.finish();
  REQUIRE(out.scores.size() == 2);
  CHECK(out.scores[0].metric == "accuracy@90%");
  const std::shared_ptr<const Images> data = images();
  double right = 0;
  const std::vector<double> hits =
      hits_of(t.learner().net, (data->test.images - 0.45) * (1 / 0.25), data->test.labels);
  for (const double h : hits) right += h / 12;
  CHECK(out.scores[0].value == doctest::Approx(right));
  REQUIRE(out.items.size() == 1);
  CHECK(out.items[0].method == "toy");
  CHECK(out.items[0].metric == "accuracy@90%");
  CHECK(out.items[0].values == hits);
  CHECK(right > 75);
  CHECK(out.scores[1].value == 16);
  CHECK(out.parameters[0].second == 34);
  CHECK(t.model().size() == 2);
  CHECK(t.about() == Metadata{{"net", "toy"},
                              {"class_names", "dark\nlight"},
                              {"mean", "0.450000"},
                              {"deviation", "0.250000"}});
}

TEST_CASE("a trial that takes up another's state goes on in the same bits") {
  ToyTrial whole = toy(), first = toy(), second = toy();
  for (int64_t i = 0; i < 9; ++i) whole.step(i);
  for (int64_t i = 0; i < 5; ++i) first.step(i);
  std::vector<Tensor> kept;
  first.state([&](const std::string&, Tensor& x) { kept.push_back(x.detach()); });
  size_t at = 0;
  second.state([&](const std::string&, Tensor& x) {
    x = kept[at++].detach().requires_grad_(x.requires_grad());
  });
  for (int64_t i = 5; i < 9; ++i) second.step(i);
  CHECK(state_of(whole) == state_of(second));
  CHECK(state_of(whole)[0].first == "net.map.weight");
}
