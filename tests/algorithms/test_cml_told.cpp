// The trial of every row of regrad-cml against its story (cml_story.h): 20 outer steps to 1e-10,
// what is held after each, and what is logged, selected, scored and saved.
#include <doctest/doctest.h>

#include "cml_story.h"

using namespace regrad;
using namespace regrad::cml;
using namespace regrad::test::story;
using regrad::test::flat;
using regrad::test::gap;
namespace told = regrad::test::told;

namespace {

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
