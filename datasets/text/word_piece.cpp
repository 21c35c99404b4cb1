#include <regrad/datasets/internal/unpack.h>
#include <regrad/datasets/internal/utf8.h>
#include <regrad/datasets/text/word_piece.h>
#include <regrad/engine/error.h>

#include <algorithm>
#include <array>

namespace regrad {
namespace {

constexpr std::array<std::string_view, 5> specials = {"[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"};

// BERT's: only blocks of ideographs, not of kana or hangul.
bool is_ideograph(char32_t c) {
  constexpr std::array<std::pair<char32_t, char32_t>, 8> blocks = {{{0x4E00, 0x9FFF},
                                                                    {0x3400, 0x4DBF},
                                                                    {0x20000, 0x2A6DF},
                                                                    {0x2A700, 0x2B73F},
                                                                    {0x2B740, 0x2B81F},
                                                                    {0x2B820, 0x2CEAF},
                                                                    {0xF900, 0xFAFF},
                                                                    {0x2F800, 0x2FA1F}}};
  return std::any_of(blocks.begin(), blocks.end(),
                     [c](const auto& b) { return c >= b.first && c <= b.second; });
}
bool is_gap(char32_t c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == 0x2028 || c == 0x2029 ||
         detail::is_space(c);
}
bool is_symbol(char32_t c) {
  return (c >= 33 && c <= 47) || (c >= 58 && c <= 64) || (c >= 91 && c <= 96) ||
         (c >= 123 && c <= 126) || detail::is_punctuation(c);
}
bool is_dropped(char32_t c) {
  return c == 0 || c == 0xFFFD || (!is_gap(c) && detail::is_control(c));
}

// Words between gaps, ideographs alone, of what is not dropped.
std::vector<std::u32string> split_at_gaps(std::string_view text) {
  std::vector<std::u32string> out;
  bool open = false;
  for (size_t at = 0; at < text.size();) {
    const char32_t c = detail::next_point(text, at);
    if (is_dropped(c)) continue;
    const bool alone = is_ideograph(c);
    if (is_gap(c) || alone) open = false;
    if (is_gap(c)) continue;
    if (!open) out.emplace_back();
    out.back().push_back(c);
    open = !alone;
  }
  return out;
}

std::u32string without_accents(const std::u32string& word) {
  std::u32string small;
  for (const char32_t c : word) small += detail::lower(c);
  std::u32string out;
  for (const char32_t c : detail::decomposed(small))
    if (!detail::is_mark(c)) out.push_back(c);
  return out;
}

// Each symbol is a token.
void split_at_symbols(const std::u32string& word, std::vector<std::string>& out) {
  bool open = false;
  for (const char32_t c : word) {
    const bool alone = is_symbol(c);
    if (!open || alone) out.emplace_back();
    detail::append_point(out.back(), c);
    open = !alone;
  }
}

}  // namespace

WordPiece::WordPiece(std::string_view vocabulary, const std::string& where,
                     WordPieceOptions options)
    : options_(options) {
  for (int64_t line = 1; !vocabulary.empty(); ++line) {
    const auto fail = [&](const std::string& what) {
      throw IOError(where + ": line " + std::to_string(line) + ": " + what);
    };
    const size_t end = std::min(vocabulary.find('\n'), vocabulary.size());
    std::string_view piece = vocabulary.substr(0, end);
    vocabulary.remove_prefix(std::min(end + 1, vocabulary.size()));
    if (!piece.empty() && piece.back() == '\r') piece.remove_suffix(1);
    if (piece.empty() && vocabulary.empty()) break;
    if (piece.empty()) fail("an empty piece");
    if (detail::bad_utf8(piece) != std::string_view::npos) fail("the piece is no UTF-8");
    if (!ids_.emplace(piece, size()).second)
      fail("the piece '" + std::string(piece) + "' is there twice");
    pieces_.emplace_back(piece);
    longest_ = std::max(longest_, piece.size());
  }
  for (const char* need : {"[UNK]", "[CLS]", "[SEP]", "[PAD]"})
    if (!ids_.count(need)) throw IOError(where + ": has no piece " + need);
}

WordPiece WordPiece::load(const std::string& path, WordPieceOptions options) {
  return {detail::read_unpacked(path), path, options};
}

int64_t WordPiece::id(std::string_view piece) const {
  const auto found = ids_.find(std::string(piece));
  return found == ids_.end() ? ids_.at("[UNK]") : found->second;
}

std::vector<std::string> WordPiece::basic(std::string_view text) const {
  std::vector<std::string> out;
  const auto plain = [&](std::string_view part) {
    for (std::u32string word : split_at_gaps(part))
      split_at_symbols(options_.lower ? without_accents(word) : word, out);
  };
  size_t from = 0;
  for (size_t at = text.find('['); at != std::string_view::npos; at = text.find('[', at + 1)) {
    for (const std::string_view special : specials) {
      if (text.substr(at, special.size()) != special || !ids_.count(std::string(special))) continue;
      plain(text.substr(from, at - from));
      out.emplace_back(special);
      from = at + special.size();
    }
  }
  plain(text.substr(from));
  return out;
}

// Greedily the longest piece from the left; [UNK] where at any place there is none.
void WordPiece::cut(const std::string& word, std::vector<std::string>& out) const {
  int64_t points = 0;
  for (const char c : word) points += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  std::vector<std::string> mine;
  for (size_t at = 0; at < word.size() && points <= options_.longest_word;) {
    const std::string before = at == 0 ? "" : "##";
    size_t n = std::min(word.size() - at, longest_);
    while (n > 0 && !ids_.count(before + word.substr(at, n))) --n;
    if (n == 0) break;
    mine.push_back(before + word.substr(at, n));
    at += n;
    if (at == word.size()) {
      out.insert(out.end(), mine.begin(), mine.end());
      return;
    }
  }
  out.emplace_back("[UNK]");
}

std::vector<std::string> WordPiece::tokens(std::string_view text) const {
  std::vector<std::string> out;
  for (const std::string& word : basic(text)) cut(word, out);
  return out;
}

std::vector<int64_t> WordPiece::ids(std::string_view text, int64_t most) const {
  if (most < 2)
    throw ConfigError("WordPiece: at most " + std::to_string(most) +
                      " ids; [CLS] and [SEP] take two");
  std::vector<int64_t> out{id("[CLS]")};
  for (const std::string& piece : tokens(text)) {
    if (static_cast<int64_t>(out.size()) == most - 1) break;
    out.push_back(id(piece));
  }
  out.push_back(id("[SEP]"));
  return out;
}

}  // namespace regrad
