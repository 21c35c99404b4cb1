#include <doctest/doctest.h>

#include <regrad/algorithms/cml/experiment/tasks.h>

#include "settings_walk.h"

using namespace regrad;

TEST_CASE("every setting of regrad-cml changes a run, or is refused: sinusoids") {
  test::walk_settings(
      {cml::cml_tasks,
       "",
       "",
       "--task sinusoid --seed 1 --steps 4 --tasks 3 --log-every 1 --shots 3 --hidden 5,4 "
       "--test-tasks 3 --validation-tasks 2 --last 2 --test-points 4",
       {"--methods maml",
        "--methods cml",
        "--methods noise",
        "--methods cl",
        "--methods dagger",
        "--methods cml-g1",
        "--methods maml++ --plus-plus.inner-steps 2",
        "--methods maml++-cml --first-order",
        "--methods maml++ --plus-plus.multi-step-epochs 0",
        "--methods maml++ --plus-plus.cosine",
        "--methods boil-cml",
        "--methods sharp-cml --sharp.inner-steps 2",
        "--methods sharp --sharp.levels low",
        "--methods sharp --sharp.levels up",
        "--methods sharp --first-order",
        "--methods maml,sharp",
        "--methods maml --inner-steps 0",
        "--methods cml --last 1",
        "--methods cml --last 0 --lr 0.5",
        "--methods maml++-dagger --plus-plus.cosine",
        "--methods cl-co --select best"}});
}

// Accuracies of a few examples are of few values: these are nets that do learn something. The last
// of them may be the best: `select` is the sinusoids'.
TEST_CASE("every setting of regrad-cml changes a run, or is refused: images") {
  test::walk_settings(
      {cml::cml_tasks,
       "size",
       "mlp conv4",
       "--task images --seed 1 --steps 4 --tasks 2 --log-every 1 --shots 1 --ways 3 --query 2 "
       "--test-query 3 --test-tasks 5 --validation-tasks 3 --size 16 --alpha 0.1 --last 2",
       {"--methods cml", "--methods maml", "--methods cml --net mlp --alpha 1 --lr 0.01",
        "--methods maml --net mlp", "--methods maml++ --plus-plus.inner-steps 2"},
       "select"});
}

// In so few steps AMM-GNN's co-learner predicts one class whatever adapts the body: its table has
// no dagger.
TEST_CASE("every setting of regrad-cml changes a run, or is refused: nodes") {
  for (const auto& [task, co] :
       {std::pair<const char*, const char*>{"nodes --alpha 2 --lr 0.1", "cml"},
        {"nodes-gmeta --alpha 0.5 --lr 0.02", "cml"},
        {"nodes-amm --alpha 0.5 --lr 0.02", "noise"}})
    test::walk_settings(
        {cml::cml_tasks,
         "graph",
         "",
         std::string("--task ") + task +
             " --seed 1 --steps 4 --tasks 2 --log-every 1 --shots 2 --query 3 --test-query 5 "
             "--test-tasks 15 --validation-tasks 3 --hidden 8 --inner-steps 5 --last 2",
         {std::string("--methods ") + co, "--methods maml --validation-classes 2 --test-classes 2"},
         "select"});
}
