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

TEST_CASE("sparsities are the table's columns") {
  TaskList all = tasks({"map", "", {}});
  all.choose("fmnist", "small");
  std::vector<Field> fields = all.fields();
  CHECK(parse(*experiment::find(fields, "sparsities"), "0.5,0.75,0.9"));
  CHECK(all.variants() == std::vector<std::string>{"50%", "75%", "90%"});
}
