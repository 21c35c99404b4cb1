#include <regrad/datasets/internal/unpack.h>
#include <regrad/datasets/internal/utf8.h>
#include <regrad/datasets/text/byte_pair.h>
#include <regrad/engine/error.h>
#include <regrad/engine/io/json_fields.h>

#include <algorithm>
#include <queue>
#include <tuple>

namespace regrad {
namespace {

constexpr std::array<std::string_view, 5> specials = {"<s>", "<pad>", "</s>", "<unk>", "<mask>"};
constexpr std::array<std::string_view, 7> contractions = {"'s", "'t",  "'re", "'ve",
                                                          "'m", "'ll", "'d"};

// GPT-2's table of bytes: those that are printable in Latin-1 are themselves, the others the code
// points from U+0100 on.
std::array<std::string, 256> symbols() {
  std::array<std::string, 256> out;
  char32_t next = 0x100;
  for (char32_t b = 0; b < 256; ++b) {
    const bool printable = (b >= '!' && b <= '~') || (b >= 0xA1 && b != 0xAD);
    detail::append_point(out[b], printable ? b : next++);
  }
  return out;
}

enum class Kind { gap, letter, number, other };
Kind kind_at(std::string_view text, size_t& at) {
  const char32_t c = detail::next_point(text, at);
  if (detail::is_letter(c)) return Kind::letter;
  if (detail::is_number(c)) return Kind::number;
  const bool gap = (c >= 9 && c <= 13) || c == 0x85 || c == 0x2028 || c == 0x2029;
  return gap || detail::is_space(c) ? Kind::gap : Kind::other;
}

// The end of the pattern's match at `at`, which is inside the text.
size_t part_end(std::string_view text, size_t at) {
  for (const std::string_view c : contractions)
    if (text.substr(at, c.size()) == c) return at + c.size();
  size_t end = at;
  Kind kind = kind_at(text, end);
  if (text[at] == ' ' && end < text.size()) {
    size_t behind = end;
    const Kind next = kind_at(text, behind);
    if (next != Kind::gap) kind = next, end = behind;
  }
  size_t last = at, gaps = 1;
  while (end < text.size()) {
    size_t behind = end;
    if (kind_at(text, behind) != kind) break;
    last = end, end = behind, ++gaps;
  }
  // the last of several gaps belongs to what follows
  return kind == Kind::gap && gaps > 1 && end < text.size() ? last : end;
}

}  // namespace

BytePair::BytePair(const std::string& vocabulary, std::string_view merges,
                   const std::string& folder) {
  read_vocabulary(vocabulary, folder + "/vocab.json");
  read_merges(merges, folder + "/merges.txt");
}

BytePair BytePair::load(const std::string& folder) {
  return {detail::read_unpacked(folder + "/vocab.json"),
          detail::read_unpacked(folder + "/merges.txt"), folder};
}

void BytePair::read_vocabulary(const std::string& json, const std::string& where) {
  const std::map<std::string, int64_t> all = JsonFields(json, where).integers();
  names_.resize(all.size());
  std::vector<bool> taken(all.size());
  for (const auto& [token, i] : all) {
    if (i < 0 || i >= size())
      throw IOError(where + ": key \"" + token + "\": the id " + std::to_string(i) + " among " +
                    std::to_string(size()) + " tokens; ids run from 0 without gaps");
    const auto at = static_cast<size_t>(i);
    if (taken[at])
      throw IOError(where + ": keys \"" + names_[at] + "\" and \"" + token + "\" have the id " +
                    std::to_string(i));
    taken[at] = true;
    names_[at] = token;
    ids_.emplace(token, i);
  }
  const auto need = [&](const std::string& token, const std::string& what) {
    const auto found = ids_.find(token);
    if (found == ids_.end()) throw IOError(where + ": has no token \"" + token + "\"" + what);
    return found->second;
  };
  for (const char* token : {"<s>", "</s>", "<pad>", "<unk>"}) need(token, "");
  const std::array<std::string, 256> of = symbols();
  for (size_t b = 0; b < 256; ++b) bytes_[b] = need(of[b], ", the byte " + std::to_string(b));
}

void BytePair::read_merges(std::string_view lines, const std::string& where) {
  for (int64_t line = 1; !lines.empty(); ++line) {
    const auto fail = [&](const std::string& what) {
      throw IOError(where + ": line " + std::to_string(line) + ": " + what);
    };
    const size_t end = std::min(lines.find('\n'), lines.size());
    std::string_view pair = lines.substr(0, end);
    lines.remove_prefix(std::min(end + 1, lines.size()));
    if (!pair.empty() && pair.back() == '\r') pair.remove_suffix(1);
    if ((pair.empty() && lines.empty()) || (line == 1 && pair.substr(0, 8) == "#version")) continue;
    if (detail::bad_utf8(pair) != std::string_view::npos) fail("no UTF-8");
    const size_t gap = pair.find(' ');
    if (gap == 0 || gap == std::string_view::npos || gap + 1 == pair.size() ||
        pair.find(' ', gap + 1) != std::string_view::npos)
      fail("'" + std::string(pair) + "' is not two tokens with a space between");
    const std::string left(pair.substr(0, gap)), right(pair.substr(gap + 1));
    for (const std::string& token : {left, right, left + right})
      if (!ids_.count(token)) fail("'" + token + "' is no token of vocab.json");
    const auto key = static_cast<uint64_t>(ids_[left]) << 32 | static_cast<uint64_t>(ids_[right]);
    const auto rank = static_cast<int64_t>(merges_.size());
    if (!merges_.emplace(key, Merge{rank, ids_[left + right]}).second)
      fail("the merge '" + std::string(pair) + "' is there twice");
  }
}

const BytePair::Merge* BytePair::merge_of(int64_t left, int64_t right) const {
  const auto found = merges_.find(static_cast<uint64_t>(left) << 32 | static_cast<uint64_t>(right));
  return found == merges_.end() ? nullptr : &found->second;
}

// A chain of tokens, and a heap of the merges that neighbours allow: n log n for n bytes.
void BytePair::merge(std::string_view part, std::vector<int64_t>& out) const {
  struct Link {
    int64_t id;
    size_t before, behind;
  };
  using Try = std::tuple<int64_t, size_t, int64_t>;  // rank, place of the left token, union
  constexpr size_t none = std::string_view::npos;
  std::vector<Link> chain;
  for (size_t i = 0; i < part.size(); ++i)
    chain.push_back({bytes_[static_cast<unsigned char>(part[i])], i == 0 ? none : i - 1,
                     i + 1 == part.size() ? none : i + 1});
  std::priority_queue<Try, std::vector<Try>, std::greater<>> heap;
  const auto offer = [&](size_t left, size_t right) {
    if (left == none || right == none) return;
    if (const Merge* m = merge_of(chain[left].id, chain[right].id))
      heap.emplace(m->rank, left, m->id);
  };
  for (size_t i = 0; i + 1 < chain.size(); ++i) offer(i, i + 1);
  while (!heap.empty()) {
    const auto [rank, left, id] = heap.top();
    heap.pop();
    const size_t right = chain[left].behind;
    if (chain[left].id < 0 || right == none) continue;
    const Merge* now = merge_of(chain[left].id, chain[right].id);
    if (!now || now->id != id) continue;  // one of the two has been merged since
    chain[left].id = id, chain[left].behind = chain[right].behind;
    chain[right].id = -1;
    if (chain[left].behind != none) chain[chain[left].behind].before = left;
    offer(chain[left].before, left), offer(left, chain[left].behind);
  }
  for (const Link& l : chain)
    if (l.id >= 0) out.push_back(l.id);
}

std::vector<int64_t> BytePair::encoded(std::string_view text) const {
  std::string mended;
  if (detail::bad_utf8(text) != std::string_view::npos) {
    for (size_t at = 0; at < text.size();)
      detail::append_point(mended, detail::next_point(text, at));
    text = mended;
  }
  std::vector<int64_t> out;
  const auto plain = [&](std::string_view some) {
    for (size_t at = 0; at < some.size();) {
      const size_t end = part_end(some, at);
      merge(some.substr(at, end - at), out);
      at = end;
    }
  };
  size_t from = 0;
  for (size_t at = text.find('<'); at != std::string_view::npos; at = text.find('<', at + 1)) {
    for (const std::string_view special : specials) {
      if (text.substr(at, special.size()) != special || !ids_.count(std::string(special))) continue;
      plain(text.substr(from, at - from));
      out.push_back(id(special));
      from = at + special.size();
    }
  }
  plain(text.substr(from));
  return out;
}

int64_t BytePair::id(std::string_view token) const {
  const auto found = ids_.find(std::string(token));
  return found == ids_.end() ? ids_.at("<unk>") : found->second;
}

std::vector<std::string> BytePair::tokens(std::string_view text) const {
  std::vector<std::string> out;
  for (const int64_t i : encoded(text)) out.push_back(names_[static_cast<size_t>(i)]);
  return out;
}

std::vector<int64_t> BytePair::ids(std::string_view text, int64_t most) const {
  if (most < 2)
    throw ConfigError("BytePair: at most " + std::to_string(most) + " ids; <s> and </s> take two");
  std::vector<int64_t> out = encoded(text);
  if (static_cast<int64_t>(out.size()) > most - 2) out.resize(static_cast<size_t>(most - 2));
  out.insert(out.begin(), id("<s>"));
  out.push_back(id("</s>"));
  return out;
}

}  // namespace regrad
