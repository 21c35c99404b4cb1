// BERT's tokenizer: basic tokens, each cut into the longest pieces of a vocabulary (Devlin et al.
// 2019; transformers' BertTokenizer is the reference).
//
//   const WordPiece pieces = WordPiece::load("all-MiniLM-L6-v2/vocab.txt");
//   pieces.tokens("unaffable");         // "una", "##ffa", "##ble"
//   pieces.ids("unaffable", 64);        // [CLS] .. [SEP], at most 64
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace regrad {

struct WordPieceOptions {
  bool lower = true;           // small letters, and accents stripped
  int64_t longest_word = 100;  // code points; longer words are [UNK]
};

class WordPiece {
 public:
  // A vocabulary of a piece a line, ids from 0 on. IOError naming `where` and line: no [UNK],
  // [CLS], [SEP] or [PAD], a piece twice, an empty one before the last, text that is no UTF-8.
  WordPiece(std::string_view vocabulary, const std::string& where, WordPieceOptions options = {});
  static WordPiece load(const std::string& path, WordPieceOptions options = {});

  // Control characters and U+FFFD are dropped, spaces of any kind split, each CJK ideograph is a
  // token of its own; with `lower` small letters and NFD without marks; punctuation (ASCII's
  // symbols too) splits. "[CLS]" and kin in a text are themselves.
  std::vector<std::string> basic(std::string_view text) const;
  std::vector<std::string> tokens(std::string_view text) const;
  // [CLS], the first most - 2 pieces, [SEP]. ConfigError: most below 2.
  std::vector<int64_t> ids(std::string_view text, int64_t most) const;

  int64_t size() const { return static_cast<int64_t>(pieces_.size()); }
  int64_t id(std::string_view piece) const;  // that of [UNK] where there is none
  int64_t padding() const { return id("[PAD]"); }
  const std::vector<std::string>& pieces() const { return pieces_; }

 private:
  void cut(const std::string& word, std::vector<std::string>& out) const;

  WordPieceOptions options_;
  std::vector<std::string> pieces_;
  std::unordered_map<std::string, int64_t> ids_;
  size_t longest_ = 0;  // bytes of a piece
};

}  // namespace regrad
