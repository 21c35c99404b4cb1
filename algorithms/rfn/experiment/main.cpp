#include <regrad/algorithms/experiment/experiment.h>
#include <regrad/algorithms/rfn/experiment/table.h>

int main(int argc, char** argv) {
  regrad::experiment::TaskList tasks = regrad::relaxed_norm::rfn_tasks();
  return regrad::experiment::main(tasks, argc, argv);
}
