// A text taken apart for an attack: its words, and what stands between them.
//
//   const Pattern p("It's a good film!", vocabulary, 64);
//   p.words();                              // "It's", "a", "good", "film"
//   p.ids({"It's", "a", "fine", "film"});   // as vocabulary.ids of that text
//   p.marked(p.words(), changed, changed);  // "It's a [[fine]] film!"
#pragma once

#include <regrad/algorithms/rde/attack.h>
#include <regrad/datasets/text/words.h>

#include <string>
#include <vector>

namespace regrad::rde {

class Pattern {
 public:
  // Words that begin behind the first `most` tokens are not seen by a net of so many, and belong to
  // what stands between.
  Pattern(std::string text, const Vocabulary& vocabulary, int64_t most);

  const Words& words() const { return words_; }
  // At most `most` ids. An empty word is left out; "[UNK]" is the unknown word. ShapeError: another
  // number of words.
  std::vector<int64_t> ids(const Words& words) const;
  // Where word i's first id stands among them, as if there were no `most`.
  int64_t place(const Words& words, size_t i) const;
  std::string text(const Words& words) const;
  // The text of `shown`, each word in which `words` differ from the text's own between [[ and ]].
  std::string marked(const Words& words, const Words& shown) const;

 private:
  // Of the first so many words and of what stands before each.
  std::vector<int64_t> first_ids(const Words& words, size_t count) const;

  const Vocabulary* vocabulary_;
  int64_t most_;
  std::string text_;
  std::vector<Word> places_;
  Words words_;
  std::vector<std::vector<int64_t>> between_;  // ids before word 0, 1, .., and behind the last
};

}  // namespace regrad::rde
