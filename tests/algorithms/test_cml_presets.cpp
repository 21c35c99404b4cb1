// Preset paper of regrad-cml against the specification (shared/methods/cml.md, section 2), field by
// field.
#include <doctest/doctest.h>
#include <regrad/algorithms/cml/experiment/tasks.h>

#include <map>

using namespace regrad;

namespace {

using Values = std::map<std::string, std::string>;

void check_preset(const std::string& task, int seeds, const Values& expected) {
  CAPTURE(task);
  experiment::TaskList tasks = cml::cml_tasks();
  tasks.choose(task, "paper");
  CHECK(tasks.seeds() == seeds);
  std::vector<experiment::Field> fields = tasks.fields();
  for (const auto& [name, value] : expected) {
    CAPTURE(name);
    const experiment::Field* field = experiment::find(fields, name);
    REQUIRE(field != nullptr);
    CHECK(experiment::text(*field) == value);
  }
}

}  // namespace

TEST_CASE("preset paper, sinusoids (2a); Finn's defaults where the paper is silent") {
  check_preset("sinusoid", 8,
               {{"hidden", "40,40"},
                {"cohead_hidden", "40"},
                {"shots", "5,10,20"},
                {"tasks", "4"},
                {"inner_steps", "1"},
                {"alpha", "0.01"},
                {"gamma", "0.2"},
                {"lr", "0.001"},
                {"steps", "70000"},
                {"test_tasks", "600"},
                {"first_order", "false"},
                {"weight_decay", "0"},
                {"select", "last"},
                {"dagger_by", "theta"}});
}

TEST_CASE("preset paper, images (2b)") {
  for (const char* task : {"folder", "omniglot", "images"})
    check_preset(task, 3,
                 {{"net", "conv4"},
                  {"channels", "64"},
                  {"head_convs", "0"},
                  {"cohead_convs", "2"},
                  {"ways", "5"},
                  {"shots", "1,5"},
                  {"query", "15"},
                  {"test_query", "15"},
                  {"alpha", "0.5"},
                  {"inner_steps", "1"},
                  {"plus_plus.inner_steps", "5"},
                  {"sharp.inner_steps", "5"},
                  {"gamma", "1"},
                  {"lr", "0.001"},
                  {"tasks", "4"},
                  {"steps", "30000"},
                  {"log_every", "100"},
                  {"validation_tasks", "100"},  // 25 batches of 4
                  {"test_tasks", "10000"},      // 2,500 batches of 4
                  {"select", "best"},
                  {"first_order", "false"},
                  {"weight_decay", "0"},
                  {"size", "0"},  // 84 of a folder's pictures
                  {"plus_plus.step_norms", "true"},
                  {"plus_plus.cosine", "true"},
                  {"plus_plus.learned_rates", "true"},
                  {"plus_plus.multi_step_epochs", "15"},
                  {"plus_plus.epochs", "100"}});
}

TEST_CASE("preset paper, nodes (2c): CiteSeer 2/2/2 on the paper's encoders, pairs on Meta-GNN's") {
  for (const char* task : {"nodes-gmeta", "nodes-amm"})
    check_preset(task, 5,
                 {{"graph", "citeseer"},
                  {"ways", "2"},
                  {"test_classes", "2"},
                  {"validation_classes", "2"},
                  {"shots", "1,5"},
                  {"hidden", "16"},
                  {"dropout", "0.5"},
                  {"cohead_hidden", "16"},
                  {"gamma", "0.2"},
                  {"lr", "0.001"},
                  {"inner_steps", "20"},
                  {"alpha", "0.05"},
                  {"tasks", "1"},
                  {"first_order", "true"},
                  {"weight_decay", "0.0005"},
                  {"query", "5"},
                  {"test_query", "10"},
                  {"log_every", "10"},
                  {"validation_tasks", "20"},
                  {"patience", "10"},
                  {"steps", "1000"},
                  {"test_tasks", "100"},
                  {"select", "best"}});
  check_preset("nodes", 21,
               {{"graph", "cora"},
                {"test_classes", "0"},
                {"inner_steps", "10"},
                {"alpha", "0.5"},
                {"lr", "0.003"},
                {"tasks", "5"},
                {"query", "12"},
                {"hidden", "16"},
                {"gamma", "0.2"},
                {"first_order", "true"},
                {"weight_decay", "0"}});
}
