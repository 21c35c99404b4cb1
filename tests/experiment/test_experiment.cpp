// The frame's command line and configs: flags, keys, precedence, messages.
#include <doctest/doctest.h>
#include <regrad/algorithms/experiment/cli.h>
#include <regrad/algorithms/experiment/config.h>
#include <regrad/engine/error.h>
#include <regrad/engine/internal/split.h>

#include "../temp_folder.h"
#include "toy_experiment.h"

using namespace regrad;
using namespace regrad::experiment;
using regrad::test::complaint;

namespace {

struct Inner {
  double lr = 0.01;
  int steps = 1;
  static void parts(auto& self, auto&& part) {
    part("lr", self.lr, "inner step size");
    part("steps", self.steps, "inner steps");
  }
};
struct Config {
  bool fast = false;
  int64_t count = 3;
  uint64_t seed = 7;
  double rate = 0.001;
  std::string name = "plain";
  std::vector<int> widths = {40, 40};
  std::vector<uint64_t> seeds = {};
  std::vector<double> rates = {0.1, 0.2};
  std::vector<std::string> words = {"a"};
  Inner inner = {};
  static void parts(auto& self, auto&& part) {
    part("fast", self.fast, "a switch");
    part("count", self.count, "how many");
    part("seed", self.seed);
    part("rate", self.rate, "a rate");
    part("name", self.name);
    part("widths", self.widths);
    part("seeds", self.seeds);
    part("rates", self.rates);
    part("words", self.words);
    part("inner", self.inner);
  }
};

std::vector<Given> parsed(const std::vector<Flag>& flags, std::vector<const char*> words) {
  words.insert(words.begin(), "program");
  return parse_flags(flags, static_cast<int>(words.size()), words.data());
}
const std::vector<Flag> kFlags = {{"steps", "INT", "outer steps", "10", "Settings"},
                                  {"inner.lr", "NUMBER", "inner step", "0.1", "Settings"},
                                  {"log_every", "INT", "", "", "Settings"},
                                  {"fast", "", "a switch", "false", "Settings", true},
                                  {"force", "", "another", "", "Run"}};

std::string what_of(const std::vector<Flag>& flags, std::vector<const char*> words) {
  try {
    parsed(flags, std::move(words));
  } catch (const ConfigError& e) {
    return e.what();
  }
  return "no error";
}

Options options(ToyExperiment& toy, std::vector<const char*> words) {
  words.insert(words.begin(), "regrad-toy");
  return parse_options(toy, static_cast<int>(words.size()), words.data());
}

}  // namespace

TEST_CASE("flags come back in their order, with their values") {
  const auto given = parsed(kFlags, {"--steps", "5", "--inner.lr=-0.5", "--log-every", "2",
                                     "--fast", "--steps=6", "--no-fast", "--force"});
  std::string all;
  for (const Given& g : given) all += g.name + "=" + g.value + " ";
  CHECK(all == "steps=5 inner.lr=-0.5 log_every=2 fast=true steps=6 fast=false force=true ");
  CHECK(parsed(kFlags, {"--log_every=3"}).at(0).name == "log_every");
  CHECK(parsed(kFlags, {"--steps", "-3"}).at(0).value == "-3");
  CHECK(parsed(kFlags, {}).empty());
  CHECK(parsed(kFlags, {"--fast=false"}).at(0).value == "false");
}

TEST_CASE("a wrong flag is answered with the nearest name") {
  CHECK(what_of(kFlags, {"--stpes", "5"}) == "--stpes: no such flag; did you mean --steps?");
  CHECK(what_of(kFlags, {"--lr=1"}) == "--lr: no such flag; did you mean --inner.lr?");
  CHECK(what_of(kFlags, {"-steps", "5"}) == "-steps: no such flag; did you mean --steps?");
  CHECK(what_of(kFlags, {"--unheard-of"}) == "--unheard-of: no such flag; --help lists them");
  CHECK(what_of(kFlags, {"tiny"}) == "'tiny': belongs to no flag; --help lists the flags");
  CHECK(what_of(kFlags, {"--steps"}) == "--steps: needs a value; write --steps INT");
  CHECK(what_of(kFlags, {"--steps", "--fast"}) ==
        "--steps: needs a value, found --fast; write --steps INT");
  CHECK(what_of(kFlags, {"--steps", ""}) == "--steps: its value is empty; write --steps INT");
  CHECK(what_of(kFlags, {"--steps="}) == "--steps=: no value follows the '='; write --steps INT");
  CHECK(what_of(kFlags, {"--force=false"}) == "--force: takes no value");
  CHECK(what_of(kFlags, {"--no-fast=true"}) == "--no-fast: takes no value");
}

TEST_CASE("--help shows every flag, its help and its value") {
  const std::string page = flags_help(kFlags, "regrad-toy", "What it does.", "The end.");
  for (const char* part :
       {"regrad-toy", "What it does.", "--steps INT", "outer steps [10]", "--inner.lr NUMBER",
        "--[no-]fast", "--force", "Settings", "Run", "The end."})
    CHECK_MESSAGE(page.find(part) != std::string::npos, part);
}

TEST_CASE("pages fit 80 columns: broken at spaces and at commas of lists, indented") {
  std::string list = "one";
  for (int i = 0; i < 40; ++i) list += ",method" + std::to_string(i);
  const std::string words = "the quick brown fox jumps over the lazy dog and so on, ";
  const std::vector<Flag> flags = {{"a-flag-of-a-very-long-name", "WITH,VALUES", words + words},
                                   {"s", "", words + words},
                                   {"methods", "NAME,...", "rows of the table, of " + list, list}};
  const std::string page = flags_help(flags, "regrad-toy", words + words, "  " + words + words);
  for (const std::string& line : split(page, '\n')) {
    CHECK_MESSAGE(line.size() <= 80, line);
    CHECK((line.empty() || line.back() != ' '));
  }
  CHECK(page.find("\n                            ") != std::string::npos);
  CHECK(page.find("\n    ") != std::string::npos);  // the footer goes on
  CHECK(wrapped("short\n\n  lines\n") == "short\n\n  lines\n");
  CHECK(wrapped("  " + std::string(90, 'x') + " y") == "  " + std::string(90, 'x') + "\n    y\n");
}

TEST_CASE("-h is --help") {
  const char* const argv[] = {"regrad-toy", "-h"};
  const std::vector<Given> given = parse_flags({{"help", "", "this page"}}, 2, argv);
  REQUIRE(given.size() == 1);
  CHECK(given[0].name == "help");
}

TEST_CASE("a config's leaves are read and shown as text") {
  Config c;
  std::vector<Field> list = fields(c);
  CHECK(names(list) == std::vector<std::string>{"fast", "count", "seed", "rate", "name", "widths",
                                                "seeds", "rates", "words", "inner.lr",
                                                "inner.steps"});
  CHECK(list[9].help == "inner step size");
  const auto set = [&](const char* key, const char* value) {
    assign(list, key, value, std::string("--") + key);
  };
  set("fast", "true"), set("count", "-9000000000"), set("seed", "18446744073709551615"),
      set("rate", "2.5e-05"), set("name", "two words");
  set("widths", "8"), set("seeds", "1,2,3"), set("rates", "0.1,1e30"), set("words", "x,y"),
      set("inner.lr", "0.25"), set("inner.steps", "5");
  CHECK(c.fast);
  CHECK(c.count == -9000000000);
  CHECK(c.seed == 18446744073709551615u);
  CHECK(c.rate == 2.5e-05);
  CHECK(c.name == "two words");
  CHECK(c.widths == std::vector<int>{8});
  CHECK(c.seeds == std::vector<uint64_t>{1, 2, 3});
  CHECK(c.rates == std::vector<double>{0.1, 1e30});
  CHECK(c.words == std::vector<std::string>{"x", "y"});
  CHECK(c.inner.lr == 0.25);
  std::string all;
  for (const Field& f : list) all += text(f) + " ";
  CHECK(all ==
        "true -9000000000 18446744073709551615 2.5e-05 two words 8 1,2,3 0.1,1e+30 x,y 0.25 5 ");
}

namespace {
struct Ranged {
  int steps = 1;
  double lr = 0.1, share = 0.5, noise = 0, free = 0;
  std::vector<double> rates = {0.5};
  std::vector<int> widths = {4};
  static void parts(auto& self, auto&& part) {
    part("steps", self.steps, "", at_least(1));
    part("lr", self.lr, "", above(0));
    part("share", self.share, "", part_of_whole());
    part("noise", self.noise, "", at_most(0));
    part("free", self.free);
    part("rates", self.rates, "", experiment::share());
    part("widths", self.widths, "", between(1, 9));
  }
};
}  // namespace

TEST_CASE("a number out of its range is refused on each way in, and leaves the key as it was") {
  Ranged c;
  std::vector<Field> list = fields(c);
  const auto says = [&](const char* key, const char* value, const std::string& words) {
    const std::string before = text(*find(list, key));
    const std::string wrong =
        complaint<ConfigError>([&] { assign(list, key, value, "--x"); }, "--x: " + words);
    return wrong.empty() && text(*find(list, key)) != before ? "it changed" : wrong;
  };
  CHECK(says("steps", "0", "steps must be at least 1, not 0") == "");
  CHECK(says("lr", "0", "lr must be above 0, not 0") == "");
  CHECK(says("lr", "1e300", "lr must be at most 3.4028234663852886e+38 in size, not 1e+300") == "");
  CHECK(says("free", "-1e300",
             "free must be at most 3.4028234663852886e+38 in size, not -1e+300") == "");
  CHECK(says("share", "1", "share must lie in [0, 1), not 1") == "");
  CHECK(says("noise", "0.5", "noise must be at most 0, not 0.5") == "");
  CHECK(says("rates", "0.5,1.5", "rates must lie in [0, 1], not 1.5") == "");
  CHECK(says("widths", "4,0", "widths must lie in [1, 9], not 0") == "");
  CHECK(complaint<ConfigError>(
            [&] { from_json(list, "{\"lr\": 1,\n \"widths\": [4, 10]}", "c.json"); },
            "c.json:2:16: widths must lie in [1, 9], not 10") == "");
  for (const auto& [key, value] : {std::pair<const char*, const char*>{"steps", "1"},
                                   {"lr", "1e-300"},
                                   {"share", "0"},
                                   {"noise", "0"},
                                   {"noise", "-1e30"},
                                   {"free", "-3e38"},
                                   {"rates", "0,1"},
                                   {"widths", "1,9,9"}})
    CHECK_NOTHROW(assign(list, key, value, "--x"));
}

TEST_CASE("values that a key does not take are refused, and leave it as it was") {
  Config c;
  std::vector<Field> list = fields(c);
  const auto refuses = [&](const char* key, const char* value) {
    return complaint<ConfigError>(
        [&] { assign(list, key, value, "--set"); },
        "'" + std::string(value) + "' is not " + expected(*find(list, key)));
  };
  for (const char* value : {"", "abc", "1.5", "3 ", " 3", "0x10", "99999999999999999999", "1e3"})
    CHECK_MESSAGE(refuses("count", value) == "", value);
  for (const char* value : {"", "nan", "inf", "1e999", "1,5", "0.1x"})
    CHECK_MESSAGE(refuses("rate", value) == "", value);
  for (const char* value : {"maybe", "2", ""}) CHECK_MESSAGE(refuses("fast", value) == "", value);
  for (const char* value : {"8,", ",8", "8,,9", "8 9", "2147483648"})
    CHECK_MESSAGE(refuses("widths", value) == "", value);
  CHECK(refuses("seed", "-1") == "");
  CHECK(c.count == 3);
  CHECK(c.widths == std::vector<int>{40, 40});
  CHECK(complaint<ConfigError>([&] { assign(list, "innr.lr", "1", "--set innr.lr=1"); },
                               "--set innr.lr=1: no such key; did you mean inner.lr?") == "");
  CHECK(complaint<ConfigError>([&] { assign(list, "zzzzzz", "1", "--set"); },
                               "no such key; --print-config lists them") == "");
}

TEST_CASE("nearest names") {
  const std::vector<std::string> known = {"steps", "inner.alpha", "log_every", "lr"};
  CHECK(nearest("setps", known) == "steps");
  CHECK(nearest("step", known) == "steps");
  CHECK(nearest("alpha", known) == "inner.alpha");
  CHECK(nearest("log-evry", known) == "log_every");
  CHECK(nearest("completely different", known) == "");
  CHECK(nearest("", known) == "");
}

TEST_CASE("a config survives JSON to the bit") {
  Config c;
  c.rate = 0.1 + 0.2;
  c.name = "quotes \" and \\ and \n";
  c.inner.lr = 5e-324;
  c.seeds = {18446744073709551615u};
  const std::string json = to_json(fields(c));
  Config back;
  std::vector<Field> list = fields(back);
  from_json(list, json, "config.json");
  CHECK(to_json(list) == json);
  CHECK(back.rate == c.rate);
  CHECK(back.name == c.name);
  CHECK(back.inner.lr == 5e-324);
  CHECK(back.seeds == c.seeds);
  CHECK(json.find("\"inner\": {\n    \"lr\"") != std::string::npos);
}

TEST_CASE("mistakes in a config file are named with line and column") {
  Config c;
  std::vector<Field> list = fields(c);
  const auto says = [&](const char* json, const char* words) {
    return complaint<ConfigError>([&] { from_json(list, json, "c.json"); }, words);
  };
  CHECK(says("{\n  \"count\": 4,\n  \"cuont\": 5\n}",
             "c.json:3:3: no such key \"cuont\"; did you mean count?") == "");
  CHECK(says("{\"inner\": {\"lr\": 1, \"lr\": 2}}",
             "c.json:1:21: key \"inner.lr\" is there twice") == "");
  CHECK(says("{\"count\": 4.5}", "c.json:1:11: count: 4.5 is not a whole number") == "");
  CHECK(says("{\"count\": \"4\"}", "\"4\" is not a whole number") == "");
  CHECK(says("{\"rate\": null}", "null is not a finite number") == "");
  CHECK(says("{\"widths\": 4}", "4 is not a list of whole numbers") == "");
  CHECK(says("{\"count\": [4]}", "a list is not a whole number") == "");
  CHECK(says("{\"inner\": 4}", "inner: expected an object") == "");
  CHECK(says("[1]", "expected an object {...} of settings, found a list") == "");
  CHECK(says("{\"count\": 4", "the JSON ends too early") == "");
  CHECK(says("{\"count\": 4,}", "not JSON") == "");
  CHECK(says("", "the JSON ends too early") == "");
  c = Config();
  from_json(list, "{\"inner\": {\"steps\": 9}, \"rates\": []}", "c.json");
  CHECK(c.inner.steps == 9);
  CHECK(c.inner.lr == 0.01);  // keys that are not named stay
  CHECK(c.rates.empty());
  from_json(list, "\xef\xbb\xbf{\"count\": 12}\r\n", "c.json");  // as an editor of Windows saves it
  CHECK(c.count == 12);
}

TEST_CASE("preset, then config file, then flags") {
  const test::TempFolder at;
  write_file(at / "c.json", "{\"lr\": 0.5, \"steps\": 30}");
  const std::string file = at / "c.json";
  ToyExperiment toy;
  options(toy, {"--preset", "small"});
  CHECK(toy.settings.steps == 20);
  // wherever they stand
  options(toy, {"--lr", "0.25", "--config", file.c_str(), "--preset", "small"});
  CHECK(toy.settings.lr == 0.25);
  CHECK(toy.settings.steps == 30);
  const Options o = options(toy, {"--set", "lr=0.125", "--steps", "7", "--methods", "b,a",
                                  "--seeds", "3", "--threads", "2", "--data", "somewhere"});
  CHECK(toy.settings.lr == 0.125);
  CHECK(toy.settings.steps == 7);
  CHECK(toy.folder == "somewhere");
  CHECK(o.methods == std::vector<std::string>{"a", "b"});  // the card's order
  CHECK(o.seeds == std::vector<uint64_t>{0, 1, 2});
  CHECK(o.threads == 2);
  CHECK(options(toy, {"--seed", "41"}).seeds == std::vector<uint64_t>{41});
  CHECK(options(toy, {}).seeds.size() == 2);  // the preset's
  CHECK(options(toy, {}).methods == std::vector<std::string>{"a", "b", "read"});
}

TEST_CASE("options that cannot be are refused with what to do") {
  ToyExperiment toy;
  const auto says = [&](std::vector<const char*> words, const char* message) {
    return complaint<ConfigError>([&] { options(toy, words); }, message);
  };
  CHECK(says({"--threads", "zero"}, "--threads: 'zero' is not a whole number from 1 to 1024") ==
        "");
  CHECK(says({"--threads", "0"}, "'0' is not a whole number from 1 to 1024") == "");
  CHECK(says({"--seeds", "0"}, "--seeds: '0'") == "");
  CHECK(says({"--seeds", "99999999999"}, "from 1 to 10000") == "");
  CHECK(says({"--seed", "-1"}, "--seed: '-1'") == "");
  CHECK(says({"--preset", "tinny"},
             "--preset tinny: not one of tiny,small,long,paper; did you mean tiny?") == "");
  CHECK(says({"--task", "tyo"}, "not one of toy; did you mean toy?") == "");
  CHECK(says({"--methods", "a,,b"}, "--methods : not one of") == "");
  CHECK(says({"--methods", "raed"}, "did you mean read?") == "");
  CHECK(says({"--set", "lr"}, "write --set KEY=VALUE") == "");
  CHECK(says({"--set", "lr=fast"},
             "--set lr=fast: 'fast' is not a finite number (it is now 0.1)") == "");
  CHECK(says({"--resume"},
             "--resume: needs the folder of the run to go on with; write --resume "
             "DIR") == "");
  CHECK(says({"--force"}, "--force: needs --out DIR") == "");
  CHECK(says({"--resume", "--force", "--out", "x"}, "give one of them") == "");
  CHECK(says({"--checkpoint-every", "soon"}, "'soon' is not a number of seconds") == "");
  CHECK(says({"--config", "/no/such/file.json"},
             "--config /no/such/file.json: cannot open the file") == "");
  CHECK(says({"--methods", "a,b,a"}, "--methods: a stands there twice") == "");
  CHECK(says({"--out", ""}, "--out: its value is empty; write --out DIR") == "");
  CHECK(says({"--set", "lr="},
             "--set lr=: '' is not a finite number: no value is given (it is now 0.1)") == "");
  toy.folder = "not read";
  CHECK(says({"--steps", "0"}, "steps must be at least 1") == "");
  CHECK(toy.folder == "not read");  // settings are looked at first
}
