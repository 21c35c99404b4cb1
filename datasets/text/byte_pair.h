// RoBERTa's and GPT-2's tokenizer: byte-pair encoding over bytes (Radford et al. 2019; Liu et al.
// 2019; transformers' RobertaTokenizer is the reference).
//
//   const BytePair pieces = BytePair::load("roberta-base");   // its vocab.json and merges.txt
//   pieces.tokens("It's unaffable");                          // "It", "'s", "Ġun", "aff", "able"
//   pieces.ids("It's unaffable", 64);                         // <s> .. </s>, at most 64
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace regrad {

class BytePair {
 public:
  // vocabulary: a JSON object of token -> id; merges: "left right" a line, the first to be merged
  // first, behind an optional line "#version: ..". Messages begin with `folder`/vocab.json or
  // `folder`/merges.txt.
  // IOError: no JSON object, a token twice, an id that is no whole number, ids that are not 0, 1 ..
  // each once, no <s>, </s>, <pad> or <unk>, a byte without a token (with key); a line that is not
  // two tokens of the vocabulary whose union is one, a merge twice, text that is no UTF-8 (with
  // line).
  BytePair(const std::string& vocabulary, std::string_view merges, const std::string& folder);
  static BytePair load(const std::string& folder);

  // The text is cut by GPT-2's pattern,
  //   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
  // and in each part the bytes are tokens of which the earliest merge is done first, from the left.
  // Bytes stand for themselves where they are printable, else as the code points from U+0100 on
  // (GPT-2's table: a space is "Ġ"). "<s>" and kin stay as they are; a space before "<mask>"
  // stays, as transformers 5 has it from these two files (version 4 takes it off). A byte that is
  // no UTF-8 is U+FFFD.
  std::vector<std::string> tokens(std::string_view text) const;
  // <s>, the first most - 2 tokens, </s>. ConfigError: most below 2.
  std::vector<int64_t> ids(std::string_view text, int64_t most) const;

  int64_t size() const { return static_cast<int64_t>(names_.size()); }
  int64_t id(std::string_view token) const;  // that of <unk> where there is none
  int64_t padding() const { return id("<pad>"); }
  const std::vector<std::string>& names() const { return names_; }

 private:
  struct Merge {
    int64_t rank, id;  // of the union
  };
  void read_vocabulary(const std::string& json, const std::string& where);
  void read_merges(std::string_view lines, const std::string& where);
  const Merge* merge_of(int64_t left, int64_t right) const;  // null: there is none
  std::vector<int64_t> encoded(std::string_view text) const;
  void merge(std::string_view part, std::vector<int64_t>& out) const;

  std::vector<std::string> names_;  // by id
  std::unordered_map<std::string, int64_t> ids_;
  std::unordered_map<uint64_t, Merge> merges_;  // by left << 32 | right
  std::array<int64_t, 256> bytes_ = {};         // the token of each byte
};

}  // namespace regrad
