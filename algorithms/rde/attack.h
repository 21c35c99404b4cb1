// Attacks on a text classifier by substitutes of words (text-and-ssl.md 1.7): greedy, a position at
// a time, until the prediction turns.
//
//   s(x) = 1 - p_truth(x);  positions are ranked once, on the original text:
//     weighted  softmax_i(s(x, word i -> "[UNK]")) * max over candidates c of s(x, word i -> c),
//               0 without candidates (PWWS as TextAttack has it: raw s, not the increase)
//     unknown   s(x, word i -> "[UNK]")
//     deletion  s(x without word i): an empty string stands in its place, of which a victim makes
//               nothing
//   then by falling rank (equal ones from the left): of the candidates at the position, on the text
//   as it stands, the one of largest s is taken if it raises s; a prediction that is not the truth
//   ends the attack.
//
// Texts are lists of words; whoever calls splits and joins them, and gives what makes candidates.
// A word is changed at most once, stop words never; all candidates of a position are one batch.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace regrad::rde {

using Words = std::vector<std::string>;

// Probabilities of the classes for each text, by row. Every text asked about is a query.
using Victim = std::function<std::vector<std::vector<double>>(const std::vector<Words>&)>;

enum class Ranking { weighted, unknown, deletion };

struct Attack {
  std::string name;
  Ranking ranking = Ranking::weighted;
  // What may stand in the place of word i; the word itself is left out of what it gives.
  std::function<Words(const Words& text, size_t i)> candidates = {};
  std::function<bool(const std::string& word)> is_stop_word = {};  // empty: none is
  // Whether a changed text is near enough to the current one (and to the original, for those
  // attacks that compare with it). Empty: always.
  std::function<bool(const Words& original, const Words& current, const Words& changed)> allowed =
      {};
  // Stop only where p of the wrong class is at least this (far-boundary variant, 1.4): 0 stops at
  // the flip.
  double confident = 0;
};

enum class AttackOutcome { successful, failed, skipped };  // skipped: wrong from the beginning

// A text as an attack has it at some moment.
struct Stand {
  Words words;
  std::vector<size_t> changed = {};  // positions, in the order of their changes
  int64_t output = 0;                // the prediction
  double score = 0;                  // s
  int64_t queries = 0;               // until now
};
struct AttackedText {
  AttackOutcome outcome = AttackOutcome::skipped;
  int64_t original_output = 0;
  double original_score = 0;
  Stand end;  // failed: the best try
  // Where the prediction first was not the truth: there an attack that stops at the flip ends, of
  // which one that goes on to a confident mistake is the continuation.
  std::optional<Stand> flip = {};
  // At the flip, or (far) with a mistake as confident as was asked for.
  bool won(bool far) const { return far ? outcome == AttackOutcome::successful : flip.has_value(); }
};

// ConfigError: truth outside the classes, an attack without candidates, p that are no
// probabilities of the same classes.
AttackedText attacked(const Victim& victim, const Words& text, int64_t truth, const Attack& attack);

// The positions in the order in which they are visited, and the queries that took.
std::vector<size_t> ranked(const Victim& victim, const Words& text, int64_t truth,
                           const Attack& attack, int64_t& queries);

}  // namespace regrad::rde
