#include <regrad/algorithms/experiment/data/classify.h>
#include <regrad/algorithms/pqk/experiment/table.h>

int main(int argc, char** argv) {
  regrad::experiment::TaskList tasks = regrad::pqk::tasks();
  return regrad::experiment::main_with_classify(tasks, argc, argv);
}
