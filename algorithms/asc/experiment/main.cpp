// regrad-asc: tables of acoustic scenes by device, and two commands on sound files.
#include <regrad/algorithms/asc/experiment/files.h>
#include <regrad/algorithms/asc/experiment/table.h>
#include <regrad/algorithms/experiment/experiment.h>

int main(int argc, char** argv) {
  regrad::experiment::TaskList tasks = regrad::asc::asc_tasks();
  return regrad::experiment::main(tasks, argc, argv, regrad::asc::run_command,
                                  regrad::asc::commands_help);
}
