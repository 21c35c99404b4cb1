#include <regrad/algorithms/rde/experiment/known_texts.h>
#include <regrad/datasets/text/words.h>
#include <regrad/engine/error.h>

#include <cctype>

namespace regrad::rde {

std::string plain(const std::string& text) {
  std::string out;
  for (const std::string& token : tokens_of(text))
    for (const char c : token)
      if (static_cast<unsigned char>(c) >= 0x80 || std::isalnum(static_cast<unsigned char>(c)))
        out += c;
  return out;
}

std::set<std::string> originals_of(const std::vector<Attacked>& log) {
  std::set<std::string> out;
  for (const Attacked& a : log) out.insert(plain(a.original()));
  return out;
}

TextSet without_texts(TextSet set, const std::set<std::string>& plain_texts) {
  if (plain_texts.empty()) return set;
  std::vector<int64_t> kept;
  for (int64_t i = 0; i < set.size(); ++i)
    if (plain_texts.count(plain(set.texts[static_cast<size_t>(i)])) == 0) kept.push_back(i);
  if (kept.size() < 2)
    throw ConfigError("without the texts of the logs " + std::to_string(kept.size()) +
                      " training texts are left");
  return some_of(set, kept);
}

TextSet without_texts_of(TextSet set, const std::vector<std::string>& logs) {
  std::set<std::string> all;
  for (const std::string& path : logs) all.merge(originals_of(load_attack_log(path)));
  return without_texts(std::move(set), all);
}

}  // namespace regrad::rde
