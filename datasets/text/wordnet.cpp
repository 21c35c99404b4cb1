#include <regrad/datasets/internal/table.h>
#include <regrad/datasets/internal/unpack.h>
#include <regrad/datasets/internal/utf8.h>
#include <regrad/datasets/text/wordnet.h>
#include <regrad/datasets/text/words.h>
#include <regrad/engine/error.h>
#include <regrad/engine/internal/split.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <set>
#include <unordered_map>

namespace regrad {
namespace {

constexpr std::array<const char*, 4> parts = {"noun", "verb", "adj", "adv"};
constexpr size_t longest_word = 256;
constexpr const char* debian = "/usr/share/wordnet";

using Rules = std::vector<std::pair<std::string_view, std::string_view>>;
const std::array<Rules, 4> rules = {{{{"s", ""},
                                      {"ses", "s"},
                                      {"ves", "f"},
                                      {"xes", "x"},
                                      {"zes", "z"},
                                      {"ches", "ch"},
                                      {"shes", "sh"},
                                      {"men", "man"},
                                      {"ies", "y"}},
                                     {{"s", ""},
                                      {"ies", "y"},
                                      {"es", "e"},
                                      {"es", ""},
                                      {"ed", "e"},
                                      {"ed", ""},
                                      {"ing", "e"},
                                      {"ing", ""}},
                                     {{"er", ""}, {"est", ""}, {"er", "e"}, {"est", "e"}},
                                     {}}};

// -1 where it is no whole number from 0 on.
int64_t whole(const std::string& text, int base = 10) {
  int64_t v = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), v, base);
  return error != std::errc() || end != text.data() + text.size() || v < 0 ? -1 : v;
}

// "galore(ip)" of adjectives is galore.
std::string without_marker(const std::string& lemma) {
  for (const std::string_view marker : {"(a)", "(p)", "(ip)"})
    if (lemma.size() > marker.size() &&
        lemma.compare(lemma.size() - marker.size(), marker.size(), marker) == 0)
      return lemma.substr(0, lemma.size() - marker.size());
  return lemma;
}

// line(number, words) of each that does not begin with a blank.
template <class F>
void each_line(const std::string& text, F&& line) {
  int64_t number = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    ++number;
    if (end > at && text[at] != ' ') {
      std::vector<std::string> words;
      for (std::string& w : split(text.substr(at, end - at), ' '))
        if (!w.empty()) words.push_back(std::move(w));
      line(number, words);
    }
    at = end + 1;
  }
}

[[noreturn]] void fail(const std::string& where, const std::string& file, int64_t line,
                       const std::string& what) {
  throw IOError(where + "/" + file + ": line " + std::to_string(line) + ": " + what);
}

}  // namespace

struct WordNet::Database {
  std::string where;
  std::array<std::unordered_map<std::string, std::vector<int64_t>>, 4> offsets;
  std::array<std::unordered_map<std::string, std::vector<std::string>>, 4> exceptions;
  std::array<std::string, 4> data;

  bool has(size_t p, const std::string& form) const { return offsets[p].count(form) != 0; }

  void read_index(size_t p, const std::string& text) {
    const std::string file = std::string("index.") + parts[p];
    each_line(text, [&](int64_t line, const std::vector<std::string>& w) {
      // lemma pos synset_cnt p_cnt symbols.. sense_cnt tagsense_cnt offsets..
      const auto fields = static_cast<int64_t>(w.size());
      const int64_t synsets = fields > 3 ? whole(w[2]) : -1,
                    pointers = fields > 3 ? whole(w[3]) : -1;
      if (pointers < 0 || pointers > fields || synsets < 1 || synsets > fields ||
          6 + pointers + synsets != fields)
        fail(where, file, line, "is no lemma with its counts and offsets");
      std::vector<int64_t>& to = offsets[p][w[0]];
      if (!to.empty()) fail(where, file, line, "'" + w[0] + "' is there twice");
      for (int64_t i = fields - synsets; i < fields; ++i) {
        to.push_back(whole(w[static_cast<size_t>(i)]));
        if (to.back() < 0) fail(where, file, line, "an offset is no whole number");
      }
    });
    if (offsets[p].empty()) fail(where, file, 1, "holds no lemmas");
  }

  void read_exceptions(size_t p, const std::string& text) {
    each_line(text, [&](int64_t line, const std::vector<std::string>& w) {
      if (w.size() < 2)
        fail(where, std::string(parts[p]) + ".exc", line, "is no form and its bases");
      exceptions[p][w[0]].assign(w.begin() + 1, w.end());
    });
  }

  // offset lex_filenum ss_type w_cnt(2 hexadecimal digits) (word lex_id)*
  std::vector<std::string> lemmas_at(size_t p, int64_t offset) const {
    const std::string& text = data[p];
    const std::string at = where + "/data." + parts[p] + ": byte " + std::to_string(offset) + ": ";
    const auto from = static_cast<size_t>(offset);
    if (from >= text.size() || (from > 0 && text[from - 1] != '\n'))
      throw IOError(at + "no synset begins there");
    const size_t end = std::min(text.find('\n', from), text.size());
    const std::vector<std::string> w =
        split(text.substr(from, std::min<size_t>(end - from, 1 << 16)), ' ');
    const int64_t count = w.size() > 3 ? whole(w[3], 16) : -1;
    if (count < 1 || count > 255 || whole(w[0]) != offset ||
        w.size() < 4 + 2 * static_cast<size_t>(count))
      throw IOError(at + "is no synset");
    std::vector<std::string> out;
    for (size_t i = 0; i < static_cast<size_t>(count); ++i)
      out.push_back(p == 2 ? without_marker(w[4 + 2 * i]) : w[4 + 2 * i]);
    return out;
  }
};

WordNet WordNet::parse(Files files, const std::string& where) {
  auto made = std::make_shared<Database>();
  made->where = where;
  for (size_t p = 0; p < parts.size(); ++p) {
    made->read_index(p, files.index[p]);
    made->read_exceptions(p, files.exceptions[p]);
    made->data[p] = std::move(files.data[p]);
  }
  WordNet out;
  out.data_ = std::move(made);
  return out;
}

WordNet WordNet::load(const std::string& folder) {
  Files files;
  const auto read = [&](const std::string& name) {
    return detail::read_unpacked(detail::find_file(folder, {name}));
  };
  for (size_t p = 0; p < parts.size(); ++p) {
    const std::string part = parts[p];
    files.index[p] = read("index." + part), files.data[p] = read("data." + part);
    files.exceptions[p] = read(part + ".exc");
  }
  return parse(std::move(files), folder);
}

WordNet WordNet::installed() {
  std::error_code ignored;
  if (!std::filesystem::is_directory(debian, ignored))
    throw IOError(std::string(debian) +
                  ": WordNet is not installed; apt-get install wordnet-base, or give a folder with "
                  "its index.noun, data.noun, noun.exc, ..");
  return load(debian);
}

int64_t WordNet::lemmas(PartOfSpeech p) const {
  return static_cast<int64_t>(data_->offsets[static_cast<size_t>(p)].size());
}

std::vector<std::string> WordNet::base_forms(const std::string& word, PartOfSpeech part) const {
  const auto p = static_cast<size_t>(part);
  std::vector<std::string> out;
  if (word.size() > longest_word) return out;
  const auto keep = [&](const std::vector<std::string>& forms) {
    for (const std::string& f : forms)
      if (data_->has(p, f) && std::find(out.begin(), out.end(), f) == out.end()) out.push_back(f);
  };
  const auto reduced = [&](const std::vector<std::string>& forms) {
    std::vector<std::string> next;
    for (const std::string& f : forms)
      for (const auto& [ending, by] : rules[p])
        if (f.size() >= ending.size() &&
            f.compare(f.size() - ending.size(), ending.size(), ending) == 0) {
          std::string made = f.substr(0, f.size() - ending.size()) + std::string(by);
          if (std::find(next.begin(), next.end(), made) == next.end())
            next.push_back(std::move(made));
        }
    return next;
  };
  if (const auto found = data_->exceptions[p].find(word); found != data_->exceptions[p].end()) {
    keep({word});
    keep(found->second);
    return out;
  }
  std::vector<std::string> forms = reduced({word});
  keep({word});
  keep(forms);
  while (out.empty() && !forms.empty()) keep(forms = reduced(forms));
  return out;
}

std::vector<WordNet::Synset> WordNet::synsets(std::string_view word) const {
  const std::string small = detail::lower(word);
  std::vector<Synset> out;
  for (size_t p = 0; p < parts.size(); ++p)
    for (const std::string& form : base_forms(small, static_cast<PartOfSpeech>(p)))
      for (const int64_t offset : data_->offsets[p].at(form))
        out.push_back({static_cast<PartOfSpeech>(p), offset, data_->lemmas_at(p, offset)});
  return out;
}

std::vector<std::string> WordNet::synonyms(std::string_view word) const {
  std::set<std::string> out;
  for (const Synset& s : synsets(word))
    for (const std::string& lemma : s.lemmas)
      if (lemma != word && lemma.find('_') == std::string::npos && words_of(lemma).size() == 1)
        out.insert(lemma);
  return {out.begin(), out.end()};
}

}  // namespace regrad
