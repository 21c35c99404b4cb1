// The table of regrad-ppp: rows, presets, settings, claims, state, and what a row reports.
#include <doctest/doctest.h>
#include <regrad/algorithms/experiment/experiment.h>
#include <regrad/algorithms/experiment/options.h>
#include <regrad/algorithms/experiment/run.h>
#include <regrad/algorithms/ppp/experiment/measure.h>
#include <regrad/algorithms/ppp/experiment/pictures.h>
#include <regrad/algorithms/ppp/experiment/table.h>
#include <regrad/algorithms/ppp/global.h>
#include <regrad/layers/serialize.h>

#include <cmath>
#include <map>
#include <set>

#include "../temp_folder.h"
#include "ppp_persons.h"

using namespace regrad;
using namespace regrad::experiment;
using namespace regrad::ppp;
using namespace regrad::test;

namespace {

double score(const Outcome& o, const std::string& row, const std::string& metric) {
  for (const Score& s : o.scores)
    if (s.method == row && s.metric == metric) return s.value;
  FAIL("no " << metric << " of " << row);
  return 0;
}

experiment::Options parsed(TaskList& tasks, const std::vector<std::string>& words) {
  std::vector<const char*> flags{"regrad-ppp"};
  for (const std::string& w : words) flags.push_back(w.c_str());
  return parse_options(tasks, static_cast<int>(flags.size()), flags.data());
}

// A result of two seeds and three persons with two examples each; what a row has more than 50 is
// `gain`, and a little by seed, person and example.
Result result(const std::map<std::string, double>& gains, const std::string& metric) {
  Result r;
  r.seeds = {0, 1, 2};
  r.metric = metric, r.better = Better::higher, r.baseline = "full";
  for (const auto& [row, gain] : gains) {
    MethodResult m;
    m.name = row;
    std::vector<ByItem> items;
    std::vector<double> by_seed;
    for (int s = 0; s < 3; ++s) {
      ByItem of;
      double mean = 0;
      for (int p = 0; p < 3; ++p)
        for (int i = 0; i < 2; ++i) {
          of.values.push_back(50 + gain +
                              0.1 * (Random(row.size()) / s / p).normal(static_cast<uint64_t>(i)));
          of.groups.push_back(p);
          mean += of.values.back() / 6;
        }
      by_seed.push_back(mean);
      items.push_back(of);
    }
    m.metrics = {{metric, by_seed}}, m.items = {{metric, items}};
    r.methods.push_back(m);
  }
  return r;
}
std::map<std::string, Verdict> verdicts(const Result& r) {
  std::map<std::string, Verdict> out;
  for (const Claim& c : directions(r)) out[c.text] = c.verdict;
  return out;
}

}  // namespace

TEST_CASE("claims of regrad-ppp, each way") {
  for (const std::string metric : {"accuracy", "unseen"}) {
    const auto of = [&](const std::map<std::string, double>& gains, const std::string& text) {
      const std::map<std::string, Verdict> all = verdicts(result(gains, metric));
      const char* words = metric == "unseen" ? "accuracy, unseen: " : "accuracy: ";
      const auto found = all.find(words + text);
      REQUIRE_MESSAGE(found != all.end(), text);
      return found->second;
    };
    const std::tuple<const char*, const char*, const char*> above[] = {
        {"ppp", "ppp-other", "one's own prototype above another person's"},
        {"ppp", "random", "one's own prototype above random channels"},
        {"ppp", "norm", "one's own prototype above the full net's largest filters"},
        {"ppp", "norm-gated", "one's own prototype above the same net's largest filters"},
        {"ppp-other", "random", "another person's prototype above random channels"},
        {"ppp", "aig-own", "b = 1 and shared gates above b = 0 without them, both cut"}};
    for (const auto& [a, b, text] : above) {
      CAPTURE(text);
      CHECK(of({{a, 5}, {b, 0}}, text) == Verdict::shown);
      CHECK(of({{a, 0}, {b, 5}}, text) == Verdict::refuted);
      CHECK(of({{a, 0}, {b, 0.01}}, text) == Verdict::not_shown);
    }
    const char* text = "the full net not 2 points above one's own prototype";
    CHECK(of({{"full", 1}, {"ppp", 0}}, text) == Verdict::shown);
    CHECK(of({{"full", -9}, {"ppp", 0}}, text) == Verdict::shown);
    CHECK(of({{"full", 3}, {"ppp", 0}}, text) == Verdict::refuted);
    CHECK(of({{"full", 2}, {"ppp", 0}}, text) == Verdict::not_shown);
    text = "random channels within 2 points of the full net's largest filters";
    CHECK(of({{"random", 1}, {"norm", 0}}, text) == Verdict::shown);
    CHECK(of({{"random", 3}, {"norm", 0}}, text) == Verdict::refuted);
    CHECK(of({{"random", -3}, {"norm", 0}}, text) == Verdict::refuted);
    CHECK(verdicts(result({{"ppp", 1}}, metric)).empty());
    CHECK(verdicts(result({{"full", 1},
                           {"ppp", 1},
                           {"random", 0},
                           {"norm", 0},
                           {"aig-own", 0},
                           {"ppp-other", 0},
                           {"norm-gated", 0}},
                          metric))
              .size() == 8);
  }
  CHECK(margin == 2);
}

TEST_CASE("rows of section 5.4, and which trial scores them") {
  TaskList tasks = ppp_tasks();
  CHECK(tasks.card().tasks == std::vector<std::string>{"glyphs", "persons", "digits", "folder"});
  tasks.choose("digits", "small");
  const Card card = tasks.card();
  CHECK(card.baseline == "full");
  std::map<std::string, std::string> trained;
  for (const MethodCard& m : card.methods) trained[m.name] = m.trained_by;
  CHECK(trained == std::map<std::string, std::string>{{"full", "ppp"},
                                                      {"aig", ""},
                                                      {"aig-own", "aig"},
                                                      {"ppp", ""},
                                                      {"ppp-other", "ppp"},
                                                      {"random", "ppp"},
                                                      {"norm-gated", "ppp"},
                                                      {"norm", "ppp"},
                                                      {"norm-tuned", "ppp"},
                                                      {"ppp-b0", ""},
                                                      {"ppp-b0.1", ""},
                                                      {"ppp-b10", ""},
                                                      {"ppp-unshared", ""}});
  const ppp::Settings s;
  const auto b_of = [&](const char* row) {
    return options_of(find_method(ppp::methods(), row), s).prototype;
  };
  CHECK(b_of("ppp") == 1);
  CHECK(b_of("ppp-b0") == 0);
  CHECK(b_of("ppp-b0.1") == 0.1);
  CHECK(b_of("ppp-b10") == 10);
  CHECK(b_of("aig") == 0);
  CHECK(!options_of(find_method(ppp::methods(), "aig"), s).shared);
  CHECK(options_of(find_method(ppp::methods(), "ppp-b0"), s).shared);
  CHECK(!options_of(find_method(ppp::methods(), "ppp-unshared"), s).shared);
}

TEST_CASE("presets: digits leave one speaker out in turn; images hold two persons out") {
  const std::map<std::string, std::string> stated[] = {{{"task", "digits"},
                                                        {"leave_out", "true"},
                                                        {"held", "0"},
                                                        {"enrol", "10"},
                                                        {"prototype", "1"},
                                                        {"target", "0.6"},
                                                        {"shared", "true"},
                                                        {"gate", "channel"},
                                                        {"depth", "8"},
                                                        {"width", "16"},
                                                        {"tune_epochs", "5"}},
                                                       {{"task", "persons"},
                                                        {"leave_out", "false"},
                                                        {"held", "2"},
                                                        {"people", "20"},
                                                        {"classes", "4"}}};
  for (std::map<std::string, std::string> all : stated) {
    TaskList tasks = ppp_tasks();
    tasks.choose(all["task"], "small");
    CHECK(tasks.seeds() == 5);
    all.erase("task");
    std::vector<Field> fields = tasks.fields();
    for (const auto& [key, value] : all) {
      CAPTURE(key);
      CHECK(text(*find(fields, key)) == value);
    }
  }
  TaskList paper = ppp_tasks();
  paper.choose("digits", "paper");
  std::vector<Field> fields = paper.fields();
  CHECK(text(*find(fields, "epochs")) == "350");
  CHECK(text(*find(fields, "rate")) == "2");
}

TEST_CASE("settings that contradict each other are refused before any data") {
  const auto refused = [](const std::vector<std::string>& words, const char* why) {
    TaskList tasks = ppp_tasks();
    return complaint<ConfigError>([&] { parsed(tasks, words); }, why);
  };
  CHECK(refused({"--depth", "9"}, "6 n + 2") == "");
  CHECK(refused({"--gate", "chanel"}, "channel, block") == "");
  CHECK(refused({"--held", "20"}, "one must be left") == "");
  CHECK(refused({"--leave-out"}, "one of the two") == "");
  CHECK(refused({"--samples", "1"}, "samples") == "");
  CHECK(refused({"--methods", "aig", "--draws", "4"}, "no row of the table is random") == "");
  CHECK(refused({"--methods", "aig", "--prototype", "4"}, "its own b") == "");
  CHECK(refused({"--methods", "aig,ppp-unshared", "--shared=false"}, "shares gates") == "");
  CHECK(refused({"--task", "digits", "--people", "9"}, "are given") == "");
  CHECK(refused({"--size", "9"}, "a size of their own") == "");
}

TEST_CASE("a trial's state is all that its steps change") {
  const auto data = std::make_shared<const Persons>(few_persons(4, 0));
  ppp::Settings s = few_settings();
  s.held = 0, s.leave_out = true, s.epochs = 2;
  const Job job{"ppp", "", 4};
  PppTrial whole(job, s, data), first(job, s, data), second(job, s, data);
  const int64_t steps = 5 * steps_of_net(s, *data);
  const auto bits = [](PppTrial& t) {
    std::vector<std::pair<std::string, std::vector<double>>> out;
    t.state([&](const std::string& name, Tensor& x) { out.emplace_back(name, x.to_vector()); });
    return out;
  };
  const auto names = bits(whole);
  for (int64_t i = 0; i < steps; ++i) whole.step(i);
  // broken off within the third net
  const int64_t at = 2 * steps_of_net(s, *data) + 1;
  for (int64_t i = 0; i < at; ++i) first.step(i);
  std::map<std::string, Tensor> kept;
  first.state([&](const std::string& name, Tensor& x) { kept[name] = x; });
  second.state([&](const std::string& name, Tensor& x) {
    x = kept.at(name).detach().requires_grad_(x.requires_grad());
  });
  for (int64_t i = at; i < steps; ++i) second.step(i);
  CHECK(bits(whole) == bits(second));
  CHECK(bits(whole).size() == names.size());
  const Outcome a = whole.finish(), b = second.finish();
  REQUIRE(a.scores.size() == b.scores.size());
  for (size_t k = 0; k < a.scores.size(); ++k) CHECK(a.scores[k].value == b.scores[k].value);
}

TEST_CASE("what a row reports: sizes of cut nets, overlap, cost of training, pictures") {
  const auto data = std::make_shared<const Persons>(few_persons(4, 1));
  ppp::Settings s = few_settings();
  s.lr = 0.15, s.rate = 30, s.target = 0.4;
  PppTrial trial({"ppp", "", 2}, s, data);
  for (int64_t i = 0; i < 40; ++i) trial.step(i);
  const Outcome out = trial.finish();
  const GatedNet& net = trial.folds()[0].net();
  // 6x6 pixels, conv 1 -> 2, blocks of 2, 4, 8 at 6x6, 3x3, 2x2
  const auto macs = [](double a, double b, double c) {
    return 36 * 9 * 2 + 36 * 9 * (2 * a + a * 2) + 9 * 9 * (2 * b + b * 4) + 9 * 2 * 4 +
           4 * 9 * (4 * c + c * 8) + 4 * 4 * 8 + 8 * 3;
  };
  const auto size = [](double a, double b, double c) {
    return 9 * 2 + 4 + 9 * 4 * a + 2 * (a + 2) + 9 * 6 * b + 2 * (b + 4) + 8 + 8 + 9 * 12 * c +
           2 * (c + 8) + 32 + 16 + 24 + 3;
  };
  double told_macs = 0, told_size = 0;
  std::vector<Tensors> masks;
  for (int64_t u = 0; u < 3; ++u) {
    masks.push_back(personalize(net, data->examples(enrolled(*data, u, 3, 2))).masks);
    const Tensors& m = masks.back();
    const double a = sum(m[0]).item(), b = sum(m[1]).item(), c = sum(m[2]).item();
    told_macs += macs(a, b, c) / 3, told_size += size(a, b, c) / 3;
  }
  CHECK(score(out, "ppp", "MACs, % of full") == doctest::Approx(100 * told_macs / macs(2, 4, 8)));
  CHECK(score(out, "ppp", "parameters, % of full") ==
        doctest::Approx(100 * told_size / size(2, 4, 8)));
  CHECK(told_macs < macs(2, 4, 8));
  CHECK(score(out, "ppp", "bytes") == doctest::Approx(4 * told_size));
  CHECK(score(out, "full", "MACs, % of full") == 100);
  for (const char* same : {"random", "norm", "norm-gated", "norm-tuned"})
    CHECK(score(out, same, "MACs, % of full") ==
          doctest::Approx(score(out, "ppp", "MACs, % of full")));
  CHECK(score(out, "ppp", "overlap, %") ==
        doctest::Approx(100 *
                        (overlap(masks[0], masks[1]) + overlap(masks[0], masks[2]) +
                         overlap(masks[1], masks[2])) /
                        3));
  // three passes a step of 8 examples; gate nets: pooled maps of 2, 2, 4 to 16, and 16 to 2 gates
  const double gates = 16 * 2 + 32 * 2 + 16 * 2 + 32 * 4 + 16 * 4 + 32 * 8;
  CHECK(score(out, "full", "training, 1e9 MACs") == doctest::Approx(3e-9 * 40 * 8 * macs(2, 4, 8)));
  CHECK(score(out, "ppp", "training, 1e9 MACs") ==
        doctest::Approx(3e-9 * 40 * 8 * (macs(2, 4, 8) + gates)));
  CHECK(score(out, "norm-tuned", "training, 1e9 MACs") ==
        doctest::Approx(3e-9 * (40 * 8 * macs(2, 4, 8) + 3 * 3 * 3 * told_macs)));
  REQUIRE(out.galleries.size() == 2);
  CHECK(out.galleries[0].pictures.size() == 6);  // kept and prototypes of three blocks
  REQUIRE(out.figures.size() == 2);
  CHECK(out.figures[0].series.size() == 7);
  CHECK(out.figures[1].series[0].x.size() == 3);
  // each person's own
  double mean_of_three = 0;
  for (const char* who : {"person 0", "person 1", "person 2"})
    mean_of_three += score(out, "ppp", std::string("accuracy of ") + who) / 3;
  CHECK(mean_of_three == doctest::Approx(score(out, "ppp", "accuracy")));
  CHECK(score(out, "ppp", "unseen person 3") == score(out, "ppp", "unseen"));
  // who is in no training keeps channels of its own
  const Tensors m = personalize(net, data->examples(enrolled(*data, 3, 3, 2))).masks;
  const double a = sum(m[0]).item(), b = sum(m[1]).item(), c = sum(m[2]).item();
  for (const char* row : {"ppp", "random", "norm"}) {
    CHECK(score(out, row, "MACs of unseen, % of full") ==
          doctest::Approx(100 * macs(a, b, c) / macs(2, 4, 8)));
    CHECK(score(out, row, "parameters of unseen, % of full") ==
          doctest::Approx(100 * size(a, b, c) / size(2, 4, 8)));
  }
  CHECK(score(out, "full", "MACs of unseen, % of full") == 100);

  // AIG runs what each example opens, and its gate nets
  PppTrial aig({"aig", "", 2}, s, data);
  for (int64_t i = 0; i < 40; ++i) aig.step(i);
  const Outcome by_example = aig.finish();
  double of_examples = 0;
  for (int64_t u = 0; u < 3; ++u) {
    Context ctx;
    Paths paths;
    const NoGrad quiet;
    aig.folds()[0].net().forward(data->examples(data->people[static_cast<size_t>(u)].test), ctx,
                                 own(aig.folds()[0].net(), paths));
    double open[3];
    for (size_t l = 0; l < 3; ++l)
      open[l] = mean(paths.h[l]).item() * static_cast<double>(paths.h[l].size(1));
    of_examples += (macs(open[0], open[1], open[2]) + gates) / 3;
  }
  CHECK(score(by_example, "aig", "MACs, % of full") ==
        doctest::Approx(100 * of_examples / macs(2, 4, 8)));
  CHECK(score(by_example, "aig", "parameters, % of full") > 100);
}

TEST_CASE("sizes of left-out persons' nets are of the nets that left them out") {
  const auto data = std::make_shared<const Persons>(few_persons(4, 0));
  ppp::Settings s = few_settings();
  s.held = 0, s.leave_out = true, s.epochs = 3, s.lr = 0.15, s.rate = 30, s.target = 0.4;
  PppTrial trial({"ppp", "", 2}, s, data);
  for (int i = 0; i < 45; ++i) trial.step(i);
  const Outcome out = trial.finish();
  double told = 0, full = 0;
  for (int64_t u = 0; u < 4; ++u) {
    const GatedNet& net = trial.folds()[static_cast<size_t>(u + 1)].net();
    const Personal mine = personalize(net, data->examples(enrolled(*data, u, 3, 2)));
    const GatedNet& full_net = trial.folds()[static_cast<size_t>(u + 1)].full;
    told += static_cast<double>(ppp::cost_of_net(mine.net, data->info).macs) / 4;
    full += static_cast<double>(ppp::cost_of_net(full_net, data->info).macs) / 4;
  }
  CHECK(score(out, "ppp", "MACs of unseen, % of full") == doctest::Approx(100 * told / full));
  CHECK(score(out, "ppp", "MACs of unseen, % of full") != score(out, "ppp", "MACs, % of full"));
}

TEST_CASE("the models that a run leaves can be personalized, and the full one has no gates") {
  const TempFolder at;
  const auto data = std::make_shared<const Persons>(few_persons(4, 1, DType::f32));
  PppTrial trial({"ppp", "", 2}, few_settings(), data);
  for (int64_t i = 0; i < 5; ++i) trial.step(i);
  save_safetensors(at / "ppp", trial.model(), trial.about());
  save_safetensors(at / "full", trial.model_of("full"), trial.about());
  const Global back = load_global(at / "ppp");
  const Tensor x = data->examples(data->people[0].test);
  CHECK(back.net(x).to_vector() == trial.folds()[0].net()(x).to_vector());
  CHECK(back.info.classes == data->info.classes);
  CHECK(inputs_of(back.metadata, back.info, "m").info.height == side);
  CHECK(complaint<IOError>([&] { load_global(at / "full"); }, "has no gates") == "");
  CHECK(trial.model_of("norm").empty());
}

TEST_CASE("pictures: dark where a channel is kept") {
  Personal a, b;
  a.masks = {tensor({1, 0, 1})}, b.masks = {tensor({0, 0, 1})};
  a.prototype = {tensor({0.9, 0.1, 0.6})}, b.prototype = {tensor({0.2, 0.3, 1})};
  const Gallery g = channels_kept("ppp", {&a, &b}, {"ann", "bob"});
  REQUIRE(g.pictures.size() == 2);
  CHECK(g.title.find("ann, bob") != std::string::npos);
  const Picture& kept = g.pictures[0];
  const int zoom = kept.width / 3;
  CHECK(kept.height == 2 * zoom);
  const auto at = [&](const Picture& p, int row, int column) {
    return static_cast<unsigned char>(
        p.pixels[static_cast<size_t>((row * zoom + 1) * p.width + column * zoom + 1)]);
  };
  const unsigned char dark = 30, light = 240;
  CHECK(at(kept, 0, 0) == dark);
  CHECK(at(kept, 0, 1) == light);
  CHECK(at(kept, 1, 0) == light);
  CHECK(at(kept, 1, 2) == dark);
  CHECK(kept.caption.find("50%") != std::string::npos);
  CHECK(at(g.pictures[1], 0, 0) == 51);  // pi = 0.9
  const Gallery o = overlaps("ppp", {&a, &b});
  CHECK(o.pictures[0].caption.find("50%") != std::string::npos);
}
