// The attacks of a table: rows, and what makes their candidates.
#pragma once

#include <regrad/algorithms/rde/experiment/pattern.h>
#include <regrad/algorithms/rde/experiment/settings.h>
#include <regrad/algorithms/rde/masked_lm.h>
#include <regrad/datasets/text/words.h>
#include <regrad/engine/tensor.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace regrad::rde {

// What may stand in a word's place: its synonyms; its neighbours by vectors of the corpus; what a
// masked language model of the corpus has for the place, in the text as it stands.
enum class Substitutes { synonyms, neighbours, in_context };

struct AttackRow {
  const char *name, *help;
  Ranking ranking;
  Substitutes from;
  int64_t most = 50;     // neighbours, or words for the place, at most;
  double least = 0;      // neighbours of at least this cosine
  double sentence = -1;  // least cosine of the texts' mean vectors, current and changed; -1: any
};
// pwws; tf-lite, tf-adj-lite: TextFooler and its adjusted form without sentence encoder, parts of
// speech and grammar check, over vectors trained on the corpus; bae-lite: BAE-R without sentence
// encoder and parts of speech, over a masked language model of the corpus (text-and-ssl.md 1.7).
const std::vector<AttackRow>& attack_rows();
// Whether an attack of the table takes its candidates from there.
bool any_from(const TableSettings& s, Substitutes from);

// What a corpus gives to candidates.
struct Sources {
  std::function<Words(const std::string&)> synonyms;  // WordNet's, or a generator's own
  std::shared_ptr<const Vocabulary> vocabulary;
  Tensor vectors = {};  // f64 [vocabulary, d], rows of length 1 or 0; where a row needs them
  std::shared_ptr<const MaskedLm> masked_lm = {};  // the same
};

// Candidates, those of single words each made once; safe from one thread. Stop words stay (NLTK's
// list).
class Candidates {
 public:
  Candidates(const AttackRow& row, Sources sources);
  // Of a word, whatever stands around it: synonyms or neighbours.
  const Words& of(const std::string& word) const;
  // Of word i of a text. In context: of the 50 likeliest words those that are not the word itself.
  Words at(const Pattern& pattern, const Words& text, size_t i) const;
  // On the text of `pattern`; outlived by that and by this.
  Attack attack(double confident, const Pattern& pattern) const;
  // A candidate as a number from 1 on among all that may ever stand in the place of `word`, for
  // checkpoints; and back.
  int64_t number(const std::string& word, const std::string& candidate) const;
  const std::string& numbered(const std::string& word, int64_t number) const;

 private:
  const Words& all(const std::string& word) const;
  Words likely(const Pattern& pattern, const Words& text, size_t i) const;
  Words neighbours_of(const std::string& word) const;
  bool near(const Words& a, const Words& b) const;

  AttackRow row_;
  Sources from_;
  std::vector<bool> words_;  // by id: tokens that are words, where candidates come in context
  mutable std::map<std::string, Words> made_;
};

}  // namespace regrad::rde
