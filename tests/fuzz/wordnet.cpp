// index.noun, a zero byte, noun.exc, a zero byte, data.noun; the other parts of speech are fixed.
#include <regrad/datasets/text/wordnet.h>

#include <algorithm>

#include "target.h"

using namespace regrad;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t n) {
  return fuzz::run(data, n, [](std::string_view bytes) {
    const auto part = [&bytes] {
      const size_t end = std::min(bytes.find('\0'), bytes.size());
      std::string out(bytes.substr(0, end));
      bytes.remove_prefix(std::min(end + 1, bytes.size()));
      return out;
    };
    WordNet::Files files;
    files.index[0] = part(), files.exceptions[0] = part(), files.data[0] = part();
    for (int p = 1; p < 4; ++p) files.index[p] = "good x 1 0 1 0 00000000\n";
    const WordNet net = WordNet::parse(std::move(files), "fuzz");
    for (const char* word : {"films", "film", "movies", "b"}) {
      for (const std::string& form : net.base_forms(word, PartOfSpeech::noun))
        fuzz::must(net.base_forms(form, PartOfSpeech::noun).size() >= 1, "a form of no base");
      for (const std::string& s : net.synonyms(word))
        fuzz::must(s != word && s.find('_') == std::string::npos, "no synonym of one word");
    }
  });
}
