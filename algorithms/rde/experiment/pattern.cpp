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

std::vector<int64_t> Pattern::first_ids(const Words& words, size_t count) const {
  if (words.size() != words_.size())
    throw ShapeError("Pattern: " + std::to_string(words.size()) + " words for a text of " +
                     std::to_string(words_.size()));
  std::vector<int64_t> out;
  for (size_t i = 0; i < count; ++i) {
    out.insert(out.end(), between_[i].begin(), between_[i].end());
    if (words[i] == "[UNK]") {
      out.push_back(Vocabulary::unknown);
    } else if (!words[i].empty()) {
      const std::vector<int64_t> of = vocabulary_->ids(words[i]);
      out.insert(out.end(), of.begin(), of.end());
    }
  }
  return out;
}

std::vector<int64_t> Pattern::ids(const Words& words) const {
  std::vector<int64_t> out = first_ids(words, words.size());
  out.insert(out.end(), between_.back().begin(), between_.back().end());
  if (static_cast<int64_t>(out.size()) > most_) out.resize(static_cast<size_t>(most_));
  return out;
}

int64_t Pattern::place(const Words& words, size_t i) const {
  return static_cast<int64_t>(first_ids(words, i).size() + between_.at(i).size());
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

std::string Pattern::marked(const Words& words, const Words& shown) const {
  Words with = shown;
  for (size_t i = 0; i < words_.size(); ++i)
    if (words.at(i) != words_[i]) with[i] = "[[" + with[i] + "]]";
  return text(with);
}

}  // namespace regrad::rde
