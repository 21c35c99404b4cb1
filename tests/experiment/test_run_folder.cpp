// Runs as regrad-report finds and compares them.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <regrad/algorithms/experiment/run_compare.h>
#include <sys/file.h>

#include "../temp_folder.h"
#include "toy_experiment.h"

using namespace regrad;
using namespace regrad::experiment;
using regrad::test::complaint;
using regrad::test::TempFolder;

namespace {

const char* const kResult =
    R"({"regrad": "0.1.0", "experiment": "toy", "task": "%", "preset": "tiny",
 "seconds": 130.5, "metric": "mse", "better": "lower", "baseline": "a", "methods": [
 {"name": "a", "metrics": {"mse": {"mean": 0.5, "ci95": 0.05}, "time": {"mean": 3, "ci95": null}}},
 {"name": "b <x>", "metrics": {"mse": {"mean": 0.25, "ci95": null}}}]})";

std::string result_of(const std::string& task) {
  std::string out = kResult;
  return out.replace(out.find('%'), 1, task);
}

// A finished run of the toy, changed so many hours ago.
void make_run(const std::string& folder, const std::string& task, double lr, int hours) {
  std::filesystem::create_directories(folder);
  write_file(folder + "/config.json",
             "{\"experiment\": \"toy\", \"task\": \"" + task +
                 "\", \"preset\": \"tiny\", \"seeds\": [0, 1], \"settings\": {\"lr\": " +
                 std::to_string(lr) + ", \"inner\": {\"steps\": 3}}}");
  write_file(folder + "/metrics.jsonl", "");
  write_file(folder + "/metrics.csv",
             "method,variant,seed,step,metric,value\n"
             "a,\"K,5\",0,10,loss,2\na,\"K,5\",0,20,loss,1\na,\"K,5\",1,10,loss,4\n"
             "a,\"K,5\",1,20,loss,2\n\"b <x>\",\"K,5\",0,10,loss,5\na,,0,10,other,\n");
  write_file(folder + "/result.json", result_of(task));
  for (const char* file : {"/config.json", "/metrics.jsonl", "/result.json"})
    std::filesystem::last_write_time(
        folder + file, std::filesystem::file_time_type::clock::now() - std::chrono::hours(hours));
}

}  // namespace

TEST_CASE("runs in and below folders, newest first, with their states") {
  const TempFolder at;
  make_run(at / "old", "one", 0.1, 3);
  make_run(at / "deep/er/new", "two", 0.2, 1);
  std::filesystem::create_directories(at / "empty");
  // one that was cut short after its first row
  const std::string cut = at / "deep/cut";
  {
    const OutFolder out(cut, OutFolder::fresh);
    out.write("config.json", "{\"experiment\": \"toy\", \"task\": \"three\", \"settings\": {}}");
    Checkpoint c;
    c.seconds = 75;
    c.rows = {{{"a", "", 0}, 4, {}, true, {}}, {{"b", "", 0}, 2, {}, false, {}}};
    save(c, out);
    for (const char* file : {"/config.json"})
      std::filesystem::last_write_time(
          cut + file, std::filesystem::file_time_type::clock::now() - std::chrono::hours(2));
    CHECK(read_run(cut).state == RunFolder::running);  // its lock is held
  }
  const std::vector<RunFolder> runs = find_runs({at.name()});
  REQUIRE(runs.size() == 3);
  CHECK(runs[0].folder == at / "deep/er/new");
  CHECK(runs[1].folder == cut);
  CHECK(runs[2].folder == at / "old");
  CHECK(runs[0].state == RunFolder::finished);
  CHECK(runs[0].result.task == "two");
  CHECK(runs[0].seconds == 130.5);
  CHECK(headline(runs[0]) == "mse 0.25 (b <x>)");
  CHECK(runs[1].state == RunFolder::interrupted);
  CHECK(runs[1].result.task == "three");
  CHECK(runs[1].seconds == 75);
  CHECK(headline(runs[1]) == "1 of 2 rows done");
  const std::string text = list_text(runs, {80, true});
  CHECK(text.find("finished     ") == 0);
  CHECK(text.find("    2m11s  toy, two, tiny\n  mse 0.25 (b <x>)\n  " + (at / "deep/er/new")) !=
        std::string::npos);
  CHECK(find_runs({at / "empty"}).empty());
  CHECK(complaint<ConfigError>([&] { find_runs({at / "none"}); }, "none: no such folder") == "");
  // of settings alone, as config.json once was: the checkpoint says what it is
  {
    const OutFolder out(cut, OutFolder::resume);
    out.write("config.json", "{\"lr\": 1}");
    Checkpoint c;
    c.settings = {{"experiment", "toy"}, {"task", "three"}, {"preset", "small"}};
    save(c, out);
  }
  CHECK(read_run(cut).result.preset == "small");
  write_file(at / "old/result.json", "{\"task\": \"one\"");
  const RunFolder bad = read_run(at / "old");
  CHECK(bad.state == RunFolder::damaged);
  CHECK(headline(bad).find("old/result.json: ") != std::string::npos);
}

TEST_CASE("runs beside each other: settings that differ, tables, curves") {
  const TempFolder at;
  make_run(at / "x", "one", 0.5, 1);
  make_run(at / "y", "one", 0.25, 1);
  const std::vector<RunFolder> runs = {read_run(at / "x"), read_run(at / "y")};
  const std::vector<Curves> curves = read_curves(at / "x");
  REQUIRE(curves.size() == 1);
  CHECK(curves[0].metric == "loss");
  CHECK(curves[0].variant == "K,5");
  CHECK(curves[0].methods[0].second == std::map<int64_t, double>{{10, 3}, {20, 1.5}});
  const std::string text = compare_text(runs, {80, false});
  const auto has = [](const std::string& page, const std::string& part) {
    return page.find(part) != std::string::npos;
  };
  CHECK(has(text, "\nsetting  A    B\nlr       0.5  0.25\n\n"));
  CHECK_FALSE(has(text, "inner.steps"));  // the same in both
  CHECK(has(text,
            "\nmse    A               B\na      0.500 +- 0.050  0.500 +- 0.050\n"
            "b <x>  0.25            0.25\n"));
  CHECK(has(text, "\nloss, K,5: 1.5 to 5, steps 10 to 20\n  a      A ="));
  CHECK(has(text, "=====-"));  // between its points a curve is drawn through
  CHECK(has(text, "_ 1.5\n  a      B ="));
  CHECK(has(text, "\n  b <x>  A #"));
  const std::string page = compare_html(runs);
  for (const char* part :
       {"<td class=\"text\">0.5</td>", "b &lt;x&gt;", "<svg", "A a", "B b &lt;x", "0.500 ± 0.050"})
    CHECK_MESSAGE(has(page, part), part);
  CHECK_FALSE(has(page, "<script"));
  CHECK_FALSE(has(page, "src=\"http"));
  // blocks of columns where they do not fit
  std::vector<RunFolder> many(9, runs[0]);
  many[8] = runs[1];
  const std::string blocks = compare_text(many, {80, true});
  CHECK(has(blocks, "\nmse    F "));
  std::filesystem::remove(at / "x/metrics.csv");
  CHECK(read_curves(at / "x").empty());
  CHECK(has(compare_text(runs, {80, true}), "\nNo learning curves of A: metrics.csv is missing"));
  write_file(at / "x/metrics.csv", "header\na,b\nc");
  CHECK(complaint<IOError>([&] { read_curves(at / "x"); }, "metrics.csv:2: no row") == "");
  CHECK(complaint<IOError>([] { run_result("{}", "r.json"); }, "r.json: no result of regrad's") ==
        "");
  CHECK(complaint<IOError>([] { leaves("[1]", "c.json"); }, "c.json: no JSON object") == "");
}
