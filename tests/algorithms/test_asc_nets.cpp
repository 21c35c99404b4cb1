// Rows of regrad-asc beside BC-ResNet-ASC's: other nets under its recipe, an ensemble, the file of
// a net with statistics of its input.
#include <doctest/doctest.h>
#include <regrad/algorithms/asc/experiment/ensemble.h>
#include <regrad/algorithms/asc/experiment/limits.h>
#include <regrad/algorithms/asc/experiment/other_nets.h>
#include <regrad/algorithms/asc/experiment/table.h>
#include <regrad/algorithms/experiment/data/scene_model.h>
#include <regrad/engine/functional.h>

#include <cmath>
#include <map>
#include <set>

#include "../temp_folder.h"

using namespace regrad;
using namespace regrad::asc;
using regrad::test::complaint;

namespace {

constexpr int64_t clips = 8, tests = 6, classes = 3;

std::shared_ptr<const Recordings> few(DType t = DType::f32, int64_t mels = 64) {
  const Random r(51);
  const auto x = [&](const std::string& name, int64_t n) {
    return normal(r / name, {n, 1, mels, 24}, -1, 1.5, t);
  };
  Recordings d;
  d.train_x = x("train", clips), d.train_y = randint(r / "y", 0, classes, {clips});
  d.train_device = zeros({clips}, DType::i64);
  for (int k = 0; k < 2; ++k) {
    const std::string name = "test" + std::to_string(k);
    d.devices.push_back(name), d.test_x.push_back(x(name, tests)),
        d.test_y.push_back(randint(r / name, 0, classes, {tests}));
    d.test_group.push_back({0, 1, 2, 3, 4, 5});
  }
  d.validation_x = {x("held", 5)}, d.validation_y = {randint(r / "held y", 0, classes, {5})};
  d.seen = 1, d.classes = {"a", "b", "c"};
  d.front = {{.rate = 8000, .n_fft = 512, .hop = 160, .mels = mels}, 160 * 23, 0.1};
  return std::make_shared<const Recordings>(d);
}
Settings quick() {
  Settings s;
  s.tau = 0.4, s.epochs = 2, s.batch = 4, s.lr = 0.01, s.momentum = 0.8, s.weight_decay = 0.02,
  s.warmup = 0.25, s.log_every = 1, s.mixup = 0, s.roll = 0, s.dropout = 0;
  return s;
}
double apart(const Tensor& a, const Tensor& b) {
  return amax(abs(a.to(DType::f64) - b.to(DType::f64))).item();
}
std::map<std::string, Tensor> state_of(experiment::Trial& t) {
  std::map<std::string, Tensor> out;
  t.state([&](const std::string& name, Tensor& x) { CHECK(out.emplace(name, x).second); });
  return out;
}

}  // namespace

TEST_CASE("other nets: the norm on their input, their sizes, refused where they do not belong") {
  const auto data = few();
  const auto sized = [&](const char* method) {
    const auto trial = other_net({method, "", 0}, quick(), data);
    return trial->finish().parameters.at(0).second;
  };
  // BC-ResNet-8 for three classes in four bands, CP-ResNet of 64 channels, CP-Mobile.
  CHECK(sized("bcresnet-8") ==
        parameter_count(BcResnet(Random(0), {.tau = 8, .classes = 3, .bands = 4})));
  CHECK(sized("cp-resnet") ==
        parameter_count(CpResnet(Random(0), {.rho = 7, .base_channels = 64, .classes = 3})));
  CHECK(sized("cp-mobile") == parameter_count(CpMobile(Random(0), {.classes = 3})));
  CHECK(sized("cp-mobile-resnorm") == sized("cp-mobile"));
  CHECK(complaint<ConfigError>([&] { other_net({"resnorm", "", 0}, quick(), data); }, "ASC") == "");
  // The norm is of the settings' lambda, in front of the same net.
  Settings s = quick();
  s.lambda = 0.4;
  using Trial = SceneTrial<CpMobile>;
  const auto of = [&](const char* method) { return other_net({method, "", 0}, s, data); };
  const auto plain = of("cp-mobile"), normed = of("cp-mobile-resnorm");
  const auto &net = dynamic_cast<const Trial&>(*plain).learner().net,
             &behind = dynamic_cast<const Trial&>(*normed).learner().net;
  const Tensor& x = data->test_x[0];
  const Tensor m = mean(x, {1, 3}, true),
               ifn_x = (x - m) / sqrt(mean(square(x - m), {1, 3}, true) + 1e-5);
  CHECK(apart(behind(x), net.net(ifn_x + x * 0.4)) < 1e-4);
  CHECK(apart(net(x), net.net(x)) == 0);
}

TEST_CASE("other nets: four steps of momentum, decay, warm-up and cosine, told again") {
  const auto data = few(DType::f64);
  const Settings s = quick();
  const auto trial = other_net({"cp-mobile", "", 6}, s, data);
  const Random r = Random(6) / "asc";
  CpMobile net(r / "init", {.classes = classes, .dtype = DType::f64});
  std::vector<Tensor> velocity;
  for (const Tensor& p : parameters(net)) velocity.push_back(zeros(p.shape(), DType::f64));
  experiment::Moment last;
  double loss = 0;
  for (int64_t i = 0; i < 4; ++i) {
    last = trial->step(i);
    const std::vector<int64_t> order =
        randperm(r / "training" / "order" / (i / 2), clips).to_vector<int64_t>();
    std::vector<int64_t> at(order.begin() + 4 * (i % 2), order.begin() + 4 * (i % 2) + 4);
    const Tensor x = index_select(data->train_x, 0, tensor(at)),
                 y = index_select(data->train_y, 0, tensor(at));
    Context ctx{.training = true};
    const Tensor l = cross_entropy(net(x, ctx), y);
    const std::vector<Tensor> g = grad(l, parameters(net));
    loss = l.item();
    net = commit(std::move(net), ctx);
    // a climb in the first of four steps, then half a cosine
    const double lr = i < 1 ? 0 : 0.01 * 0.5 * (1 + std::cos(M_PI * (i - 1) / 3.0));
    std::vector<Tensor> p = parameters(net);
    for (size_t k = 0; k < p.size(); ++k) {
      velocity[k] = (velocity[k] * 0.8 + g[k] + p[k] * 0.02).detach();
      p[k] = (p[k] - velocity[k] * lr).detach().requires_grad_();
    }
    net = regrad::at(net, p);
  }
  const auto state = state_of(*trial);
  for (const auto& part : named_parameters(net))
    CHECK_MESSAGE(apart(state.at("net.net." + part.first), part.second) < 1e-9, part.first);
  REQUIRE(last.size() == 2);
  CHECK(last[0].first == "validation accuracy");
  CHECK(last[1].second == doctest::Approx(loss).epsilon(1e-9));
}

TEST_CASE("an ensemble: nets of their own, the first as the row of one; probabilities averaged") {
  const auto data = few();
  const Settings s = quick();
  CHECK(phases(s, "resnorm-ensemble", clips).steps() == 12);
  EnsembleTrial all({"resnorm-ensemble", "", 4}, s, data);
  AscTrial one({"resnorm", "", 4}, s, data);
  for (int64_t i = 0; i < 12; ++i) {
    const experiment::Moment m = all.step(i);
    if (i < 4) one.step(i);
    if (i % 2 == 1) CHECK(m[0].first.rfind("net " + std::to_string(i / 4 + 1) + ": ", 0) == 0);
  }
  REQUIRE(all.members().size() == 3);
  std::set<double> heads;
  for (const auto& m : all.members()) heads.insert(m->now().net.head.weight.to_vector()[0]);
  CHECK(heads.size() == 3);
  CHECK(apart(all.members()[0]->now().net.head.weight, one.now().net.head.weight) == 0);
  CHECK(state_of(all).size() == 3 * state_of(one).size());

  const experiment::Outcome out = all.finish();
  CHECK(out.parameters[0].second == 3 * parameter_count(one.now().net));
  std::map<std::string, double> scores;
  for (const experiment::Score& x : out.scores) scores[x.metric] = x.value;
  for (const size_t device : {0, 1}) {
    std::vector<std::vector<double>> p(tests, std::vector<double>(classes, 0.0));
    for (const auto& m : all.members()) {
      const std::vector<double> z = logits_of(m->now().net, data->test_x[device]).to_vector();
      for (size_t i = 0; i < tests; ++i) {
        double sum = 0;
        for (size_t k = 0; k < classes; ++k) sum += std::exp(z[i * classes + k]);
        for (size_t k = 0; k < classes; ++k) p[i][k] += std::exp(z[i * classes + k]) / sum / 3;
      }
    }
    const std::vector<int64_t> y = data->test_y[device].to_vector<int64_t>();
    double right = 0, lost = 0;
    for (size_t i = 0; i < tests; ++i) {
      right += std::max_element(p[i].begin(), p[i].end()) - p[i].begin() == y[i];
      lost -= std::log(p[i][static_cast<size_t>(y[i])]);
    }
    CHECK(scores.at("on device test" + std::to_string(device)) ==
          doctest::Approx(100 * right / tests));
    CHECK(scores.at(device ? "log loss, unseen" : "log loss, seen") ==
          doctest::Approx(lost / tests).epsilon(1e-4));
  }
}

TEST_CASE("a table has rows of other nets, but none of them compressed") {
  const auto table = asc_table("scenes");
  table->choose("scenes", "tiny");
  std::vector<experiment::Field> fields = table->fields();
  CHECK(table->has_row({"cp-resnet", "", 0}));
  experiment::assign(fields, "compress", "true", "test");
  for (const char* none : {"cp-resnet", "cp-mobile", "bcresnet-8", "resnorm-ensemble"})
    CHECK_FALSE(table->has_row({none, "", 0}));
  for (const char* some : {"baseline", "global", "asc-1", "ifn"})
    CHECK(table->has_row({some, "", 0}));
}

TEST_CASE("tau2022: rows above 128 kB or 30 M multiply-adds are refused before anything is read") {
  const auto table = asc_table("tau2022");
  const auto refusal = [&](const char* preset, const char* method, const char* words) {
    table->choose("tau2022", preset);
    table->check();
    return complaint<ConfigError>([&] { table->needs({method, "", 0}); }, words);
  };
  for (const char* preset : {"tiny", "small", "long", "paper"}) {
    table->choose("tau2022", preset);
    for (const char* fits : {"baseline", "resnorm", "asc-1", "cp-mobile"})
      CHECK_NOTHROW(table->needs({fits, "", 0}));
    CHECK(refusal(preset, "bcresnet-8", "317610 bytes") == "");
  }
  CHECK(refusal("paper", "resnorm-ensemble", "257670 bytes") == "");  // three of 85,890
  std::vector<experiment::Field> fields = table->fields();
  experiment::assign(fields, "tau", "8", "test");
  CHECK(complaint<ConfigError>([&] { table->needs({"baseline", "", 0}); }, "314970 bytes") == "");
  // 4.1 M for 64 bands by 101 frames with 20 channels, audio.md section 1; all but a third of it
  // grows with the map.
  Settings s;
  s.tau = 2;
  const experiment::FrontEnd front{{.rate = 8000, .n_fft = 512, .hop = 80, .mels = 64}, 8000};
  const Cost c = cost_of_row(methods()[0], s, front);
  CHECK(static_cast<double>(c.macs) == doctest::Approx(4.1e6).epsilon(0.03));
  CHECK(c.parameters == 25050);
  const Cost three = cost_of_row(experiment::find_method(methods(), "resnorm-ensemble"), s, front);
  CHECK(three.macs == 3 * c.macs);
  CHECK(three.parameters == 3 * c.parameters);
  experiment::assign(fields, "tau", "4", "test");
  experiment::assign(fields, "seconds", "10", "test");
  CHECK(complaint<ConfigError>([&] { table->needs({"baseline", "", 0}); }, "multiply-adds") == "");
}

TEST_CASE("the file of a net with the training set's statistics is read again") {
  const auto data = few();
  const test::TempFolder at;
  AscTrial trial({"global", "", 1}, quick(), data);
  trial.step(0);
  save_safetensors(at / "model.safetensors", trial.model(), trial.about());
  const experiment::SceneModel m = experiment::load_scene_model(at / "model.safetensors");
  CHECK(apart(m.net(data->test_x[1]), trial.now().net(data->test_x[1])) == 0);
}
