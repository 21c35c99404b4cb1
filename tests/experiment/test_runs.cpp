// A run in its files: config.json, the data it was begun on, metrics.csv, TensorBoard's files, and
// what a table leaves out.
#include <doctest/doctest.h>
#include <regrad/algorithms/experiment/config_file.h>
#include <regrad/algorithms/experiment/csv.h>
#include <regrad/algorithms/experiment/data_files.h>
#include <regrad/algorithms/experiment/left_out.h>
#include <regrad/algorithms/experiment/run.h>
#include <regrad/algorithms/experiment/tensorboard.h>

#include <filesystem>

#include "../temp_folder.h"
#include "toy_experiment.h"

using namespace regrad;
using namespace regrad::experiment;
using regrad::test::complaint;
using regrad::test::TempFolder;

namespace {

Options options(Experiment& toy, std::vector<std::string> words) {
  words.insert(words.begin(), "regrad-toy");
  std::vector<const char*> pointers;
  for (const std::string& word : words) pointers.push_back(word.c_str());
  return parse_options(toy, static_cast<int>(pointers.size()), pointers.data());
}

// The toy with a folder among its settings.
struct PathToy : ToyExperiment {
  std::string words = "";
  std::vector<Field> fields() override {
    std::vector<Field> out = ToyExperiment::fields();
    out.push_back({"words", "a folder", &words, a_path()});
    return out;
  }
};

Options toy_options() {
  Options o;
  o.task = "toy", o.methods = {"a", "b"}, o.seeds = {0, 1, 2}, o.threads = 1;
  return o;
}

// Every row runs to its end, or to a cut.
struct PowerCut {};
void run_in(const std::string& folder, ToyExperiment& toy) {
  const OutFolder out(folder, OutFolder::resume);
  Checkpoint from;
  if (has_checkpoint(out)) from = load_checkpoint(out, [](const std::string&) {});
  Ledger ledger(jobs_of(toy, toy_options()), out, 0, std::move(from), true);
  Progress quiet({ProgressStyle::off, false});
  run_rows(toy, ledger, quiet, "go on");
  ledger.save();
  ledger.close();
}

uint64_t number_at(std::string_view bytes, size_t at, size_t size) {
  uint64_t out = 0;
  for (size_t k = size; k-- > 0;) out = out << 8 | static_cast<unsigned char>(bytes.at(at + k));
  return out;
}
// The events of a file, each without its wall time, which is its first field.
std::vector<std::string> events_in(const std::string& file) {
  const std::string bytes = read_file(file);
  std::vector<std::string> out;
  for (size_t at = 0; at < bytes.size();) {
    const size_t length = number_at(bytes, at, 8);
    const std::string_view all = bytes;
    CHECK(number_at(bytes, at + 8, 4) == masked_crc32c(all.substr(at, 8)));
    CHECK(number_at(bytes, at + 12 + length, 4) == masked_crc32c(all.substr(at + 12, length)));
    out.push_back(bytes.substr(at + 12 + 9, length - 9));
    at += 16 + length;
  }
  return out;
}

}  // namespace

TEST_CASE("a run's config.json alone repeats it") {
  const TempFolder at;
  PathToy toy;
  const Options o = options(toy, {"--preset", "small", "--lr", "0.25", "--methods", "b,read",
                                  "--seed", "41", "--data", "some/where", "--words", "a/b"});
  const std::string json = config_json(toy, o), here = std::filesystem::current_path();
  CHECK(json.find("\"experiment\": \"toy\"") != std::string::npos);
  CHECK(json.find("\"words\": \"" + here + "/a/b\"") != std::string::npos);
  write_file(at / "c.json", json);
  PathToy other;
  const Options back = options(other, {"--config", at / "c.json"});
  CHECK(back.preset == "small");
  CHECK(back.methods == std::vector<std::string>{"b", "read"});
  CHECK(back.seeds == std::vector<uint64_t>{41});
  CHECK(other.settings.steps == 20);
  CHECK(other.settings.lr == 0.25);
  CHECK(other.folder == here + "/some/where");
  CHECK(back.notes.empty());
  CHECK(config_json(other, back) == json);
}

TEST_CASE("flags beside a run's config.json hold, and are told; with --resume they are refused") {
  const TempFolder at;
  ToyExperiment toy;
  std::filesystem::create_directories(at / "run");
  write_file(at / "run/config.json", config_json(toy, options(toy, {"--lr", "0.25"})));
  write_file(at / "run/.regrad-lock", "");
  const std::string file = at / "run/config.json";
  const Options o = options(toy, {"--config", file, "--lr", "0.5", "--seeds", "1"});
  CHECK(toy.settings.lr == 0.5);
  CHECK(o.notes == std::vector<std::string>{"seeds: " + file + " has 0,1, the command line 0",
                                            "lr: " + file + " has 0.25, the command line 0.5"});
  const auto says = [&](std::vector<std::string> words, const std::string& message) {
    return complaint<ConfigError>([&] { options(toy, words); }, message);
  };
  const std::string run = at / "run";
  for (const auto& way : {std::vector<std::string>{"--resume", run},
                          {"--resume=" + run},
                          {"--resume", "--out", run},
                          {"--out", run, "--resume"}}) {
    toy.settings.lr = 0;
    const Options resumed = options(toy, way);
    CHECK(resumed.resume);
    CHECK(resumed.out == run);
    CHECK(toy.settings.lr == 0.25);
    std::vector<std::string> more = way;
    more.insert(more.begin(), {"--lr", "0.125", "--methods", "a"});
    CHECK(says(more,
               "\n  methods: the run has a,b,read, the command line a\n  lr: the run has "
               "0.25, the command line 0.125\n") == "");
  }
  CHECK(says({"--resume", run, "--out", at / "x"}, "two folders; give one of them") == "");
  CHECK(says({"--resume", at / "x"}, "holds no run to go on with") == "");
  CHECK_NOTHROW(options(toy, {"--resume", "--out", at / "x"}));  // begins it
  // of settings alone, as runs once had it
  write_file(file, "{\"lr\": 0.25}");
  options(toy, {"--resume", run});
  CHECK(toy.settings.lr == 0.1);
  options(toy, {"--config", file});
  CHECK(toy.settings.lr == 0.25);
}

TEST_CASE("mistakes in a run's config have their place") {
  const TempFolder at;
  ToyExperiment toy;
  const auto says = [&](const std::string& json, const std::string& message) {
    write_file(at / "c.json", json);
    return complaint<ConfigError>([&] { options(toy, {"--config", at / "c.json"}); }, message);
  };
  CHECK(says("{\"settings\": {\n\"lrr\": 1}}",
             "c.json:2:1: no such key \"settings.lrr\"; did you mean settings.lr?") == "");
  CHECK(says("{\"tsk\": \"toy\", \"settings\": {}}", "no such key \"tsk\"; did you mean task?") ==
        "");
  CHECK(says("{\"task\": \"tyo\"}", "c.json: task tyo: not one of toy; did you mean toy?") == "");
  CHECK(says("{\"preset\": \"big\"}", "c.json: preset big: not one of tiny") == "");
  CHECK(says("{\"experiment\": \"map\"}", "c.json: is a run of regrad-map; regrad-map --config ") ==
        "");
  CHECK(says("{\"methods\": [\"c\"]}", "c: not one of a,b,read") == "");
  CHECK(says("{\"seeds\": 3}", "seeds: 3 is not a list of whole numbers") == "");
  CHECK(says("{\"settings\": 3}", "no such key \"settings\"") == "");
  CHECK(says("{\"settings\": {\"lr\": 1", "the JSON ends too early") == "");
}

TEST_CASE("files that data are made of: names and sizes, in any order") {
  const TempFolder at;
  std::filesystem::create_directories(at / "a/deep");
  std::filesystem::create_directories(at / "b/deep");
  CHECK(files_below("") == "");
  CHECK(files_below(at / "a").find("0 files of 0 bytes, ") == 0);
  write_file(at / "a/one", "12"), write_file(at / "a/deep/two", "345");
  write_file(at / "b/deep/two", "345"), write_file(at / "b/one", "12");
  const std::string both = files_below(at / "a");
  CHECK(both.find("2 files of 5 bytes, ") == 0);
  CHECK(files_below(at / "b") == both);
  write_file(at / "b/one", "123"), write_file(at / "b/deep/two", "34");
  CHECK(files_below(at / "b").find("2 files of 5 bytes, ") == 0);
  CHECK(files_below(at / "b") != both);
  CHECK(files_below(at / "a/one").find("1 files of 2 bytes, ") == 0);
}

TEST_CASE("a resume on other data is refused; on the same ones elsewhere it goes on") {
  Checkpoint c;
  c.data = "/a", c.data_files = "2 files";
  CHECK(check_same_data(c, "/a", "2 files", "x") == "");
  CHECK(check_same_data(c, "/moved", "2 files", "x") == "");
  CHECK(complaint<ConfigError>(
            [&] { check_same_data(c, "/b", "3 files", "x"); },
            "\n  data: the run has /a (2 files), the command line /b (3 files)") == "");
  CHECK(complaint<ConfigError>([&] { check_same_data(c, "", "", "x"); },
                               "the command line none (none)") == "");
  CHECK(check_same_data(c, "/a", "3 files", "x")
            .find("files below /a have changed since the run began: 2 files then, 3 files now") ==
        0);
  CHECK(check_same_data(Checkpoint(), "/a", "3 files", "x") == "");  // an older checkpoint
}

TEST_CASE("rows of metrics.csv") {
  const Line line{2, {{"loss", 0.1}, {"a, \"b\"", 1.0 / 3}, {"none", std::nan("")}}};
  CHECK(to_csv({"cml", "K=5", 18446744073709551615u}, line) ==
        "cml,K=5,18446744073709551615,2,loss,0.1\n"
        "cml,K=5,18446744073709551615,2,\"a, \"\"b\"\"\",0.3333333333333333\n"
        "cml,K=5,18446744073709551615,2,none,\n");
  CHECK(to_csv({"cml", "", 0}, {1, {}}) == "");
}

TEST_CASE("CRC-32C and records as TensorFlow writes them") {
  CHECK(crc32c("123456789") == 0xE3069283u);            // RFC 3720's check value
  CHECK(crc32c(std::string(32, '\0')) == 0x8A9136AAu);  // its appendix B.4
  CHECK(crc32c(std::string(32, '\xff')) == 0x62A8AB43u);
  // TensorFlow's mask of it: turned right by 15 bits, and a constant
  CHECK(masked_crc32c("123456789") == 0xC78AB0E5u);
  const std::string two = record("one") + record("");
  CHECK(two.size() == 16 + 3 + 16);
  CHECK(end_of_records(two, 1) == 19);
  CHECK(end_of_records(two, 2) == 35);
  CHECK(end_of_records(two, 3) == 0);
  CHECK(end_of_records(two.substr(0, 34), 2) == 0);
  for (const size_t at : {0, 9, 13, 16}) {
    std::string damaged = two;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    CHECK(end_of_records(damaged, 1) == 0);
  }
  // field 1 a double, field 3 the version; field 2 the step, field 5 a summary with a tag and a
  // float
  const std::string one("\x09\0\0\0\0\0\0\xF0\x3F", 9);
  CHECK(version_event(1) == one +
                                "\x1A\x0D"
                                "brain.Event:2");
  CHECK(scalars_event(1, 300, {{"loss", 1}}) ==
        one + "\x10\xAC\x02\x2A\x0D\x0A\x0B\x0A\x04loss\x15" + std::string("\0\0\x80\x3F", 4));
}

TEST_CASE("a run cut short at any step leaves metrics.csv and TensorBoard's files as a whole one") {
  const TempFolder at;
  ToyExperiment toy;
  toy.settings.steps = 4;
  run_in(at / "whole", toy);
  const std::string csv = read_file(at / "whole/metrics.csv"), name = "/tensorboard/b-seed-1/";
  CHECK(csv.find("method,variant,seed,step,metric,value\na,,0,2,loss,") == 0);
  CHECK(std::count(csv.begin(), csv.end(), '\n') == 1 + 6 * 2 * 2);
  const auto events = events_in((at / "whole") + name + kEvents);
  CHECK(events.size() == 4);  // the version, two lines, the outcome
  for (int cut = 0; cut < 24; ++cut) {
    const std::string folder = at / std::to_string(cut);
    int steps = 0;
    toy.before_step = [&](const Job&, int64_t) {
      if (steps++ == cut) throw PowerCut();
    };
    CHECK_THROWS_AS(run_in(folder, toy), PowerCut);
    // What a crash may leave behind the checkpoint, or of the last record.
    for (const auto& f : std::filesystem::recursive_directory_iterator(folder))
      if (f.path().filename() == kEvents) {
        std::string bytes = read_file(f.path());
        bytes += cut % 2 ? record(scalars_event(0, 99, {{"loss", 7}})) : "half of one";
        if (cut % 3 == 0) bytes.resize(bytes.size() / 2);
        write_file(f.path(), bytes);
      }
    write_file(folder + "/metrics.csv", "method,");
    toy.before_step = nullptr;
    run_in(folder, toy);
    CAPTURE(cut);
    CHECK(read_file(folder + "/metrics.csv") == csv);
    for (const char* row : {"a-seed-0", "a-seed-2", "b-seed-1"}) {
      const std::string file = "/tensorboard/" + std::string(row) + "/" + kEvents;
      CHECK(events_in(folder + file) == events_in((at / "whole") + file));
    }
  }
}

TEST_CASE("a metric that not every seed has is left out and named; the headline is not") {
  struct Holes : ToyExperiment {
    std::vector<Claim> claims(const Result& result) const override {
      Claims c(result);
      c.below("b's far below a's", c.seeds("b", "far"), c.seeds("a", "far"));
      c.below("b's near below a's", c.seeds("b", "near"), c.seeds("a", "near"));
      c.below("b's S2 below a's", c.items("b", "S2"), c.items("a", "S2"));
      return c.list;
    }
  } toy;
  std::vector<Row> rows;
  for (const char* method : {"a", "b"})
    for (const uint64_t seed : {0, 1, 2}) {
      Row row{{method, "", seed}};
      row.outcome.scores = {
          {method, "distance", 1.0 + static_cast<double>(seed)},
          {method, "near", (*method == 'a' ? 2.0 : 1.0) + static_cast<double>(seed * seed)}};
      if (*method == 'b') row.outcome.scores[1].value -= 0.1 * static_cast<double>(seed);
      if (seed == 1 && *method == 'b') {
        row.outcome.not_measured = {{"b", "far", "too few texts"}};
      } else {
        row.outcome.scores.push_back({method, "far", 3});
        row.outcome.items = {{method, "far", {1, 2}}};
      }
      row.outcome.not_measured.push_back({method, "S2", "none was drawn"});
      rows.push_back(row);
    }
  Options o = toy_options();
  const Result r = gather(toy, o, rows);
  CHECK_NOTHROW(check(r));
  CHECK(metric_names(r) == std::vector<std::string>{"distance", "near", "far"});  // far of a
  CHECK(r.methods[1].items.empty());
  REQUIRE(r.claims.size() == 3);
  CHECK(r.claims[0].verdict == Verdict::not_testable);
  CHECK(r.claims[1].text == "b's near below a's");
  CHECK(r.claims[1].verdict != Verdict::not_testable);
  CHECK(r.claims[1].by == "3 seeds");  // measured, though equal
  CHECK(r.claims[2].verdict == Verdict::not_testable);
  REQUIRE(r.left_out.size() == 3);
  CHECK(text_of(r.left_out[0]) == "far of b: 2 of 3 seeds have it; seed 1: too few texts");
  CHECK(text_of(r.left_out[1]) == "S2 of a: 0 of 3 seeds have it; seed 0: none was drawn");
  CHECK(left_out_text(r) ==
        "\nleft out: far of b: 2 of 3 seeds have it; seed 1: too few texts\n"
        "\nleft out: S2 of a, b: 0 of 3 seeds have it; seed 0: none was drawn\n");
  CHECK(to_json(r).find("\"left_out\": [\n    {\n      \"method\": \"b\",\n      \"metric\": "
                        "\"far\",\n      \"have\": 2,") != std::string::npos);
  const Listing shown = with_left_out(rows, r)[0].outcome.listings.at(0);
  CHECK(shown.rows[0] == std::vector<std::string>{"b", "far", "2 of 3", "seed 1: too few texts"});
  const Row back = row_from_json(to_json(rows[4]), "here");
  REQUIRE(back.outcome.not_measured.size() == 2);
  CHECK(back.outcome.not_measured[0].why == "too few texts");
  rows[4].outcome.scores.erase(rows[4].outcome.scores.begin());
  CHECK(complaint<ConfigError>([&] { check(gather(toy, o, rows)); },
                               "method 'b' has 2 values of 'distance' for 3 seeds") == "");
  rows[4].outcome.not_measured = {{"b", "distance", "nothing there"}};
  CHECK(complaint<ConfigError>(
            [&] { gather(toy, o, rows); },
            "the table is about distance, which b lacks; seed 1: nothing there") == "");
}

TEST_CASE("--force takes TensorBoard's files away, and leaves those of others") {
  const TempFolder at;
  ToyExperiment toy;
  toy.settings.steps = 2;
  run_in(at / "x", toy);
  const std::string events = (at / "x/tensorboard/a-seed-0/") + kEvents;
  CHECK(std::filesystem::exists(events));
  { OutFolder(at / "x", OutFolder::force); }
  CHECK_FALSE(std::filesystem::exists(at / "x/tensorboard"));
  CHECK_FALSE(std::filesystem::exists(at / "x/metrics.csv"));
  run_in(at / "x", toy);
  write_file(at / "x/tensorboard/notes.txt", "mine");
  { OutFolder(at / "x", OutFolder::force); }
  CHECK_FALSE(std::filesystem::exists(events));
  CHECK(read_file(at / "x/tensorboard/notes.txt") == "mine");
}

TEST_CASE("what a run could not write at its end is refused before it begins") {
  const TempFolder at;
  for (const char* name : {"report.html", "result.json.d", "models", "tensorboard"}) {
    const std::string folder = at / name;
    std::filesystem::create_directories(folder);
    write_file(folder + "/.regrad-lock", "");
  }
  CHECK_NOTHROW(check_out(at / "result.json.d", OutFolder::fresh));
  std::filesystem::create_directories(at / "report.html/report.html");
  CHECK(complaint<ConfigError>([&] { check_out(at / "report.html", OutFolder::fresh); },
                               "report.html in it is a folder, and a run writes a file there") ==
        "");
  for (const char* name : {"models", "tensorboard"}) {
    write_file((at / name) + "/" + name, "x");
    CHECK(complaint<ConfigError>([&] { check_out(at / name, OutFolder::fresh); },
                                 " in it is a file, and a run makes a folder there") == "");
  }
}

TEST_CASE("a file that cannot be written is found before the work") {
  const TempFolder at;
  write_file(at / "there", "x");
  for (const std::string& good : {std::string(), at / "there", at / "new", std::string("new")})
    CHECK_NOTHROW(check_file("--report", good));
  const auto says = [&](const std::string& file, const std::string& words) {
    return complaint<ConfigError>([&] { check_file("--report", file); },
                                  "--report " + file + ": cannot be written: " + words);
  };
  CHECK(says(at / "none/new", (at / "none") + " is no folder") == "");
  CHECK(says(at / "there/new", (at / "there") + " is no folder") == "");
  CHECK(says(at.name(), "a folder has that name") == "");
}
