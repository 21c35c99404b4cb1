// The table of attacked texts: texts taken apart, candidates, what a checkpoint holds of an attack,
// training and detection against second tellings.
#include <doctest/doctest.h>
#include <regrad/algorithms/experiment/methods.h>
#include <regrad/algorithms/rde/detection.h>
#include <regrad/algorithms/rde/experiment/pictures.h>
#include <regrad/algorithms/rde/experiment/table.h>
#include <regrad/algorithms/rde/fgws.h>
#include <regrad/algorithms/rde/ngram.h>
#include <regrad/algorithms/rde/rde.h>
#include <regrad/algorithms/rde/scenario.h>
#include <regrad/engine/error.h>
#include <regrad/engine/functional.h>
#include <regrad/layers/serialize.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <numeric>
#include <set>

#include "../temp_folder.h"

using namespace regrad;
using namespace regrad::rde;
using test::complaint;
using test::TempFolder;

namespace {

using Strings = std::vector<std::string>;

TableSettings settings() {
  TableSettings s;
  s.nets = {"cnn"}, s.attacks = {"pwws", "tf-lite"};
  s.train = 160, s.validation = 40, s.test = s.attacked = 120;
  s.width = 8, s.epochs = 3, s.batch = 16, s.lr = 0.01, s.most = 20;
  s.components = 5, s.fit = 100, s.adversarial = 30, s.confident = 0.55;
  return s;
}
const std::shared_ptr<const Corpus>& corpus() {
  static const auto made = corpus_of(load_data("reviews", "", settings()), settings());
  return made;
}
const experiment::Job job{"rde", "cnn", 2};

RdeTrial finished() {
  RdeTrial t(job, settings(), corpus());
  for (int64_t i = 0; i < trial_steps(settings(), *corpus()); ++i) t.step(i);
  return t;
}
const RdeTrial& whole() {
  static const RdeTrial t = finished();
  return t;
}
std::string log_of_run(const AttackRun& run, bool far) { return to_attack_log(run.log(far)); }

void hand_over(RdeTrial& from, RdeTrial& to) {
  std::map<std::string, Tensor> kept;
  from.state([&](const std::string& name, Tensor& t) { kept[name] = t; });
  to.state([&](const std::string& name, Tensor& t) {
    CHECK(t.shape() == kept.at(name).shape());
    t = kept.at(name);
  });
}

double score(const experiment::Outcome& out, const std::string& method, const std::string& metric) {
  for (const auto& s : out.scores)
    if (s.method == method && s.metric == metric) return s.value;
  FAIL("no " << metric << " of " << method);
  return 0;
}

}  // namespace

TEST_CASE("a text taken apart has the text's own ids, with any words in their places") {
  const Vocabulary v = Vocabulary::of({"it's a good , fine film !", "a well-chosen thing"});
  const std::string text = "It's a GOOD, fine\tfilm!!";
  const Pattern p(text, v, 64);
  CHECK(p.words() == Strings{"It's", "a", "GOOD", "fine", "film"});
  CHECK(p.ids(p.words()) == v.ids(text));
  CHECK(p.text(p.words()) == text);
  Words w = p.words();
  w[2] = "well-chosen";
  CHECK(p.text(w) == "It's a well-chosen, fine\tfilm!!");
  CHECK(p.ids(w) == v.ids(p.text(w)));
  CHECK(p.marked(w, w) == "It's a [[well-chosen]], fine\tfilm!!");
  CHECK(p.marked(w, p.words()) == "It's a [[GOOD]], fine\tfilm!!");
  w[2] = "[UNK]";
  std::vector<int64_t> unknown = v.ids(text);
  unknown[2] = Vocabulary::unknown;
  CHECK(p.ids(w) == unknown);
  w[2] = "";
  std::vector<int64_t> without = v.ids(text);
  without.erase(without.begin() + 2);
  CHECK(p.ids(w) == without);
  CHECK_THROWS_AS(p.ids({"a"}), ShapeError);
  // a net of three tokens sees no more words
  const Pattern few(text, v, 3);
  CHECK(few.words() == Strings{"It's", "a", "GOOD"});
  CHECK(few.ids(few.words()).size() == 3);
  CHECK(few.text(few.words()) == text);
  CHECK(Pattern("a good fine film", v, 3).words() == Strings{"a", "good", "fine"});
  CHECK(Pattern("", v, 5).words().empty());
  CHECK(Pattern("...", v, 2).ids({}).size() == 2);
}

TEST_CASE("candidates: synonyms as they are; neighbours that are words, known and no stop words") {
  const auto v = std::make_shared<const Vocabulary>(
      Vocabulary({"good", "fine", "the", ",", "far"}, {5, 4, 3, 2, 1}));
  // good, fine, the and the comma in one direction, far in another
  const Tensor x = tensor({0, 0, 0, 0, 1, 0, .8, .6, 1, 0, 1, 0, 0, 1}, {7, 2}, DType::f64);
  const Sources from{[](const std::string& w) { return w == "good" ? Words{"swell"} : Words{}; }, v,
                     x};
  const auto of = [&](const char* row, const std::string& word) {
    return Candidates(experiment::find_method(attack_rows(), row), from).of(word);
  };
  CHECK(of("pwws", "good") == Words{"swell"});
  CHECK(of("pwws", "fine").empty());
  CHECK(of("tf-lite", "good") == Words{"fine"});
  CHECK(of("tf-lite", "fine") == Words{"good", "far"});  // cosines .8 and .6
  CHECK(of("tf-adj-lite", "fine").empty());              // below .9
  CHECK(of("tf-lite", "GOOD") == Words{"fine"});
  CHECK(of("tf-lite", "unheard").empty());
  const Candidates adjusted(experiment::find_method(attack_rows(), "tf-adj-lite"), from);
  const Pattern any("", *v, 5);
  const Attack a = adjusted.attack(0.5, any);
  CHECK(a.is_stop_word("The"));
  CHECK(a.allowed({}, {"good", "good", "good", "good"}, {"good", "good", "good", "fine"}) == true);
  CHECK(a.allowed({}, {"good", "far"}, {"good", "good"}) == false);  // cosine .71
  CHECK(
      !Candidates(experiment::find_method(attack_rows(), "tf-lite"), from).attack(0, any).allowed);
}

TEST_CASE("an attack's checkpoint holds all of it: half, restored, ends as the whole does") {
  const int64_t half = training_steps(settings(), *corpus()) + 60,
                all = trial_steps(settings(), *corpus());
  RdeTrial first(job, settings(), corpus()), second(job, settings(), corpus());
  for (int64_t i = 0; i < half; ++i) first.step(i);
  hand_over(first, second);
  for (int64_t i = half; i < all; ++i) second.step(i);
  REQUIRE(whole().runs().size() == 2);
  for (size_t r = 0; r < 2; ++r)
    for (const bool far : {false, true}) {
      const std::string log = log_of_run(whole().runs()[r], far);
      CHECK(log_of_run(second.runs()[r], far) == log);
      CHECK(log_of_run(first.runs()[r], far) != log);
    }
}

TEST_CASE("candidates in context: the place's likeliest words, in the text as it stands") {
  const auto v = std::make_shared<const Vocabulary>(
      Vocabulary({"good", "fine", "the", ",", "far", "2", "i\xcc\x87"}, {7, 6, 5, 4, 3, 2, 1}));
  const auto lm = std::make_shared<const MaskedLm>(
      MaskedLm(Random(8), v->size(), {.width = 8, .layers = 1, .heads = 2, .most = 6}));
  AttackRow row = experiment::find_method(attack_rows(), "bae-lite");
  CHECK(row.ranking == Ranking::deletion);
  CHECK(row.most == 50);
  const Sources from{{}, v, {}, lm};
  const Candidates all(row, from);
  const Pattern p("Good, the far-off, fine... good", *v, 6);
  REQUIRE(p.words() == Strings{"Good", "the", "far-off", "fine"});
  CHECK(p.around(p.words(), 0) ==
        std::pair<std::string, std::string>("", ", the far-off, fine... good"));
  CHECK(p.around(p.words(), 2) ==
        std::pair<std::string, std::string>("Good, the ", ", fine... good"));
  // the comma is no word, nor is a letter with its dot
  const auto want = [&](Ids text, int64_t at, int64_t own, size_t most) {
    const std::vector<bool> words = {false, false, true, true, true, false, true, true, false};
    Strings out;
    for (const int64_t id : likely_words(*lm, std::move(text), at, 9, words))
      if (out.size() < most) out.push_back(v->tokens()[static_cast<size_t>(id - 2)]);
    out.erase(std::remove(out.begin(), out.end(), v->tokens()[static_cast<size_t>(own - 2)]),
              out.end());
    return out;
  };
  CHECK(all.at(p, p.words(), 0) == want({2, 5, 4, 1, 5, 3}, 0, 2, 9));
  CHECK(all.at(p, p.words(), 0).size() == 4);
  CHECK(all.at(p, p.words(), 2).size() == 5);  // an unknown word is none of them
  Words changed = p.words();
  changed[0] = "far";
  CHECK(all.at(p, changed, 3) == want({6, 5, 4, 1, 5, 3}, 5, 3, 9));
  row.most = 3;
  for (const size_t i : {0, 3})
    CHECK(Candidates(row, from).at(p, changed, i) ==
          want({6, 5, 4, 1, 5, 3}, i == 0 ? 0 : 5, i == 0 ? 6 : 3, 3));
  // a word that has more ids than one pushes others out of what is read
  changed[0] = "good,fine";
  CHECK(p.around(changed, 3) ==
        std::pair<std::string, std::string>("good,fine, the far-off, ", "... good"));
  CHECK(all.at(p, changed, 3).empty());
  for (const char* word : {"good", "fine", "2"}) {
    CHECK(all.number("the", word) >= 1);
    CHECK(all.numbered("the", all.number("the", word)) == word);
  }
  const Attack a = all.attack(0.5, p);
  CHECK(a.candidates(p.words(), 3) == all.at(p, p.words(), 3));
  CHECK(a.is_stop_word("The"));
  CHECK(!a.allowed);
}

TEST_CASE("bae-lite: its words fit the place they were put in, and its checkpoint holds them") {
  TableSettings s = settings();
  s.attacks = {"bae-lite"}, s.attacked = 60, s.mlm_epochs = 2;
  const auto made = corpus_of(load_data("reviews", "", s), s);
  REQUIRE(made->masked_lm);
  CHECK(!made->vectors.defined());
  CHECK(!corpus()->masked_lm);
  CHECK(made->masked_lm->most() == 20);
  const auto weights = [&](int epochs) {
    const MaskedLm lm = trained_masked_lm(made->train_ids, made->vocabulary->size(), {.most = 20},
                                          {.epochs = epochs}, Random(0) / "masked lm");
    return lm.positions.to_vector();
  };
  CHECK(made->masked_lm->positions.to_vector() == weights(2));
  CHECK(made->masked_lm->positions.to_vector() != weights(1));
  const int64_t half = training_steps(s, *made) + 35, all = trial_steps(s, *made);
  RdeTrial first(job, s, made), second(job, s, made);
  for (int64_t i = 0; i < half; ++i) first.step(i);
  hand_over(first, second);
  for (int64_t i = half; i < all; ++i) first.step(i), second.step(i);
  const AttackRun& run = first.runs()[0];
  for (const bool far : {false, true})
    CHECK(log_of_run(second.runs()[0], far) == log_of_run(run, far));
  const Candidates candidates(run.row(), {{}, made->vocabulary, {}, made->masked_lm});
  int changed = 0;
  for (int64_t i = 35; i < 60; ++i) {  // a checkpoint keeps no order of changes
    const AttackedText& a = *run.done()[static_cast<size_t>(i)];
    Words now = run.pattern(i).words();
    for (const size_t at : a.end.changed) {
      const Words from = candidates.at(run.pattern(i), now, at);
      CHECK(from.size() <= 50);
      CHECK(std::count(from.begin(), from.end(), a.end.words[at]) == 1);
      now[at] = a.end.words[at], ++changed;
    }
    CHECK(now == a.end.words);
  }
  CHECK(changed > 10);
}

TEST_CASE("logs: what is marked was changed, and the classifier says what the log says") {
  for (const AttackRun& run : whole().runs())
    for (const bool far : {false, true}) {
      const std::vector<Attacked> rows = run.log(far);
      REQUIRE(rows.size() == 120);
      int won = 0;
      for (size_t i = 0; i < rows.size(); ++i) {
        const Attacked& a = rows[i];
        CHECK(a.original() == corpus()->data.test.texts[i]);
        CHECK(a.ground_truth == corpus()->data.test.labels[i]);
        const Read r = whole().classifier().read({a.original(), a.perturbed()});
        CHECK(r.predicted() == std::vector<int64_t>{a.original_output, a.perturbed_output});
        const double p = r.probabilities[1][a.ground_truth].item();
        CHECK(a.perturbed_score == doctest::Approx(1 - p));
        if (a.result == AttackResult::skipped) {
          CHECK(a.original_output != a.ground_truth);
          CHECK(a.original() == a.perturbed());
        } else {
          CHECK(a.original_output == a.ground_truth);
        }
        if (a.result != AttackResult::successful) continue;
        ++won;
        CHECK(a.perturbed_output != a.ground_truth);
        CHECK(a.changes().size() >= 1);
        const double most = amax(r.probabilities[1]).item();
        if (far) CHECK(most >= 0.55);
        for (const Attacked::Change& c : a.changes()) CHECK(c.from != c.to);
      }
      CHECK(won > 10);
    }
}

TEST_CASE("training is cross-entropy by Adam over texts in a drawn order") {
  const TableSettings s = settings();
  RdeTrial trial(job, s, corpus());
  TextNet net = trial.classifier().net;
  const Random r = Random(2) / "rde";
  Adam::State state = Adam{}.initial(parameters(net));
  for (int64_t i = 0; i < 13; ++i) {  // into the second epoch of ten batches
    trial.step(i);
    const std::vector<int64_t> order = randperm(r / "order" / (i / 10), 160).to_vector<int64_t>();
    std::vector<std::vector<int64_t>> ids;
    std::vector<int64_t> y;
    for (int64_t k = 16 * (i % 10); k < 16 * (i % 10) + 16; ++k) {
      const auto at = static_cast<size_t>(order[static_cast<size_t>(k)]);
      ids.push_back(corpus()->vocabulary->ids(corpus()->data.train.texts[at]));
      if (ids.back().size() > 20) ids.back().resize(20);
      y.push_back(corpus()->data.train.labels[at]);
    }
    Context ctx{.training = true, .random = r / "dropout" / i};
    const Tensor loss =
        -mean(gather(log_softmax(net(padded(ids), ctx), 1), 1, tensor(y).reshape({16, 1})));
    net = update(Adam{.lr = 0.01}, std::move(net), state, grad(loss, net));
  }
  const auto want = parameters(net), got = parameters(trial.classifier().net);
  REQUIRE(want.size() == got.size());
  for (size_t k = 0; k < want.size(); ++k) CHECK(amax(abs(want[k] - got[k])).item() < 1e-5);
}

TEST_CASE("shares of the AUC: their mean is the AUC, their spread DeLong's") {
  const std::vector<double> scores = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3};
  Mixture m;
  m.attacked = {true, false, true, false, false, true, false, true, true, false};
  m.id = {0, 1, 2, 3, 4, 5, 6, 7, 8, 0};  // text 0 is there twice; 9 to 11 are not
  const std::vector<double> got = shares_of_auc(scores, m, 12);
  std::vector<double> v10, v01;
  double area = 0;
  const auto wins = [](double a, double b) { return a > b ? 1.0 : a == b ? 0.5 : 0.0; };
  for (size_t i = 0; i < 10; ++i) {
    double sum = 0, n = 0;
    for (size_t k = 0; k < 10; ++k) {
      if (m.attacked[k] == m.attacked[i]) continue;
      sum += m.attacked[i] ? wins(scores[i], scores[k]) : wins(scores[k], scores[i]);
      ++n;
    }
    (m.attacked[i] ? v10 : v01).push_back(sum / n);
  }
  for (const double v : v10) area += v / 5;
  double mean_of = 0, spread = 0, delong = 0;
  for (const double g : got) mean_of += g / 12;
  CHECK(mean_of == doctest::Approx(area));
  CHECK(got[9] == doctest::Approx(area));
  // of texts that are there once; text 0's two parts add up
  std::vector<double> alone = shares_of_auc(
      scores,
      [&] {
        Mixture one = m;
        one.id = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
        return one;
      }(),
      12);
  for (const double g : alone) spread += (g - area) * (g - area) / 144;
  for (const double v : v10) delong += (v - area) * (v - area) / 25;
  for (const double v : v01) delong += (v - area) * (v - area) / 25;
  CHECK(spread == doctest::Approx(delong));
  CHECK(got[0] - area == doctest::Approx(alone[0] + alone[9] - 2 * area));
}

TEST_CASE("detectors score the mixtures that the log gives, by the predicted class") {
  RdeTrial trial = finished();
  const experiment::Outcome out = trial.finish();
  const Classifier& c = trial.classifier();
  const Read train = c.read(corpus()->data.train.texts);
  // the mixture of scenario 1 again, from the log alone
  const AttackRun& run = trial.runs()[0];
  const std::vector<Attacked> rows = run.log(false);
  const Random r = Random(2) / "mixtures" / "pwws" / 0;
  const rde::Split split = split_log(120, r / "split");
  std::vector<LogRow> log;
  for (const int64_t i : split.test) {
    const Attacked& a = rows[static_cast<size_t>(i)];
    log.push_back({i, a.result == AttackResult::skipped      ? rde::Result::wrong
                      : a.result == AttackResult::successful ? Result::success
                                                             : rde::Result::fail});
  }
  const Scenario s1 = scenario_1(log, {.most = 30}, r / "S1");
  Strings texts;
  std::vector<bool> attacked;
  for (const Sample& s : s1.samples) {
    const Attacked& a = rows[static_cast<size_t>(s.id)];
    texts.push_back(s.adversarial ? a.perturbed() : a.original());
    attacked.push_back(s.adversarial);
  }
  const Read seen = c.read(texts);
  const auto area = [&](const std::vector<double>& scores) {
    const Sides side = sides(scores, attacked);
    return 100 * auc(side.attacked, side.clean);
  };
  const Rde guard = Rde::fit(train.features, tensor(corpus()->data.train.labels),
                             {.components = 5, .rows = 100, .seed = 2});
  const Rde mle = Rde::fit(train.features, tensor(corpus()->data.train.labels),
                           {.method = Method::mle, .singular = Singular::pinv, .seed = 2});
  const Tensor predicted = tensor(seen.predicted());
  CHECK(score(out, "rde", "AUC, pwws@cnn") ==
        doctest::Approx(area(guard.score(seen.features, predicted).to_vector())));
  CHECK(score(out, "mle", "AUC, pwws@cnn") ==
        doctest::Approx(area(mle.score(seen.features, predicted).to_vector())));
  std::vector<double> unsure;
  for (size_t i = 0; i < texts.size(); ++i)
    unsure.push_back(1 - amax(seen.probabilities[static_cast<int64_t>(i)]).item());
  CHECK(score(out, "max-softmax", "AUC, pwws@cnn") == doctest::Approx(area(unsure)));
  const Vocabulary& known = *corpus()->vocabulary;
  const Trigram trigram(corpus()->train_ids, known.size());
  std::vector<double> nll;
  for (const std::string& text : texts) nll.push_back(trigram.mean_nll(known.ids(text)));
  CHECK(score(out, "ppl-ngram", "AUC, pwws@cnn") == doctest::Approx(area(nll)));
  // FGWS: of eleven percentiles the one that finds most of the validation texts' attacks
  const auto drops = [&](double delta, const Strings& of) {
    const Fgws f{[&](const std::string& w) { return known.count(w); }, corpus()->data.synonyms,
                 phi_percentile(known.counts(), delta)};
    std::vector<double> s;
    for (const std::string& text : of) {
      std::string changed;
      for (const std::string& w : f.substituted(tokens_of(text))) changed += w + " ";
      const Read two = c.read({text, changed});
      const int64_t y = two.predicted()[0];
      s.push_back(std::max(0.0, (two.probabilities[0][y] - two.probabilities[1][y]).item()));
    }
    return s;
  };
  Strings clean, flipped;
  for (const int64_t i : split.validation) {
    const Attacked& a = rows[static_cast<size_t>(i)];
    clean.push_back(a.original());
    if (a.result == AttackResult::successful) flipped.push_back(a.perturbed());
  }
  double best = 0, most = -1;
  for (double delta = 0; delta <= 100; delta += 10) {
    const double gamma = percentile(drops(delta, clean), 90);
    double found = 0;
    for (const double s : drops(delta, flipped)) found += s > gamma;
    if (found > most) most = found, best = delta;
  }
  CHECK(most > 0);
  CHECK(score(out, "fgws-wn", "AUC, pwws@cnn") == doctest::Approx(area(drops(best, texts))));
  // as many items as attacked texts, whose mean is the AUC
  for (const experiment::Items& items : out.items) {
    CHECK(items.values.size() == 120);
    double sum = 0;
    for (const double v : items.values) sum += v;
    CHECK(sum / 120 == doctest::Approx(score(out, items.method, items.metric)));
  }
  for (const char* mixture : {"", ", S2", ", far"})
    for (const DetectorRow& d : detector_rows())
      for (const char* metric : {"AUC, ", "TPR at FPR 0.1, ", "F1, "}) {
        const double v = score(out, d.name, metric + std::string("tf-lite") + mixture + "@cnn");
        CHECK(v >= 0);
        CHECK(v <= 100);
      }
  const double accuracy = score(out, "rde", "accuracy@cnn");
  CHECK(accuracy == doctest::Approx(100 * [&] {
          const std::vector<int64_t> p = c.read(corpus()->data.test.texts).predicted();
          double right = 0;
          for (size_t i = 0; i < p.size(); ++i) right += p[i] == corpus()->data.test.labels[i];
          return right / static_cast<double>(p.size());
        }()));
  CHECK(out.listings.size() == 4);  // two attacks, near and far
  for (const auto& row : out.listings[0].rows) CHECK(row[0].find("[[") != std::string::npos);
}

TEST_CASE("draws are averaged; validation texts that were attacked leave all test texts to score") {
  for (const bool apart : {false, true}) {
    TableSettings s = settings();
    s.attacks = {"pwws"}, s.splits = 2, s.adversarial = 20;
    TextData data = load_data("reviews", "", s);
    data.attack_validation = apart;
    const auto shared = corpus_of(data, s);
    RdeTrial trial(job, s, shared);
    CHECK(trial_steps(s, *shared) == training_steps(s, *shared) + (apart ? 160 : 120));
    for (int64_t i = 0; i < trial_steps(s, *shared); ++i) trial.step(i);
    const AttackRun& run = trial.runs()[0];
    const std::vector<Attacked> rows = run.log(false);
    REQUIRE(rows.size() == (apart ? 160 : 120));
    double won = 0, tried = 0;
    for (size_t i = 0; i < 120; ++i)
      tried += rows[i].result != AttackResult::skipped,
          won += rows[i].result == AttackResult::successful;
    CHECK(run.success() == doctest::Approx(100 * won / tried));
    if (apart) CHECK(rows[120].original() == data.validation.texts[0]);
    double sum = 0;
    for (int64_t k = 0; k < 2; ++k) {
      const Random r = Random(2) / "mixtures" / "pwws" / k;
      std::vector<int64_t> scored = rde::split_log(120, r / "split").test;
      if (apart) scored.resize(120), std::iota(scored.begin(), scored.end(), 0);
      std::vector<LogRow> log;
      for (const int64_t i : scored) {
        const Attacked& a = rows[static_cast<size_t>(i)];
        log.push_back({i, result_of(a.ground_truth, a.original_output,
                                    a.result == AttackResult::successful ? a.perturbed_output
                                                                         : a.original_output)});
      }
      std::vector<double> attacked, clean;
      for (const Sample& x : scenario_1(log, {.most = 20}, r / "S1").samples) {
        const Attacked& a = rows[static_cast<size_t>(x.id)];
        const Read one = trial.classifier().read({x.adversarial ? a.perturbed() : a.original()});
        (x.adversarial ? attacked : clean).push_back(1 - amax(one.probabilities).item());
      }
      sum += 100 * auc(attacked, clean);
    }
    const experiment::Outcome out = trial.finish();
    CHECK(score(out, "max-softmax", "AUC, pwws@cnn") == doctest::Approx(sum / 2));
    CHECK(out.listings.size() == 2);  // of the first draw, near and far
    for (const experiment::Items& items : out.items) CHECK(items.values.size() == 120);
  }
}

TEST_CASE("presets have the attacks that leave enough texts for mixtures") {
  for (const char* task : {"sst2", "ag_news", "imdb"}) {
    CHECK(preset_of(task, "small").attacks == Strings{"pwws", "tf-lite"});
    for (const char* preset : {"long", "paper"})
      CHECK(preset_of(task, preset).attacks == Strings{"pwws", "tf-lite", "bae-lite"});
  }
}

TEST_CASE("attacks that flip too little are told with what would help") {
  TableSettings s = settings();
  s.confident = 0.999999, s.attacks = {"pwws"}, s.epochs = 1;
  RdeTrial trial(job, s, corpus());
  for (int64_t i = 0; i < trial_steps(s, *corpus()); ++i) trial.step(i);
  const experiment::Outcome out = trial.finish();
  CHECK(score(out, "max-softmax", "AUC, pwws@cnn") > 0);         // what could be drawn is not lost
  CHECK(out.not_measured.size() == detector_rows().size() * 3);  // AUC, TPR and F1 of each
  CHECK(out.not_measured[0].metric == "AUC, pwws, far@cnn");
  for (const experiment::NotMeasured& n : out.not_measured) {
    CHECK(n.why.find("(attacked)") != std::string::npos);
    for (const experiment::Score& of : out.scores)
      CHECK_FALSE((of.method == n.method && of.metric == n.metric));
  }
}

TEST_CASE("parts of data: nothing of the test part trains, and choices have texts of their own") {
  const TempFolder at;
  const auto write = [&](const char* name, int from, int to) {
    std::ofstream out(at / name);
    out << "review,stars\n";
    for (int i = from; i < to; ++i) out << "text " << i << "," << (i % 3 ? "up" : "down") << "\n";
  };
  write("train.csv", 0, 200), write("test.csv", 200, 260);
  TableSettings s;
  s.text_column = "review", s.label_column = "stars";
  if (!std::filesystem::exists("/usr/share/wordnet/index.noun")) {
    CHECK_THROWS_AS(load_data("table", at.name(), s), IOError);
    return;
  }
  const TextData data = load_data("table", at.name(), s);
  CHECK(data.train.size() == 180);
  CHECK(data.validation.size() == 20);
  CHECK(data.test.size() == 60);
  std::set<std::string> all(data.train.texts.begin(), data.train.texts.end());
  all.insert(data.validation.texts.begin(), data.validation.texts.end());
  CHECK(all.size() == 200);
  for (const std::string& t : data.test.texts) CHECK(all.count(t) == 0);
  CHECK(data.synonyms("movie") == Strings{"film", "flick", "pic", "picture"});
  s.train = 50, s.test = 10;
  CHECK(load_data("table", at.name(), s).train.size() == 50);
  // AG-News' test file alone: the last 1,000 texts test
  {
    std::ofstream out(at / "ag_news_test.csv");
    for (int i = 0; i < 2500; ++i) out << "\"" << i % 4 + 1 << "\",\"t" << i << "\",\"d\"\n";
  }
  const TempFolder alone;
  std::filesystem::copy(at / "ag_news_test.csv", alone / "ag_news_test.csv");
  const TextData news = load_data("ag_news", alone.name(), {});
  CHECK(news.test.size() == 1000);
  CHECK(news.test.texts[0] == "t1500 d");
  CHECK(news.train.size() + news.validation.size() == 1500);
  CHECK(news.validation.size() == 150);
  for (const TextSet* part : {&news.train, &news.validation})
    for (const std::string& t : part->texts) CHECK(std::stoi(t.substr(1)) < 1500);
  // too few to hold some back; those that are read are of one class
  const auto complains = [&](const char* words) {
    return complaint<IOError>([&] { load_data("table", at.name(), s); }, words);
  };
  write("train.csv", 0, 9);
  CHECK(complains("9 training texts; at least 10") == "");
  {
    std::ofstream out(at / "train.csv");
    out << "review,stars\n";
    for (int i = 0; i < 200; ++i) out << "text " << i << "," << (i < 150 ? "up" : "down") << "\n";
  }
  CHECK(complains("the first 50 training texts are of one class, 'up'") == "");
  s.train = 180;
  CHECK(load_data("table", at.name(), s).train.size() == 180);
  CHECK_THROWS_AS(load_data("sst2", "", {}), IOError);
  CHECK_THROWS_AS(load_data("sst3", "", {}), ConfigError);
  s.wordnet = alone.name();
  CHECK_THROWS_AS(load_data("table", at.name(), s), IOError);
}

TEST_CASE("IMDB's files lie by class: the first texts are of both") {
  const TempFolder at;
  for (const char* part : {"train", "test"})
    for (const char* side : {"neg", "pos"}) {
      const std::string folder = at / (std::string(part) + "/" + side);
      std::filesystem::create_directories(folder);
      for (int i = 0; i < 100; ++i)
        std::ofstream(folder + "/" + std::to_string(i) + "_1.txt") << side << " " << i;
    }
  TableSettings s;
  s.attacks = {}, s.train = 40, s.test = 40;
  const TextData data = load_data("imdb", at.name(), s);
  for (const TextSet* set : {&data.train, &data.validation, &data.test}) {
    int64_t positive = 0;
    for (size_t i = 0; i < set->texts.size(); ++i) {
      positive += set->labels[i];
      CHECK((set->texts[i].substr(0, 3) == "pos") == (set->labels[i] == 1));
    }
    CHECK(positive >= set->size() / 4);
    CHECK(positive <= set->size() - set->size() / 4);
  }
  CHECK(load_data("imdb", at.name(), s).test.texts == data.test.texts);
}

TEST_CASE("RDE's claims: above each other detector, near and far") {
  using experiment::Verdict;
  experiment::Result r;
  r.experiment = "rde", r.metric = "AUC, pwws@cnn", r.baseline = "mle", r.seeds = {0, 1, 2};
  const auto row = [&](const std::string& name, double near, double far) {
    experiment::MethodResult m{name, {}, 1};
    for (const auto& [metric, v] :
         {std::pair{"AUC, pwws@cnn", near}, {"AUC, pwws, far@cnn", far}}) {
      m.metrics.push_back({metric, {v, v + 1, v - 1}});
      std::vector<experiment::ByItem> items;
      for (const double seed : {0.0, 1.0, -1.0}) {
        std::vector<double> values;
        for (int i = 0; i < 40; ++i)
          values.push_back(v + seed + (i % 2 ? 1 : -1) +
                           0.3 * ((i * (name == "rde" ? 2 : 3)) % 5 - 2) +
                           0.1 * (name == "rde") * seed);
        items.push_back({values, {}});
      }
      m.items.push_back({metric, items});
    }
    r.methods.push_back(m);
  };
  row("rde", 80, 60), row("mle", 70, 70), row("max-softmax", 80.2, 60.2);
  const std::vector<experiment::Claim> claims = directions(r, {"cnn"}, {"pwws"});
  REQUIRE(claims.size() == 4);
  const auto verdict = [&](const std::string& text) {
    for (const auto& c : claims)
      if (c.text == text) return c.verdict;
    FAIL(text);
    return Verdict::not_testable;
  };
  CHECK(verdict("AUC, pwws, cnn: rde above mle") == Verdict::shown);
  CHECK(verdict("AUC, pwws, far, cnn: rde above mle") == Verdict::refuted);
}
