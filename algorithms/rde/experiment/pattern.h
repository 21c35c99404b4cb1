// A text taken apart for an attack: its words, and what stands between them.
//
//   const Pattern p("It's a good film!", vocabulary, 64);
//   p.words();                              // "It's", "a", "good", "film"
//   p.ids({"It's", "a", "fine", "film"});   // as vocabulary.ids of that text
//   p.marked(p.words(), changed, changed);  // "It's a [[fine]] film!"
#pragma once

#include <regrad/algorithms/rde/attack.h>
#include <regrad/datasets/text/words.h>

#include <functional>
#include <string>
#include <vector>

namespace regrad::rde {

// How a net reads a whole text that is none of words of a vocabulary: at most so many ids.
using Tokenizer = std::function<std::vector<int64_t>(const std::string& text, int64_t most)>;

class Pattern {
 public:
  // Words that begin behind the first `most` tokens are not seen by a net of so many, and belong to
  // what stands between.
  Pattern(std::string text, const Vocabulary& vocabulary, int64_t most);
  // The same of a net that reads whole texts; outlived by the tokenizer.
  Pattern(std::string text, const Tokenizer& tokenizer, int64_t most);

  const Words& words() const { return words_; }
  // At most `most` ids. An empty word is left out; "[UNK]" is the unknown word (to a tokenizer what
  // that makes of it). ShapeError: another number of words.
  std::vector<int64_t> ids(const Words& words) const;
  // What stands before word i and behind it.
  std::pair<std::string, std::string> around(const Words& words, size_t i) const;
  std::string text(const Words& words) const;
  // The text of `shown`, each word in which `words` differ from the text's own between [[ and ]].
  std::string marked(const Words& words, const Words& shown) const;

 private:
  void check(const Words& words) const;

  const Vocabulary* vocabulary_ = nullptr;
  const Tokenizer* tokenizer_ = nullptr;  // or that
  int64_t most_;
  std::string text_;
  std::vector<Word> places_;
  Words words_;
  std::vector<std::vector<int64_t>> between_;  // ids before word 0, 1, .., and behind the last
};

}  // namespace regrad::rde
