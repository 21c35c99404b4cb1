// The attacks of a table: rows, and what makes their candidates.
#pragma once

#include <regrad/algorithms/rde/attack.h>
#include <regrad/datasets/text/words.h>
#include <regrad/engine/tensor.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace regrad::rde {

struct AttackRow {
  const char *name, *help;
  Ranking ranking;
  bool neighbours;       // of vectors trained on the corpus; else synonyms
  int64_t most = 50;     // neighbours at most,
  double least = 0;      // of at least this cosine
  double sentence = -1;  // least cosine of the texts' mean vectors, current and changed; -1: any
};
// pwws; tf-lite, tf-adj-lite: TextFooler and its adjusted form without sentence encoder, parts of
// speech and grammar check, over vectors trained on the corpus (text-and-ssl.md 1.7).
const std::vector<AttackRow>& attack_rows();

// What a corpus gives to candidates.
struct Sources {
  std::function<Words(const std::string&)> synonyms;  // WordNet's, or a generator's own
  std::shared_ptr<const Vocabulary> vocabulary;
  Tensor vectors = {};  // f64 [vocabulary, d], rows of length 1 or 0; where a row needs them
};

// Candidates of single words, each made once; safe from one thread. Stop words stay (NLTK's list).
class Candidates {
 public:
  Candidates(const AttackRow& row, Sources sources);
  const Words& of(const std::string& word) const;
  Attack attack(double confident) const;  // outlived by this

 private:
  Words neighbours_of(const std::string& word) const;
  bool near(const Words& a, const Words& b) const;

  AttackRow row_;
  Sources from_;
  mutable std::map<std::string, Words> made_;
};

}  // namespace regrad::rde
