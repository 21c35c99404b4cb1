#include <regrad/algorithms/experiment/experiment.h>
#include <regrad/algorithms/pruning/tables.h>

int main(int argc, char** argv) {
  regrad::experiment::TaskList tasks = regrad::pruning::pruning_tasks(regrad::pruning::Paper::map);
  return regrad::experiment::main(tasks, argc, argv);
}
