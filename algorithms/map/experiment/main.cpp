#include <regrad/algorithms/dcil/experiment/claims.h>
#include <regrad/algorithms/experiment/data/classify.h>
#include <regrad/algorithms/map/experiment/claims.h>

int main(int argc, char** argv) {
  using namespace regrad;
  experiment::TaskList tasks =
      pruning::tasks({"map",
                      "MAP, magnitude attention-based dynamic pruning (Back et al. 2023), "
                      "beside DCIL and other pruning: test accuracy in %.",
                      {map_pruning::claims, dcil::claims}});
  return experiment::main_with_classify(tasks, argc, argv);
}
