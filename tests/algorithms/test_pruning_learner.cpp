// The pruning methods at work on a small net: MAP-1, 4, 5, 6, DCIL-2, 4 to 8, and what sets each
// baseline apart.
#include <doctest/doctest.h>
#include <regrad/algorithms/pruning/experiment/rows.h>
#include <regrad/algorithms/pruning/experiment/trial.h>
#include <regrad/algorithms/pruning/rows.h>
#include <regrad/layers/linear.h>
#include <regrad/layers/serialize.h>

#include <cmath>

#include "../temp_folder.h"

using namespace regrad;
using namespace regrad::pruning;

namespace {

constexpr int64_t batches = 8;

NamedNet tiny(DType t = DType::f64) {
  return NamedNet(Random(11),
                  {.name = "tiny", .in_channels = 1, .size = 8, .classes = 4, .dtype = t});
}

Settings settings() {
  Settings s;
  s.epochs = 12, s.refresh = 4, s.lr = 0.05;
  return s;
}

struct Run {
  Settings s;
  Learner learner;
  DType dtype;
  Run(const char* name, double sparsity, const Settings& of = settings(), DType t = DType::f64)
      : s(of),
        learner(tiny(t), row(name, s).method, schedule(row(name, s), s, sparsity, batches, 3)),
        dtype(t) {}
  double step(int64_t i) {
    const Tensor x = normal(Random(12) / "x" / i, {6, 1, 8, 8}, 0, 1, dtype),
                 y = tensor({0, 1, 2, 3, 0, 1}, DType::i64);
    return learner.learn(x, y, i, lr(learner.schedule, s, i)).item();
  }
  void to(int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) step(i);
  }
  int64_t steps() const { return learner.schedule.steps(); }
  const Tensors& masks() const { return learner.state.masks; }
  const Tensors& extra() const { return learner.state.trained.extra; }
  Tensors weights() const { return pruning::weights(learner.state); }
};

bool same(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (a[i].to_vector() != b[i].to_vector()) return false;
  return true;
}
std::vector<Tensor> all(const Run& r) { return parameters(r.learner.state.trained.net); }
// What lies where the mask is 0.
std::vector<Tensor> pruned(const Run& r) {
  std::vector<Tensor> w = r.weights();
  for (size_t l = 0; l < w.size(); ++l) w[l] = (1 - r.masks()[l]) * w[l];
  return w;
}
std::vector<Tensor> buffers(const NamedNet& net) {
  std::vector<Tensor> out;
  each(net, [&](const std::string&, const Tensor& t, bool is_buffer) {
    if (is_buffer) out.push_back(t);
  });
  return out;
}

}  // namespace

TEST_CASE("MAP-1: while p = 0 steps are the dense net's, bit for bit; so are DPF's and STE's") {
  for (const char* name : {"map", "map-layer", "map-soft", "dpf", "ste", "gmp"}) {
    CAPTURE(name);
    for (DType t : {DType::f32, DType::f64}) {
      Run dense("dense", 0.9, settings(), t), other(name, 0.9, settings(), t);
      dense.to(0, batches), other.to(0, batches);  // the schedule's first epoch
      CHECK(same(all(dense), all(other)));
    }
  }
}

TEST_CASE(
    "MAP-4: in exploitation pruned weights stay to the bit and masks do not move; decay is on") {
  Run run("map", 0.9);
  const int64_t begin = 10 * batches;
  run.to(0, begin + 1);
  const std::vector<Tensor> masks = run.masks(), held = pruned(run), kept = run.weights();
  run.to(begin + 1, run.steps());
  CHECK(same(masks, run.masks()));
  CHECK(same(held, pruned(run)));
  CHECK(!same(kept, run.weights()));
  CHECK(zeros_in(masks) == pruned_count(entries_in(masks), 0.9));
}

TEST_CASE("MAP-5: with z = 0 it is DPF until exploitation") {
  Settings s = settings();
  s.z = 0;
  Run map("map", 0.9, s), dpf("dpf", 0.9, s);
  map.to(0, 10 * batches), dpf.to(0, 10 * batches);
  CHECK(same(all(map), all(dpf)));
  CHECK(same(map.masks(), dpf.masks()));
  Run with("map", 0.9);
  with.to(0, 10 * batches);
  CHECK(!same(all(with), all(dpf)));
}

TEST_CASE("MAP-6: what is deployed has the scheduled zeros, and the logits of M A W") {
  for (const char* name : {"map", "map-layer", "map-soft"}) {
    CAPTURE(name);
    Run run(name, 0.9);
    run.to(0, run.steps());
    const std::vector<Tensor> deployed =
        picked(parameters(run.learner.deployed()), run.learner.state.at);
    CHECK(zeros_in(deployed) == pruned_count(entries_in(deployed), 0.9));
    CHECK(same(deployed, run.learner.effective()));
  }
}

TEST_CASE("GMP: masks are nested, pruned weights and their momentum are 0; DPF and STE revive") {
  Run gmp("gmp", 0.9), dpf("dpf", 0.9), ste("ste", 0.9);
  std::vector<Tensor> before = gmp.masks();
  double back = 0, back_ste = 0;
  for (int64_t i = 0; i < gmp.steps(); ++i) {
    gmp.step(i), dpf.step(i), ste.step(i);
    for (size_t l = 0; l < before.size(); ++l)
      CHECK(sum((1 - before[l]) * gmp.masks()[l]).item() == 0);
    before = gmp.masks();
    for (const Tensor& t : pruned(gmp)) CHECK(sum(abs(t)).item() == 0);
  }
  CHECK(gmp.learner.state.revived.item() == 0);
  back = dpf.learner.state.revived.item(), back_ste = ste.learner.state.revived.item();
  CHECK(back > 0);
  CHECK(back_ste > 0);
  CHECK(gmp.learner.state.spread.item() == 0);  // its pruned weights get no gradient
  CHECK(dpf.learner.state.spread.item() > 0);
  double dense = 0;
  for (const Tensor& t : pruned(dpf)) dense += sum(abs(t)).item();
  CHECK(dense > 0);
  for (const Run* r : {&gmp, &dpf, &ste}) CHECK(zeros_in(r->masks()) == pruned_count(1224, 0.9));
  CHECK(!same(all(dpf), all(ste)));
}

TEST_CASE(
    "AC/DC: phases of two epochs in turn, sparse from 75% on; what was pruned starts from 0") {
  Run run("acdc", 0.9);
  for (int64_t i = 0; i < run.steps(); ++i) {
    const int64_t epoch = i / batches;
    const bool sparse = epoch / 2 % 2 == 1 || epoch >= 9;
    const Tensors before = pruned(run);
    run.step(i);
    CHECK(zeros_in(run.masks()) == (sparse ? pruned_count(1224, 0.9) : 0));
    for (const Tensor& t : before) CHECK(sum(abs(t)).item() == 0);
  }
  CHECK(run.learner.state.revived.item() == 2 * pruned_count(1224, 0.9));
}

TEST_CASE("one-shot: dense until half time, one mask from then on") {
  Run one("one-shot", 0.9), dense("dense", 0.9);
  const int64_t half = 6 * batches;
  one.to(0, half), dense.to(0, half);
  CHECK(same(all(one), all(dense)));
  one.step(half);
  const std::vector<Tensor> masks = one.masks();
  CHECK(zeros_in(masks) == pruned_count(1224, 0.9));
  CHECK(same(masks, magnitude_masks(dense.weights(), 0.9)));
  one.to(half + 1, one.steps());
  CHECK(same(masks, one.masks()));
  for (const Tensor& t : pruned(one)) CHECK(sum(abs(t)).item() == 0);
}

TEST_CASE("SNIP: once, by |w dL/dw| at the first batch") {
  Run snip("snip", 0.9), dense("dense", 0.9);
  const std::vector<Tensor> w = dense.weights();
  const NamedNet net = as_leaves(tiny());
  Context ctx{.training = true};
  const Tensor x = normal(Random(12) / "x" / 0, {6, 1, 8, 8}, 0, 1, DType::f64),
               y = tensor({0, 1, 2, 3, 0, 1}, DType::i64);
  std::vector<Tensor> scores =
      picked(parameters(grad(cross_entropy(net(x, ctx), y), net)), snip.learner.state.at);
  for (size_t l = 0; l < scores.size(); ++l) scores[l] = abs(scores[l] * w[l]);
  snip.step(0);
  const std::vector<Tensor> masks = snip.masks();
  CHECK(same(masks, score_masks(scores, 0.9)));
  CHECK(!same(masks, magnitude_masks(w, 0.9)));
  snip.to(1, snip.steps());
  CHECK(same(masks, snip.masks()));
}

TEST_CASE(
    "RigL: as many weights in every layer throughout; positions move until 75% of the steps") {
  Run rigl("rigl", 0.9);
  rigl.step(0);
  const std::vector<Tensor> first = rigl.masks();
  CHECK(zeros_in(first) == pruned_count(1224, 0.9));
  const auto end = static_cast<int64_t>(0.75 * static_cast<double>(rigl.steps()));
  rigl.to(1, end);
  const std::vector<Tensor> late = rigl.masks();
  CHECK(!same(first, late));
  for (size_t l = 0; l < first.size(); ++l) CHECK(zeros_in({first[l]}) == zeros_in({late[l]}));
  rigl.to(end, rigl.steps());
  CHECK(same(late, rigl.masks()));
  for (const Tensor& t : pruned(rigl)) CHECK(sum(abs(t)).item() == 0);

  const Tensor m = tensor({1, 1, 1, 1, 0, 0, 0, 0}), w = tensor({4, 1, 3, 2, 0, 0, 0, 0}),
               g = tensor({0, 9, 0, 0, 1, -7, 2, 0});
  // what was dropped grows again
  CHECK(drop_and_grow({m}, {w}, {g}, 0.25)[0].to_vector() ==
        std::vector<double>{1, 1, 1, 1, 0, 0, 0, 0});
  CHECK(drop_and_grow({m}, {w}, {g}, 0.5)[0].to_vector() ==
        std::vector<double>{1, 1, 1, 0, 0, 1, 0, 0});
}

TEST_CASE("STR: thresholds are learned, and zeros come of them") {
  Settings s = settings();
  s.str_initial = -3;
  Run str("str", 0.9, s);
  str.to(0, str.steps());
  for (const Tensor& c : str.extra()) CHECK(std::abs(c.item() - s.str_initial) > 1e-6);
  CHECK(zeros_in(str.learner.effective()) > 0);
  const std::vector<Tensor> w = str.weights(), e = str.learner.effective();
  for (size_t l = 0; l < w.size(); ++l) {
    const double c = 1 / (1 + std::exp(-str.extra()[l].item()));
    const std::vector<double> a = w[l].to_vector(), b = e[l].to_vector();
    for (size_t i = 0; i < a.size(); ++i)
      CHECK(b[i] ==
            doctest::Approx(std::copysign(std::max(0.0, std::abs(a[i]) - c), a[i])).epsilon(1e-12));
  }
}

TEST_CASE("DCIL-5: before distillation begins the temperature changes nothing; after it, it does") {
  Settings s = settings(), hot = settings();
  hot.temperature = 7;
  Run a("dcil", 0.9, s), b("dcil", 0.9, hot), c("dcil-nokd", 0.9, s);
  const int64_t begin = 3 * batches;  // 23% of 12 epochs
  a.to(0, begin), b.to(0, begin), c.to(0, begin);
  CHECK(same(all(a), all(b)));
  CHECK(same(all(a), all(c)));
  a.to(begin, begin + batches), b.to(begin, begin + batches), c.to(begin, begin + batches);
  CHECK(!same(all(a), all(b)));
  CHECK(!same(all(a), all(c)));
}

TEST_CASE("DCIL-6: masks to the very end, and both rules' counts") {
  for (const char* rule : {"exact", "official"}) {
    Settings s = settings();
    s.mask_rule = rule;
    Run run("dcil", 0.9, s);
    run.to(0, run.steps() - s.refresh);
    const std::vector<Tensor> masks = run.masks();
    run.to(run.steps() - s.refresh, run.steps());
    CHECK(zeros_in(run.masks()) == pruned_count(1224, 0.9) + (s.mask_rule == "official" ? 1 : 0));
  }
}

TEST_CASE("DCIL-7: the dense path's running statistics are those of its own passes") {
  Run run("dcil", 0.9);
  NamedNet dense = tiny();
  for (int64_t i = 0; i < 3 * batches; ++i) {
    const State& s = run.learner.state;
    Tensors whole = parameters(s.trained.net);
    for (size_t p = 0, k = 0; p < whole.size(); ++p)
      if (whole[p].dim() != 4) whole[p] = s.trained.extra.at(k++);
    dense = at(std::move(dense), whole);
    Context ctx{.training = true};
    dense(normal(Random(12) / "x" / i, {6, 1, 8, 8}, 0, 1, DType::f64), ctx);
    dense = commit(std::move(dense), ctx);
    run.step(i);
    CHECK(same(buffers(dense), run.learner.state.memory));
  }
}

TEST_CASE("DCIL-7, DCIL-8: two sets of norms; what is deployed is the sparse path alone") {
  Run run("dcil", 0.9);
  run.to(0, run.steps());
  const Tensors& second = run.learner.state.memory;  // the dense path's running statistics
  const NamedNet net = run.learner.deployed();
  CHECK(second.size() == buffers(net).size());
  CHECK(!same(second, buffers(net)));
  CHECK(parameter_count(net) == parameter_count(tiny()));
  CHECK(named_parameters(net).size() == named_parameters(tiny()).size());
  // Extra parameters: norms and classifier of the dense path.
  int64_t extra = 0;
  for (const Tensor& t : run.extra()) extra += t.numel();
  CHECK(extra == parameter_count(tiny()) - 1224);
  // One forward of the sparse path at the deployed weights gives the deployed net's logits.
  const Tensor x = normal(Random(13), {5, 1, 8, 8}, 0, 1, DType::f64);
  std::vector<Tensor> params = parameters(run.learner.state.trained.net);
  const std::vector<Tensor> w = run.weights();
  for (size_t l = 0; l < w.size(); ++l) params[run.learner.state.at[l]] = run.masks()[l] * w[l];
  CHECK(amax(abs(at(run.learner.state.trained.net, params)(x) - net(x))).item() == 0);
}

TEST_CASE(
    "a learner's parts are all there is: a second one that takes it up goes on in the same bits") {
  const test::TempFolder folder;
  for (const Row& r : rows(settings())) {
    CAPTURE(r.name);
    Run whole(r.name, 0.9, settings(), DType::f32), first(r.name, 0.9, settings(), DType::f32),
        second(r.name, 0.9, settings(), DType::f32);
    // between two masks, just after MAP's exploitation began
    const int64_t cut = 83, end = whole.steps();
    whole.to(0, end);
    first.to(0, cut);
    save(first.learner, folder / "learner");
    second.learner = load(std::move(second.learner), folder / "learner");
    second.to(cut, end);
    CHECK(same(all(whole), all(second)));
    CHECK(same(whole.masks(), second.masks()));
  }
}

namespace {

struct OwnNet {  // [N,8] -> [N,4]
  Linear first{Random(1), 8, 16, true, DType::f64}, last{Random(2), 16, 4, true, DType::f64};
  Tensor operator()(const Tensor& x, Context&) const { return last(relu(first(x))); }
  static void parts(auto& self, auto&& part) {
    part("first", self.first);
    part("last", self.last);
  }
};

struct OneMatrix {  // a classifier alone
  Linear last{Random(1), 8, 4};
  Tensor operator()(const Tensor& x, Context&) const { return last(x); }
  static void parts(auto& self, auto&& part) { part("last", self.last); }
};

}  // namespace

TEST_CASE("a struct of one's own is pruned as it is, and comes back as what it was") {
  const Tensor x = normal(Random(12), {6, 8}, 0, 1, DType::f64),
               y = tensor({0, 1, 2, 3, 0, 1}, DType::i64);
  const OwnNet net;
  for (const Row& r : rows(settings())) {
    CAPTURE(r.name);
    Learner learner(net, r.method, {.sparsity = 0.5, .epochs = 8, .batches = 2, .refresh = 2});
    const double before = learner.learn(x, y, 0, 0.05).item();
    for (int64_t i = 1; i < learner.schedule.steps(); ++i) learner.learn(x, y, i, 0.05);
    const OwnNet sparse = learner.deployed().as<OwnNet>();
    Context ctx;
    CHECK(cross_entropy(sparse(x, ctx), y).item() < before);
    CHECK(same({sparse.first.weight}, learner.effective()));
    if (r.method.due) CHECK(zeros_in({sparse.first.weight}) == 64);
    CHECK(net.first.weight.to_vector() == OwnNet().first.weight.to_vector());
  }
  CHECK_THROWS_AS(Learner(net, dpf(), {}).deployed().as<NamedNet>(), ConfigError);
}

TEST_CASE("nets without prunable weights and schedules without steps are refused") {
  CHECK_THROWS_AS(Learner(OneMatrix(), dpf(), {}), ConfigError);
  CHECK_THROWS_AS(Learner(OwnNet(), dpf(), {.epochs = 0}), ConfigError);
  CHECK_THROWS_AS(Learner(OwnNet(), dpf(), {.batches = 0}), ConfigError);
  CHECK_THROWS_AS(Learner(OwnNet(), dpf(), {.refresh = 0}), ConfigError);
  CHECK_THROWS_AS(row("mapp", settings()), ConfigError);
}

TEST_CASE("percent") {
  CHECK(experiment::percent(0.9) == "90%");
  CHECK(experiment::percent(0.995) == "99.5%");
  CHECK(experiment::percent(0) == "0%");
}
