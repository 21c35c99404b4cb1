// Texts: readers, words, vocabularies, generated reviews.
#include <doctest/doctest.h>
#include <regrad/datasets/text/attack_log.h>
#include <regrad/datasets/text/sentences.h>
#include <regrad/datasets/text/stop_words.h>
#include <regrad/datasets/text/texts.h>
#include <regrad/datasets/text/words.h>
#include <regrad/engine/error.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "../temp_folder.h"
#include "pack.h"
#include "shared_data.h"

using namespace regrad;
using namespace regrad::test;

namespace {

using Strings = std::vector<std::string>;
using Labels = std::vector<int64_t>;

void put(const std::string& path, const std::string& bytes) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

}  // namespace

TEST_CASE("SST-2: GLUE's files and plain ones, quotes mean nothing") {
  const TextSet plain = parse_sst2("\"it 's\" good\t1\n\" dull\t0\r\n\na b\t1", "s");
  CHECK(plain.texts == Strings{"\"it 's\" good", "\" dull", "a b"});
  CHECK(plain.labels == Labels{1, 0, 1});
  CHECK(plain.classes == Strings{"negative", "positive"});
  CHECK(parse_sst2("sentence\tlabel\nfine \t1\n", "s").texts == Strings{"fine "});
  const auto wrong = [](const char* text, const char* words) {
    return complaint<IOError>([&] { parse_sst2(text, "s"); }, words);
  };
  CHECK(wrong("a\t1\nb\t2\n", "s: line 2: the label is '2'") == "");
  CHECK(wrong("a\t1\nb\n", "line 2: there is no tab") == "");
  CHECK(wrong("a\tb\t1\n", "line 1: more than") == "");
  CHECK(wrong("a\t1\n\nb\xff!\t1\n", "line 3: the sentence is no UTF-8: byte 1 of it is 0xFF") ==
        "");
  CHECK(wrong("index\tsentence\n0\ta\n", "no labels") == "");
  CHECK(wrong("\n\n", "no sentences") == "");
  const TempFolder at;
  put(at / "train.tsv", "sentence\tlabel\nx\t0\n");
  put(at / "sst2_dev.tsv.gz", pack("raw", Pack::gz, {{"x", "y\t1\n"}}));
  CHECK(load_sst2(at.name(), Part::train).texts == Strings{"x"});
  CHECK(load_sst2(at.name(), Part::validation).texts == Strings{"y"});
  CHECK_THROWS_AS(load_sst2(at.name(), Part::test), IOError);
  CHECK_THROWS_AS(load_sst2(at.name(), Part::unused), ConfigError);
}

TEST_CASE("IMDB: folders of files, in the order of their names") {
  const TempFolder at;
  put(at / "aclImdb/train/pos/0_9.txt", "loved <br />it");
  put(at / "aclImdb/train/neg/1_1.txt", "no");
  put(at / "aclImdb/train/neg/0_3.txt", "meh");
  put(at / "aclImdb/train/unsup/0_0.txt", "?");
  put(at / "aclImdb/train/pos/more/0_0.txt", "?");
  put(at / "aclImdb/train/urls_pos.txt", "http");
  put(at / "aclImdb/test/pos/0_10.txt", "yes");
  for (const char* path : {"", "aclImdb"}) {
    const TextSet train = load_imdb(at / path, Part::train);
    CHECK(train.texts == Strings{"meh", "no", "loved <br />it"});
    CHECK(train.labels == Labels{0, 0, 1});
  }
  CHECK(load_imdb(at.name(), Part::test).labels == Labels{1});
  CHECK_THROWS_AS(load_imdb(at.name(), Part::validation), ConfigError);
  CHECK(complaint<IOError>([&] { load_imdb(at / "aclImdb/test", Part::test); }, "as aclImdb") ==
        "");
  put(at / "aclImdb/test/neg/1_1.txt", "\xc3(");
  CHECK(complaint<IOError>([&] { load_imdb(at.name(), Part::test); }, "1_1.txt: the text is no") ==
        "");
}

TEST_CASE("AG-News and Yelp: quoted fields, classes from 1 on") {
  const TextSet ag = parse_news(
      News::ag_news, "\"3\",\"Oil, up\",\"He said \"\"no\"\".\"\n\"1\",\"a\",\"b\\nc\"\n", "n");
  CHECK(ag.texts == Strings{"Oil, up He said \"no\".", "a b\\nc"});
  CHECK(ag.labels == Labels{2, 0});
  CHECK(ag.classes == Strings{"World", "Sports", "Business", "Sci/Tech"});
  const TextSet yelp = parse_news(News::yelp, "\"2\",\"two\nlines\"\n\"1\",\"x\"\n", "n");
  CHECK(yelp.texts == Strings{"two\nlines", "x"});
  CHECK(yelp.labels == Labels{1, 0});
  const auto wrong = [](const char* text, const char* words) {
    return complaint<IOError>([&] { parse_news(News::ag_news, text, "n"); }, words);
  };
  CHECK(wrong("\"5\",\"a\",\"b\"\n", "line 1: the class is '5'") == "");
  CHECK(wrong("\"1\",\"a\",\"b\"\n\"1\",\"a\"\n", "line 2: 2 fields, not 3") == "");
  CHECK(wrong("\"1\",\"a\",\"b\n", "has no end") == "");
  CHECK(wrong("\"1\",\"a\",\"\xed\xa0\x80\"\n", "no UTF-8") == "");
  CHECK(wrong("", "no texts") == "");
}

TEST_CASE("a table of one's own: columns by name, classes sorted or given") {
  const std::string csv = "id,review,stars\n1,\"good, really\",up\n2,,down\n3,so \"so\",up\n";
  const TextTable columns{"review", "stars"};
  const TextSet own = parse_text_table(csv, columns, "t");
  CHECK(own.texts == Strings{"good, really", "", "so \"so\""});
  CHECK(own.classes == Strings{"down", "up"});
  CHECK(own.labels == Labels{1, 0, 1});
  CHECK(parse_text_table("label\ttext\nx\ta, b\n", {}, "t").texts == Strings{"a, b"});
  TextTable given = columns;
  given.classes = {"up", "down", "none"};
  CHECK(parse_text_table(csv, given, "t").labels == Labels{0, 1, 0});
  given.classes = {"up"};
  const auto wrong = [](const std::string& text, const TextTable& c, const char* words) {
    return complaint<IOError>([&] { parse_text_table(text, c, "t"); }, words);
  };
  CHECK(wrong(csv, given, "line 3: stars is 'down'") == "");
  CHECK(wrong(csv, {}, "no column 'text'") == "");
  CHECK(wrong("text,label\na\xf0\x28,1\n", {}, "line 2: the text is no UTF-8 at its byte 1") == "");
  CHECK(wrong("text,label\na,\n", {}, "is empty") == "");
  CHECK(wrong("text,label\na,1,2\n", {}, "3 fields") == "");
  CHECK(complaint<ConfigError>([&] { parse_text_table(csv, {"id", "id"}, "t"); }, "both") == "");
}

TEST_CASE("attack logs: any order of columns, marks, and what is written is read again") {
  const std::string log =
      "\"perturbed_text\",\"result_type\",\"original_text\",\"ground_truth_output\","
      "\"num_queries\",\"original_output\",\"original_score\",\"perturbed_output\","
      "\"perturbed_score\",\"more\"\n"
      "\"a [[nice]], \"\"old\"\" [[flick]]\",\"Successful\",\"a [[good]], \"\"old\"\" [[film]]\","
      "1.0,37.0,1.0,0.0078125,0.0,0.51,x\n"
      "\"a\",\"Skipped\",\"a\",0.0,1.0,1.0,1e-05,1.0,0.75,y\n";
  const std::vector<Attacked> rows = parse_attack_log(log, "l");
  REQUIRE(rows.size() == 2);
  const Attacked& a = rows[0];
  CHECK(a.result == AttackResult::successful);
  CHECK(a.original() == "a good, \"old\" film");
  CHECK(a.perturbed() == "a nice, \"old\" flick");
  REQUIRE(a.changes().size() == 2);
  CHECK(a.changes()[1].from == "film");
  CHECK(a.changes()[1].to == "flick");
  CHECK(a.ground_truth == 1);
  CHECK(a.original_output == 1);
  CHECK(a.perturbed_output == 0);
  CHECK(a.original_score == 0.0078125);
  CHECK(a.perturbed_score == 0.51);
  CHECK(a.queries == 37);
  CHECK(rows[1].original_score == 1e-05);
  CHECK(rows[1].result == AttackResult::skipped);
  CHECK(rows[1].changes().empty());
  const std::string written = to_attack_log(rows);
  CHECK(to_attack_log(parse_attack_log(written, "w")) == written);
  CHECK(written.find("\n1.0,37.0,1.0,0.0078125,\"a [[good]], \"\"old\"\" [[film]]\",0.0,0.51,") !=
        std::string::npos);
  const auto wrong = [&](const std::string& from, const std::string& to, const char* words) {
    std::string text = log;
    text.replace(text.find(from), from.size(), to);
    return complaint<IOError>([&] { parse_attack_log(text, "l"); }, words);
  };
  CHECK(wrong("[[good]]", "good", "line 2: original_text marks 1 words, perturbed_text 2") == "");
  CHECK(wrong("Successful", "Maybe", "result_type is 'Maybe'") == "");
  CHECK(wrong("num_queries", "queries", "no column 'num_queries'") == "");
  CHECK(wrong("37.0", "many", "num_queries is 'many'") == "");
  CHECK(wrong("1.0,37.0", "1.5,37.0", "ground_truth_output is '1.5'") == "");
  CHECK(wrong("flick", "fl\xff", "perturbed_text is no UTF-8") == "");
  CHECK(marked("[[[a]] b [[c d]] [[e") == Strings{"a", "c d"});
  CHECK(without_marks("[[[a]] ]b[ [[]]") == "[a ]b[ ");
}

TEST_CASE("words as TextAttack splits them") {
  const auto words = [](const std::string& text) {
    Strings out;
    for (const Word& w : words_of(text)) out.push_back(text.substr(w.begin, w.size));
    return out;
  };
  CHECK(words("don't  stop--now, 'tis @home a_b* caf\u00e9\u4e2d (1999)") ==
        Strings{"don't", "stop--now", "tis", "home", "a_b*", "caf\u00e9\u4e2d", "1999"});
  CHECK(words("") == Strings{});
  CHECK(words("...") == Strings{});
  CHECK(words("x") == Strings{"x"});
  const std::string text = "a good film";
  CHECK(with_word(text, words_of(text)[1], "fine") == "a fine film");
  CHECK(with_word(text, words_of(text)[2], "") == "a good ");
  CHECK(tokens_of("It's GOOD, \u00c9t\u00e9!\t\u00a0--") ==
        Strings{"it's", "good", ",", "\u00e9t\u00e9", "!", "-", "-"});
  const std::string long_word(1 << 20, 'a');
  CHECK(words_of(long_word).size() == 1);
  CHECK(words_of("a\xff\xfe b").size() == 2);  // each wrong byte is no letter
}

TEST_CASE("vocabularies: by count, then by bytes") {
  const Vocabulary v = Vocabulary::of({"b a b c", "a , a"});
  CHECK(v.tokens() == Strings{"a", "b", ",", "c"});
  CHECK(v.counts() == Labels{3, 2, 1, 1});
  CHECK(v.size() == 6);
  CHECK(v.ids("A b zzz c") == Labels{2, 3, 1, 5});
  CHECK(v.count("b") == 2);
  CHECK(v.count("zzz") == 0);
  CHECK(v.id("zzz") == Vocabulary::unknown);
  CHECK(Vocabulary::of({"b a b c", "a , a"}, {.least = 2}).tokens() == Strings{"a", "b"});
  CHECK(Vocabulary::of({"b a b c", "a , a"}, {.most = 1}).tokens() == Strings{"a"});
  CHECK_THROWS_AS(Vocabulary({"a", "a"}, {1, 1}), ConfigError);
  CHECK_THROWS_AS(Vocabulary({"a"}, {}), ConfigError);
}

TEST_CASE("generated reviews: the word behind the last turn decides the class") {
  const TextSet set = Sentences().sample(Random(3), 400);
  CHECK(set.size() == 400);
  CHECK(set.labels[0] == 0);
  CHECK(set.labels[1] == 1);
  CHECK(Sentences().sample(Random(3), 10).texts == first_of(set, 10).texts);
  CHECK(Sentences().sample(Random(4), 10).texts != first_of(set, 10).texts);
  // told another way: the last judging word, turned by "not" or "nobody" in its clause
  std::map<std::string, int> sense;
  const auto& groups = Sentences::synonyms();
  std::set<std::string> once;
  for (const auto& g : groups)
    for (const auto& w : g) CHECK(once.insert(w).second);
  for (size_t g = 8; g < groups.size(); ++g)
    for (const auto& w : groups[g]) sense[w] = g < 13 || (g >= 18 && g < 20) ? 1 : -1;
  std::map<std::string, int> counts;
  int turned = 0, buts = 0;
  for (int64_t i = 0; i < set.size(); ++i) {
    const Strings tokens = tokens_of(set.texts[static_cast<size_t>(i)]);
    int said = 0, before = 0;  // before: behind the last word ahead of a "but"
    bool negated = false;
    for (const std::string& t : tokens) {
      ++counts[t];
      if (t == ",") negated = false;
      if (t == "not" || t == "nobody") negated = true, ++turned;
      if (t == "but") ++buts, before = said;
      if (sense.count(t)) said = sense[t] * (negated ? -1 : 1);
    }
    if (before) CHECK(said == -before);
    CHECK(said == (set.labels[static_cast<size_t>(i)] ? 1 : -1));
  }
  CHECK(turned > 60);
  CHECK(buts > 25);
  CHECK(counts["good"] > counts["stellar"]);
  CHECK(counts["liked"] > counts["savored"]);
  CHECK_THROWS_AS(Sentences().sample(Random(1), 0), ConfigError);
  CHECK_THROWS_AS(Sentences{.turned = 2}.sample(Random(1), 1), ConfigError);
}

TEST_CASE("stop words in any case") {
  for (const char* w : {"the", "The", "wouldn't", "ain", "NOT"}) CHECK(is_stop_word(w));
  for (const char* w : {"", "good", "won't-", "thee"}) CHECK(!is_stop_word(w));
}

TEST_CASE("places of texts") {
  const TextSet set{{"a", "b", "c"}, {0, 1, 0}, {"x", "y"}};
  CHECK(some_of(set, {2, 0}).texts == Strings{"c", "a"});
  CHECK(some_of(set, {1}).labels == Labels{1});
  CHECK(first_of(set, 9).size() == 3);
  CHECK_THROWS_AS(some_of(set, {3}), ShapeError);
}

TEST_CASE("SST-2 and AG-News as published" * doctest::test_suite("shared data")) {
  for (const char* file :
       {"sst2_train.tsv.gz", "sst2_dev.tsv.gz", "sst2_test.tsv.gz", "ag_news_test.csv.gz"})
    if (!has_shared_data(file)) return;
  const std::string folder = shared_data("");
  CHECK(load_sst2(folder, Part::train).size() == 6920);
  CHECK(load_sst2(folder, Part::validation).size() == 872);
  const TextSet test = load_sst2(folder, Part::test);
  CHECK(test.size() == 1821);
  CHECK(std::count(test.labels.begin(), test.labels.end(), 1) == 909);
  const TextSet news = load_news(News::ag_news, folder, Part::test);
  CHECK(news.size() == 7600);
  CHECK(std::count(news.labels.begin(), news.labels.end(), 3) == 1900);
}
