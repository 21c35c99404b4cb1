#include <regrad/algorithms/experiment/methods.h>
#include <regrad/algorithms/rde/experiment/attacks.h>
#include <regrad/algorithms/rde/word_vectors.h>
#include <regrad/datasets/text/stop_words.h>
#include <regrad/engine/error.h>
#include <regrad/engine/ops.h>

#include <algorithm>
#include <cmath>

namespace regrad::rde {

const std::vector<AttackRow>& attack_rows() {
  static const std::vector<AttackRow> rows = {
      {"pwws", "PWWS: synonyms, positions by saliency times the best candidate's score",
       Ranking::weighted, Substitutes::synonyms},
      {"tf-lite",
       "TextFooler's order and thresholds (50 neighbours, cosine 0.5) over vectors of the corpus; "
       "no sentence encoder, no parts of speech",
       Ranking::deletion, Substitutes::neighbours, 50, 0.5},
      {"tf-adj-lite",
       "TF-adjusted's (cosine 0.9; texts' mean vectors 0.98) over vectors of the corpus; no "
       "sentence encoder, no grammar check",
       Ranking::unknown, Substitutes::neighbours, 50, 0.9, 0.98},
      {"bae-lite",
       "BAE-R's order and 50 likeliest words of the place, by a masked language model trained on "
       "the corpus; no sentence encoder, no parts of speech",
       Ranking::deletion, Substitutes::in_context}};
  return rows;
}

bool any_from(const TableSettings& s, Substitutes from) {
  return std::any_of(s.attacks.begin(), s.attacks.end(), [from](const std::string& name) {
    return experiment::find_method(attack_rows(), name).from == from;
  });
}

Candidates::Candidates(const AttackRow& row, Sources sources)
    : row_(row), from_(std::move(sources)) {
  if (row_.from != Substitutes::in_context) return;
  words_.resize(static_cast<size_t>(from_.vocabulary->size()));
  const std::vector<std::string>& tokens = from_.vocabulary->tokens();
  for (size_t k = 0; k < tokens.size(); ++k) {
    const std::vector<Word> words = words_of(tokens[k]);
    words_[k + 2] = words.size() == 1 && words[0].size == tokens[k].size();
  }
}

Words Candidates::neighbours_of(const std::string& word) const {
  const std::vector<int64_t> ids = from_.vocabulary->ids(word);
  if (ids.size() != 1 || ids[0] == Vocabulary::unknown) return {};
  Words out;
  for (const auto& [id, cosine] : neighbours(from_.vectors, ids[0], row_.most, row_.least)) {
    if (id < 2) continue;
    const std::string& token = from_.vocabulary->tokens()[static_cast<size_t>(id - 2)];
    if (words_of(token).size() == 1 && !is_stop_word(token)) out.push_back(token);
  }
  return out;
}

const Words& Candidates::of(const std::string& word) const {
  const auto found = made_.find(word);
  if (found != made_.end()) return found->second;
  return made_
      .emplace(word,
               row_.from == Substitutes::neighbours ? neighbours_of(word) : from_.synonyms(word))
      .first->second;
}

Words Candidates::likely(const Pattern& pattern, const Words& text, size_t i) const {
  const auto [before, behind] = pattern.around(text, i);
  std::vector<int64_t> ids = from_.vocabulary->ids(before);
  const auto at = static_cast<int64_t>(ids.size());
  const std::vector<int64_t> rest = from_.vocabulary->ids(behind),
                             own = from_.vocabulary->ids(text[i]);
  if (at >= from_.masked_lm->most()) return {};
  ids.push_back(Vocabulary::unknown);
  ids.insert(ids.end(), rest.begin(), rest.end());
  ids.resize(std::min(ids.size(), static_cast<size_t>(from_.masked_lm->most())));
  Words out;
  for (const int64_t id : likely_words(*from_.masked_lm, ids, at, row_.most, words_))
    if (own.size() != 1 || id != own[0])
      out.push_back(from_.vocabulary->tokens()[static_cast<size_t>(id - 2)]);
  return out;
}

Words Candidates::at(const Pattern& pattern, const Words& text, size_t i) const {
  return row_.from == Substitutes::in_context ? likely(pattern, text, i) : of(text[i]);
}

const Words& Candidates::all(const std::string& word) const {
  return row_.from == Substitutes::in_context ? from_.vocabulary->tokens() : of(word);
}

int64_t Candidates::number(const std::string& word, const std::string& candidate) const {
  if (row_.from == Substitutes::in_context) return from_.vocabulary->id(candidate) - 1;
  const Words& from = all(word);
  return 1 + (std::find(from.begin(), from.end(), candidate) - from.begin());
}

const std::string& Candidates::numbered(const std::string& word, int64_t number) const {
  const Words& of = all(word);
  if (number < 1 || static_cast<size_t>(number) > of.size())
    throw IOError(std::string("a checkpoint of ") + row_.name + " has candidate " +
                  std::to_string(number) + " of '" + word + "', which has " +
                  std::to_string(of.size()) + ": its candidates were others");
  return of[static_cast<size_t>(number - 1)];
}

bool Candidates::near(const Words& a, const Words& b) const {
  const int64_t d = from_.vectors.size(1);
  const double* p = from_.vectors.data<double>();
  const auto mean_of = [&](const Words& words) {
    std::vector<double> out(static_cast<size_t>(d), 0.0);
    for (const std::string& w : words)
      for (const int64_t id : from_.vocabulary->ids(w))
        for (int64_t k = 0; k < d; ++k) out[static_cast<size_t>(k)] += p[id * d + k];
    return out;
  };
  const std::vector<double> x = mean_of(a), y = mean_of(b);
  double xy = 0, xx = 0, yy = 0;
  for (size_t k = 0; k < x.size(); ++k) xy += x[k] * y[k], xx += x[k] * x[k], yy += y[k] * y[k];
  return xx > 0 && yy > 0 && xy >= row_.sentence * std::sqrt(xx * yy);
}

Attack Candidates::attack(double confident, const Pattern& pattern) const {
  Attack out{
      .name = row_.name,
      .ranking = row_.ranking,
      .candidates = [this, &pattern](const Words& text, size_t i) { return at(pattern, text, i); },
      .is_stop_word = [](const std::string& w) { return is_stop_word(w); },
      .confident = confident};
  if (row_.sentence > -1)
    out.allowed = [this](const Words&, const Words& current, const Words& changed) {
      return near(current, changed);
    };
  return out;
}

}  // namespace regrad::rde
