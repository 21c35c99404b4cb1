// Generated reviews: texts with a class each that need no data, and words that stand for each
// other.
//
//   const TextSet train = Sentences().sample(Random(seed) / "train", 1000);
//       // "the plot is quite charming , and i adored the cast ." is positive
//
// A sentence has one to three clauses of a noun, a verb or "is", and a word that speaks for or
// against. "but" turns: the clause behind it decides the class, whatever stands before it. "not"
// turns the word behind it. Of words that mean the same, the n-th is drawn with weight 1 / n^rare:
// the last ones are rare in training, so that a classifier has seen little of them.
#pragma once

#include <regrad/datasets/text/texts.h>
#include <regrad/engine/random.h>

namespace regrad {

struct Sentences {
  double rare = 2;        // the exponent, at least 0
  double turned = 0.2;    // share of sentences of several clauses that a "but" turns
  double negated = 0.15;  // share of clauses with "not"

  // Classes negative and positive in turn. The address decides each text. ConfigError: count below
  // 1, shares outside [0, 1], rare below 0.
  TextSet sample(const Random& r, int64_t count) const;
  // Groups of words that mean the same, all that a sentence can hold of nouns, verbs and
  // judgements.
  static const std::vector<std::vector<std::string>>& synonyms();
};

}  // namespace regrad
