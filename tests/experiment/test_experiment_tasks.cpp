// One binary for several tasks: --task decides which flags, methods and headline there are.
#include <doctest/doctest.h>
#include <regrad/algorithms/experiment/help.h>
#include <regrad/algorithms/experiment/run.h>
#include <regrad/algorithms/experiment/tasks.h>

#include "../temp_folder.h"
#include "toy_experiment.h"

using namespace regrad;
using namespace regrad::experiment;
using regrad::test::complaint;

namespace {

struct OtherSettings {
  int laps = 3;
  static void parts(auto& self, auto&& part) { part("laps", self.laps, "rounds"); }
};

// Another task: other settings, methods, headline and direction. Its data are missing where the
// folder is called "missing".
class OtherExperiment : public ToyExperiment {
 public:
  OtherSettings other = {};
  Card card() const override {
    return {"toy", "Another.", {"other"}, {{"c", "only one"}}, "speed", Better::higher, "c"};
  }
  void choose(const std::string&, const std::string& preset) override {
    other.laps = preset == "small" ? 30 : 3;
  }
  std::vector<Field> fields() override { return experiment::fields(other); }
  void data(const std::string& where) override {
    ToyExperiment::data(where);
    if (where == "missing") throw IOError("missing: no such folder");
  }
  void check() const override {}
  int64_t steps(const Job&) const override { return other.laps; }
};

struct Both {
  TaskList list = {};
  ToyExperiment* toy = nullptr;
  OtherExperiment* other = nullptr;
  Both() {
    auto a = std::make_unique<ToyExperiment>();
    auto b = std::make_unique<OtherExperiment>();
    toy = a.get(), other = b.get();
    list.add("toy", std::move(a));
    list.add("other", std::move(b));
  }
  Options parse(std::vector<const char*> words) {
    words.insert(words.begin(), "program");
    return parse_options(list, static_cast<int>(words.size()), words.data());
  }
};

}  // namespace

TEST_CASE("--task picks the experiment: its flags, methods, metric and steps") {
  Both both;
  const Options first = both.parse({"--steps", "5"});
  CHECK(first.task == "toy");
  CHECK(both.toy->settings.steps == 5);
  CHECK(both.list.card().metric == "distance");
  CHECK(both.list.card().tasks == std::vector<std::string>{"toy", "other"});
  CHECK(first.methods == std::vector<std::string>{"a", "b", "read"});

  for (const char* form : {"--task=other", ""}) {
    std::vector<const char*> words = {"--preset", "small", "--laps", "7"};
    if (*form) {
      words.insert(words.begin() + 2, form);
    } else {
      words.insert(words.end(), {"--task", "other"});
    }
    const Options o = both.parse(words);
    CHECK(o.task == "other");
    CHECK(o.methods == std::vector<std::string>{"c"});
    CHECK(both.other->other.laps == 7);
    CHECK(both.list.card().better == Better::higher);
    CHECK(both.list.steps({"c", "", 0}) == 7);
  }
  CHECK(both.parse({"--task", "other", "--preset", "small"}).preset == "small");
  CHECK(both.other->other.laps == 30);
}

TEST_CASE("flags of another task, unknown tasks and tasks given twice are ConfigErrors") {
  Both both;
  CHECK(complaint<ConfigError>(
            [&] {
              both.parse({"--task", "other", "--steps", "5"});
            },
            "--steps: no such flag") == "");
  CHECK(complaint<ConfigError>([&] { both.parse({"--laps", "5"}); }, "--laps: no such flag") == "");
  CHECK(complaint<ConfigError>(
            [&] {
              both.parse({"--task", "othr"});
            },
            "not one of toy,other; did you mean other?") == "");
  CHECK(complaint<ConfigError>(
            [&] {
              both.parse({"--task", "other", "--methods", "a"});
            },
            "not one of c") == "");
  CHECK(complaint<ConfigError>([&] { both.list.add("toy", std::make_unique<ToyExperiment>()); },
                               "there twice") == "");
  CHECK(complaint<Error>([] { TaskList().card(); }, "no task was added") == "");
}

TEST_CASE("--help is the chosen task's; data are read for a run, not for --print-config") {
  Both both;
  const std::string page = help_text(both.list, both.parse({"--task", "other", "--help"}));
  CHECK(page.find("--laps") != std::string::npos);
  CHECK(page.find("Another.") != std::string::npos);
  CHECK(page.find("--steps") == std::string::npos);
  CHECK(both.parse({"--task", "other", "--data", "missing", "--print-config"}).action ==
        Options::print_config);
  CHECK(both.parse({"--task", "other", "--data", "there"}).data == "there");
  CHECK(both.other->folder == "there");
  CHECK(complaint<IOError>(
            [&] {
              both.parse({"--task", "other", "--data", "missing"});
            },
            "no such folder") == "");
}
