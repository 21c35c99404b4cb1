// regrad-rde: tables of attacked texts and of what finds them.
#include <regrad/algorithms/experiment/experiment.h>
#include <regrad/algorithms/rde/experiment/table.h>

int main(int argc, char** argv) {
  regrad::experiment::TaskList tasks = regrad::rde::rde_tasks();
  return regrad::experiment::main(tasks, argc, argv);
}
