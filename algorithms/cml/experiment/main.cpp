#include <regrad/algorithms/cml/experiment/tasks.h>
#include <regrad/algorithms/experiment/experiment.h>

int main(int argc, char** argv) {
  regrad::experiment::TaskList tasks = regrad::cml::cml_tasks();
  return regrad::experiment::main(tasks, argc, argv);
}
