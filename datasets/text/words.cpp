#include <regrad/datasets/internal/utf8.h>
#include <regrad/datasets/text/words.h>
#include <regrad/engine/error.h>

#include <algorithm>
#include <map>

namespace regrad {
namespace {

bool joins(char32_t c) { return c == '\'' || c == '-' || c == '_' || c == '*' || c == '@'; }

bool is_gap(char32_t c) {
  return (c >= 9 && c <= 13) || (c >= 28 && c <= 32) || c == 0x85 || detail::is_space(c) ||
         c == 0x2028 || c == 0x2029;
}

// word(begin, end) and other(begin, end) of each character outside words, in order.
template <class Of, class Other>
void each_word(std::string_view text, Of&& word, Other&& other) {
  size_t begin = 0;
  bool inside = false;
  for (size_t at = 0; at < text.size();) {
    const size_t first = at;
    const char32_t c = detail::next_point(text, at);
    if (detail::is_alphanumeric(c) || (inside && joins(c))) {
      if (!inside) begin = first;
      inside = true;
      continue;
    }
    if (inside) word(begin, first);
    inside = false;
    if (!is_gap(c)) other(first, at);
  }
  if (inside) word(begin, text.size());
}

}  // namespace

std::vector<Word> words_of(std::string_view text) {
  std::vector<Word> out;
  each_word(
      text,
      [&](size_t begin, size_t end) {
        out.push_back({begin, end - begin});
      },
      [](size_t, size_t) {});
  return out;
}

std::string with_word(std::string_view text, const Word& word, std::string_view by) {
  std::string out(text.substr(0, word.begin));
  return out.append(by).append(text.substr(word.begin + word.size));
}

std::vector<std::string> tokens_of(std::string_view text) {
  std::vector<std::string> out;
  const auto add = [&](size_t begin, size_t end) {
    out.push_back(detail::lower(text.substr(begin, end - begin)));
  };
  each_word(text, add, add);
  return out;
}

Vocabulary Vocabulary::of(const std::vector<std::string>& texts, const Options& options) {
  std::map<std::string, int64_t> counts;
  for (const std::string& t : texts)
    for (std::string& token : tokens_of(t)) ++counts[std::move(token)];
  std::vector<std::pair<int64_t, std::string>> order;
  for (const auto& [token, n] : counts)
    if (n >= options.least) order.emplace_back(-n, token);
  std::sort(order.begin(), order.end());
  order.resize(std::min(order.size(), static_cast<size_t>(std::max<int64_t>(0, options.most))));
  std::vector<std::string> tokens;
  std::vector<int64_t> n;
  for (auto& [count, token] : order) tokens.push_back(std::move(token)), n.push_back(-count);
  return {std::move(tokens), std::move(n)};
}

Vocabulary::Vocabulary(std::vector<std::string> tokens, std::vector<int64_t> counts)
    : tokens_(std::move(tokens)), counts_(std::move(counts)) {
  if (tokens_.size() != counts_.size())
    throw ConfigError("Vocabulary: " + std::to_string(tokens_.size()) + " tokens and " +
                      std::to_string(counts_.size()) + " counts");
  for (size_t i = 0; i < tokens_.size(); ++i)
    if (!ids_.emplace(tokens_[i], static_cast<int64_t>(i) + 2).second)
      throw ConfigError("Vocabulary: '" + tokens_[i] + "' is there twice");
}

int64_t Vocabulary::id(std::string_view token) const {
  const auto found = ids_.find(std::string(token));
  return found == ids_.end() ? unknown : found->second;
}

int64_t Vocabulary::count(std::string_view token) const {
  const int64_t i = id(token);
  return i == unknown ? 0 : counts_[static_cast<size_t>(i - 2)];
}

std::vector<int64_t> Vocabulary::ids(std::string_view text) const {
  std::vector<int64_t> out;
  for (const std::string& t : tokens_of(text)) out.push_back(id(t));
  return out;
}

}  // namespace regrad
