// regrad-cml as a user runs it: exit codes, messages, what it writes.
#include <doctest/doctest.h>
#include <regrad/engine/io/serialize.h>

#include <chrono>
#include <filesystem>

#include "run_binary.h"

using namespace regrad;
using regrad::test::Ran;
using regrad::test::TempFolder;

namespace {

const std::string kCml = REGRAD_CML;
// A table in well under a second.
const std::string kShort = kCml +
                           " --quiet --steps 40 --seeds 2 --shots 5,10 --hidden 10,10 "
                           "--cohead-hidden 10 --test-tasks 20 --test-points 10 --log-every 10";

Ran run(const std::string& flags) { return test::run(kShort + " " + flags); }

std::string without_lines(std::string text, const char* with) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size() - 1) + 1;
    const std::string line = text.substr(at, end - at);
    if (line.find(with) == std::string::npos) out += line;
    at = end;
  }
  return out;
}
std::string values_of(const std::string& folder) {
  std::string json = read_file(folder + "/result.json");
  for (const char* key : {"\"seconds\"", "\"peak_bytes\"", "\"threads\""})
    json = without_lines(json, key);
  return json;
}

}  // namespace

TEST_CASE("a table end to end, the same on one and on two threads") {
  const TempFolder at;
  const Ran one = run("--threads 1 --out " + (at / "one")),
            two = run("--threads 2 --out " + (at / "two"));
  REQUIRE(one.code == 0);
  REQUIRE(two.code == 0);
  CHECK(one.err == "");
  for (const char* part : {"cml: sinusoid, preset tiny, 2 seeds", "method", "maml", "dagger",
                           "noise", "error at K = 5", "unadapted", "Over 2 seeds", "report.html"})
    CHECK_MESSAGE(one.out.find(part) != std::string::npos, part);
  for (const char* file :
       {"config.json", "metrics.jsonl", "result.json", "report.html", "checkpoint.safetensors",
        "curve-1.svg", "models/cml-K-5-seed-1.safetensors"})
    CHECK_MESSAGE(std::filesystem::exists(at / ("one/" + std::string(file))), file);
  CHECK(values_of(at / "one") == values_of(at / "two"));
  CHECK(read_file(at / "one/metrics.jsonl") == read_file(at / "two/metrics.jsonl"));
  // A file for each method that is scored: psi and the head that predicts.
  const TensorFile cml = load_safetensors(at / "one/models/cml-K-5-seed-1.safetensors"),
                   dagger = load_safetensors(at / "one/models/dagger-K-5-seed-1.safetensors");
  CHECK(cml.contains("body.layers.0.weight"));
  CHECK(cml.contains("head.weight"));
  CHECK_FALSE(cml.contains("cohead.layers.0.weight"));
  CHECK(dagger.contains("body.layers.0.weight"));
  CHECK(dagger.contains("cohead.layers.0.weight"));
  CHECK_FALSE(dagger.contains("head.weight"));
  CHECK(dagger.metadata.at("method") == "dagger");
  // The config that a run wrote starts the same run, from any folder, and without flags.
  const Ran again = test::run("cd / && " + kCml + " --quiet --config " + (at / "one/config.json") +
                              " --out " + (at / "three"));
  REQUIRE(again.code == 0);
  CHECK(again.err == "");
  CHECK(values_of(at / "three") == values_of(at / "one"));
  CHECK(read_file(at / "three/config.json") == read_file(at / "one/config.json"));
  CHECK(read_file(at / "three/metrics.csv") == read_file(at / "one/metrics.csv"));

  SUBCASE("a finished --out is kept") {
    const std::string before = read_file(at / "one/result.json");
    const Ran refused = run("--out " + (at / "one"));
    CHECK(refused.code == 2);
    CHECK(refused.err.find("holds a finished result (result.json); give another folder, or --force "
                           "to replace it") != std::string::npos);
    const Ran resumed = run("--resume --out " + (at / "one"));
    CHECK(resumed.code == 0);
    CHECK(resumed.out.find("finished before: nothing was run or written") != std::string::npos);
    CHECK(read_file(at / "one/result.json") == before);
    CHECK(run("--force --steps 20 --out " + (at / "one")).code == 0);
    CHECK(values_of(at / "one") != values_of(at / "two"));
  }
}

TEST_CASE("--config with flags beside it: these hold, and what they change is told") {
  const TempFolder at;
  const auto with = [&](const std::string& file, const std::string& flags) {
    return test::run(kCml + " --config " + file + " --steps 20 " + flags);
  };
  write_file(at / "whole.json", test::run(kShort + " --print-config").out);
  const Ran r = with(at / "whole.json", "--seed 7 --out " + (at / "x"));
  REQUIRE(r.code == 0);
  CHECK(r.err.find("regrad: steps: " + (at / "whole.json") + " has 40, the command line 20\n") !=
        std::string::npos);
  CHECK(r.err.find(" has 0,1, the command line 7\n") != std::string::npos);
  CHECK(read_file(at / "x/config.json").find("\"steps\": 20") != std::string::npos);
  CHECK(read_file(at / "x/result.json").find("\"seeds\": [\n    7\n  ]") != std::string::npos);
  const Ran task = with(at / "whole.json", "--task images");
  CHECK(task.code == 2);
  CHECK(task.err.find("are of task sinusoid; leave out --task or --config") != std::string::npos);
  write_file(at / "map.json", "{\"experiment\": \"map\", \"settings\": {}}");
  const Ran other = with(at / "map.json", "");
  CHECK(other.code == 2);
  CHECK(other.err.find("is a run of regrad-map; regrad-map --config") != std::string::npos);
  write_file(at / "part.json", "{\"task\": \"nodes\", \"settings\": {\"laps\": 3}}");
  CHECK(with(at / "part.json", "").err.find("no such key \"settings.laps\"") != std::string::npos);
  CHECK(test::run(kCml + " --resume " + (at / "nothing")).err.find("holds no run to go on with") !=
        std::string::npos);
}

TEST_CASE("mistakes on the command line end with 2 and name the way out") {
  const TempFolder at;
  const auto says = [](const std::string& flags, const std::string& words) {
    const Ran r = run(flags);
    return r.code == 2 && r.out.empty() && r.err.compare(0, 8, "regrad: ") == 0 &&
                   r.err.find(words) != std::string::npos
               ? ""
               : std::to_string(r.code) + ": " + r.err;
  };
  CHECK(says("--stpes 5", "--stpes: no such flag; did you mean --steps?") == "");
  CHECK(says("--threads zero", "--threads: 'zero' is not a whole number from 1 to 1024") == "");
  CHECK(says("--set gama=1", "--set gama=1: no such key; did you mean gamma?") == "");
  CHECK(says("--methods maml,cmll", "did you mean cml?") == "");
  CHECK(says("--alpha fast", "--alpha: 'fast' is not a finite number") == "");
  CHECK(says("--lr 0", "lr must be above 0") == "");
  write_file(at / "c.json", "{\"gamma\": 0.5,\n \"stepz\": 3}");
  CHECK(says("--config " + (at / "c.json"),
             "c.json:2:2: no such key \"stepz\"; did you mean steps?") == "");
  CHECK(says("--out /proc/nothing", "--out /proc/nothing: cannot create the folder") == "");
}

TEST_CASE(
    "values given twice or empty end with 2, sizes that no memory holds with 5 and their bytes, "
    "before the first step") {
  const TempFolder at;
  const auto since = [start = std::chrono::steady_clock::now()] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  const std::string long_run = kCml + " --quiet --steps 100000000 ";
  const Ran twice = test::run(long_run + "--shots 5,5"), nowhere = test::run(long_run + "--out ''");
  CHECK(twice.code == 2);
  CHECK(twice.err ==
        "regrad: shots is 5,5: two parts of the table would be called K=5; give each value once\n");
  CHECK(nowhere.code == 2);
  CHECK(nowhere.err == "regrad: --out: its value is empty; write --out DIR\n");
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // whose shadow takes more
  // With 8 GiB of room, whatever the machine has.
  for (const char* flags :
       {"--hidden 1000000000", "--hidden 2147483647,2147483647", "--cohead-hidden 1000000000",
        "--shots 1000000000", "--tasks 1000000000", "--test-points 100000000",
        "--task images --net mlp --hidden 500000000", "--task images --channels 1000000",
        "--task images --size 4000 --tasks 1 --query 1 --test-query 1 --ways 2",
        "--task nodes --hidden 1000000000"}) {
    const Ran r = test::run("ulimit -v 8388608; " + long_run + flags + " --out " + (at / "x"));
    CAPTURE(flags);
    CHECK(r.code == 5);
    CHECK(r.err.find("regrad: out of memory: ") == 0);
    CHECK(r.err.find(" bytes (") != std::string::npos);
    CHECK_FALSE(std::filesystem::exists(at / "x"));
  }
#endif
  CHECK(since() < 20);  // a second each, and as much for a busy machine
}

TEST_CASE("an --out in use ends with 2") {
  const TempFolder at;
  // The first writes its checkpoint before it trains; then the second finds the lock.
  const Ran r = test::run("( " + kCml + " --quiet --steps 100000000 --out " + (at / "x") +
                          " & pid=$!; while [ ! -e " + (at / "x/checkpoint.safetensors") +
                          " ]; do sleep 0.02; done; " + kCml + " --quiet --out " + (at / "x") +
                          "; code=$?; kill -TERM $pid; wait $pid; exit $code )");
  CHECK(r.code == 2);
  CHECK(r.err.find("is in use by process") != std::string::npos);
}

TEST_CASE("signals end with 130 and 143, after a checkpoint from which a resume goes on") {
  const TempFolder at;
  const std::string flags = " --methods cml --seeds 1 --shots 5 --steps 1500";
  CHECK(run(flags + " --out " + (at / "whole")).code == 0);
  for (const auto& [name, code] : {std::pair<std::string, int>{"INT", 130}, {"TERM", 143}}) {
    const std::string folder = at / name;
    // A job in the background ignores SIGINT, so the killer is there.
    const std::string started = "[ -s " + folder + "/metrics.jsonl ]";
    const Ran r =
        test::run("( while ! " + started + "; do sleep 0.01; done; kill -" + name + " $(cat " +
                  folder + "/.regrad-lock) ) & " + kShort + flags + " --out " + folder);
    CHECK(r.code == code);
    CHECK(r.err.find("stopped by SIG" + name + "; go on with: regrad-cml --resume " + folder) !=
          std::string::npos);
    CHECK(run(flags + " --out " + folder)
              .err.find("holds an interrupted run; --resume goes on with it") != std::string::npos);
    CHECK(run(flags + " --gamma 0.5 --resume --out " + folder)
              .err.find("\n  gamma: the run has 0.2, the command line 0.5\n") != std::string::npos);
    const std::string task = test::run(kCml + " --task images --resume " + folder).err;
    CHECK(task.find("\n  task: the run has sinusoid, the command line images\n") !=
          std::string::npos);
    CHECK(task.size() < 300);
    CHECK(test::run("cd / && " + kCml + " --resume " + folder).code ==
          0);  // nothing else is needed
    CHECK(values_of(folder) == values_of(at / "whole"));
    CHECK(read_file(folder + "/metrics.jsonl") == read_file(at / "whole/metrics.jsonl"));
  }
  const Ran memory = test::run(
      kCml + " --quiet --steps 100000000 & pid=$!; sleep 0.3; kill -TERM $pid; wait $pid");
  CHECK(memory.code == 143);
  CHECK(memory.err.find("stopped by SIGTERM; nothing is kept without --out DIR") !=
        std::string::npos);
}

TEST_CASE("not-a-number ends with 4, a full disk with 5, a damaged checkpoint with 3") {
  const TempFolder at;
  const Ran nan = run("--lr 1e30 --steps 60 --threads 1");  // on more, whichever loss is first
  CHECK(nan.code == 4);
  CHECK(nan.err.find("maml, seed 0, K=5: ") != std::string::npos);
  CHECK(nan.err.find(" at step ") != std::string::npos);
  const Ran full = test::run(kShort + " >/dev/full");
  CHECK(full.code == 5);
  CHECK(full.err.find("cannot write to standard output") != std::string::npos);
  REQUIRE(run("--out " + (at / "x")).code == 0);
  std::filesystem::remove(at / "x/result.json");
  for (const char* name : {"checkpoint.safetensors", "checkpoint.previous.safetensors"})
    write_file(at / ("x/" + std::string(name)), "damaged");
  const Ran damaged = run("--resume --out " + (at / "x"));
  CHECK(damaged.code == 3);
  CHECK(damaged.err.find("checkpoint.previous.safetensors") != std::string::npos);
}

TEST_CASE("--help, --version, --print-config, --estimate") {
  const Ran help = test::run(kCml + " --help");
  CHECK(help.code == 0);
  for (const char* part :
       {"--task", "--methods", "--data", "--preset", "--config", "--set", "--seed", "--seeds",
        "--threads", "--out", "--resume", "--force", "--estimate", "--profile", "--print-config",
        "--version", "--gamma NUMBER", "dagger", "130, 143"})
    CHECK_MESSAGE(help.out.find(part) != std::string::npos, part);
  const Ran version = test::run(kCml + " --version");
  CHECK(version.code == 0);
  CHECK(version.out.find("regrad ") == 0);
  CHECK(version.out.find("OpenBLAS") != std::string::npos);
  const Ran config = test::run(kCml + " --preset small --gamma 0.5 --print-config");
  CHECK(config.out.find("\"gamma\": 0.5") != std::string::npos);
  CHECK(config.out.find("\"steps\": 50000") != std::string::npos);
  const Ran cost = test::run(kCml + " --preset small --estimate --threads 2 --test-tasks 50");
  CHECK(cost.code == 0);
  CHECK(cost.out.find("cml, K=20") != std::string::npos);
  CHECK(cost.out.find("on 2 threads") != std::string::npos);
}

TEST_CASE(
    "tasks: images on glyphs, on two nets, with pictures in the report; Omniglot names the data it "
    "needs") {
  const TempFolder at;
  const std::string small = kCml +
                            " --task images --quiet --size 10 --steps 4 --log-every 2 --seeds 2 "
                            "--test-tasks 6 --validation-tasks 4 --ways 3";
  for (const std::string net : {"conv4 --channels 4", "mlp --hidden 8 --cohead-hidden 6"}) {
    const std::string name = net.substr(0, net.find(' '));
    for (const char* threads : {"1", "2"}) {
      const Ran r = test::run(small + " --threads " + threads +
                              " --methods maml,cml,dagger,maml++,boil,sharp --net " + net +
                              " --out " + (at / (name + threads)));
      REQUIRE_MESSAGE(r.code == 0, r.err);
      CHECK(r.out.find("cml: images, preset tiny, 2 seeds\n") == 0);
      CHECK(r.out.find("1-shot") != std::string::npos);
    }
    CHECK(values_of(at / (name + "1")) == values_of(at / (name + "2")));
    CHECK(read_file(at / (name + "1/metrics.jsonl")) == read_file(at / (name + "2/metrics.jsonl")));
    CHECK(read_file(at / (name + "1/report.html")).find("data:image/png;base64,") !=
          std::string::npos);
  }
  const Ran missing = test::run(kCml + " --task omniglot --out " + (at / "o"));
  CHECK(missing.code == 3);
  CHECK(missing.err.find("--task omniglot: give --data DIR") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(at / "o"));
  CHECK(test::run(kCml + " --task omniglot --print-config").out.find("\"ways\": 5") !=
        std::string::npos);
  const Ran help = test::run(kCml + " --task omniglot --preset paper --help");
  for (const char* part : {"--ways INT", "--plus-plus.inner-steps INT", "--sharp.levels TEXT",
                           "maml++-dagger", "Omniglot"})
    CHECK_MESSAGE(help.out.find(part) != std::string::npos, part);
  CHECK(
      test::run(small + " --sharp.levels none").err.find("sharp.levels must be low, up or both") !=
      std::string::npos);
  CHECK(test::run(kCml + " --ways 3").err.find("--ways: no such flag") != std::string::npos);
}

TEST_CASE("regrad-report lists runs and compares them") {
  const TempFolder at;
  const std::string report = REGRAD_REPORT;
  const auto says = [&](const std::string& words) { return test::run(report + " " + words); };
  REQUIRE(run("--out " + (at / "runs/a")).code == 0);
  REQUIRE(run("--gamma 0.5 --steps 20 --out " + (at / "runs/deep/b")).code == 0);
  const Ran list = says("list " + (at / "runs"));
  CHECK(list.code == 0);
  CHECK(list.out.find("finished ") == 0);
  CHECK(list.out.find("cml, sinusoid, tiny\n  mean squared error at K = 10: ") !=
        std::string::npos);
  CHECK(list.out.find("runs/deep/b\n") < list.out.find("runs/a\n"));  // newest first
  CHECK(test::run("cd " + (at / "runs") + " && " + report + " list").out.find("./deep/b\n") !=
        std::string::npos);
  const Ran both = says("compare " + (at / "runs/a") + " " + (at / "runs/deep/b") + " --html " +
                        (at / "page.html"));
  CHECK(both.code == 0);
  CHECK(both.out.find("\nsetting  A    B\nsteps    40   20\ngamma    0.2  0.5\n") !=
        std::string::npos);
  CHECK(both.out.find("steps 10 to 40\n  maml ") != std::string::npos);
  CHECK(read_file(at / "page.html").find("<svg") != std::string::npos);
  CHECK(says("--help").out.find("regrad-report compare DIR DIR") != std::string::npos);
  CHECK(says("--version").out.find("regrad ") == 0);
  for (const auto& [words, message] :
       {std::pair<std::string, std::string>{"", "say what to do: list or compare"},
        {"lsit", "'lsit': no command of regrad-report; did you mean list?"},
        {"list " + (at / "none"), "none: no such folder"},
        {"list --all", "--all: no such flag of list"},
        {"compare " + (at / "runs/a"), "give two runs or more"},
        {"compare " + (at / "runs") + " " + (at / "runs/a"), "runs: holds no run"},
        {"compare --html", "--html: needs a value"},
        {"compare " + (at / "runs/a") + " --html " + (at / "none/x.html"), "none is no folder"}}) {
    const Ran bad = says(words);
    CHECK(bad.code == 2);
    CHECK_MESSAGE(bad.err.find(message) != std::string::npos, bad.err);
  }
  CHECK(says("list " + at.name() + "/runs/a/models").out.find("no runs below ") == 0);
  write_file(at / "runs/a/result.json", "{");
  CHECK(says("compare " + (at / "runs/a") + " " + (at / "runs/deep/b")).code == 3);
  CHECK(says("list " + (at / "runs")).out.find("damaged ") != std::string::npos);
}

TEST_CASE("--profile") {
  const TempFolder at;
  const Ran r = run("--profile --out " + (at / "x"));
  CHECK(r.code == 0);
  CHECK(r.out.find("matmul") != std::string::npos);
  CHECK(read_file(at / "x/profile.trace.json").find("\"traceEvents\"") != std::string::npos);
}
