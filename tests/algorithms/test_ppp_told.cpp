// Every row of regrad-ppp that trains a net against a second telling (ppp_told.h): twenty steps of
// the trial itself in f64, and its scores.
#include <doctest/doctest.h>
#include <regrad/algorithms/ppp/experiment/measure.h>

#include <set>

#include "ppp_persons.h"
#include "ppp_told.h"

using namespace regrad;
using namespace regrad::ppp;
using namespace regrad::test;
using experiment::Job;
using experiment::Outcome;

namespace {

struct Arm5 {  // section 5.4, written down beside methods.h
  const char* name;
  double b;
  bool shared;
};
const std::vector<Arm5> arms = {{"ppp", 1.5, true},    {"aig", 0, false},
                                {"ppp-b0", 0, true},   {"ppp-b0.1", 0.1, true},
                                {"ppp-b10", 10, true}, {"ppp-unshared", 1.5, false}};

bool is_buffer(const std::string& name) { return name.find("running_") != std::string::npos; }

// The state below a prefix.
Numbers state_of(PppTrial& trial, const std::string& prefix) {
  Numbers out;
  trial.state([&](const std::string& name, Tensor& t) {
    if (name.rfind(prefix, 0) == 0) out[name.substr(prefix.size())] = t.to_vector();
  });
  REQUIRE(!out.empty());
  return out;
}

Pass pass_of(const Numbers& net, Tape* tape, bool training) {
  Pass p{Arm{"", "none", 0, false, ""}};
  p.training = training;
  for (const auto& [name, values] : net)
    for (const double v : values)
      p.at[name].push_back(tape && !is_buffer(name) ? tape->leaf(v) : Num(v));
  return p;
}

Map examples(const Persons& data, const std::vector<int64_t>& at) {
  Map x(static_cast<int>(at.size()), 1, side, side);
  const std::vector<double> all = data.x.to_vector();
  each_cell(x, [&](int n, int, int f, int t) {
    x(n, 0, f, t) = all[static_cast<size_t>((at[static_cast<size_t>(n)] * side + f) * side + t)];
  });
  return x;
}
std::vector<std::vector<double>> targets(const Persons& data, const std::vector<int64_t>& at) {
  std::vector<std::vector<double>> out;
  const std::vector<double> y = data.y.to_vector();
  for (const int64_t i : at) {
    out.emplace_back(kinds, 0.0);
    out.back()[static_cast<size_t>(y[static_cast<size_t>(i)])] = 1;
  }
  return out;
}

// One net in training: v = momentum v + g + decay p, p - lr v.
struct Trained {
  Numbers net, velocity = {};
  void step(const std::function<Num(Pass&)>& loss, double lr, double momentum, double decay) {
    Tape tape;
    Pass p = pass_of(net, &tape, true);
    const std::vector<double> d = tape.derivatives(loss(p));
    for (auto& [name, values] : net) {
      if (is_buffer(name)) {
        if (p.running.count(name)) values = p.running[name];
        continue;
      }
      std::vector<double>& v = velocity[name];
      v.resize(values.size(), 0.0);
      for (size_t i = 0; i < values.size(); ++i) {
        v[i] = momentum * v[i] + d[static_cast<size_t>(p.at[name][i].at)] + decay * values[i];
        values[i] -= lr * v[i];
      }
    }
  }
};

// P persons of those in the training in a random order, K examples of each in another.
std::vector<int64_t> told_batch(const Persons& data, const std::vector<int64_t>& people,
                                const Settings& s, const Random& r) {
  const std::vector<double> order =
      randperm(r / "persons", static_cast<int64_t>(people.size())).to_vector();
  std::vector<int64_t> at;
  for (int p = 0; p < s.persons; ++p) {
    const int64_t u = people[static_cast<size_t>(order[static_cast<size_t>(p)])];
    const std::vector<int64_t>& own = data.people[static_cast<size_t>(u)].train;
    const std::vector<double> which =
        randperm(r / "examples" / u, static_cast<int64_t>(own.size())).to_vector();
    for (int k = 0; k < s.samples; ++k)
      at.push_back(own[static_cast<size_t>(which[static_cast<size_t>(k)])]);
  }
  return at;
}

double furthest(const Numbers& told, const Numbers& now) {
  double worst = 0;
  REQUIRE(told.size() == now.size());
  for (const auto& [name, values] : told) {
    const std::vector<double>& other = now.at(name);
    REQUIRE(other.size() == values.size());
    double size = 1e-12, off = 0;
    for (size_t i = 0; i < values.size(); ++i)
      size = std::max(size, std::abs(values[i])),
      off = std::max(off, std::abs(values[i] - other[i]));
    worst = std::max(worst, off / size);
  }
  return worst;
}

// Steps [0, n) of net f of a trial, told.
struct Told2 {
  Trained gated, full = {};
};
Told2 told_steps(const Persons& data, const Settings& s, const Arm5& arm, uint64_t seed, int f,
                 int n, int steps, Told2 now) {
  const Random r = Random(seed) / "ppp" / "net" / int64_t{f};
  std::vector<int64_t> people;
  for (int64_t u = 0; u < data.count() - data.held; ++u)
    if (u != f - 1) people.push_back(u);
  for (int i = 0; i < n; ++i) {
    double lr = s.lr;
    for (const double m : s.milestones)
      if (i >= m * steps) lr *= s.gamma;
    const std::vector<int64_t> at = told_batch(data, people, s, r / "batch" / i);
    const Map x = examples(data, at);
    const auto y = targets(data, at);
    const auto learn = [&](Pass& p) {
      ToldGates g{arm.shared && i % 2 ? Told::shared : Told::sampled, r / "gates" / "gates" / i,
                  s.persons};
      g.of_blocks = s.gate == "block";
      const Num ce = told_loss(told_gated(p, x, s.width, kinds, g), y);
      return ce + told_rate(g, s.target) * s.rate + told_prototype(g) * arm.b;
    };
    now.gated.step(learn, lr, s.momentum, s.weight_decay);
    if (std::string(arm.name) != "ppp") continue;
    now.full.step(
        [&](Pass& p) {
          ToldGates g;
          return told_loss(told_gated(p, x, s.width, kinds, g), y);
        },
        lr, s.momentum, s.weight_decay);
  }
  return now;
}

}  // namespace

TEST_CASE("twenty steps of each trial are the second telling's") {
  const auto data = std::make_shared<const Persons>(few_persons());
  for (const char* gate : {"channel", "block"}) {
    Settings s = few_settings();
    s.gate = gate, s.prototype = 1.5;
    for (const Arm5& arm : arms) {
      CAPTURE(arm.name);
      CAPTURE(gate);
      PppTrial trial({arm.name, "", 3}, s, data);
      const int steps = static_cast<int>(steps_of_net(s, *data));
      REQUIRE(steps == 40);  // 3 persons x 6 examples in batches of 8: 2 an epoch
      Told2 told{{state_of(trial, "net.0.gated.0.net.")}};
      const bool whole = std::string(arm.name) == "ppp";
      if (whole) told.full.net = state_of(trial, "net.0.full.");
      for (int i = 0; i < 20; ++i) trial.step(i);
      told = told_steps(*data, s, arm, 3, 0, 20, steps, std::move(told));
      CHECK(furthest(told.gated.net, state_of(trial, "net.0.gated.0.net.")) < 1e-10);
      if (whole) CHECK(furthest(told.full.net, state_of(trial, "net.0.full.")) < 1e-10);
    }
  }
}

TEST_CASE("a net that leaves a person out is trained on the others") {
  const auto data = std::make_shared<const Persons>(few_persons(4, 0));
  Settings s = few_settings();
  s.held = 0, s.leave_out = true, s.epochs = 3;
  PppTrial trial({"ppp", "", 5}, s, data);
  const int steps = static_cast<int>(steps_of_net(s, *data));
  REQUIRE(steps == 9);
  REQUIRE(nets_of("ppp", s, *data) == 5);
  CHECK(nets_of("aig", s, *data) == 1);
  for (const int f : {1, 2, 3, 4}) {
    const std::string net = "net." + std::to_string(f);
    Told2 told{{state_of(trial, net + ".gated.0.net.")}, {state_of(trial, net + ".full.")}};
    for (int i = f * steps; i < (f + 1) * steps; ++i) trial.step(i);
    told = told_steps(*data, s, {"ppp", 1, true}, 5, f, steps, steps, std::move(told));
    CHECK(furthest(told.gated.net, state_of(trial, net + ".gated.0.net.")) < 1e-10);
    CHECK(furthest(told.full.net, state_of(trial, net + ".full.")) < 1e-10);
  }
}

namespace {

using Masks = std::vector<std::vector<double>>;

// 100 or 0 for each test example of a person.
std::vector<double> told_hits(const Persons& data, const Settings& s, const Numbers& net, int64_t u,
                              ToldGates g) {
  const std::vector<int64_t>& at = data.people[static_cast<size_t>(u)].test;
  Pass p = pass_of(net, nullptr, false);
  g.of_blocks = s.gate == "block";
  const Map z = told_gated(p, examples(data, at), s.width, kinds, g);
  const std::vector<double> y = data.y.to_vector();
  std::vector<double> out;
  for (int n = 0; n < z.n; ++n) {
    int best = 0;
    for (int k = 1; k < kinds; ++k)
      if (z(n, k, 0, 0).v > z(n, best, 0, 0).v) best = k;
    out.push_back(best == y[static_cast<size_t>(at[static_cast<size_t>(n)])] ? 100 : 0);
  }
  return out;
}

std::vector<int64_t> told_enrolled(const Persons& data, const Settings& s, int64_t u,
                                   uint64_t seed) {
  const std::vector<int64_t>& pool = data.people[static_cast<size_t>(u)].pool;
  const std::vector<double> order =
      randperm(Random(seed) / "ppp" / "enrol" / u, static_cast<int64_t>(pool.size())).to_vector();
  std::vector<int64_t> out;
  for (int k = 0; k < s.enrol; ++k)
    out.push_back(pool[static_cast<size_t>(order[static_cast<size_t>(k)])]);
  return out;
}

Masks told_kept(const Persons& data, const Settings& s, const Numbers& net,
                const std::vector<int64_t>& at) {
  Pass p = pass_of(net, nullptr, false);
  ToldGates g{Told::own};
  g.of_blocks = s.gate == "block";
  told_gated(p, examples(data, at), s.width, kinds, g);
  Masks out;
  for (const Map& pi : g.pi) {
    std::vector<double> mean(static_cast<size_t>(pi.c), 0.0), kept(mean);
    each_cell(pi, [&](int n, int c, int, int) {
      mean[static_cast<size_t>(c)] += pi(n, c, 0, 0).v / pi.n;
    });
    for (size_t c = 0; c < mean.size(); ++c) kept[c] = mean[c] > 0.5;
    if (!g.of_blocks)
      kept[static_cast<size_t>(std::max_element(mean.begin(), mean.end()) - mean.begin())] = 1;
    out.push_back(kept);
  }
  return out;
}

// As many channels of each block, those whose filters have the largest norm.
Masks told_norm(const Numbers& net, const Masks& like) {
  Masks out;
  for (size_t l = 0; l < like.size(); ++l) {
    const std::vector<double>& w = net.at("blocks." + std::to_string(l) + ".conv1.weight");
    const size_t channels = like[l].size(), each = w.size() / channels;
    std::vector<std::pair<double, size_t>> size;
    for (size_t c = 0; c < channels; ++c) {
      double sum = 0;
      for (size_t i = 0; i < each; ++i) sum += w[c * each + i] * w[c * each + i];
      size.emplace_back(-sum, c);
    }
    std::sort(size.begin(), size.end());
    out.emplace_back(channels, 0.0);
    double count = 0;
    for (const double m : like[l]) count += m;
    for (size_t i = 0; i < static_cast<size_t>(count); ++i) out.back()[size[i].second] = 1;
  }
  return out;
}

Masks told_random(const Masks& like, const Random& r) {
  Masks out;
  for (size_t l = 0; l < like.size(); ++l) {
    const std::vector<double> order =
        randperm(r / static_cast<int64_t>(l), static_cast<int64_t>(like[l].size())).to_vector();
    out.emplace_back(like[l].size(), 0.0);
    double count = 0;
    for (const double m : like[l]) count += m;
    for (size_t i = 0; i < static_cast<size_t>(count); ++i)
      out.back()[static_cast<size_t>(order[i])] = 1;
  }
  return out;
}

// Fine-tuned at these masks, norms by their running statistics.
Numbers told_tuned(const Persons& data, const Settings& s, const Numbers& net, const Masks& masks,
                   const std::vector<int64_t>& at) {
  Trained now{net};
  for (int e = 0; e < s.tune_epochs; ++e)
    now.step(
        [&](Pass& p) {
          p.training = false;
          ToldGates g{Told::given};
          g.masks = masks;
          return told_loss(told_gated(p, examples(data, at), s.width, kinds, g), targets(data, at));
        },
        s.tune_lr, s.momentum, 0);
  return now.net;
}

std::vector<double> mean_of_lists(const std::vector<std::vector<double>>& lists) {
  std::vector<double> out(lists[0].size(), 0.0);
  for (const auto& list : lists)
    for (size_t i = 0; i < out.size(); ++i) out[i] += list[i] / static_cast<double>(lists.size());
  return out;
}

const experiment::Items& items_of(const Outcome& o, const std::string& row,
                                  const std::string& metric) {
  for (const experiment::Items& i : o.items)
    if (i.method == row && i.metric == metric) return i;
  FAIL("no items of " << row);
  return o.items[0];
}

double off(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  double worst = 0;
  for (size_t i = 0; i < a.size(); ++i) worst = std::max(worst, std::abs(a[i] - b[i]));
  return worst;
}

// Of one net and person: each row's hits.
std::map<std::string, std::vector<double>> told_rows(const Persons& data, const Settings& s,
                                                     const Numbers& gated, const Numbers& full,
                                                     const std::vector<int64_t>& people, int64_t u,
                                                     uint64_t seed) {
  const auto at = [&](const Numbers& net, const Masks& masks) {
    ToldGates g{Told::given};
    g.masks = masks;
    return told_hits(data, s, net, u, g);
  };
  const auto kept = [&](int64_t v) {
    return told_kept(data, s, gated, told_enrolled(data, s, v, seed));
  };
  const Masks mine = kept(u);
  std::map<std::string, std::vector<double>> out;
  out["ppp"] = at(gated, mine);
  std::vector<std::vector<double>> others, draws;
  const size_t n = people.size();
  for (size_t k = 1; k <= n && others.size() < static_cast<size_t>(s.others); ++k) {
    const int64_t v = people[(static_cast<size_t>(u) + k) % n];
    if (v != u) others.push_back(at(gated, kept(v)));
  }
  for (int64_t d = 0; d < s.draws; ++d)
    draws.push_back(at(gated, told_random(mine, Random(seed) / "ppp" / "random" / u / d)));
  out["ppp-other"] = mean_of_lists(others), out["random"] = mean_of_lists(draws);
  out["norm-gated"] = at(gated, told_norm(gated, mine));
  const Masks by_norm = told_norm(full, mine);
  out["norm"] = at(full, by_norm);
  out["norm-tuned"] =
      at(told_tuned(data, s, full, by_norm, told_enrolled(data, s, u, seed)), by_norm);
  out["full"] = told_hits(data, s, full, u, {});
  return out;
}

}  // namespace

TEST_CASE("scores of row ppp and of what stands beside it are the second telling's") {
  const auto data = std::make_shared<const Persons>(few_persons(5, 1));
  Settings s = few_settings();
  s.lr = 0.15, s.rate = 30, s.target = 0.4, s.tune_lr = 0.03;
  PppTrial trial({"ppp", "", 2}, s, data);
  for (int i = 0; i < 40; ++i) trial.step(i);
  const Numbers gated = state_of(trial, "net.0.gated.0.net."),
                full = state_of(trial, "net.0.full.");
  const Outcome out = trial.finish();
  std::set<std::vector<double>> different;
  std::map<std::string, std::vector<double>> seen, unseen;
  std::vector<int64_t> groups;
  for (int64_t u = 0; u < 5; ++u)
    for (const auto& [row, hits] : told_rows(*data, s, gated, full, {0, 1, 2, 3}, u, 2)) {
      std::vector<double>& to = (u < 4 ? seen : unseen)[row];
      to.insert(to.end(), hits.begin(), hits.end());
    }
  REQUIRE(seen.size() == 7);
  for (const auto& [row, hits] : seen) {
    CAPTURE(row);
    CHECK(off(items_of(out, row, "accuracy").values, hits) < 1e-9);
    CHECK(off(items_of(out, row, "unseen").values, unseen.at(row)) < 1e-9);
    CHECK(items_of(out, row, "accuracy").groups == std::vector<int64_t>{0, 0, 1, 1, 2, 2, 3, 3});
    CHECK(items_of(out, row, "unseen").groups == std::vector<int64_t>{4, 4});
    std::vector<double> both = hits;
    both.insert(both.end(), unseen.at(row).begin(), unseen.at(row).end());
    different.insert(both);
  }
  CHECK(different.size() >= 4);  // else the rows could be exchanged
}

TEST_CASE("with gates of blocks: whole branches go") {
  const auto data = std::make_shared<const Persons>(few_persons(5, 1));
  Settings s = few_settings();
  s.gate = "block", s.lr = 0.15, s.rate = 30, s.target = 0.4;
  PppTrial trial({"ppp", "", 2}, s, data);
  for (int i = 0; i < 40; ++i) trial.step(i);
  const Numbers gated = state_of(trial, "net.0.gated.0.net."),
                full = state_of(trial, "net.0.full.");
  const Outcome out = trial.finish();
  std::map<std::string, std::vector<double>> seen;
  for (int64_t u = 0; u < 4; ++u)
    for (const auto& [row, hits] : told_rows(*data, s, gated, full, {0, 1, 2, 3}, u, 2))
      seen[row].insert(seen[row].end(), hits.begin(), hits.end());
  for (const char* row : {"ppp", "ppp-other", "full"}) {
    CAPTURE(row);
    CHECK(off(items_of(out, row, "accuracy").values, seen.at(row)) < 1e-9);
  }
}

TEST_CASE("a left-out person's scores are those of the net that left it out") {
  const auto data = std::make_shared<const Persons>(few_persons(4, 0));
  Settings s = few_settings();
  s.held = 0, s.leave_out = true, s.epochs = 3, s.lr = 0.15, s.rate = 30, s.target = 0.4;
  PppTrial trial({"ppp", "", 2}, s, data);
  for (int i = 0; i < 45; ++i) trial.step(i);
  const Outcome out = trial.finish();
  std::map<std::string, std::vector<double>> told, of_main;
  for (int64_t u = 0; u < 4; ++u) {
    const std::string net = "net." + std::to_string(u + 1);
    std::vector<int64_t> people;
    for (int64_t v = 0; v < 4; ++v)
      if (v != u) people.push_back(v);
    for (const auto& [row, hits] : told_rows(*data, s, state_of(trial, net + ".gated.0.net."),
                                             state_of(trial, net + ".full."), people, u, 2))
      told[row].insert(told[row].end(), hits.begin(), hits.end());
  }
  for (const auto& [row, hits] : told) {
    CAPTURE(row);
    CHECK(off(items_of(out, row, "unseen").values, hits) < 1e-9);
    CHECK(items_of(out, row, "unseen").groups == std::vector<int64_t>{0, 0, 1, 1, 2, 2, 3, 3});
  }
  // both are of the same test examples, by other nets
  CHECK(off(items_of(out, "full", "unseen").values, items_of(out, "full", "accuracy").values) > 0);
}

TEST_CASE("scores of rows aig and aig-own are the second telling's") {
  const auto data = std::make_shared<const Persons>(few_persons(5, 1));
  Settings s = few_settings();
  s.lr = 0.15, s.rate = 30, s.target = 0.4;
  PppTrial trial({"aig", "", 2}, s, data);
  for (int i = 0; i < 40; ++i) trial.step(i);
  const Numbers net = state_of(trial, "net.0.gated.0.net.");
  const Outcome out = trial.finish();
  std::vector<double> by_example, own;
  for (int64_t u = 0; u < 4; ++u) {
    ToldGates each{Told::own}, mine{Told::given};
    mine.masks = told_kept(*data, s, net, told_enrolled(*data, s, u, 2));
    for (const double h : told_hits(*data, s, net, u, each)) by_example.push_back(h);
    for (const double h : told_hits(*data, s, net, u, mine)) own.push_back(h);
  }
  CHECK(off(items_of(out, "aig", "accuracy").values, by_example) < 1e-9);
  CHECK(off(items_of(out, "aig-own", "accuracy").values, own) < 1e-9);
}
