// RoBERTa's tokens, against the reference library's (tests/golden/byte_pair.py).
#include <doctest/doctest.h>
#include <regrad/datasets/text/byte_pair.h>
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

const std::string golden = REGRAD_GOLDEN_BYTE_PAIR;

template <class List>
std::string joined(const List& list) {
  std::ostringstream out;
  for (size_t i = 0; i < list.size(); ++i) out << (i ? " " : "") << list[i];
  return out.str();
}
const std::string& vocabulary() {
  static const std::string v = read_file(golden + "/vocab.json");
  return v;
}
// The vocabulary with one place of it replaced.
std::string with(const std::string& from, const std::string& by) {
  std::string v = vocabulary();
  const size_t at = v.find(from);
  REQUIRE(at != std::string::npos);
  return v.replace(at, from.size(), by);
}

}  // namespace

TEST_CASE(
    "tokens and ids equal RoBERTa's: gaps, contractions, scripts, emoji, control characters") {
  const BytePair p = BytePair::load(golden);
  CHECK(p.size() == 661);
  int lines = 0;
  for (const std::string& line : split(read_file(golden + ".txt"), '\n')) {
    if (line.empty()) continue;
    const std::vector<std::string> f = split(line, '\t');
    REQUIRE(f.size() == 3);
    const std::string text = from_hex(f[0]);
    INFO(text);
    CHECK(joined(p.tokens(text)) == f[1]);
    CHECK(joined(p.ids(text, 12)) == f[2]);
    ++lines;
  }
  CHECK(lines == 61);
}

TEST_CASE("merges in the order of their ranks, not of the text") {
  // J Z before Q J, though Q J stands to the left; X X in XXXX twice, from the left
  const std::string v = with("{", R"({"JZ": 661, "QJ": 662, "QJZ": 663, "XX": 664, )");
  const BytePair p(v, "#version: 0.2\nJ Z\nQ J\nX X\nQ JZ\n", "f");
  CHECK(p.tokens("QJZ") == std::vector<std::string>{"QJZ"});
  CHECK(p.tokens("QJJZ") == std::vector<std::string>{"QJ", "JZ"});
  CHECK(p.tokens("XXXXX") == std::vector<std::string>{"XX", "XX", "X"});
  const BytePair q(v, "Q J\nJ Z\n", "f");
  CHECK(q.tokens("QJZ") == std::vector<std::string>{"QJ", "Z"});
  CHECK(q.tokens("xJZ JZ") == std::vector<std::string>{"x", "JZ", "\xc4\xa0", "JZ"});
  const BytePair none(v, "", "f");
  CHECK(none.tokens("ab \xc3\xa9") ==
        std::vector<std::string>{"a", "b", "\xc4\xa0", "\xc3\x83", "\xc2\xa9"});
}

TEST_CASE("byte pairs of texts that are large or broken, and of files that are none") {
  const BytePair p = BytePair::load(golden);
  CHECK(p.padding() == p.id("<pad>"));
  CHECK(p.id("no such token") == p.id("<unk>"));
  CHECK(p.names()[static_cast<size_t>(p.id("</s>"))] == "</s>");
  CHECK(p.ids("film", 2) == std::vector<int64_t>{p.id("<s>"), p.id("</s>")});
  CHECK_THROWS_AS(p.ids("film", 1), ConfigError);
  CHECK(p.tokens(std::string("a\xff") + "b") == p.tokens("a\xef\xbf\xbd"
                                                         "b"));
  size_t letters = 0;
  for (const std::string& t : p.tokens(std::string(1 << 20, 'a'))) letters += t.size();
  CHECK(letters == 1 << 20);
  CHECK(BytePair(vocabulary(), "#version: 0.2\r\na b\r\n", "f").tokens("ab").size() == 1);

  const auto wrong = [](const std::string& v, const std::string& merges, const std::string& words) {
    return complaint<IOError>([&] { BytePair(v, merges, "f"); }, words.c_str());
  };
  CHECK(wrong("", "", "f/vocab.json: byte 0: not JSON") == "");
  CHECK(wrong("[1]", "", "f/vocab.json: byte 0: not a JSON object") == "");
  CHECK(wrong(with("{", R"({"<s>": 661, )"), "", "f/vocab.json: key \"<s>\" is there twice") == "");
  CHECK(wrong(with("{", R"({"zz9": 3, )"), "", "have the id 3") == "");
  CHECK(wrong(with("{", R"({"zz9": 700, )"), "",
              "key \"zz9\": the id 700 among 662 tokens; ids run from 0 without gaps") == "");
  CHECK(wrong(with("{", R"({"zz9": -1, )"), "", "the id -1") == "");
  CHECK(wrong(with("{", R"({"zz9": 18446744073709551615, )"), "", "not a whole number") == "");
  CHECK(wrong(with("{", R"({"zz9": "661", )"), "", "key \"zz9\": not a whole number") == "");
  for (const std::string token : {"<s>", "</s>", "<pad>", "<unk>"})
    CHECK(wrong(with("\"" + token + "\"", "\"zz9\""), "", "has no token \"" + token + "\"") == "");
  CHECK(BytePair(with("\"<mask>\"", "\"zz9\""), "", "f").tokens("<mask>").size() == 6);
  CHECK(wrong(with("\"~\"", "\"zz9\""), "", "has no token \"~\", the byte 126") == "");
  CHECK(wrong(vocabulary(), "a b\nabc\n", "f/merges.txt: line 2: 'abc' is not two tokens") == "");
  CHECK(wrong(vocabulary(), "a b\n\nt h\n", "f/merges.txt: line 2: '' is not two tokens") == "");
  CHECK(wrong(vocabulary(), "a b c\n", "line 1: 'a b c' is not two tokens") == "");
  CHECK(wrong(vocabulary(), "a b\n#version: 0.2\n", "line 2: '#version:' is no token") == "");
  CHECK(wrong(vocabulary(), "a zz9\n", "line 1: 'zz9' is no token of vocab.json") == "");
  CHECK(wrong(vocabulary(), "~ ~\n", "line 1: '~~' is no token of vocab.json") == "");
  CHECK(wrong(vocabulary(), "a b\na b\n", "line 2: the merge 'a b' is there twice") == "");
  CHECK(wrong(vocabulary(), "a \xff\n", "line 1: no UTF-8") == "");
  const TempFolder empty;
  CHECK(complaint<IOError>([&] { BytePair::load(empty.name()); }, "vocab.json") == "");
}
