// BERT's word pieces, against the reference library's (tests/golden/word_piece.py).
#include <doctest/doctest.h>
#include <regrad/datasets/text/word_piece.h>
#include <regrad/engine/error.h>
#include <regrad/engine/internal/split.h>
#include <regrad/engine/io/files.h>

#include <fstream>
#include <sstream>

#include "../temp_folder.h"
#include "hex.h"

using namespace regrad;
using namespace regrad::test;

namespace {

const std::string golden = REGRAD_GOLDEN_WORD_PIECE;
const std::string few = "[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n##b\n";

}  // namespace

TEST_CASE("pieces and ids equal the reference's: accents, CJK, control characters, long words") {
  const WordPiece lower = WordPiece::load(golden + "_vocab.txt"),
                  cased = WordPiece::load(golden + "_vocab.txt", {.lower = false});
  CHECK(lower.size() == 181);
  int lines = 0;
  for (const std::string& line : split(read_file(golden + ".txt"), '\n')) {
    if (line.empty()) continue;
    const std::vector<std::string> f = split(line, '\t');
    REQUIRE(f.size() == 4);
    const WordPiece& p = f[0] == "lower" ? lower : cased;
    const std::string text = from_hex(f[1]);
    INFO(f[0] << " " << text);
    std::string tokens, ids;
    for (const std::string& t : p.tokens(text)) tokens += (tokens.empty() ? "" : " ") + t;
    for (const int64_t i : p.ids(text, 12)) ids += (ids.empty() ? "" : " ") + std::to_string(i);
    CHECK(tokens == f[2]);
    CHECK(ids == f[3]);
    ++lines;
  }
  CHECK(lines == 64);
}

TEST_CASE("vocabularies that are none, and texts that are large or broken") {
  const WordPiece p(few, "v");
  CHECK(p.ids("abb a b", 64) == std::vector<int64_t>{2, 4, 5, 5, 4, 1, 3});
  CHECK(p.ids("ab", 2) == std::vector<int64_t>{2, 3});
  CHECK_THROWS_AS(p.ids("ab", 1), ConfigError);
  CHECK(p.padding() == 0);
  CHECK(p.id("nothing") == 1);
  CHECK(p.tokens(std::string(1 << 20, 'a')) == std::vector<std::string>{"[UNK]"});
  // a byte that is no UTF-8 is dropped, as U+FFFD is
  CHECK(p.tokens(std::string("a\xff") + "b") == std::vector<std::string>{"a", "##b"});
  CHECK(WordPiece("[PAD]\r\n[UNK]\r\n[CLS]\r\n[SEP]\r\n", "v").size() == 4);
  const auto wrong = [](const std::string& text, const char* words) {
    return complaint<IOError>([&] { WordPiece(text, "v"); }, words);
  };
  CHECK(wrong(few + "a\n", "v: line 7: the piece 'a' is there twice") == "");
  CHECK(wrong(few + "\nc\n", "line 7: an empty piece") == "");
  CHECK(wrong(few + "\xff\n", "line 7: the piece is no UTF-8") == "");
  CHECK(wrong("[PAD]\n[CLS]\n[SEP]\n", "has no piece [UNK]") == "");
  CHECK(wrong("", "has no piece") == "");
}
