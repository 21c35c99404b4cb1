// The trial of every method of regrad-cml, and the family's other members, against a second telling
// (cml_told.h): 20 outer steps to 1e-10, what is held after each, and what is logged and scored.
#include <doctest/doctest.h>
#include <regrad/algorithms/cml/experiment/trial.h>
#include <regrad/algorithms/maml/meta_sgd.h>
#include <regrad/algorithms/maml/reptile.h>

#include <map>

#include "cml_nets.h"
#include "cml_told.h"

using namespace regrad;
using namespace regrad::cml;
using regrad::test::flat;
using regrad::test::gap;
namespace told = regrad::test::told;
using told::Numbers;
using told::Places;

namespace {

constexpr double near = 1e-10;  // relative

// The net of cml_told.h.
struct Norm {  // x [..,1], weight and bias [1] or [T,1]
  Tensor weight, bias;
  Tensor operator()(const Tensor& x) const {
    return weight.dim() == 1 ? x * weight + bias : x * unsqueeze(weight, 1) + unsqueeze(bias, 1);
  }
  static void parts(auto& self, auto&& part) {
    part("weight", self.weight);
    part("bias", self.bias);
  }
};
struct Body {
  Norm norm;
  Linear map;
  Tensor operator()(const Tensor& x) const { return activations(x).back(); }
  std::vector<Tensor> activations(const Tensor& x) const {
    const Tensor u = norm(x);
    return {u, map(u)};
  }
  static void parts(auto& self, auto&& part) {
    part("norm", self.norm);
    part("map", self.map);
  }
};
using TinyNet = Model<Body, Linear, Linear>;
const Numbers start{0.8, -0.3, 0.7, -0.5, 0.2, 0.4, 0.6, -0.9, 0.1, -0.4, 0.5, 0.3};
Tensor leaf(const Numbers& v, const Shape& shape) {
  return tensor(v, shape, DType::f64).requires_grad_();
}
Linear map_of(const Numbers& weight, const Numbers& bias) {
  const auto out = static_cast<int64_t>(bias.size());
  Linear l;
  l.weight = leaf(weight, {out, static_cast<int64_t>(weight.size()) / out});
  l.bias = leaf(bias, {out});
  return l;
}
TinyNet tiny_net() {
  const Numbers& w = start;
  return {{{leaf({w[0]}, {1}), leaf({w[1]}, {1})}, map_of({w[2], w[3]}, {w[4], w[5]})},
          map_of({w[6], w[7]}, {w[8]}),
          map_of({w[9], w[10]}, {w[11]})};
}

// Each split has points of its own: another offset, and another number of query points at test.
constexpr int64_t support_points = 3;
TaskBatch drawn(Split split, const Random& r, int64_t first, int64_t count) {
  const int64_t query = split == Split::training ? 4 : 5, n = support_points + query;
  Numbers x[2], y[2];
  for (int64_t t = first; t < first + count; ++t) {
    const Random task = r / t;
    const double slope = 2 * task.uniform(0) - 1, offset = 0.3 * static_cast<double>(split);
    for (int64_t k = 0; k < n; ++k) {
      const double at = 2 * task.uniform(static_cast<uint64_t>(1 + k)) - 1;
      const size_t part = k < support_points ? 0 : 1;
      x[part].push_back(at), y[part].push_back(slope * at + offset);
    }
  }
  const auto as = [&](const Numbers& v, int64_t k) { return tensor(v, {count, k, 1}, DType::f64); };
  return {as(x[0], support_points), as(y[0], support_points), as(x[1], query), as(y[1], query)};
}
std::vector<told::Episode> episodes(const TaskBatch& b) {
  std::vector<told::Episode> out;
  for (int64_t t = 0; t < b.tasks(); ++t)
    out.push_back({{b.support_x[t].to_vector(), b.support_y[t].to_vector()},
                   {b.query_x[t].to_vector(), b.query_y[t].to_vector()}});
  return out;
}
std::vector<told::Episode> training(uint64_t seed, int64_t step) {
  return episodes(drawn(Split::training, Random(seed) / "tasks" / step, 0, 3));
}
std::vector<told::Episode> held_out(const char* name, Split split, int64_t count) {
  return episodes(drawn(split, Random(0) / name, 0, count));
}

// Settings that no two of which agree, so that one read for another shows.
MetaSettings settings() {
  MetaSettings s;
  s.steps = 20, s.tasks = 3, s.inner_steps = 2, s.alpha = 0.07, s.gamma = 0.3, s.lr = 0.013;
  s.log_every = 5, s.validation_tasks = 4, s.test_tasks = 5, s.test_chunk = 2;
  s.last = 2, s.last_tasks = 3;
  s.plus_plus.inner_steps = 3, s.plus_plus.epochs = 10, s.plus_plus.multi_step_epochs = 6;
  s.plus_plus.first_order_epochs = 2;
  s.sharp.inner_steps = 2, s.sharp.alpha_low = 0.04, s.sharp.alpha_up = 0.09;
  return s;
}

const Places psi_theta = told::join(told::psi_places, told::theta_places),
             everything = told::join(psi_theta, told::phi_places);

// A method, told.
struct Story {
  MetaSettings s;
  Family family;
  CoLearner cohead;
  double gamma;
  told::Rule rule = {};
  Places learned = psi_theta;
  Numbers w = start, rates = {}, norms = {};
  told::Adam adam = {};

  Story(const MetaSettings& settings, const Method& m)
      : s(settings), family(m.family), cohead(m.cohead), gamma(m.gamma < 0 ? s.gamma : m.gamma) {
    if (cohead == CoLearner::none) gamma = 0;
    if (cohead == CoLearner::trained || cohead == CoLearner::adapted) learned = everything;
    rule.alpha = s.alpha, rule.gamma = gamma, rule.steps = s.inner_steps;
    rule.second_order = !s.first_order;
    if (family == Family::boil) rule.adapted = told::psi_places;
    if (cohead == CoLearner::adapted)
      rule.adapted = told::join(rule.adapted, told::phi_places), rule.co_inside = gamma;
    if (family == Family::sharp) {
      rule.steps = s.sharp.inner_steps, rule.sharp_low = s.sharp.levels != "up";
      rule.radius_low = s.sharp.alpha_low, rule.through = s.sharp.through;
    }
    if (family == Family::plus_plus) begin_plus_plus();
  }
  void begin_plus_plus() {
    rule.steps = s.plus_plus.inner_steps, rule.rates = told::Rates::per_tensor_and_step;
    const auto m = static_cast<size_t>(rule.steps);
    size_t tensors = cohead == CoLearner::adapted ? 8 : 6;
    if (s.plus_plus.step_norms) {
      rule.adapted.erase(rule.adapted.begin(), rule.adapted.begin() + 2);
      learned.erase(learned.begin(), learned.begin() + 2);
      norms = Numbers(m, start[0]), norms.insert(norms.end(), m, start[1]), tensors -= 2;
    }
    rates = Numbers(tensors * m, s.alpha);
  }
  int64_t epoch(int64_t step) const { return step * s.plus_plus.epochs / s.steps; }
  // MAML++'s weights and order.
  void at_epoch(int64_t now) {
    if (family != Family::plus_plus) return;
    const int64_t until = s.plus_plus.multi_step_epochs;
    const double m = rule.steps;
    rule.second_order = !s.first_order && now >= s.plus_plus.first_order_epochs;
    double v = 0;
    if (now < until)
      v = std::max((1 - static_cast<double>(now) / static_cast<double>(until)) / m, 0.03 / m);
    rule.weights = Numbers(static_cast<size_t>(rule.steps), v);
    rule.weights.back() = 1 - (m - 1) * v;
  }
  double lr(int64_t now) const {
    if (family != Family::plus_plus || !s.plus_plus.cosine) return s.lr;
    const double done = static_cast<double>(now) / s.plus_plus.epochs;
    return s.plus_plus.lr_min +
           (s.lr - s.plus_plus.lr_min) * (1 + std::cos(3.14159265358979323846 * done)) / 2;
  }
  // The norms of the steps, what else is learned of w, the rates: as Adam has them.
  Numbers in_order(const Numbers& of_norms, const Numbers& of_w, const Numbers& of_rates) const {
    Numbers out = of_norms;
    for (const size_t i : learned) out.push_back(of_w[i]);
    out.insert(out.end(), of_rates.begin(), of_rates.end());
    return out;
  }
  told::Outer step(const std::vector<told::Episode>& batch, int64_t i) {
    at_epoch(epoch(i));
    const told::Outer here = told::outer(rule, w, rates, norms, batch);
    told::Outer g = here;
    if (family == Family::sharp && s.sharp.levels != "low")
      g = told::outer(rule, told::uphill(w, learned, here, s.sharp.alpha_up), rates, norms, batch);
    if (!s.plus_plus.learned_rates) g.rates.assign(rates.size(), 0);
    std::vector<double*> p;
    for (double& v : norms) p.push_back(&v);
    for (const size_t k : learned) p.push_back(&w[k]);
    Numbers decay(p.size(), s.weight_decay);
    for (double& v : rates) p.push_back(&v), decay.push_back(0);
    adam.step(p, in_order(g.norms, g.g, g.rates), lr(epoch(i)), decay);
    return here;
  }
  // Of each task: the error of a reading after adaptation, or before it.
  Numbers errors(const std::vector<told::Episode>& tasks, bool adapts, Reading reading) const {
    Numbers out;
    for (const told::Episode& t : tasks) {
      told::Rule inside = rule;
      if (reading == Reading::dagger && s.dagger_by == "phi") {  // eq. 9
        inside.adapted = told::psi_places, inside.meta_inside = 0, inside.co_inside = 1;
        if (!norms.empty())
          inside.adapted.erase(inside.adapted.begin(), inside.adapted.begin() + 2);
      }
      Numbers fast =
          adapts ? told::adapted(inside, w, rates, norms, t.support) : told::at_step(w, norms, 0);
      if (reading == Reading::dagger)
        for (const size_t k : told::phi_places) fast[k] = w[k];
      out.push_back(told::error(fast, reading == Reading::head ? told::theta : told::phi, t.query));
    }
    return out;
  }
  // Norms or a and b, the rest of w, the rates, and Adam's averages, in the order of a state.
  std::vector<Numbers> held() const {
    Numbers numbers = norms;
    numbers.insert(numbers.end(), w.begin() + (norms.empty() ? 0 : 2), w.end());
    numbers.insert(numbers.end(), rates.begin(), rates.end());
    return {numbers, adam.m, adam.v};
  }
};

double mean_of(const Numbers& v) {
  double sum = 0;
  for (const double x : v) sum += x / static_cast<double>(v.size());
  return sum;
}
double deviation_of(const Numbers& v) {
  double squares = 0;
  for (const double x : v) squares += (x - mean_of(v)) * (x - mean_of(v));
  return std::sqrt(squares / static_cast<double>(v.size() - 1));
}

// The same of a learner or of a trial.
template <class Of>
std::vector<Numbers> held(Of& of) {
  std::vector<Numbers> out(3);
  of.state([&](const std::string& name, Tensor& t) {
    if (name == "adam.t" || name == "last" || name == "watched" || name.rfind("best", 0) == 0)
      return;
    const size_t list = name.rfind("adam.m", 0) == 0 ? 1 : name.rfind("adam.v", 0) == 0 ? 2 : 0;
    for (const double v : t.to_vector()) out[list].push_back(v);
  });
  return out;
}
double gap_of(const std::vector<Numbers>& a, const std::vector<Numbers>& b) {
  double most = 0;
  for (size_t i = 0; i < a.size(); ++i) most = std::max(most, gap(a[i], b[i]));
  return most;
}

Learner<TinyNet> learner_of(const MetaSettings& s, const Method& m) {
  return {tiny_net(), m, s, mse_loss_by_task, 5};
}
// 20 steps of a learner and of its story, the gap after each.
double gap_over_steps(const MetaSettings& s, const Method& m) {
  Learner<TinyNet> learner = learner_of(s, m);
  Story story(s, m);
  double most = 0;
  for (int64_t i = 0; i < s.steps; ++i) {
    const TaskBatch batch = drawn(Split::training, Random(5) / "tasks" / i, 0, s.tasks);
    const Objective o = learner.learn(batch, i);
    const told::Outer j = story.step(episodes(batch), i);
    most = std::max({most, gap_of(held(learner), story.held()), gap({o.meta.item()}, {j.meta}),
                     gap({o.total.item()}, {j.meta + story.gamma * j.co})});
  }
  return most;
}

Task<TinyNet> tiny_task(const MetaSettings& s) {
  return {s, regression, [](const Random&) { return tiny_net(); }, drawn};
}
double score(const experiment::Outcome& o, const std::string& method, const std::string& metric) {
  double found = std::nan("");
  for (const auto& s : o.scores)
    if (s.method == method && s.metric == metric) found = s.value;
  return found;
}
double logged(const experiment::Moment& m, const std::string& name) {
  double found = std::nan("");
  for (const auto& [key, v] : m)
    if (key == name) found = v;
  return found;
}

}  // namespace

namespace {

double norm_of(const Numbers& g, const Places& places) {
  double squares = 0;
  for (const size_t k : places) squares += g[k] * g[k];
  return std::sqrt(squares);
}
// Linear CKA of one task's examples, a list of features each: <K, L> / (|K| |L|) of the centred
// Gram matrices.
double cka(std::vector<Numbers> a, std::vector<Numbers> b) {
  double kl = 0, kk = 0, ll = 0;
  for (auto* x : {&a, &b})
    for (size_t f = 0; f < x->front().size(); ++f) {
      double mean = 0;
      for (const Numbers& e : *x) mean += e[f] / static_cast<double>(x->size());
      for (Numbers& e : *x) e[f] -= mean;
    }
  for (size_t i = 0; i < a.size(); ++i)
    for (size_t j = 0; j < a.size(); ++j) {
      double k = 0, l = 0;
      for (size_t f = 0; f < a[i].size(); ++f) k += a[i][f] * a[j][f], l += b[i][f] * b[j][f];
      kl += k * l, kk += k * k, ll += l * l;
    }
  return kl / std::sqrt(kk * ll);
}
// Activations of a layer for each point: u, h, f^m.
std::vector<Numbers> activations(const Numbers& w, const Numbers& x, int layer) {
  std::vector<Numbers> out;
  for (const double v : x) {
    const double u = w[0] * v + w[1];
    out.push_back(layer == 0   ? Numbers{u}
                  : layer == 1 ? Numbers{w[2] * u + w[4], w[3] * u + w[5]}
                               : Numbers{told::output(w, told::theta, v)});
  }
  return out;
}
// What a trial logs of the mechanism, after a step on these tasks.
void check_mechanism(const Story& story, const std::vector<told::Episode>& batch,
                     const experiment::Moment& moment) {
  const Places layers[] = {{0, 1}, {2, 3, 4, 5}, told::theta_places};
  const char* names[] = {"body layer 1", "body layer 2", "head"};
  double mc[2] = {}, mm[2] = {}, cc[2] = {}, norm[3] = {}, alike[3] = {};
  const auto adapted = [&](const told::Episode& t) {
    return told::adapted(story.rule, story.w, story.rates, story.norms, t.support);
  };
  for (const told::Episode& t : batch) {
    const Numbers fast = adapted(t), meta = told::loss(fast, told::theta, t.query).g,
                  co = told::loss(fast, told::phi, t.query).g,
                  inner = told::loss(fast, told::theta, t.support).g;
    for (int of = 0; of < 2; ++of)  // the whole body, and its last layer
      for (const size_t k : of == 0 ? told::psi_places : layers[1])
        mc[of] += meta[k] * co[k], mm[of] += meta[k] * meta[k], cc[of] += co[k] * co[k];
    for (int l = 0; l < 3; ++l)
      norm[l] += norm_of(inner, layers[l]) / static_cast<double>(batch.size());
  }
  const auto held = held_out("validation", Split::validation, 4);
  for (const told::Episode& t : held)
    for (int l = 0; l < 3; ++l)
      alike[l] +=
          cka(activations(story.w, t.query.x, l), activations(adapted(t), t.query.x, l)) / 4;
  for (int l = 0; l < 3; ++l) {
    CHECK(gap({logged(moment, std::string("support gradient's norm, ") + names[l])}, {norm[l]}) <=
          near);
    CHECK(gap({logged(moment, std::string("CKA before and after adaptation, ") + names[l])},
              {alike[l]}) <= 1e-8);
  }
  const Numbers cosines{logged(moment, "cosine of the heads' gradients, whole body"),
                        logged(moment, "cosine of the heads' gradients, last body layer")};
  for (int of = 0; of < 2; ++of) {
    const double cosine = cosines[static_cast<size_t>(of)];
    CHECK(std::isnan(cosine) == (story.gamma == 0));
    if (story.gamma > 0) CHECK(gap({cosine}, {mc[of] / std::sqrt(mm[of] * cc[of])}) <= 1e-8);
  }
}

// A trial beside its story: what is held after each step, the curve, which net is tested and how.
class Follow {
 public:
  Follow(const MetaSettings& settings, const Method& m)
      : s(settings),
        rows(readings_of(m.name)),
        trial_(tiny_task(s), {m.name, "K=3", 5}),
        story(s, m),
        best(rows.size(), story),
        best_errors(rows.size(), INFINITY),
        last(rows.size()) {
    for (int64_t i = 0; i < s.steps; ++i) step(i);
    outcome = trial_.finish();
    for (size_t r = 0; r < rows.size(); ++r) reading(r);
    CHECK(outcome.scores.size() == (s.last > 1 && s.patience == 0 ? 4 : 3) * rows.size());
  }

  const MetaSettings s;
  const std::vector<const Method*> rows;

 private:
  TaskTrial<TinyNet> trial_;

 public:
  Story story;
  std::vector<Story> best;
  Numbers best_errors;
  std::vector<Numbers> last;  // test errors at the last two points
  int64_t learned = 0, best_at = 0, since = 0;
  experiment::Outcome outcome;

 private:
  void step(int64_t i) {
    const experiment::Moment moment = trial_.step(i);
    if (s.patience > 0 && since >= s.patience) {
      CHECK(moment.empty());
      CHECK(gap_of(held(trial_), story.held()) <= near);
      return;
    }
    ++learned;
    const told::Outer j = story.step(training(5, i), i);
    CHECK(gap_of(held(trial_), story.held()) <= near);
    CHECK(moment.empty() == ((i + 1) % s.log_every != 0));
    if (!moment.empty()) point(i, j, moment);
  }
  void point(int64_t i, const told::Outer& j, const experiment::Moment& moment) {
    CHECK(moment[0].first == "validation mse");
    CHECK(gap({logged(moment, "query mse")}, {j.meta}) <= near);
    const double co = logged(moment, "co-learner's query mse");
    CHECK(std::isnan(co) == (story.gamma == 0));
    if (story.gamma > 0) CHECK(gap({co}, {j.co}) <= near);
    if (story.norms.empty()) check_mechanism(story, training(5, i), moment);
    ++since;
    for (size_t r = 0; r < rows.size(); ++r) {
      const double error = mean_of(
          story.errors(held_out("validation", Split::validation, 4), true, rows[r]->reading));
      const double there = r == 0 ? moment[0].second
                                  : logged(moment, std::string("validation mse, ") + rows[r]->name);
      if (r == 0 || s.select == "best") CHECK(gap({there}, {error}) <= near);
      if (error < best_errors[r]) {
        best_errors[r] = error, best[r] = story;
        if (r == 0) since = 0, best_at = i;
      }
      if (i >= s.steps - 2 * s.log_every)
        last[r].push_back(
            mean_of(story.errors(held_out("test", Split::test, 3), true, rows[r]->reading)));
    }
  }
  void reading(size_t r) {
    const std::string name = rows[r]->name;
    CAPTURE(name);
    const bool dagger = rows[r]->reading == Reading::dagger;
    Story tested = s.select == "last" ? story : dagger ? best[0] : best[r];
    if (s.select == "best" && dagger)
      for (const size_t k : told::phi_places) tested.w[k] = best[r].w[k];
    const auto tasks = held_out("test", Split::test, 5);
    const Numbers after = tested.errors(tasks, true, rows[r]->reading),
                  before = tested.errors(tasks, false, rows[r]->reading);
    CHECK(gap({score(outcome, name, "mse@3"), score(outcome, name, "unadapted mse@3"),
               score(outcome, name, "interval over tasks of mse@3")},
              {mean_of(after), mean_of(before),
               2.7764451051977987 * deviation_of(after) / std::sqrt(5)}) <= near);
    if (s.last > 1 && s.patience == 0)
      CHECK(gap({score(outcome, name, "spread of mse@3")}, {deviation_of(last[r])}) <= near);
    // The file has psi, the head that predicts and the rates: what is counted.
    Numbers deployed = tested.held()[0];
    const size_t heads = deployed.size() - tested.rates.size() - 6,
                 other = heads + (rows[r]->reading == Reading::head ? 3 : 0);
    deployed.erase(deployed.begin() + static_cast<std::ptrdiff_t>(other),
                   deployed.begin() + static_cast<std::ptrdiff_t>(other) + 3);
    Numbers file;
    for (const auto& [part, t] : trial_.model_of(name))
      for (const double v : t.to_vector()) file.push_back(v);
    CHECK(gap(file, deployed) <= near);
    CHECK(outcome.parameters[r] ==
          std::pair<std::string, int64_t>{name, static_cast<int64_t>(file.size())});
  }
};

template <class Change>
MetaSettings with(Change&& change) {
  MetaSettings s = settings();
  change(s);
  return s;
}

}  // namespace

TEST_CASE(
    "a trial of every row is its second telling for 20 steps: weights, rates, Adam's averages, "
    "curve, readings, files") {
  for (const Method& m : methods()) {
    if (*m.trained_by) continue;
    CAPTURE(m.name);
    const Follow f(settings(), m);
    CHECK(f.rows.size() == (m.cohead == CoLearner::adapted                  ? 3
                            : m.cohead == CoLearner::trained && m.gamma < 0 ? 2
                                                                            : 1));
  }
}

TEST_CASE("the best net by validation is tested, each head's own; training ends by patience") {
  // Steps so large that the curve goes up and down.
  const MetaSettings s = with([](auto& of) { of.lr = 0.2, of.log_every = 2, of.select = "best"; });
  int64_t before_last = 0;
  for (const char* name : {"maml", "cml", "cl", "maml++-cml", "sharp-cml"}) {
    CAPTURE(name);
    const Follow f(s, method(name));
    before_last += f.best_at < 19;
  }
  CHECK(before_last >= 3);
  MetaSettings ends = s;
  ends.patience = 2;
  int64_t ended = 0;
  for (const char* select : {"last", "best"}) {
    ends.select = select;
    for (const char* name : {"maml", "cml", "boil-cml"}) {
      CAPTURE(name);
      const Follow f(ends, method(name));
      ended += f.learned < 20;
    }
  }
  CHECK(ended >= 2);
}

TEST_CASE("dagger by the paper's equation 9: the co-learner's support loss adapts the body alone") {
  for (const char* name : {"cml", "cl", "boil-cml", "maml++-cml", "sharp-cml"}) {
    CAPTURE(name);
    const auto by = [&](const char* whose) {
      return Follow(with([&](auto& s) { s.dagger_by = whose; }), method(name));
    };
    const Follow phi = by("phi"), theta = by("theta");
    const std::string dagger = phi.rows.back()->name;
    CHECK(score(phi.outcome, name, "mse@3") == score(theta.outcome, name, "mse@3"));
    CHECK(std::abs(score(phi.outcome, dagger, "mse@3") - score(theta.outcome, dagger, "mse@3")) >
          1e-4);
  }
}

TEST_CASE("MAML++'s norms by inner step: trained, read and saved as told") {
  for (const char* name : {"maml++", "maml++-cml"})
    for (const char* by : {"theta", "phi"})
      Follow(with([&](auto& s) { s.plus_plus.step_norms = true, s.dagger_by = by; }), method(name));
}

TEST_CASE("every family with every kind of co-learner is its second telling for 20 steps") {
  for (const Family family : {Family::maml, Family::plus_plus, Family::boil, Family::sharp})
    for (const CoLearner co :
         {CoLearner::none, CoLearner::frozen, CoLearner::trained, CoLearner::adapted}) {
      CAPTURE(static_cast<int>(family));
      CAPTURE(static_cast<int>(co));
      CHECK(gap_over_steps(settings(), {"any", family, co, ""}) <= near);
    }
}

TEST_CASE("each setting of a method is in its second telling") {
  const Method cml = method("cml"), plus = method("maml++-cml"), sharp = method("sharp-cml");
  for (const char* name : {"cml", "cl", "boil-cml", "maml++-cml", "sharp-cml"})
    CHECK(gap_over_steps(with([](auto& s) { s.first_order = true; }), method(name)) <= near);
  for (const int steps : {0, 1, 4})
    CHECK(gap_over_steps(with([&](auto& s) { s.inner_steps = steps; }), cml) <= near);
  for (const int chunk : {1, 2})
    CHECK(gap_over_steps(with([&](auto& s) { s.chunk = chunk; }), sharp) <= near);
  for (const char* levels : {"low", "up"})
    CHECK(gap_over_steps(with([&](auto& s) { s.sharp.levels = levels; }), sharp) <= near);
  CHECK(gap_over_steps(with([](auto& s) { s.sharp.through = false; }), sharp) <= near);
  CHECK(gap_over_steps(with([](auto& s) { s.plus_plus.learned_rates = false; }), plus) <= near);
  CHECK(gap_over_steps(with([](auto& s) { s.plus_plus.multi_step_epochs = 0; }), plus) <= near);
  CHECK(gap_over_steps(with([](auto& s) { s.gamma = 0; }), cml) <= near);
  for (const Method& m : {cml, plus})
    CHECK(gap_over_steps(with([](auto& s) { s.weight_decay = 0.05; }), m) <= near);
  CHECK(gap_over_steps(with([](auto& s) { s.plus_plus.cosine = true; }), plus) <= near);
  CHECK(gap_over_steps(with([](auto& s) { s.plus_plus.cosine = true; }), cml) <= near);
  for (const CoLearner co :
       {CoLearner::none, CoLearner::frozen, CoLearner::trained, CoLearner::adapted})
    CHECK(gap_over_steps(with([](auto& s) { s.plus_plus.step_norms = true; }),
                         {"any", Family::plus_plus, co, ""}) <= near);
}

namespace {

// 20 steps of Adam along J by a rule of the library, from a net (with rates), and by its telling.
template <class Learned, class Inner>
double gap_of_rule(Learned at, const cml::Rule<Inner>& rule, told::Rule plain, size_t rates) {
  Adam::State state;
  told::Adam adam;
  Numbers w = start, learned(rates, plain.alpha);
  plain.gamma = rule.gamma, plain.co_inside = rule.adapt_cohead ? rule.gamma : 0;
  if (rule.adapt_cohead) plain.adapted = told::join(plain.adapted, told::phi_places);
  double most = 0;
  for (int64_t i = 0; i < 20; ++i) {
    const TaskBatch batch = drawn(Split::training, Random(6) / i, 0, 3);
    const Learned g = grad(objective(at, rule, mse_loss_by_task, batch).total, at);
    at = update(Adam{.lr = 0.02}, std::move(at), state, g);
    const told::Outer o = told::outer(plain, w, learned, {}, episodes(batch));
    std::vector<double*> p;
    Numbers along = o.g;
    for (double& v : w) p.push_back(&v);
    for (double& v : learned) p.push_back(&v);
    along.insert(along.end(), o.rates.begin(), o.rates.end());
    adam.step(p, along, 0.02);
    Numbers now = w;
    now.insert(now.end(), learned.begin(), learned.end());
    most = std::max(
        {most, gap(flat(at), now), gap(flat(state.m), adam.m), gap(flat(state.v), adam.v)});
  }
  return most;
}

}  // namespace

TEST_CASE("ANIL and Meta-SGD, which have no row, with and without CML: the same telling") {
  for (const double gamma : {0.0, 0.4}) {
    for (const bool inside : {false, true}) {
      for (const bool second : {true, false}) {
        CAPTURE(gamma);
        CAPTURE(inside);
        CAPTURE(second);
        told::Rule anil{.alpha = 0.07, .steps = 2, .second_order = second};
        anil.adapted = told::theta_places;
        const cml::Rule<> of_head{maml::anil({0.07, 2, second}), gamma, inside};
        CHECK(gap_of_rule(tiny_net(), of_head, anil, 0) <= near);
        told::Rule each{.alpha = 0.07, .steps = 2, .second_order = second};
        each.rates = told::Rates::per_element;
        const cml::Rule<maml::MetaSgd> learned{{0.07, 2, second}, gamma, inside};
        CHECK(gap_of_rule(learned.initial(tiny_net()), learned, each, inside ? 12 : 9) <= near);
      }
    }
  }
}

namespace {

// Reptile told: M steps of an optimizer, anew for each task, on runs of `rows` support points; then
// a step of eps towards the tasks' mean.
struct InnerSgd {
  double lr;
  void operator()(Numbers& w, const Numbers& g, Numbers&, int) const {
    for (const size_t i : psi_theta) w[i] -= lr * g[i];
  }
};
struct InnerAdam {  // beta1 = 0
  double lr;
  void operator()(Numbers& w, const Numbers& g, Numbers& v, int t) const {
    for (const size_t i : psi_theta) {
      v[i] = 0.999 * v[i] + 0.001 * g[i] * g[i];
      w[i] -= lr * g[i] / (std::sqrt(v[i] / (1 - std::pow(0.999, t))) + 1e-8);
    }
  }
};
template <class Step>
void reptile_step(Numbers& w, const std::vector<told::Episode>& tasks, const Step& step, int steps,
                  size_t rows, double eps) {
  Numbers mean(told::all);
  for (const told::Episode& task : tasks) {
    Numbers fast = w, v(told::all);
    for (int j = 0; j < steps; ++j) {
      told::Points here;
      for (size_t k = 0; k < rows; ++k) {
        const size_t at = (static_cast<size_t>(j) * rows + k) % task.support.x.size();
        here.x.push_back(task.support.x[at]), here.y.push_back(task.support.y[at]);
      }
      step(fast, told::loss(fast, told::theta, here).g, v, j + 1);
    }
    for (size_t i = 0; i < told::all; ++i) mean[i] += fast[i] / static_cast<double>(tasks.size());
  }
  for (size_t i = 0; i < told::all; ++i) w[i] += eps * (mean[i] - w[i]);
}
template <class Optimizer, class Step>
double gap_of_reptile(const maml::Reptile<Optimizer>& rule, const Step& step, size_t rows) {
  maml::Model<Body, Linear> net{tiny_net().body, tiny_net().head};
  Sgd::State state;
  Numbers w = start;
  double most = 0;
  for (int64_t i = 0; i < 20; ++i) {
    const TaskBatch batch = drawn(Split::training, Random(8) / i, 0, 3);
    net = update(
        Sgd{.lr = 0.3}, std::move(net), state,
        maml::reptile_gradient(net, rule, mse_loss_by_task, batch.support_x, batch.support_y));
    reptile_step(w, episodes(batch), step, rule.steps, rows, 0.3);
    most = std::max(most, gap(flat(net), Numbers(w.begin(), w.begin() + 9)));
  }
  return most;
}

}  // namespace

TEST_CASE("Reptile, on whole support sets and on single points in turn: the same telling") {
  CHECK(gap_of_reptile(maml::Reptile<Sgd>{{.lr = 0.05}, 4}, InnerSgd{0.05}, 3) <= near);
  CHECK(gap_of_reptile(maml::Reptile<Sgd>{{.lr = 0.05}, 4, 1}, InnerSgd{0.05}, 1) <= near);
  CHECK(gap_of_reptile(maml::Reptile<Adam>{{.lr = 0.01, .beta1 = 0}, 5}, InnerAdam{0.01}, 3) <=
        near);
}
