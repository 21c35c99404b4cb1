#include <regrad/algorithms/dcil/experiment/claims.h>
#include <regrad/algorithms/experiment/data/classify.h>
#include <regrad/algorithms/map/experiment/claims.h>

int main(int argc, char** argv) {
  using namespace regrad;
  experiment::TaskList tasks =
      pruning::tasks({"dcil",
                      "DCIL, refined gradients for pruned weights (Kim et al. 2021), beside "
                      "MAP and other pruning: test accuracy in %.",
                      {dcil::claims, map_pruning::claims}});
  return experiment::main_with_classify(tasks, argc, argv);
}
