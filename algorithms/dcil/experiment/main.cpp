#include <regrad/algorithms/dcil/experiment/claims.h>
#include <regrad/algorithms/experiment/experiment.h>

int main(int argc, char** argv) {
  regrad::experiment::TaskList tasks = regrad::dcil::tasks();
  return regrad::experiment::main(tasks, argc, argv);
}
