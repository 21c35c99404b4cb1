#include <regrad/algorithms/experiment/experiment.h>
#include <regrad/algorithms/map/experiment/claims.h>

int main(int argc, char** argv) {
  regrad::experiment::TaskList tasks = regrad::map_pruning::tasks();
  return regrad::experiment::main(tasks, argc, argv);
}
