// Words of a text, and the vocabulary of a training set.
//
//   for (const Word& w : words_of(text)) text.substr(w.begin, w.size);
//   const Vocabulary known = Vocabulary::of(train.texts, {.most = 20000});
//   known.ids("a good film");    // {2, 57, 11}
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace regrad {

struct Word {
  size_t begin, size;  // bytes of the text
};
// As TextAttack splits: the longest runs of letters and numbers (Unicode's), in which ' - _ * @ may
// stand, but not at their beginning.
std::vector<Word> words_of(std::string_view text);
// The text with one of its words replaced.
std::string with_word(std::string_view text, const Word& word, std::string_view by);

// Words in small letters, and between them each other character that is no space as a token of its
// own: "It's good!" is "it's", "good", "!".
std::vector<std::string> tokens_of(std::string_view text);

// Tokens of training texts by falling count, equal counts by the token's bytes. Id 0 is padding, 1
// whatever is not among them.
class Vocabulary {
 public:
  struct Options {
    int64_t least = 1;     // counts below it are left out
    int64_t most = 50000;  // tokens
  };
  static constexpr int64_t padding = 0, unknown = 1;

  Vocabulary() = default;
  static Vocabulary of(const std::vector<std::string>& texts, const Options& options);
  static Vocabulary of(const std::vector<std::string>& texts) { return of(texts, Options()); }
  // From tokens in the order of their ids, from 2 on, with their counts. ConfigError: one twice, or
  // another number of counts.
  Vocabulary(std::vector<std::string> tokens, std::vector<int64_t> counts);

  int64_t size() const { return static_cast<int64_t>(tokens_.size()) + 2; }  // ids are below it
  int64_t id(std::string_view token) const;
  int64_t count(std::string_view token) const;  // 0 where it is not among them
  std::vector<int64_t> ids(std::string_view text) const;
  const std::vector<std::string>& tokens() const { return tokens_; }
  const std::vector<int64_t>& counts() const { return counts_; }

 private:
  std::vector<std::string> tokens_;
  std::vector<int64_t> counts_;
  std::unordered_map<std::string, int64_t> ids_;
};

}  // namespace regrad
