// The settings of the pruning tables: presets against the specification, and what each does.
#include <doctest/doctest.h>
#include <regrad/algorithms/pruning/experiment/table.h>

#include <cmath>
#include <sstream>

#include "../temp_folder.h"
#include "pruning_trials.h"

using namespace regrad;
using namespace regrad::pruning;
using namespace regrad::experiment;
using namespace regrad::test;

TEST_CASE("preset paper is the protocol of DCIL's code, field by field (pruning.md section 3.2)") {
  const std::map<std::string, std::string> of_all{
      {"padding", "4"},          {"flip", "true"},           {"keep_last", "true"},
      {"train", "50000"},        {"test", "10000"},          {"batch", "128"},
      {"momentum", "0.9"},       {"init", "fan_out"},        {"refresh", "16"},
      {"mask_rule", "official"}, {"schedule_unit", "epoch"}, {"warmup_unit", "epoch"},
      {"temperature", "2"},      {"kd_floor", "1e-07"},      {"second_classifier", "draw"},
      {"rigl_share", "0.3"},     {"rigl_period", "100"},     {"z", "1"}};
  struct Protocol {
    const char* preset;
    std::map<std::string, std::string> fields;
    int epochs;
    std::map<std::string, std::vector<int>> at;  // epochs of shares
  };
  const Protocol protocols[] = {
      {"paper",
       {{"net", "resnet32"},
        {"sparsities", "0.9,0.95"},
        {"lr", "0.2"},
        {"warmup_from", "0.5"},
        {"gamma", "0.1"},
        {"weight_decay", "0.0001"}},
       300,
       {{"milestones", {150, 225}},
        {"target", {225}},
        {"distill", {70}},
        {"exploit", {250}},
        {"warmup", {5}}}},
      {"paper-wrn-28-2",
       {{"net", "wrn-28-2"},
        {"sparsities", "0.9,0.95,0.99"},
        {"lr", "0.1"},
        {"warmup_from", "1"},
        {"gamma", "0.2"},
        {"weight_decay", "0.0005"}},
       195,
       {{"milestones", {60, 120, 160}}, {"target", {120}}, {"distill", {70}}, {"warmup", {5}}}}};
  for (const char* task : {"cifar10", "cifar100"})
    for (const Protocol& p : protocols) {
      CAPTURE(std::string(p.preset));
      TaskList all = tasks({"map", "", {}});
      all.choose(task, p.preset);
      std::vector<Field> fields = all.fields();
      const auto value = [&](const std::string& name) {
        REQUIRE_MESSAGE(experiment::find(fields, name), name);
        return text(*experiment::find(fields, name));
      };
      for (const auto& f : of_all) CHECK_MESSAGE(value(f.first) == f.second, f.first);
      for (const auto& f : p.fields) CHECK_MESSAGE(value(f.first) == f.second, f.first);
      CHECK(value("epochs") == std::to_string(p.epochs));
      for (const auto& share : p.at) {
        std::vector<int> has;
        std::stringstream list(value(share.first));
        for (std::string one; std::getline(list, one, ',');)
          has.push_back(static_cast<int>(std::lround(std::stod(one) * p.epochs)));
        CHECK_MESSAGE(has == share.second, share.first);
      }
      CHECK(all.seeds() == 3);
    }
}

namespace {

// Another value that the field may have.
std::string other(const Field& field) {
  const std::map<std::string, std::string> texts{{"net", "mlp"},
                                                 {"init", "fan_out"},
                                                 {"schedule_unit", "step"},
                                                 {"warmup_unit", "step"},
                                                 {"exploit", "0.76"},
                                                 {"mask_rule", "official"},
                                                 {"second_classifier", "draw"}};
  const auto found = texts.find(field.name);
  if (found != texts.end()) return found->second;
  const std::string now = text(field);
  if (type_name(field) == "") return now == "true" ? "false" : "true";
  if (is_list(field)) return "0.3,0.6";
  if (type_name(field) == "INT") return std::to_string(std::stoi(now) + 1);
  const double v = std::stod(now);
  return std::to_string(v == 0 ? 0.1 : 0.7 * v);
}

// All numbers that a run of these settings has: of rows that use every setting between them.
std::vector<double> numbers(const Settings& s) {
  std::vector<double> out;
  for (const char* name : {"map", "dcil", "rigl", "str"}) {
    const auto trial = trial_of(name, images(), s);
    const Schedule t = schedule(row(name, s), s, 0.75, s.keep_last ? 4 : s.train / s.batch, 3);
    for (int64_t i = 0; i < t.steps(); ++i)
      for (const auto& [metric, value] : trial->step(i)) out.push_back(value);
    for (const Score& score : trial->finish().scores) out.push_back(score.value);
  }
  return out;
}

}  // namespace

TEST_CASE("each setting does something: changed, the run's numbers change") {
  Settings base = settings();
  base.train = 28, base.warmup = 0.25, base.warmup_unit = "epoch", base.rigl_period = 2;
  base.str_initial = -3, base.str_decay = 0.1;
  const std::vector<double> before = numbers(base);
  CHECK(before == numbers(base));
  Settings s = base;
  std::vector<Field> list = experiment::fields(s);
  for (const Field& f : list) {
    // the table's: which columns there are, and the size of pictures in a folder
    if (f.name == "sparsities" || f.name == "size") continue;
    CAPTURE(f.name);
    s = base;
    Field* field = experiment::find(list, f.name);
    const std::string value = other(*field);
    CAPTURE(value);
    REQUIRE(parse(*field, value));
    CHECK(numbers(s) != before);
  }
}

TEST_CASE("schedules that would not reach the final sparsity, or freeze before it, are refused") {
  const auto refused = [](const std::string& name, const std::string& value,
                          const std::string& words) {
    TaskList all = tasks({"map", "", {}});
    all.choose("glyphs", "tiny");
    std::vector<Field> fields = all.fields();
    if (name == "target") REQUIRE(parse(*experiment::find(fields, "exploit"), "1"));
    REQUIRE(parse(*experiment::find(fields, name), value));
    return complaint<ConfigError>([&] { all.check(), all.needs({"gmp", "90%", 0}); }, words);
  };
  CHECK(refused("exploit", "0.74", "masks would be frozen before the final sparsity") == "");
  CHECK(refused("exploit", "0.75", "") == "no error");
  CHECK(refused("target", "0.95", "would never be reached") == "");  // round(9.5) of 10 epochs
  // it is due at epoch 8, step 320 of 400
  CHECK(refused("refresh", "319", "before the final sparsity is due") == "");
  CHECK(refused("refresh", "320", "") == "no error");
}

TEST_CASE("steps of a run: epochs of whole batches, with --keep-last of all; twice for dpf-x2") {
  TaskList all = tasks({"map", "", {}});
  all.choose("glyphs", "tiny");
  std::vector<Field> fields = all.fields();
  CHECK(parse(*experiment::find(fields, "batch"), "300"));
  CHECK(all.steps({"dpf", "90%", 0}) == 10 * 6);  // 10 epochs of 2,000 images
  CHECK(all.steps({"dpf-x2", "90%", 0}) == 20 * 6);
  CHECK(parse(*experiment::find(fields, "keep_last"), "true"));
  CHECK(all.steps({"dpf", "90%", 0}) == 10 * 7);
  CHECK(parse(*experiment::find(fields, "batch"), "400"));
  CHECK(all.steps({"dpf", "90%", 0}) == 10 * 5);
}

TEST_CASE("settings that would do nothing are refused") {
  const auto refused = [](const char* task, const std::string& name, const std::string& value) {
    TaskList all = tasks({"map", "", {}});
    all.choose(task, "small");
    std::vector<Field> fields = all.fields();
    REQUIRE(parse(*experiment::find(fields, name), value));
    return complaint<ConfigError>([&] { all.check(); }, name.substr(0, name.find('_')));
  };
  CHECK(refused("glyphs", "size", "28") == "");
  CHECK(refused("folder", "size", "28") == "no error");
  CHECK(refused("imagenet", "size", "96") == "no error");
  CHECK(refused("fmnist", "warmup_from", "0.4") == "");
  CHECK(refused("fmnist", "warmup_unit", "epoch") == "");
  TaskList all = tasks({"map", "", {}});
  all.choose("fmnist", "small");
  std::vector<Field> fields = all.fields();
  CHECK(parse(*experiment::find(fields, "net"), "mlp"));
  CHECK_NOTHROW(all.check());
  CHECK(parse(*experiment::find(fields, "init"), "fan_out"));
  CHECK(complaint<ConfigError>([&] { all.check(); }, "mlp has no convolutions") == "");
  CHECK(parse(*experiment::find(fields, "sparsities"), "0.5,0.75,0.9"));
  CHECK(all.variants() == std::vector<std::string>{"50%", "75%", "90%"});
}
