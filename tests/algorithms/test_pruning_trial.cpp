// A pruning trial as the tables run it: what it trains on, what it is scored on, what it reports
// and what it refuses.
#include <doctest/doctest.h>
#include <regrad/algorithms/pruning/experiment/table.h>
#include <regrad/layers/serialize.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "../temp_folder.h"
#include "pruning_trials.h"

using namespace regrad;
using namespace regrad::pruning;
using namespace regrad::experiment;
using namespace regrad::test;

namespace {

double score(const Outcome& o, const std::string& metric) {
  for (const Score& s : o.scores)
    if (s.metric == metric + "@75%") return s.value;
  return std::nan("");
}

// % of the first n images that the net gets right, told without loaders.
double right(const NamedNet& net, const Images& of, const ImageSet& set, int64_t n) {
  double hits = 0;
  for (int64_t i = 0; i < n; ++i) {
    std::vector<double> x = set.images[i].to_vector();
    for (double& v : x)
      v = static_cast<float>((static_cast<double>(static_cast<float>(v)) - of.mean[0]) /
                             of.deviation[0]);
    const std::vector<double> z = net(tensor(x, {1, 1, 8, 8}, DType::f32)).to_vector();
    const auto best = std::max_element(z.begin(), z.end()) - z.begin();
    hits += best == set.labels[i].item();
  }
  return 100 * hits / static_cast<double>(n);
}

}  // namespace

TEST_CASE("a trial is its row's learner on shuffled, normalized training images, bit for bit") {
  const Images of = images();
  const Settings s = settings();
  for (const Row& r : rows(s)) {
    CAPTURE(std::string(r.name));
    const auto trial = trial_of(r.name, of);
    // the seed's own streams; an epoch's last, shorter batch is left out
    const Schedule t = schedule(r, s, 0.75, 3, 3);
    Learner learner(
        NamedNet(Random(3) / "init", {.name = "tiny", .in_channels = 1, .size = 8, .classes = 4}),
        r.method, t);
    const ImageBatches order(std::make_shared<const Images>(of), s, s, Random(3) / "loader");
    for (int64_t i = 0; i < t.steps(); ++i) {
      const std::vector<int64_t> index = order.batch(i).index.to_vector<int64_t>();
      REQUIRE(index.size() == 8);
      std::vector<double> x, y;
      for (int64_t at : index) {
        REQUIRE(at < 24);
        y.push_back(of.train.labels[at].item());
        for (double v : of.train.images[at].to_vector())
          x.push_back(static_cast<float>((v - 0.3) / 0.2));
      }
      learner.learn(tensor(x, {8, 1, 8, 8}, DType::f32), tensor(y, {8}, DType::i64), i,
                    lr(t, s, i));
      trial->step(i);
    }
    Values told;
    each(learner, [&](const std::string& name, const Tensor& v, bool) {
      told["learner." + name] = v.to(DType::f64).to_vector();
    });
    Values had = trained(*trial);
    for (const char* log : {"learner.state.revived"}) told.erase(log), had.erase(log);
    CHECK(had == told);
    const Outcome out = trial->finish();
    const NamedNet net = learner.deployed();
    CHECK(score(out, "accuracy") == doctest::Approx(right(net, of, of.test, 18)));
  }
}

TEST_CASE("--init fan_out: convolutions start with a variance of 2 / (out k), the same draw") {
  Settings s = settings();
  const auto by_in = trial_of("dpf", images(), s);
  s.init = "fan_out";
  const auto by_out = trial_of("dpf", images(), s);
  for (const NamedTensor& t : by_in->model()) {
    std::vector<double> told = t.second.to_vector(), is;
    for (const NamedTensor& u : by_out->model())
      if (u.first == t.first) is = u.second.to_vector();
    if (t.second.dim() == 4)
      for (double& v : told)
        v *= std::sqrt(static_cast<double>(t.second.size(1)) /
                       static_cast<double>(t.second.size(0)));
    REQUIRE(is.size() == told.size());
    for (size_t i = 0; i < is.size(); ++i) CHECK(is[i] == doctest::Approx(told[i]).epsilon(1e-6));
  }
}

TEST_CASE("--keep-last: the last, shorter batch is a step of the epoch") {
  Settings s = settings();
  s.train = 30, s.keep_last = true;
  const ImageBatches set(std::make_shared<const Images>(images()), s, s, Random(3) / "loader");
  CHECK(set.batches() == 4);
  CHECK(set.batch(3).x.size(0) == 6);
  CHECK(set.batch(4).x.size(0) == 8);
  s.keep_last = false;
  CHECK(ImageBatches(std::make_shared<const Images>(images()), s, s, Random(3)).batches() == 3);
}

TEST_CASE("an epoch sees each training image once, in an order of its own") {
  const Settings s = settings();
  const ImageBatches set(std::make_shared<const Images>(images()), s, s, Random(3) / "loader");
  std::vector<int64_t> first, second;
  for (int64_t i = 0; i < 6; ++i)
    for (int64_t at : set.batch(i).index.to_vector<int64_t>())
      (i < 3 ? first : second).push_back(at);
  CHECK(first != second);
  std::sort(first.begin(), first.end()), std::sort(second.begin(), second.end());
  CHECK(first == second);
  for (int64_t i = 0; i < 24; ++i) CHECK(first[static_cast<size_t>(i)] == i);
}

TEST_CASE("training never reads the test images, nor those beyond --train; the score reads both") {
  const Images of = images();
  Images other = of, beyond = of;
  other.test = images(6).test;
  beyond.train.images =
      cat({slice(of.train.images, 0, 0, 24), slice(images(6).train.images, 0, 24, 30)}, 0);
  const auto a = trial_of("dpf", of), b = trial_of("dpf", other), c = trial_of("dpf", beyond);
  for (int64_t i = 0; i < 24; ++i) a->step(i), b->step(i), c->step(i);
  CHECK(trained(*a) == trained(*b));
  CHECK(state_of(*a) == state_of(*c));
  // the curve reads the first 10 test images, the score the first 18
  Images later = of;
  later.test.images =
      cat({slice(of.test.images, 0, 0, 10), 1 - slice(of.test.images, 0, 10, 20)}, 0);
  const auto d = trial_of("dpf", later);
  for (int64_t i = 0; i < 24; ++i) d->step(i);
  CHECK(state_of(*a) == state_of(*d));
  const double accuracy = score(a->finish(), "accuracy"), changed = score(d->finish(), "accuracy");
  CHECK(accuracy != changed);
}

TEST_CASE("the curve is the deployed net's; swing is the sd of its changes after a quarter") {
  const Images of = images();
  const auto trial = trial_of("dpf", of);
  std::vector<double> curve;
  for (int64_t i = 0; i < 24; ++i) {
    const Moment m = trial->step(i);
    if ((i + 1) % 3 != 0) {
      CHECK(m.empty());
      continue;
    }
    REQUIRE(!m.empty());
    NamedNet net(Random(0), {.name = "tiny", .in_channels = 1, .size = 8, .classes = 4});
    std::map<std::string, Tensor> named;
    for (const NamedTensor& t : trial->model()) named[t.first] = t.second;
    each(net, [&](const std::string& name, Tensor& t, bool) { t = named.at(name); });
    CHECK(m[0].first == "test accuracy");
    CHECK(m[0].second == doctest::Approx(right(net, of, of.test, 10)));
    curve.push_back(m[0].second);
  }
  CHECK(state_of(*trial).at("curve") == curve);
  // eight points: changes from the second to the third on
  double mean = 0, square = 0;
  for (size_t e = 2; e < 8; ++e) mean += (curve[e] - curve[e - 1]) / 6;
  for (size_t e = 2; e < 8; ++e) square += std::pow(curve[e] - curve[e - 1] - mean, 2) / 5;
  CHECK(score(trial->finish(), "swing") == doctest::Approx(std::sqrt(square)));
}

TEST_CASE("the sparsity that is reported is the deployed net's, not that of weights that go on") {
  for (const char* row : {"dpf", "map", "dcil"}) {  // their pruned weights are not 0 in training
    const auto trial = trial_of(row, images());
    for (int64_t i = 0; i < 24; ++i) trial->step(i);
    double zeros = 0, entries = 0;
    for (const auto& [name, t] : trial->model()) {
      if (t.dim() != 4) continue;
      for (const double v : t.to_vector()) zeros += v == 0;
      entries += static_cast<double>(t.numel());
    }
    CHECK(zeros == std::floor(0.75 * entries));
    CHECK(score(trial->finish(), "sparsity, %") == doctest::Approx(100 * zeros / entries));
  }
}

TEST_CASE("a curve of two points has no swing, and no claim is made of one") {
  Settings s = settings();
  for (const int every : {2, 4}) {  // four points, two
    s.log_every = every;
    const auto trial = trial_of("dpf", images(), s);
    for (int64_t i = 0; i < 24; ++i) trial->step(i);
    CHECK(std::isnan(score(trial->finish(), "swing")) == (every == 4));
  }
  Result r;
  r.seeds = {0, 1, 2};
  const auto add = [&](const char* method, bool swings) {
    r.methods.push_back({method, {{"accuracy@75%", {1, 2, 3}}}, 1});
    if (swings) r.methods.back().metrics.push_back({"swing@75%", {1, 2, 4}});
  };
  add("dcil", true), add("ste", true), add("dpf", false);
  Claims c(r);
  for (const char* other : {"ste", "dpf", "gone"}) ask(c, "swing", "dcil", other, "75%");
  REQUIRE(c.list.size() == 1);
  CHECK(c.list[0].text == "swing of dcil below swing of ste at 75%");
}

TEST_CASE("what is deployed is mask * weights; its zeros, filters and parameters are counted") {
  const auto trial = trial_of("gmp-filters", images());
  for (int64_t i = 0; i < 24; ++i) trial->step(i);
  const Values state = state_of(*trial);
  int64_t zeros = 0, all = 0, empty = 0, emptied = 0, nonzero = 0;
  double macs = 64;  // the classifier's: 16 inputs of 4 classes
  for (const NamedTensor& t : trial->model()) {
    const std::vector<double> v = t.second.to_vector();
    if (t.first.find("running") != std::string::npos) continue;
    nonzero += static_cast<int64_t>(v.size()) - std::count(v.begin(), v.end(), 0.0);
    if (t.second.dim() != 4) continue;
    const std::string l = all == 0 ? "0" : "1";
    std::vector<double> told = state.at("learner.state.trained.net." + t.first);
    const std::vector<double>& m = state.at("learner.state.masks." + l);
    const size_t of = told.size() / static_cast<size_t>(t.second.size(0));
    for (size_t i = 0; i < told.size(); ++i) told[i] *= m[i];
    CHECK(v == told);
    const int64_t before = empty;
    for (auto f = v.begin(); f != v.end(); f += static_cast<std::ptrdiff_t>(of))
      empty += std::count(f, f + static_cast<std::ptrdiff_t>(of), 0.0) == static_cast<int64_t>(of);
    emptied += empty - before == t.second.size(0);
    // 8x8 outputs of the first convolution, 4x4 of the second
    macs += (all == 0 ? 64.0 : 16.0) *
            static_cast<double>(std::count_if(v.begin(), v.end(), [](double x) { return x != 0; }));
    zeros += std::count(v.begin(), v.end(), 0.0), all += static_cast<int64_t>(v.size());
  }
  const Outcome out = trial->finish();
  CHECK(all == 1224);
  CHECK(empty == 18);  // three quarters of 24
  CHECK(score(out, "empty filters") == 18);
  CHECK(score(out, "emptied layers") == static_cast<double>(emptied));
  CHECK(score(out, "sparse MACs, % of dense") ==
        doctest::Approx(100 * macs / (64.0 * 72 + 16.0 * 1152 + 64)));
  CHECK(score(out, "sparsity, %") ==
        doctest::Approx(100.0 * static_cast<double>(zeros) / static_cast<double>(all)));
  REQUIRE(out.parameters.size() == 1);
  CHECK(out.parameters[0].second == nonzero);
}

TEST_CASE("the log counts the weights that came back in each epoch, and has the spread") {
  const auto trial = trial_of("ste", images());
  std::vector<double> before(1224, 1.0);
  double back = 0, most = 0;
  for (int64_t i = 0; i < 24; ++i) {
    const Moment m = trial->step(i);
    const Values state = state_of(*trial);
    std::vector<double> masks = state.at("learner.state.masks.0");
    const std::vector<double>& second = state.at("learner.state.masks.1");
    masks.insert(masks.end(), second.begin(), second.end());
    for (size_t j = 0; j < masks.size(); ++j) back += before[j] == 0 && masks[j] == 1;
    before = masks;
    if (m.empty()) continue;
    std::map<std::string, double> logged;
    for (const auto& entry : m) logged[entry.first] = entry.second;
    CHECK(logged.at("weights that came back, % of all") == doctest::Approx(100 * back / 1224));
    CHECK(logged.at("sd of the pruned weights' gradients") == state.at("learner.state.spread")[0]);
    CHECK(logged.at("sparsity, %") ==
          doctest::Approx(100.0 * static_cast<double>(std::count(masks.begin(), masks.end(), 0.0)) /
                          1224));
    most = std::max(most, back), back = 0;
  }
  CHECK(most > 0);
}

TEST_CASE("a finished row whose zeros are off its schedule ends the run, whatever the row") {
  for (const Row& r : rows(settings())) {
    CAPTURE(std::string(r.name));
    const auto trial = trial_of(r.name, images());
    const int64_t steps = 24 * r.times;
    for (int64_t i = 0; i < steps; ++i) trial->step(i);
    CHECK_NOTHROW(trial->finish());
    if (!r.method.due) continue;
    // two weights or two filters come back, or two more go
    for (double to : {1.0, 0.0}) {
      const auto broken = trial_of(r.name, images());
      for (int64_t i = 0; i < steps; ++i) broken->step(i);
      int moved = 0;
      broken->state([&](const std::string& name, Tensor& t) {
        if (name.find("learner.state.masks.") == std::string::npos) {
          // what GMP and its kin pruned is 0 itself, masks or none
          if (to == 1 && name.find("trained.net.convs") != std::string::npos && t.dim() == 4)
            t = (t + where(eq(t, 0), ones_like(t), zeros_like(t))).detach().requires_grad_();
          return;
        }
        std::vector<double> m = t.to_vector();
        const auto of = static_cast<size_t>(r.masks.filters ? t.numel() / t.size(0) : 1);
        for (size_t f = 0; f < m.size() && moved < 2; f += of) {
          if (m[f] == to) continue;
          std::fill_n(m.begin() + static_cast<std::ptrdiff_t>(f), of, to);
          ++moved;
        }
        t = tensor(m, t.shape(), t.dtype());
      });
      REQUIRE(moved == 2);
      CHECK(complaint<Error>([&] { broken->finish(); }, "off the schedule") == "");
    }
  }
}
