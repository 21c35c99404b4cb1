// A vocabulary, a zero byte, a text.
#include <regrad/datasets/text/word_piece.h>

#include <algorithm>

#include "target.h"

using namespace regrad;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t n) {
  return fuzz::run(data, n, [n](std::string_view bytes) {
    const size_t middle = std::min(bytes.find('\0'), bytes.size());
    const std::string_view text = middle < bytes.size() ? bytes.substr(middle + 1) : "";
    const WordPiece pieces(bytes.substr(0, middle), "fuzz", {.lower = n % 2 == 0});
    const std::vector<int64_t> ids = pieces.ids(text, 64);
    fuzz::must(ids.size() >= 2 && ids.size() <= 64, "more ids than asked for");
    for (const int64_t i : ids)
      fuzz::must(i >= 0 && i < pieces.size(), "an id outside the vocabulary");
    size_t all = 0;
    for (const std::string& t : pieces.tokens(text))
      all += t == "[UNK]" ? 1 : t.size() - (t.rfind("##", 0) == 0 ? 2 : 0);
    // decomposed, a code point can have four times its bytes and more
    fuzz::must(all <= 12 * text.size() + 12, "more pieces than the text holds");
  });
}
