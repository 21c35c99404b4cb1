// The first byte chooses the reader: SST-2, AG-News, a table of one's own, an attack's log.
#include <regrad/datasets/text/attack_log.h>
#include <regrad/datasets/text/texts.h>
#include <regrad/datasets/text/words.h>

#include "target.h"

using namespace regrad;

namespace {

void check(const TextSet& set, size_t bytes) {
  size_t all = 0;
  for (size_t i = 0; i < set.texts.size(); ++i) {
    all += set.texts[i].size();
    fuzz::must(set.labels[i] >= 0 && set.labels[i] < static_cast<int64_t>(set.classes.size()),
               "a label outside its classes");
    size_t end = 0;
    for (const Word& w : words_of(set.texts[i])) {
      fuzz::must(w.begin >= end && w.size > 0, "words that overlap");
      end = w.begin + w.size;
    }
    fuzz::must(end <= set.texts[i].size(), "a word beyond its text");
  }
  fuzz::must(set.texts.size() == set.labels.size(), "texts without labels");
  fuzz::must(all <= 2 * bytes, "more text than the file holds");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t n) {
  return fuzz::run(data, n, [n](std::string_view bytes) {
    if (bytes.empty()) return;
    const std::string_view rest = bytes.substr(1);
    switch (bytes[0] % 4) {
      case 0: return check(parse_sst2(rest, "fuzz"), n);
      case 1: return check(parse_news(News::ag_news, rest, "fuzz"), n);
      case 2: return check(parse_text_table(rest, {}, "fuzz"), n);
      default: {
        const std::vector<Attacked> rows = parse_attack_log(rest, "fuzz");
        const std::string written = to_attack_log(rows);
        fuzz::must(to_attack_log(parse_attack_log(written, "again")) == written,
                   "a log that is not read as it was written");
      }
    }
  });
}
