// WordNet: a tiny database by hand; Debian's, where it is installed; the real attacks'
// substitutions.
#include <doctest/doctest.h>
#include <regrad/datasets/internal/files.h>
#include <regrad/datasets/text/attack_log.h>
#include <regrad/datasets/text/wordnet.h>
#include <regrad/engine/error.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "../temp_folder.h"
#include "shared_data.h"

using namespace regrad;
using namespace regrad::test;

namespace {

using Strings = std::vector<std::string>;
using Pos = PartOfSpeech;

// Offsets are where the lines begin.
WordNet::Files tiny() {
  WordNet::Files f;
  f.data[0] =
      "  1 licence\n"
      "00000012 06 n 03 movie 0 motion_picture 0 film 0 000 | a film\n"
      "00000074 06 n 02 Film 1 pellicle 0 000 | a layer\n";
  f.index[0] =
      "  1 licence\n"
      "film n 2 1 @ 2 1 00000012 00000074  \n"
      "movie n 1 0 1 1 00000012  \n"
      "axis n 1 0 1 0 00000074  \n"
      "fireman n 1 0 1 0 00000074  \n";
  f.exceptions[0] = "axes axis ax\nmovie film\n";
  f.data[1] = "00000000 30 v 02 shoot 0 film 4 000 01 + 08 00 | to shoot\n";
  f.index[1] = "shoot v 1 0 1 0 00000000\nmake v 1 0 1 0 00000000\n";
  f.data[2] = "00000000 00 s 02 glad(a) 0 well-chosen(ip) 0 000 | glad\n";
  f.index[2] = "glad a 1 0 1 0 00000000\nhappy a 1 0 1 0 00000000\nnice a 1 0 1 0 00000000\n";
  f.exceptions[2] = "happiest happy\n";
  f.data[3] = "00000000 02 r 0a a 0 b 0 c 0 d 0 e 0 f 0 g 0 h 0 i 0 j 0 000 | ten\n";
  f.index[3] = "ten r 1 0 1 0 00000000\n";
  return f;
}

}  // namespace

TEST_CASE("a small database: morphology, markers, hexadecimal counts, what is no single word") {
  const WordNet w = WordNet::parse(tiny(), "w");
  CHECK(w.lemmas(Pos::noun) == 4);
  CHECK(w.base_forms("films", Pos::noun) == Strings{"film"});
  CHECK(w.base_forms("axes", Pos::noun) == Strings{"axis"});  // ax is not in the index
  CHECK(w.base_forms("movie", Pos::noun) == Strings{"movie", "film"});
  CHECK(w.base_forms("filmses", Pos::noun) == Strings{"film"});  // by two passes
  CHECK(w.base_forms("firemen", Pos::noun) == Strings{"fireman"});
  CHECK(w.base_forms("nicest", Pos::adjective) == Strings{"nice"});
  CHECK(w.base_forms("gladest", Pos::adjective) == Strings{"glad"});
  CHECK(w.base_forms("making", Pos::verb) == Strings{"make"});
  CHECK(w.base_forms("shoots", Pos::verb) == Strings{"shoot"});
  CHECK(w.base_forms("gladder", Pos::adjective) == Strings{});
  CHECK(w.base_forms("tens", Pos::adverb) == Strings{});  // adverbs have no rules
  CHECK(w.base_forms(std::string(100000, 's'), Pos::noun) == Strings{});
  CHECK(w.synsets("FILMS").size() == 2);
  CHECK(w.synsets("film")[0].lemmas == Strings{"movie", "motion_picture", "film"});
  // of both senses, without film itself, in its own case; motion_picture is two words
  CHECK(w.synonyms("film") == Strings{"Film", "movie", "pellicle"});
  CHECK(w.synonyms("Film") == Strings{"film", "movie", "pellicle"});
  CHECK(w.synonyms("happiest") == Strings{"glad", "well-chosen"});
  CHECK(w.synonyms("ten").size() == 10);
  CHECK(w.synonyms("the").empty());
  CHECK(w.synonyms("").empty());
}

TEST_CASE("databases that are broken name file and line, or byte") {
  const auto wrong = [](const char* words, auto&& change) {
    return complaint<IOError>(
        [&] {
          WordNet::Files f = tiny();
          change(f);
          WordNet::parse(std::move(f), "w").synonyms("film");
        },
        words);
  };
  using F = WordNet::Files;
  CHECK(wrong("w/index.noun: line 2", [](F& f) { f.index[0].replace(20, 1, "3"); }) == "");
  CHECK(wrong("index.verb: line 1", [](F& f) { f.index[1] = "shoot\n"; }) == "");
  CHECK(wrong("index.verb: line 2: 'a' is there twice",
              [](F& f) { f.index[1] = "a v 1 0 1 0 00000000\na v 1 0 1 0 00000000\n"; }) == "");
  CHECK(wrong("index.adv: line 1: holds no lemmas", [](F& f) { f.index[3] = ""; }) == "");
  CHECK(wrong("offset is no whole", [](F& f) { f.index[1] = "a v 1 0 1 0 x\n"; }) == "");
  CHECK(wrong("adj.exc: line 1", [](F& f) { f.exceptions[2] = "lonely\n"; }) == "");
  CHECK(wrong("w/data.noun: byte 12: no synset", [](F& f) { f.data[0].insert(0, "x"); }) == "");
  CHECK(wrong("data.noun: byte 12: no synset", [](F& f) { f.data[0] = "x"; }) == "");
  CHECK(wrong("data.noun: byte 12: is no synset",
              [](F& f) { f.data[0].replace(f.data[0].find("n 03"), 4, "n zz"); }) == "");
  CHECK(wrong("data.noun: byte 12: is no synset",
              [](F& f) { f.data[0].replace(f.data[0].find("n 03"), 4, "n ff"); }) == "");
  const TempFolder at;
  CHECK_THROWS_AS(WordNet::load(at.name()), IOError);
}

TEST_CASE("Debian's database: counts, and candidates of the specification" *
          doctest::test_suite("shared data")) {
  if (!std::filesystem::exists("/usr/share/wordnet/index.noun")) {
    MESSAGE("skipped: wordnet-base is not installed");
    ++skipped();
    return;
  }
  const WordNet w = WordNet::installed();
  CHECK(w.lemmas(Pos::noun) == 117798);
  CHECK(w.lemmas(Pos::verb) == 11529);
  CHECK(w.lemmas(Pos::adjective) == 21479);
  CHECK(w.lemmas(Pos::adverb) == 4481);
  CHECK(w.synonyms("movie") == Strings{"film", "flick", "pic", "picture"});
  CHECK(w.synsets("film").size() == 7);
  CHECK(w.synonyms("film") ==
        Strings{"celluloid", "cinema", "flick", "movie", "pic", "picture", "shoot", "take"});
  CHECK(w.synonyms("hopelessly") == Strings{"dispiritedly"});
  CHECK(w.synonyms("happiest") == Strings{"felicitous", "glad", "happy", "well-chosen"});
  CHECK(w.synsets("good").size() == 27);
  CHECK(w.synonyms("good").size() == 33);
  CHECK(w.synsets("take").size() == 44);
  CHECK(w.synonyms("take").size() == 60);
  CHECK(w.synsets("rates").size() == 14);
  CHECK(w.synonyms("rates").size() == 19);
  CHECK(w.synonyms("the").empty());
  // lemmas keep their case
  const Strings ms = w.synonyms("ms");
  CHECK(std::find(ms.begin(), ms.end(), "Mississippi") != ms.end());

  // Of the substitutions in real attacks over WordNet at least 99.9% are candidates.
  if (!has_shared_data("textattack_mr_logs.tar.xz")) return;
  std::map<std::string, std::set<std::string>> known;
  int64_t all = 0, found = 0;
  detail::Files(shared_data("textattack_mr_logs.tar.xz")).each([&](const detail::FileOf& f) {
    if (f.name.find("word-swap-wordnet") == std::string::npos) return;
    for (const Attacked& a : parse_attack_log(f.read(), f.where)) {
      if (a.result != AttackResult::successful) continue;
      for (const Attacked::Change& c : a.changes()) {
        auto [at, fresh] = known.try_emplace(c.from);
        if (fresh) {
          const Strings s = w.synonyms(c.from);
          at->second = {s.begin(), s.end()};
        }
        ++all, found += at->second.count(c.to);
      }
    }
  });
  MESSAGE(found << " of " << all << " substitutions are candidates");
  CHECK(all > 5000);
  CHECK(static_cast<double>(found) >= 0.999 * static_cast<double>(all));
}
