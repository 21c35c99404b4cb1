// Checkpoints, resumption and stopping, on an experiment whose every number is known.
#include <doctest/doctest.h>
#include <regrad/algorithms/experiment/estimate.h>
#include <regrad/algorithms/experiment/run.h>
#include <regrad/algorithms/experiment/signals.h>
#include <regrad/algorithms/experiment/table.h>
#include <regrad/engine/parallel.h>

#include <atomic>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <map>

#include "../temp_folder.h"
#include "toy_experiment.h"

using namespace regrad;
using namespace regrad::experiment;
using regrad::test::complaint;
using regrad::test::TempFolder;

namespace {

struct Quiet {
  Progress progress{{ProgressStyle::off, false}};
};

// What a run leaves: the log and the models, byte for byte.
std::map<std::string, std::string> left_in(const std::string& folder) {
  std::map<std::string, std::string> out = {
      {"metrics.jsonl", read_file(folder + "/metrics.jsonl")}};
  for (const auto& entry : std::filesystem::directory_iterator(folder + "/models"))
    out[entry.path().filename()] = read_file(entry.path());
  return out;
}

Options toy_options(const std::vector<std::string>& methods = {"a", "b", "read"}) {
  Options o;
  o.task = "toy", o.methods = methods, o.seeds = {0, 1, 2}, o.threads = 1;
  return o;
}

Checkpoint earlier(const OutFolder& out) {
  if (has_checkpoint(out)) return load_checkpoint(out, [](const std::string&) {});
  Checkpoint c;
  c.command = "regrad-toy", c.build = "here", c.settings = {{"lr", "0.1"}};
  return c;
}

// Runs, or goes on with, a table in a folder; the rows at its end.
std::vector<Row> run_in(const std::string& folder, ToyExperiment& toy, double every = 0) {
  const OutFolder out(folder, OutFolder::resume);
  Ledger ledger(jobs_of(toy, toy_options()), out, every, earlier(out));
  Quiet q;
  run_rows(toy, ledger, q.progress, "go on");
  ledger.save();
  ledger.close();
  return ledger.rows();
}

struct PowerCut {};
struct Threads {
  int before = num_threads();
  explicit Threads(int n) { set_num_threads(n); }
  ~Threads() { set_num_threads(before); }
};

}  // namespace

TEST_CASE("a method that another one trains has no row of its own") {
  ToyExperiment toy;
  std::string all;
  for (const Job& j : jobs_of(toy, toy_options({"a", "read"}))) all += job_name(j) + "; ";
  CHECK(all == "a, seed 0; a, seed 1; a, seed 2; ");
  all.clear();
  for (const Job& j : jobs_of(toy, toy_options({"b", "read"}))) all += job_name(j) + "; ";
  CHECK(all == "b, seed 0; a, seed 0; b, seed 1; a, seed 1; b, seed 2; a, seed 2; ");
}

TEST_CASE("a run cut short at any step of any row ends in the same bytes") {
  const TempFolder at;
  ToyExperiment toy;
  toy.settings.steps = 4;
  run_in(at / "whole", toy);
  const auto whole = left_in(at / "whole");
  CHECK(whole.size() == 7);  // the log and six models
  for (const int threads : {1, 2}) {
    const Threads pool(threads);
    for (int cut = threads - 1; cut < 24; cut += 2) {
      const std::string folder =
          at / ("cut-" + std::to_string(threads) + "-" + std::to_string(cut));
      std::atomic<int> steps{0};
      toy.before_step = [&](const Job&, int64_t) {
        if (steps++ == cut) throw PowerCut();
      };
      CHECK_THROWS_AS(run_in(folder, toy), PowerCut);
      // What a crash may leave behind the checkpoint: more lines, and half of one.
      write_file(folder + "/metrics.jsonl",
                 read_file(folder + "/metrics.jsonl") + "{\"method\":\"a\",\"see");
      toy.before_step = nullptr;
      const Threads other(3 - threads);
      run_in(folder, toy);
      CHECK_MESSAGE(left_in(folder) == whole, "cut at step ", cut);
    }
  }
}

TEST_CASE("finished rows are not run again") {
  const Threads pool(1);
  const TempFolder at;
  ToyExperiment toy;
  int steps = 0;
  toy.before_step = [&](const Job& job, int64_t i) {
    ++steps;
    if (job.method == "b" && job.seed == 1 && i == 4) throw PowerCut();
  };
  CHECK_THROWS_AS(run_in(at / "x", toy), PowerCut);
  CHECK(steps == 35);
  steps = 0;
  toy.before_step = [&](const Job& job, int64_t) {
    ++steps;
    CHECK((job.seed == 2 || (job.method == "b" && job.seed == 1)));
  };
  const std::vector<Row> resumed = run_in(at / "x", toy);
  CHECK(steps == 26);
  toy.before_step = nullptr;
  const std::vector<Row> whole = run_in(at / "y", toy);
  REQUIRE(resumed.size() == whole.size());
  for (size_t r = 0; r < whole.size(); ++r) CHECK(to_json(resumed[r]) == to_json(whole[r]));
}

TEST_CASE("rows side by side give the same values and the same log") {
  const TempFolder at;
  ToyExperiment toy;
  Result one, four;
  {
    const Threads pool(1);
    one = gather(toy, toy_options(), run_in(at / "1", toy));
  }
  {
    const Threads pool(4);
    four = gather(toy, toy_options(), run_in(at / "4", toy, 1000));
  }
  CHECK(to_json(one) == to_json(four));
  CHECK(left_in(at / "1") == left_in(at / "4"));
  REQUIRE(one.methods.size() == 3);
  CHECK(one.methods[2].parameters == 6);
}

TEST_CASE("a net that is no number has no score, whether its last step is logged or not") {
  struct Lost : Trial {  // its score is a number whatever the net is
    Tensor w = zeros({2}), best = full({1}, INFINITY);
    Moment step(int64_t i) override {
      if (i == 2) w = w * std::nan("");
      return {};
    }
    Outcome finish() override { return {.scores = {{"a", "distance", 20}}}; }
    void state(const std::function<void(const std::string&, Tensor&)>& part) override {
      part("best", best);
      part("w", w);
    }
    std::vector<NamedTensor> model() const override { return {}; }
  };
  struct LostToy : ToyExperiment {
    std::unique_ptr<Trial> trial(const Job&) const override { return std::make_unique<Lost>(); }
  } toy;
  const auto run = [&](int steps) {
    toy.settings.steps = steps;
    Ledger ledger(jobs_of(toy, toy_options({"a"})));
    Quiet q;
    run_rows(toy, ledger, q.progress, "go on");
  };
  CHECK_NOTHROW(run(2));
  CHECK(complaint<NumericError>([&] { run(3); }, "a, seed 0: w is not a number at step 3") == "");
}

TEST_CASE("each metric stands beside the parameters of the models that it was measured of") {
  const ToyExperiment toy;
  std::vector<Row> rows;
  for (const char* variant : {"50%", "90%"})
    for (const uint64_t seed : {0, 1, 2}) {
      Row row{{"a", variant, seed}};
      row.outcome.scores = {{"a", std::string("distance@") + variant, 1.0}};
      // of the second variant the seeds differ, as where a method finds its own sparsity
      row.outcome.parameters = {
          {"a", variant[0] == '5' ? 500 : 100 + static_cast<int64_t>(10 * seed)}};
      rows.push_back(row);
    }
  const Result r = gather(toy, toy_options({"a"}), rows);
  const Table t = table_of(r);
  REQUIRE(t.columns.size() == 4);  // two distances, two columns of parameters
  CHECK(t.columns[2].metric.title == "parameters at 50%");
  CHECK(t.columns[2].cells[0].value == "500");
  CHECK(t.columns[3].cells[0].value == "110");
  CHECK(r.methods[0].parameters == 500);  // the table's metric is none of them: the first
}

TEST_CASE("a signal ends a run after a checkpoint") {
  const Threads pool(1);
  struct sigaction before {
  }, after{};
  ::sigaction(SIGINT, nullptr, &before);
  const TempFolder at;
  ToyExperiment toy;
  for (const int which : {SIGINT, SIGTERM}) {
    const std::string folder = at / std::to_string(which);
    toy.before_step = [&](const Job& job, int64_t i) {
      if (job.method == "b" && job.seed == 0 && i == 3) std::raise(which);
    };
    int caught = 0;
    try {
      run_in(folder, toy, 1000);
    } catch (const Interrupted& e) {
      caught = e.signal;
      CHECK(std::string(e.what()) ==
            std::string("stopped by ") + (which == SIGINT ? "SIGINT" : "SIGTERM") + "; go on");
    }
    CHECK(caught == which);
    const OutFolder out(folder, OutFolder::resume);
    const Checkpoint c = earlier(out);
    CHECK(c.rows[0].finished);
    CHECK(c.rows[1].step == 4);  // the step that was under way was ended
    CHECK(c.rows[2].step == 0);
    CHECK(c.tensors.contains("1.sum"));
  }
  ::sigaction(SIGINT, nullptr, &after);
  CHECK((after.sa_handler == before.sa_handler));
}

TEST_CASE("a failed row stops the others") {
  ToyExperiment toy;
  toy.settings.nan_at = 5;
  toy.settings.steps = 1000;
  std::atomic<int> steps{0};
  toy.before_step = [&](const Job&, int64_t) { ++steps; };
  const Threads pool(2);
  Ledger ledger(jobs_of(toy, toy_options()));
  Quiet q;
  CHECK(complaint<NumericError>([&] { run_rows(toy, ledger, q.progress, ""); },
                                "b, seed 0: loss is nan at step 6") == "");
  CHECK(steps < 3000);
}

TEST_CASE("a checkpoint comes back to the bit") {
  const TempFolder at;
  const OutFolder out(at / "x", OutFolder::fresh);
  Outcome o;
  o.scores = {{"cml", "mse@5", 0.1 + 0.2}, {"dagger", "mse@5", 5e-324}};
  o.parameters = {{"cml", int64_t{1} << 60}};
  o.items = {{"cml", "accuracy", {100, 0, 1.0 / 3}, {4, int64_t{1} << 50, 4}}};
  Chart chart{
      "a \"title\"", "x", "y", {{"s", {0, 1e300}, {-0.0, std::nan("")}, Series::points, 3}}, true};
  o.figures = {chart};
  Checkpoint c;
  c.settings = {{"experiment", "cml"}, {"inner.lr", "0.1"}, {"name", ""}};
  c.command = "regrad-cml --out 'a b'", c.build = "two\nlines", c.seconds = 12.25,
  c.log_bytes = int64_t{1} << 40, c.data = "/a b", c.data_files = "2 files";
  c.rows = {{{"cml", "K=5", 18446744073709551615u},
             7,
             {{5, {{"loss", 1.0 / 3}, {"cosine", -1e-17}}}},
             true,
             o},
            {{"maml", "", 0}, 3, {}, false, {}}};
  c.tensors.tensors = {{"1.w", tensor({1, 2, 3}, DType::f64)}, {"1.t", scalar(4, DType::i64)}};
  save(c, out);
  const Checkpoint back = load_checkpoint(out, [](const std::string&) {});
  CHECK(back.settings == c.settings);
  CHECK(back.command == c.command);
  CHECK(back.build == c.build);
  CHECK(back.seconds == 12.25);
  CHECK(back.data == c.data);
  CHECK(back.data_files == c.data_files);
  CHECK(back.log_bytes == c.log_bytes);
  REQUIRE(back.rows.size() == 2);
  for (size_t r = 0; r < 2; ++r) CHECK(to_json(back.rows[r]) == to_json(c.rows[r]));
  CHECK(back.rows[0].job.seed == 18446744073709551615u);
  CHECK(back.rows[0].outcome.scores[1].value == 5e-324);
  CHECK(back.rows[0].lines[0].moment[0].second == 1.0 / 3);
  CHECK(std::isnan(back.rows[0].outcome.figures[0].series[0].y[1]));
  CHECK(back.rows[0].outcome.items[0].values == o.items[0].values);
  CHECK(back.rows[0].outcome.items[0].groups == o.items[0].groups);
  CHECK(back.tensors["1.w"].to_vector() == std::vector<double>{1, 2, 3});
  CHECK(back.tensors["1.t"].dtype() == DType::i64);
}

TEST_CASE(
    "the last two checkpoints are kept, and the older one serves where the newest is damaged") {
  const TempFolder at;
  const OutFolder out(at / "x", OutFolder::fresh);
  Checkpoint c;
  for (double seconds : {1.0, 2.0, 3.0}) {
    c.seconds = seconds;
    save(c, out);
  }
  std::string told;
  const auto load = [&] {
    return load_checkpoint(out, [&](const std::string& why) { told = why; }).seconds;
  };
  CHECK(load() == 3);
  CHECK(told == "");
  const std::string bytes = read_file(out.path(kCheckpoint));
  write_file(out.path(kCheckpoint), bytes.substr(0, bytes.size() / 2));
  CHECK(load() == 2);
  CHECK(told.find("going on from checkpoint.previous.safetensors") != std::string::npos);
  std::filesystem::remove(out.path(kCheckpoint));
  CHECK(load() == 2);
  write_file(out.path(kCheckpoint), "");
  write_file(out.path(kOlderCheckpoint), "junk");
  CHECK_THROWS_AS(load(), IOError);
  save_safetensors(out.path(kOlderCheckpoint), {});
  CHECK(complaint<IOError>([&] { load(); }, "no checkpoint of regrad's: it lacks 'format'") == "");
}

TEST_CASE("every damage to a checkpoint is an IOError") {
  const TempFolder at;
  ToyExperiment toy;
  toy.settings.steps = 3;
  run_in(at / "x", toy);
  const OutFolder out(at / "x", OutFolder::resume);
  std::filesystem::remove(out.path(kOlderCheckpoint));
  const TensorFile good = load_safetensors(out.path(kCheckpoint));
  for (const auto& entry : good.metadata) {
    const std::string &key = entry.first, &value = entry.second;
    // texts, which are told or compared
    const bool words = key == "command" || key == "build" || key == "data" || key == "data_files";
    if (key.compare(0, 8, "setting.") == 0 || words) continue;
    for (const std::string& other :
         {std::string(), std::string("-1"), std::string("{}"), value + "x"}) {
      TensorFile bad = good;
      bad.metadata[key] = other;
      save_safetensors(out.path(kCheckpoint), bad.tensors, bad.metadata);
      CHECK_MESSAGE(
          complaint<IOError>([&] { load_checkpoint(out, [](const std::string&) {}); }, "") == "",
          key, " = ", other);
    }
  }
}

TEST_CASE("rows, log or tensors that do not fit the table are refused") {
  const Threads pool(1);
  const TempFolder at;
  ToyExperiment toy;
  toy.before_step = [&](const Job& job, int64_t i) {
    if (job.method == "b" && i == 4) throw PowerCut();
  };
  CHECK_THROWS_AS(run_in(at / "x", toy), PowerCut);
  const OutFolder out(at / "x", OutFolder::resume);
  const std::vector<Job> jobs = jobs_of(toy, toy_options());
  const Checkpoint good = earlier(out);
  const auto says = [&](const std::function<void(Checkpoint&)>& change, const char* words) {
    Checkpoint c = good;
    change(c);
    return complaint<IOError>(
        [&] {
          Ledger ledger(jobs, out, 1000, std::move(c));
          ledger.restore(1, *toy.trial(jobs[1]));
        },
        words);
  };
  CHECK(says([](Checkpoint& c) { c.rows.pop_back(); }, "has 5 rows, the table 6") == "");
  CHECK(says([](Checkpoint& c) { c.rows[2].job.seed = 9; },
             "row 2 is 'a, seed 9', the table's is 'a, seed 1'") == "");
  CHECK(says([](Checkpoint& c) { ++c.log_bytes; }, "bytes of metrics.jsonl") == "");
  CHECK(says([](Checkpoint& c) { c.tensors.tensors.pop_back(); }, "b, seed 0") == "");
  CHECK(says([](Checkpoint& c) { c.tensors.tensors.emplace_back("1.other", zeros({1})); },
             "the net has no tensor 'other'") == "");
  Checkpoint c = good;
  c.tensors.tensors = {{"1.w", zeros({4})}, {"1.sum", zeros({3}, DType::f64)}};
  Ledger ledger(jobs, out, 1000, std::move(c));
  CHECK_THROWS_AS(ledger.restore(1, *toy.trial(jobs[1])), ShapeError);
}

TEST_CASE("other settings are refused, a line each; another task or experiment by the one line") {
  const Settings then = {{"gamma", "0.2"}, {"steps", "10"}, {"old", "1"}};
  CHECK_NOTHROW(check_same_settings(then, then, "x"));
  const auto says = [](const Settings& before, const Settings& now) -> std::string {
    try {
      check_same_settings(before, now, "x");
    } catch (const ConfigError& e) {
      return e.what();
    }
    return "no error";
  };
  CHECK(says(then, {{"gamma", "1"}, {"steps", "10"}, {"new", "2"}}) ==
        "--resume x: this is another run than the one in it\n"
        "  gamma: the run has 0.2, the command line 1\n"
        "  new: the run has none, the command line 2\n"
        "  old: the run has 1, the command line none\n"
        "--resume x alone goes on with that; --force starts over");
  CHECK(says({{"experiment", "cml"}, {"task", "images"}, {"steps", "1"}},
             {{"experiment", "cml"}, {"task", "nodes"}, {"laps", "2"}}) ==
        "--resume x: this is another run than the one in it\n"
        "  task: the run has images, the command line nodes\n"
        "--resume x alone goes on with that; --force starts over");
  CHECK(says({{"experiment", "map"}, {"task", "images"}}, {{"experiment", "cml"}, {"laps", "2"}}) ==
        "--resume x: holds a run of regrad-map; regrad-map --resume x goes on with it");
}

TEST_CASE("what decides a run's numbers, by name") {
  ToyExperiment toy;
  toy.choose("toy", "tiny");
  std::string all;
  for (const auto& [name, value] : settings_of(toy, toy_options())) all += name + "=" + value + " ";
  CHECK(all ==
        "experiment=toy task=toy preset=tiny methods=a,b,read seeds=0,1,2 steps=10 lr=0.1 "
        "nan_at=-1 ");
}

TEST_CASE("--estimate counts steps, seeds and every method that trains") {
  ToyExperiment toy;
  const std::string text = estimate(toy, toy_options());
  CHECK(text.find("method") == 0);
  CHECK(text.find("\na ") != std::string::npos);
  CHECK(text.find("\nb ") != std::string::npos);
  CHECK(text.find("\nread ") == std::string::npos);
  CHECK(text.find("on 1 thread\n") != std::string::npos);
}

namespace {
struct TwoPhases : ToyExperiment {
  std::vector<Phase> phases(const Job&) const override { return {{12}, {8, of_learnt}}; }
  bool of_learnt = false;
};
}  // namespace

TEST_CASE("--estimate takes steps in each phase and trains first where a phase needs it") {
  TwoPhases toy;
  toy.settings.steps = 20;
  std::vector<int64_t> taken;
  toy.before_step = [&](const Job&, int64_t i) { taken.push_back(i); };
  std::vector<std::string> said;
  const auto say = [&](const std::string& line) { said.push_back(line); };
  estimate(toy, toy_options({"a"}), say);
  CHECK(said == std::vector<std::string>{"timing a (1 of 1)"});
  CHECK(taken.front() == 0);
  CHECK(std::count(taken.begin(), taken.end(), 12) == 1);  // where the second one begins
  CHECK(std::count(taken.begin(), taken.end(), 13) == 1);
  CHECK(std::count(taken.begin(), taken.end(), 0) == 1);
  taken.clear();
  toy.of_learnt = true;
  estimate(toy, toy_options({"a"}));
  for (int64_t i = 0; i < 12; ++i)  // timed, and then trained
    CHECK(std::count(taken.begin(), taken.end(), i) >= 2);
}

TEST_CASE("makespan: threads take jobs in order; one job alone is shared by all") {
  CHECK(makespan({3, 1, 1, 1}, 2) == 3);
  CHECK(makespan({1, 1, 1, 3}, 2) == 4);
  CHECK(makespan({1, 1, 1, 3}, 1) == 6);
  CHECK(makespan({6}, 2) == 3);
  CHECK(makespan({2, 2}, 8) == 2);
}

TEST_CASE("a process's memory and processor time are read from the system") {
  CHECK(cpu_seconds() > 0);
  forget_peak();
  const double before = peak_bytes();
  REQUIRE(before > 0);
  {
    const std::vector<char> block(64 << 20, 1);
    CHECK(std::count(block.begin(), block.end(), 1) == 64 << 20);
  }
  CHECK(peak_bytes() > before + (50 << 20));
  CHECK(resident_bytes() < before + (50 << 20));
}
