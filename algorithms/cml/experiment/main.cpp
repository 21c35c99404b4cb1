#include <regrad/algorithms/cml/experiment/tasks.h>
#include <regrad/algorithms/experiment/data/classify.h>

int main(int argc, char** argv) {
  regrad::experiment::TaskList tasks = regrad::cml::cml_tasks();
  return regrad::experiment::main_with_classify(tasks, argc, argv);
}
