// Attacks by substitutes, and the detectors that stand on words: FGWS and the trigram. Second
// tellings are plain loops over a victim of a few weights.
#include <doctest/doctest.h>
#include <regrad/algorithms/rde/attack.h>
#include <regrad/algorithms/rde/fgws.h>
#include <regrad/algorithms/rde/ngram.h>
#include <regrad/engine/error.h>
#include <regrad/engine/random.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

using namespace regrad;
using namespace regrad::rde;

namespace {

// Two classes: p_1 = 1 / (1 + exp(-sum of weights - 0.3 of neighbours that are equal)).
struct Toy {
  std::map<std::string, double> weight;
  mutable int64_t asked = 0;
  double p1(const Words& with_gaps) const {
    Words text;
    for (const auto& w : with_gaps)
      if (!w.empty()) text.push_back(w);
    double z = 0.063;
    for (size_t i = 0; i < text.size(); ++i) {
      const auto at = weight.find(text[i]);
      if (at != weight.end()) z += at->second;
      if (i > 0 && text[i] == text[i - 1]) z -= 0.3;
    }
    return 1 / (1 + std::exp(-z));
  }
  Victim victim() const {
    return [this](const std::vector<Words>& texts) {
      std::vector<std::vector<double>> out;
      for (const Words& t : texts) out.push_back({1 - p1(t), p1(t)}), ++asked;
      return out;
    };
  }
};

const std::map<std::string, Words> thesaurus = {{"good", {"fine", "nice", "good", "goodish"}},
                                                {"film", {"movie", "flick"}},
                                                {"very", {"so"}},
                                                {"great", {"big", "large", "superb"}},
                                                {"the", {"a"}},
                                                {"calm", {"quiet"}}};
Words candidates_of(const Words& text, size_t i) {
  const auto at = thesaurus.find(text[i]);
  return at == thesaurus.end() ? Words() : at->second;
}

const Toy toy{{{"good", 1.2},
               {"fine", 0.4},
               {"nice", 0.7},
               {"goodish", -0.1},
               {"film", 0.05},
               {"movie", 0.0},
               {"flick", -0.4},
               {"great", 0.9},
               {"big", 0.1},
               {"large", -0.2},
               {"superb", 1.5},
               {"very", 0.2},
               {"so", 0.25},
               {"the", 0.1},
               {"a", -3},
               {"calm", 0.3},
               {"quiet", 0.6}}};

Attack row(Ranking ranking) {
  return {.name = "toy",
          .ranking = ranking,
          .candidates = candidates_of,
          .is_stop_word = [](const std::string& w) { return w == "the"; }};
}

// The attack again, as its definition reads.
struct Told {
  Words words;
  std::vector<size_t> changed;
  int64_t queries = 1;
  bool won = false;
};
Told told(const Words& x, int truth, Ranking ranking) {
  const auto s = [&](const Words& t) {
    const double p = toy.p1(t);
    return truth == 1 ? 1 - p : p;
  };
  const auto swaps = [&](const Words& t, size_t i) {
    std::vector<Words> out;
    if (t[i] == "the" || !thesaurus.count(t[i])) return out;
    for (const auto& c : thesaurus.at(t[i]))
      if (c != t[i]) out.push_back(t), out.back()[i] = c;
    return out;
  };
  Told out{x, {}};
  std::vector<double> score(x.size());
  double sum = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    Words t = x;
    t[i] = ranking == Ranking::deletion ? "" : "[UNK]";
    score[i] = s(t), sum += std::exp(s(t)), ++out.queries;
  }
  if (ranking == Ranking::weighted)
    for (size_t i = 0; i < x.size(); ++i) {
      double best = 0;
      for (const Words& t : swaps(x, i)) best = std::max(best, s(t)), ++out.queries;
      score[i] = std::exp(score[i]) / sum * best;
    }
  std::set<size_t> left;
  for (size_t i = 0; i < x.size(); ++i) left.insert(i);
  while (!left.empty()) {
    size_t i = *left.begin();
    for (const size_t k : left)
      if (score[k] > score[i]) i = k;
    left.erase(i);
    Words best = out.words;
    for (const Words& t : swaps(out.words, i)) {
      ++out.queries;
      if (s(t) > s(best)) best = t;
    }
    if (s(best) > s(out.words)) out.words = best, out.changed.push_back(i);
    if (s(out.words) > 0.5) {
      out.won = true;
      break;
    }
  }
  return out;
}

const std::vector<Words> texts = {
    {"the", "film", "was", "good"},
    {"very", "very", "good", "and", "great", "film"},
    {"great", "good", "great", "good", "calm"},
    {"film"},
    {"calm", "zz"},
    {"calm", "calm", "the", "great", "very", "good", "good", "nobody"},
    {"good", "superb", "superb", "superb", "superb"}};

}  // namespace

TEST_CASE("attacks equal their definition, query by query") {
  for (const Ranking ranking : {Ranking::weighted, Ranking::unknown, Ranking::deletion})
    for (const Words& x : texts) {
      CAPTURE(static_cast<int>(ranking));
      const int64_t before = toy.asked;
      const AttackedText got = attacked(toy.victim(), x, 1, row(ranking));
      const Told want = told(x, 1, ranking);
      CHECK(got.end.words == want.words);
      CHECK(got.end.changed == want.changed);
      CHECK(got.end.queries == want.queries);
      CHECK(toy.asked - before == got.end.queries);
      CHECK((got.outcome == AttackOutcome::successful) == want.won);
      CHECK(got.end.output == (want.won ? 0 : 1));
      CHECK(got.end.score == doctest::Approx(1 - toy.p1(want.words)));
      CHECK(got.original_score == doctest::Approx(1 - toy.p1(x)));
      for (size_t i = 0; i < x.size(); ++i)
        if (x[i] == "the") CHECK(got.end.words[i] == "the");
      CHECK(std::set<size_t>(got.end.changed.begin(), got.end.changed.end()).size() ==
            got.end.changed.size());
    }
}

TEST_CASE("texts that are wrong already are skipped after one query; p falls at every change") {
  const AttackedText wrong = attacked(toy.victim(), texts[0], 0, row(Ranking::weighted));
  CHECK(wrong.outcome == AttackOutcome::skipped);
  CHECK(wrong.end.queries == 1);
  CHECK(wrong.end.words == texts[0]);
  CHECK(wrong.end.output == 1);
  // each change in turn raises s
  const AttackedText all = attacked(toy.victim(), texts[2], 1, row(Ranking::deletion));
  Words now = texts[2];
  for (const size_t i : all.end.changed) {
    Words next = now;
    next[i] = all.end.words[i];
    CHECK(toy.p1(next) < toy.p1(now));
    now = next;
  }
  CHECK(now == all.end.words);
  // no word, no candidate
  CHECK(attacked(toy.victim(), {}, 1, row(Ranking::weighted)).outcome == AttackOutcome::failed);
  CHECK(attacked(toy.victim(), {"nobody"}, 1, row(Ranking::unknown)).end.queries == 2);
}

TEST_CASE("a word without candidates has no weight, however it speaks") {
  int64_t queries = 0;
  const Toy loud{{{"nobody", 5}, {"film", 0.1}}};
  const std::vector<size_t> order =
      ranked(loud.victim(), {"nobody", "film"}, 1, row(Ranking::weighted), queries);
  CHECK(order == std::vector<size_t>{1, 0});
  CHECK(queries == 4);
  CHECK(ranked(loud.victim(), {"nobody", "film"}, 1, row(Ranking::unknown), queries) ==
        std::vector<size_t>{0, 1});
}

TEST_CASE("far from the boundary, and only what is allowed") {
  Attack far = row(Ranking::unknown);
  far.confident = 0.7;
  const Words x = texts[5];
  const AttackedText near = attacked(toy.victim(), x, 1, row(Ranking::unknown)),
                     deep = attacked(toy.victim(), x, 1, far);
  CHECK(near.end.score > 0.5);
  CHECK((deep.outcome == AttackOutcome::failed || deep.end.score >= 0.7));
  // on its way it passed where the other one ended
  REQUIRE(deep.flip.has_value());
  CHECK(deep.flip->words == near.end.words);
  CHECK(deep.flip->queries == near.end.queries);
  CHECK(deep.flip->score == near.end.score);
  CHECK(deep.end.queries > near.end.queries);
  CHECK(near.flip->words == near.end.words);
  CHECK(deep.end.changed.size() >= near.end.changed.size());
  Attack held = row(Ranking::unknown);
  size_t seen = 0;
  held.allowed = [&](const Words& original, const Words& current, const Words& changed) {
    ++seen;
    size_t now = 0, all = 0;
    for (size_t i = 0; i < changed.size(); ++i)
      now += changed[i] != current[i], all += changed[i] != original[i];
    CHECK(now == 1);
    return all <= 1;
  };
  const AttackedText one = attacked(toy.victim(), x, 1, held);
  CHECK(one.end.changed.size() <= 1);
  CHECK(seen > 1);
}

TEST_CASE("attacks that cannot be") {
  CHECK_THROWS_AS(attacked(toy.victim(), texts[0], 2, row(Ranking::unknown)), ConfigError);
  CHECK_THROWS_AS(attacked(toy.victim(), texts[0], -1, row(Ranking::unknown)), ConfigError);
  CHECK_THROWS_AS(attacked(toy.victim(), texts[0], 1, {.name = "none"}), ConfigError);
  const Victim few = [](const std::vector<Words>&) { return std::vector<std::vector<double>>{}; };
  CHECK_THROWS_AS(attacked(few, texts[0], 1, row(Ranking::unknown)), ConfigError);
}

TEST_CASE("FGWS: rare words become their most frequent synonyms") {
  const std::map<std::string, int64_t> counts = {{"good", 40}, {"fine", 12}, {"nice", 12},
                                                 {"movie", 3}, {"flick", 1}, {"film", 90}};
  const Fgws f{[&](const std::string& w) { return counts.count(w) ? counts.at(w) : 0; },
               [](const std::string& w) -> Words {
                 if (w == "flick") return {"movie", "film", "pic"};
                 if (w == "goodish") return {"fine", "nice", "bad"};
                 if (w == "movie") return {"flick"};
                 if (w == "good") return {"film"};
                 return {};
               },
               std::log1p(3.5)};
  // flick (1) -> film (90); goodish (0) -> nice (12, as fine; the larger string); movie (3): its
  // synonym is rarer; good (40) is not rare
  CHECK(f.substituted({"goodish", "flick", "movie", "good", "zz"}) ==
        Words{"nice", "film", "movie", "good", "zz"});
  const std::vector<double> s =
      f.scores(toy.victim(), {{"good", "flick"}, {"good"}, {"goodish", "flick"}});
  CHECK(s[0] == doctest::Approx(0).epsilon(1e-12));  // p rises: 0
  CHECK(s[1] == 0);
  // predicted 0: p_0 falls
  CHECK(s[2] == doctest::Approx(toy.p1({"nice", "film"}) - toy.p1({"goodish", "flick"})));
  CHECK(s[2] > 0.1);

  CHECK(phi_percentile({0, 1, 3}, 0) == doctest::Approx(0));
  CHECK(phi_percentile({3, 0, 1}, 50) == doctest::Approx(std::log(2)));
  CHECK(phi_percentile({3, 0, 1}, 75) == doctest::Approx((std::log(2) + std::log(4)) / 2));
  CHECK(percentile({5}, 90) == 5);
  CHECK_THROWS_AS(percentile({}, 50), ConfigError);
  CHECK_THROWS_AS(percentile({1}, 101), ConfigError);
}

TEST_CASE("the trigram: sums to one after every history, and equals counts by hand") {
  const std::vector<std::vector<int64_t>> corpus = {{0, 1, 2}, {0, 1, 3}, {0, 1, 2, 0}, {4}, {}};
  const Trigram t(corpus, 6);
  for (int64_t u = 0; u < 8; ++u)
    for (int64_t v = 0; v < 8; ++v) {
      double all = 0;
      for (int64_t w = 0; w <= 6; ++w) {
        all += t.probability(u, v, w);
        CHECK(t.probability(u, v, w) > 0);
      }
      CHECK(all == doctest::Approx(1).epsilon(1e-12));
    }
  // By loops over the corpus, with B = 7 and E = 6.
  std::map<std::vector<int64_t>, int64_t> c3;
  for (auto text : corpus) {
    text.insert(text.begin(), 2, 7);
    text.push_back(6);
    for (size_t i = 2; i < text.size(); ++i) ++c3[{text[i - 2], text[i - 1], text[i]}];
  }
  const auto discount = [](const auto& counts) {
    double one = 0, two = 0;
    for (const auto& [k, n] : counts) one += n == 1, two += n == 2;
    return one / (one + 2 * two);
  };
  std::map<std::vector<int64_t>, int64_t> c2, c1;
  for (const auto& [k, n] : c3) ++c2[{k[1], k[2]}];
  for (const auto& [k, n] : c2) ++c1[{k[1]}];
  const double d3 = discount(c3), d2 = discount(c2), d1 = discount(c1);
  const auto smooth = [](const auto& counts, const std::vector<int64_t>& key, double d,
                         double lower) {
    double own = 0, all = 0, kinds = 0;
    for (const auto& [k, n] : counts) {
      if (!std::equal(key.begin(), key.end() - 1, k.begin())) continue;
      all += static_cast<double>(n), ++kinds;
      if (k == key) own = static_cast<double>(n);
    }
    return all == 0 ? lower : std::max(own - d, 0.0) / all + d * kinds / all * lower;
  };
  for (int64_t u = 0; u < 8; ++u)
    for (int64_t v = 0; v < 8; ++v)
      for (int64_t w = 0; w <= 6; ++w) {
        const double p1 = smooth(c1, {w}, d1, 1.0 / 7), p2 = smooth(c2, {v, w}, d2, p1);
        CHECK(t.probability(u, v, w) == doctest::Approx(smooth(c3, {u, v, w}, d3, p2)));
      }
  const double nll = -(std::log(t.probability(7, 7, 0)) + std::log(t.probability(7, 0, 5)) +
                       std::log(t.probability(0, 5, 6))) /
                     3;
  CHECK(t.mean_nll({0, 5}) == doctest::Approx(nll));
  CHECK(t.mean_nll({0, 1, 2}) < t.mean_nll({2, 1, 0}));
  CHECK_THROWS_AS(t.mean_nll({6}), ConfigError);
  CHECK_THROWS_AS(Trigram({{}}, 3), ConfigError);
  CHECK_THROWS_AS(Trigram({{3}}, 3), ConfigError);
  // where every count is high nothing has probability 0
  CHECK(Trigram({{0, 0}, {0, 0}, {0, 0}}, 2).probability(1, 1, 1) > 0);
}
