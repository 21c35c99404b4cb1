#include <regrad/algorithms/experiment/experiment.h>
#include <regrad/algorithms/pqk/experiment/table.h>

int main(int argc, char** argv) {
  regrad::experiment::TaskList tasks = regrad::pqk::tasks();
  return regrad::experiment::main(tasks, argc, argv);
}
