// A vocabulary, a zero byte, merges, a zero byte, a text. A vocabulary that begins with + has the
// specials and the bytes' tokens already, and goes on behind them.
#include <regrad/datasets/internal/utf8.h>
#include <regrad/datasets/text/byte_pair.h>

#include <algorithm>

#include "target.h"

using namespace regrad;

namespace {

std::string base() {
  std::string out = R"({"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "<mask>": 4)";
  char32_t next = 0x100;
  for (char32_t b = 0; b < 256; ++b) {
    const bool printable = (b > 0x20 && b < 0x7F) || (b > 0xA0 && b != 0xAD);
    out += ", \"";
    if (b == '"' || b == '\\') out += '\\';
    detail::append_point(out, printable ? b : next++);
    out += "\": " + std::to_string(5 + b);
  }
  return out;
}
int64_t points(std::string_view text) {
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t n) {
  return fuzz::run(data, n, [](std::string_view bytes) {
    static const std::string known = base();
    const auto part = [&bytes] {
      const size_t end = std::min(bytes.find('\0'), bytes.size());
      std::string out(bytes.substr(0, end));
      bytes.remove_prefix(std::min(end + 1, bytes.size()));
      return out;
    };
    std::string vocabulary = part();
    if (!vocabulary.empty() && vocabulary[0] == '+') vocabulary = known + vocabulary.substr(1);
    const std::string merges = part();
    const BytePair pieces(vocabulary, merges, "fuzz");
    const std::vector<int64_t> ids = pieces.ids(bytes, 64);
    fuzz::must(ids.size() >= 2 && ids.size() <= 64, "more ids than asked for");
    for (const int64_t i : ids)
      fuzz::must(i >= 0 && i < pieces.size(), "an id outside the vocabulary");
    int64_t all = 0, most = 0;
    for (const std::string& t : pieces.tokens(bytes)) all += points(t);
    for (size_t at = 0; at < bytes.size();) {
      std::string one;
      detail::append_point(one, detail::next_point(bytes, at));
      most += static_cast<int64_t>(one.size());
    }
    if (bytes.find('<') == std::string_view::npos)
      fuzz::must(all == most, "tokens do not hold each byte once");
  });
}
