#include <regrad/algorithms/rde/experiment/pattern.h>
#include <regrad/engine/error.h>

namespace regrad::rde {

Pattern::Pattern(std::string text, const Vocabulary& vocabulary, int64_t most)
    : vocabulary_(&vocabulary), most_(most), text_(std::move(text)) {
  size_t from = 0;
  int64_t tokens = 0;
  for (const Word& w : words_of(text_)) {
    between_.push_back(vocabulary.ids(text_.substr(from, w.begin - from)));
    tokens += static_cast<int64_t>(between_.back().size());
    if (tokens >= most) {  // the rest is one gap
      between_.pop_back();
      break;
    }
    places_.push_back(w);
    words_.push_back(text_.substr(w.begin, w.size));
    ++tokens;
    from = w.begin + w.size;
  }
  between_.push_back(vocabulary.ids(text_.substr(from)));
}

Pattern::Pattern(std::string text, const Tokenizer& tokenizer, int64_t most)
    : tokenizer_(&tokenizer), most_(most), text_(std::move(text)) {
  for (const Word& w : words_of(text_)) {
    // with as many ids before it as fit, the word is not seen
    if (static_cast<int64_t>(tokenizer(text_.substr(0, w.begin), most).size()) >= most) break;
    places_.push_back(w);
    words_.push_back(text_.substr(w.begin, w.size));
  }
}

void Pattern::check(const Words& words) const {
  if (words.size() != words_.size())
    throw ShapeError("Pattern: " + std::to_string(words.size()) + " words for a text of " +
                     std::to_string(words_.size()));
}

std::vector<int64_t> Pattern::ids(const Words& words) const {
  check(words);
  if (tokenizer_) return (*tokenizer_)(text(words), most_);
  std::vector<int64_t> out;
  for (size_t i = 0; i < words.size(); ++i) {
    out.insert(out.end(), between_[i].begin(), between_[i].end());
    if (words[i] == "[UNK]") {
      out.push_back(Vocabulary::unknown);
    } else if (!words[i].empty()) {
      const std::vector<int64_t> of = vocabulary_->ids(words[i]);
      out.insert(out.end(), of.begin(), of.end());
    }
  }
  out.insert(out.end(), between_.back().begin(), between_.back().end());
  if (static_cast<int64_t>(out.size()) > most_) out.resize(static_cast<size_t>(most_));
  return out;
}

std::string Pattern::text(const Words& words) const {
  std::string out;
  size_t from = 0;
  for (size_t i = 0; i < places_.size(); ++i) {
    out.append(text_, from, places_[i].begin - from).append(words.at(i));
    from = places_[i].begin + places_[i].size;
  }
  return out.append(text_, from);
}

std::pair<std::string, std::string> Pattern::around(const Words& words, size_t i) const {
  check(words);
  const Word& at = places_.at(i);
  const std::string all = text(words);
  size_t from = at.begin;  // where word i begins in `all`
  for (size_t k = 0; k < i; ++k) from += words[k].size() - places_[k].size;
  return {all.substr(0, from), all.substr(from + words[i].size())};
}

std::string Pattern::marked(const Words& words, const Words& shown) const {
  Words with = shown;
  for (size_t i = 0; i < words_.size(); ++i)
    if (words.at(i) != words_[i]) with[i] = "[[" + with[i] + "]]";
  return text(with);
}

}  // namespace regrad::rde
